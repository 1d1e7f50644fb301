"""One warning, with the remedy, of what would go wrong without a word: units, outputs, labels, and overflow."""

import pickle
import warnings

import numpy as np
import pytest
from networks_of_layers import ACTIVATIONS

import chainrule as cr

X = np.random.default_rng(0).standard_normal((60, 6))
Y = X[:, 0] * X[:, 1]
LABELS = (X[:, 0] > 0).astype(int)


def said(call):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call()
    assert {warning.filename for warning in caught} <= {__file__}
    return [str(warning.message) for warning in caught]


def fit(layers, X, y, **options):
    net = cr.Network(layers, seed=0, **options)
    return said(lambda: net.fit(X, y, epochs=1, optimizer=cr.SGD(1e-6), verbose=0))


@pytest.mark.parametrize("activation", ["relu", "gelu", "selu", "tanh", "identity"])
@pytest.mark.parametrize("scale", [1e-5, 1e3, [1, 1, 1, 1, 1e-9, 1e4]])
def test_inputs_far_from_one(activation, scale):
    (message,) = fit([6, 5, 1], X * scale, Y, activation=activation)
    assert "scale" in message
    assert "mean 0 and spread 1" in message


def test_inputs_about_one_and_layers_that_scale_them():
    assert fit([6, 5, 1], X, Y, activation="relu") == []
    assert fit([6, 5, 1], 0 * X, Y, activation="identity") == []
    assert fit([cr.Input(6), cr.Normalization.from_data(100 * X), cr.Dense(1)], 100 * X, Y) == []
    assert fit([cr.Input(6), cr.BatchNorm(), cr.Dense(1)], 100 * X, Y) == []
    assert fit([cr.Input(6, scale=0.01), cr.Dense(1)], 100 * X, Y) == []
    assert fit([cr.Input(4), cr.Embedding(500, 2), cr.Flatten(), cr.Dense(1)], np.full((60, 4), 400), Y) == []


def test_pixels_have_their_own_remedy():
    (message,) = fit([cr.Input(4, 4, 1), cr.Conv2D(2, 2), cr.Flatten(), cr.Dense(1)], np.full((9, 4, 4, 1), 200), Y[:9])
    assert message.startswith("X[:, 0, 0, 0] has a root mean square of 2e+02")
    assert "say cr.Input(..., scale=1 / 255)" in message


@pytest.mark.parametrize("samples", [1, 20])
def test_inputs_near_the_largest_number_diverge_with_no_word_of_numpy(samples):
    net = cr.Network([3, 1], seed=0, dtype="float64")
    with pytest.raises(cr.DivergedError), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        net.fit(np.full((samples, 3), 1e300), np.ones(samples), epochs=1, verbose=0)
    assert {warning.category for warning in caught} <= {cr.ChainruleWarning}


@pytest.mark.parametrize(("scale", "offset"), [(1e-4, 0), (100, 0), (1, 1000)])
def test_targets_far_from_one(scale, offset):
    (message,) = fit([6, 5, 1], X, Y * scale + offset, activation="relu")
    assert "pass target_scale='auto'" in message
    assert fit([6, 5, 1], X, Y * scale + offset, activation="relu", target_scale="auto") == []


@pytest.mark.parametrize("output", ["relu", "tanh", "softplus", "exp", "softsign", "elu", "gelu", "silu", "selu"])
def test_targets_that_the_output_cannot_reach(output):
    (message,) = fit([6, 5, 1], X, 5 * Y, output=output, weights="glorot_uniform")
    assert f"outputs of activation '{output}' are between" in message
    assert "use activation 'identity' in the last layer" in message
    assert fit([6, 5, 1], X, np.full(60, 0.5), output=output, weights="glorot_uniform") == []


