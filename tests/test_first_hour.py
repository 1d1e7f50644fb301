"""The first things that users of scikit-learn, Keras or PyTorch try."""

import numpy as np
import pytest

import chainrule as cr

rng = np.random.default_rng(0)
X = rng.standard_normal((120, 4))
Y = (X[:, 0] > 0).astype(int)


def test_shapes_are_taken_one_by_one_or_as_a_tuple():
    assert cr.Input((48, 3)).shape == cr.Input(48, 3).shape == (48, 3)
    assert cr.Reshape((6, 2)).shape == cr.Reshape(6, 2).shape == (6, 2)


def test_the_last_dense_layer_is_linear():
    net = cr.Network([cr.Input(4), cr.Dense(8, "relu"), cr.Dense(3)], seed=0)
    assert net.layers[-1].activation == "identity"
    assert net.predict(X).min() < 0


@pytest.mark.parametrize(("name", "ours"), [("BatchNormalization", "BatchNorm"), ("load_model", "load")])
def test_names_of_other_packages_are_answered_with_ours(name, ours):
    with pytest.raises(AttributeError, match=f"has no attribute '{name}'; use cr.{ours}"):
        getattr(cr, name)


def test_close_names_are_suggested():
    with pytest.raises(AttributeError, match=r"did you mean 'Dropout'"):
        cr.Droput  # noqa: B018
    net = cr.Network([4, 2], seed=0)
    with pytest.raises(AttributeError, match=r"Dense has no attribute 'wieghts'; did you mean 'weights'"):
        net.layers[1].wieghts = np.ones((4, 2))


def test_layers_are_reused_with_their_parameters():
    base = cr.Network([4, 16, 8, 3], output="softmax", seed=0)
    base.fit(X, np.arange(120) % 3, epochs=2, verbose=0)
    net = cr.Network([*base.truncated(2).layers, cr.Dense(2, "softmax")], seed=1)
    assert np.array_equal(net.layers[1].weights, base.layers[1].weights)
    assert np.array_equal(net.truncated(2).predict(X), base.truncated(-1).predict(X))
    net.fit(X, Y, epochs=2, verbose=0)
    assert not np.array_equal(net.layers[1].weights, base.layers[1].weights)
    for layer in (cr.BatchNorm(), cr.LSTM(4), cr.Residual([cr.Dense(4, "tanh"), cr.BatchNorm()])):
        shape = (5, 4) if isinstance(layer, cr.LSTM) else (4,)
        trained = cr.Network([cr.Input(shape), layer, cr.Flatten(), cr.Dense(2, "softmax")], seed=0)
        trained.fit(rng.standard_normal((40, *shape)), np.arange(40) % 2, epochs=1, verbose=0)
        copied = cr.Network([cr.Input(shape), trained.layers[1].copy()], seed=3)
        values = rng.standard_normal((6, *shape))
        assert np.array_equal(copied.predict(values), trained.truncated(1).predict(values))


def test_labels_may_be_strings(tmp_path):
    labels = np.array(["fail", "pass"])[Y]
    net, numbers = (cr.Network([4, 8, 2], output="softmax", seed=0) for _ in range(2))
    options = {"epochs": 20, "verbose": 0, "optimizer": cr.Adam(0.02)}
    net.fit(X, labels, **options, class_weight={"fail": 2.0}, validation_data=(X, labels))
    numbers.fit(X, Y, **options, class_weight={0: 2.0}, validation_data=(X, Y))
    assert np.array_equal(net.parameters, numbers.parameters)
    assert set(net.predict_classes(X)) == {"fail", "pass"}
    assert net.evaluate(X, labels) == numbers.evaluate(X, Y)
    assert net.score(X, labels) == np.mean(net.predict_classes(X) == labels)
    net.save(tmp_path / "net")
    assert np.array_equal(cr.load(tmp_path / "net").predict_classes(X), net.predict_classes(X))
    with pytest.raises(ValueError, match=r"y must be labels among \['fail', 'pass'\], got 'maybe'"):
        net.evaluate(X[:1], ["maybe"])
    with pytest.raises(ValueError, match=r"y must have 2 classes, as the outputs have, got \['a', 'b', 'c'\]"):
        cr.Network([4, 2], output="softmax").fit(X[:3], ["a", "b", "c"], epochs=1, verbose=0)
    with pytest.raises(ValueError, match="y must be numbers, as the network was not fitted to strings"):
        cr.Network([4, 2], output="softmax").evaluate(X[:1], ["a"])


def test_probabilities_and_scores():
    net = cr.Network([4, 8, 1], output="sigmoid", seed=0)
    net.fit(X, Y, epochs=3, verbose=0)
    assert net.predict_proba(X).shape == (120, 2)
    assert net.score(X, Y) == net.evaluate(X, Y)["accuracy"]
    line = cr.Network([4, 1], seed=0)
    line.fit(X, X[:, 0], epochs=200, verbose=0, optimizer=cr.Adam(0.05))
    assert line.score(X, X[:, 0]) > 0.999
    with pytest.raises(ValueError, match="predict_proba needs an output of softmax or sigmoid, got 'identity'"):
        line.predict_proba(X)


def test_classes_are_those_of_each_step():
    layers = [cr.Input(5, 3), cr.LSTM(4, return_sequences=True), cr.Dense(2, "sigmoid")]
    assert cr.Network(layers, seed=0).predict_classes(np.zeros((7, 5, 3))).shape == (7, 5)


def test_schedules_follow_the_fit():
    def rates(schedule, epochs=4, net=None):
        net = net or cr.Network([4, 2], output="softmax", seed=0)
        net.fit(X, Y, epochs=epochs, batch_size=30, verbose=0, optimizer=cr.Adam(schedule))
        return net.history["learning_rate"]

    assert rates(cr.CosineDecay(3e-3)) == rates(cr.CosineDecay(3e-3, 16))
    assert rates(cr.StepDecay(0.1, every="2 epochs")) == rates(cr.StepDecay(0.1, every=8)) == [0.1, 0.1, 0.05, 0.05]
    assert rates(cr.Warmup("1 epoch", cr.CosineDecay(0.1))) == rates(cr.Warmup(4, cr.CosineDecay(0.1, 16)))
    net = cr.Network([4, 2], output="softmax", seed=0)
    first = list(rates(cr.CosineDecay(3e-3), net=net))
    assert rates(cr.CosineDecay(3e-3), net=net) == first * 2
    with pytest.raises(ValueError, match="every must be a number of steps, or like \"10 epochs\"; got 'soon'"):
        cr.StepDecay(0.1, every="soon")
    with pytest.raises(ValueError, match="learning_rate must count steps for batches that come one by one"):
        net.fit([(X, Y)], epochs=1, verbose=0, optimizer=cr.Adam(cr.CosineDecay(3e-3)))


@pytest.mark.parametrize("last", [lambda: cr.GlobalMaxPool1D(), lambda: cr.LSTM(2), lambda: cr.Scale(2.0)])
def test_a_layer_without_an_activation_has_its_outputs_as_pre_activations(last):
    net = cr.Network([cr.Input(4, 3), last()], seed=0)
    X = np.random.default_rng(0).standard_normal((5, 4, 3))
    assert np.array_equal(net.pre_activations(X), net.predict(X))