@pytest.mark.parametrize("name", [name for name in ACTIVATIONS if name != "softmax"])
def test_bounds_of_outputs_are_reached_and_kept(name):
    low, high = cr.activations.traits_of(name).reach
    outputs = cr.Network([1, 1], output=name, weights=1.0, dtype="float64").predict(
        np.linspace(-40, 40, 80001)[:, None]
    )
    assert low - 1e-3 <= outputs.min() <= max(low, -0.4) + 1e-2
    assert min(high, 30) - 1e-2 - (name == "softsign") * 0.02 <= outputs.max() <= high


@pytest.mark.parametrize("labels", [LABELS, np.array(["no", "yes"])[LABELS]])
def test_labels_with_a_loss_for_numbers(labels):
    (message,) = fit([6, 5, 2], X, labels)
    assert "y holds labels of classes" in message
    assert "use activation 'softmax' in the last layer" in message
    assert fit([6, 5, 2], X, labels, output="softmax") == []
    assert fit([6, 5, 2], X, np.eye(2)[LABELS]) == []


@pytest.mark.parametrize("way", ["predict", "predict_classes", "evaluate", "score"])
@pytest.mark.parametrize("factor", [0.01, 100])
def test_predictions_in_other_units(way, factor):
    net = cr.Network([6, 5, 1], activation="relu", seed=0)
    net.fit(X, Y, epochs=1, verbose=0)
    targets = () if way.startswith("predict") else (Y,)
    assert said(lambda: getattr(net, way)(X, *targets)) == []
    for same in (net.copy(), pickle.loads(pickle.dumps(net))):
        (message,) = said(lambda net=same: getattr(net, way)(X * factor, *targets))
        assert "the samples of training had one of 1" in message
        assert said(lambda net=same: getattr(net, way)(X * factor, *targets)) == []


def test_predictions_of_small_samples_and_before_training_are_no_trouble():
    net = cr.Network([6, 5, 1], activation="relu", seed=0)
    assert said(lambda: net.predict(X * 1e4)) == []
    net.fit(X, Y, epochs=1, verbose=0)
    assert said(lambda: net.predict(0 * X)) == []
    assert said(lambda: net.predict(X[:1] * 1e-6)) == []
    net = cr.Network([cr.Input(2), cr.Embedding(10_000, 2), cr.Flatten(), cr.Dense(1)])
    net.fit(np.array([[9000, 1]]), [1.0], epochs=1, verbose=0)
    assert said(lambda: net.predict(np.ones((20, 2), int))) == []


def test_streams_tell_the_range_too():
    net = cr.Network([6, 1], seed=0)
    net.fit(lambda: iter([(X * 0.02, Y), (X, Y)]), epochs=1, verbose=0)
    assert said(lambda: net.predict(X)) == []
    assert len(said(lambda: net.predict(X * 100))) == 1


def test_outputs_that_overflow():
    net = cr.Network([2, 2], weights=2.0)
    (message,) = said(lambda: net.predict(np.full((3, 2), 3e38, np.float32)))
    assert message == "outputs of predict are not finite: X overflows in a layer"
    (message,) = said(lambda: net.evaluate(np.full((1, 2), 3e38, np.float32), [[0.0, 0.0]]))
    assert message.startswith("the loss of evaluate is not finite")


def test_balanced_classes_do_not_count_padding():
    net = cr.Network(
        [cr.Input(4, 1), cr.Masking(-1.0), cr.LSTM(3, return_sequences=True), cr.Dense(2, "softmax")], seed=0
    )
    steps = np.array([[1, 2, 3, -1], [1, -1, -1, -1]])[:, :, None]
    labels = np.array([[0, 1, 1, 0], [1, 0, 0, 0]])
    other = net.copy()
    net.fit(steps, labels, class_weight="balanced", epochs=2, verbose=0)
    other.fit(steps, labels, class_weight={0: 4 / 2, 1: 4 / 6}, epochs=2, verbose=0)
    assert net.parameters.tobytes() == other.parameters.tobytes()
