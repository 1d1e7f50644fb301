"""Sequences of any length: the bytes are those of a network for sequences of that length."""

import copy
import pickle
import threading

import numpy as np
import pytest
from recurrent import CELLS, randomised, sequences

import chainrule as cr

NETWORKS = {
    **{cell: lambda make=make: [make(return_sequences=True), cr.LayerNorm(), make()] for cell, make in CELLS.items()},
    "both directions": lambda: [cr.Masking(), cr.Bidirectional(cr.GRU(5))],
    "convolution": lambda: [
        cr.Conv1D(4, 3, "relu"),
        cr.MaxPool1D(2),
        cr.BatchNorm(),
        cr.GlobalAvgPool1D(),
        cr.Dense(6),
    ],
    "block": lambda: [cr.Residual([cr.Conv1D(3, 3, padding="same")]), cr.GlobalMaxPool1D(), cr.Dense(6, l2=0.01)],
}


def network(name, steps=None, **options):
    return cr.Network([cr.Input(steps, 3), *NETWORKS[name](), cr.Dense(2)], seed=3, **options)


def data(steps, samples=9):
    return sequences(samples, steps), sequences(samples, 1, 2)[:, 0]


@pytest.mark.parametrize("name", NETWORKS)
def test_a_prediction_is_that_of_a_network_of_this_length(name):
    net = network(name)
    for steps in (7, 30, 7, 9):
        fixed, (X, y) = network(name, steps), data(steps)
        assert np.array_equal(net.predict(X), fixed.predict(X))
        assert net.evaluate(X, y) == fixed.evaluate(X, y)
        assert np.array_equal(net.forward(X), fixed.forward(X))
        assert np.array_equal(net.backward(y), fixed.backward(y))
        assert net.loss_and_gradient(X, y)[1].tobytes() == fixed.loss_and_gradient(X, y)[1].tobytes()
        vectors = [net.parameters, net.parameters * 2]
        assert np.array_equal(cr.predict_population(net, vectors, X), cr.predict_population(fixed, vectors, X))


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("optimizer", [cr.Adam(0.01), cr.SGD(0.1, momentum=0.9)])
def test_training_goes_on_from_length_to_length(name, optimizer):
    """Each step is made by a network of its length, which starts from the state of the one before."""
    net, lengths = network(name), [7, 12, 12, 8, 7]
    expected = network(name, lengths[0])
    expected.train_on_batch(*data(lengths[0]), optimizer=optimizer)
    for steps in lengths[1:]:
        description, arrays = expected.describe()
        description["layers"][0]["shape"] = [steps, 3]
        expected = cr.Network.__new__(cr.Network)
        expected.restore(description, arrays)
        expected.train_on_batch(*data(steps), optimizer=optimizer)
    one_by_one, stream = copy.deepcopy(net), copy.deepcopy(net)
    for steps in lengths:
        one_by_one.train_on_batch(*data(steps), optimizer=optimizer)
    stream.fit([data(steps) for steps in lengths], optimizer=optimizer, epochs=1, verbose=0)
    assert one_by_one.parameters.tobytes() == expected.parameters.tobytes() == stream.parameters.tobytes()
    for X, _ in map(data, (7, 20)):
        assert np.array_equal(one_by_one.predict(X), stream.predict(X))


def test_a_fit_is_that_of_a_network_of_this_length_with_validation_of_another():
    (X, y), held = data(8, 20), data(5)
    net, fixed = network("gru"), network("gru", 8)
    options = {"epochs": 3, "batch_size": 6, "verbose": 0, "metrics": ["r2"]}
    history = net.fit(X, y, validation_data=held, **options)
    expected = fixed.fit(X, y, **options)
    assert net.parameters.tobytes() == fixed.parameters.tobytes()
    assert history["loss"] == expected["loss"]
    assert history["val_loss"][-1] == net.evaluate(*held)["loss"]
    assert net.score(X, y) == fixed.score(X, y)


def test_targets_of_each_step_have_the_length_of_the_samples():
    def made(steps, **options):
        layers = [cr.Masking(), cr.LSTM(5, return_sequences=True), cr.Conv1D(4, 2, padding="causal"), cr.Dense(2)]
        return cr.Network([cr.Input(steps, 3), *layers], seed=0, **options)

    X = sequences(6, 9)
    X[:, [0, 4]] = 0
    y = 1e4 + sequences(6, 9, 2)
    net, fixed = made(None, target_scale="auto"), made(9, target_scale="auto")
    for each in (net, fixed):
        each.fit(X, y, epochs=2, verbose=0)
    assert net.predict(X).shape == (6, 9, 2)
    assert np.array_equal(net.predict(X), fixed.predict(X))
    assert net.evaluate(X, y) == fixed.evaluate(X, y)
    assert net.predict(X[:, :4]).shape == (6, 4, 2)
    stepper = net.stepper(6)
    outputs = [stepper.step(X[:, t]) for t in range(9)]
    assert np.array_equal(np.stack(outputs, axis=1)[:, 8], net.predict(X)[:, 8])


def test_tokens_of_any_number():
    layers = [cr.Embedding(9, 4, mask_zero=True), cr.GRU(5), cr.Dense(3, "softmax")]
    net = cr.Network([cr.Input(None), *layers], seed=0)
    words, y = [[3, 1, 4, 1], [0, 0, 5, 6]], [0, 2]
    fixed = cr.Network([cr.Input(4), *(layer.copy() for layer in net.layers[1:])])
    assert np.array_equal(net.predict(words), fixed.predict(words))
    assert np.array_equal(net.predict([[5, 6]]), net.predict(words)[1:])
    net.fit([(words, y), ([[7]], [1])], epochs=2, verbose=0)
    assert net.check(words, y).ok


@pytest.mark.parametrize("name", ["lstm", "convolution"])
def test_check_and_diagnose_take_any_length(name):
    net, (X, y) = randomised(network(name)), data(8)
    net.predict(data(30)[0])
    report = net.check(X, y, loss="mse")
    assert report.ok, report
    assert net.diagnose(X, y).lines
    assert net.fit(*data(11, 64), epochs=1, verbose=0)


@pytest.mark.parametrize("twin_of", ["file", pickle.loads, copy.deepcopy])
def test_files_and_copies_take_any_length_and_go_on(twin_of, tmp_path):
    net = network("convolution")
    net.fit([data(7), data(30)], epochs=2, verbose=0)
    if twin_of == "file":
        net.save(tmp_path / "any.safetensors")
        twin = cr.load(tmp_path / "any.safetensors")
    else:
        twin = twin_of(pickle.dumps(net) if twin_of is pickle.loads else net)
    for each in (net, twin):
        each.train_on_batch(*data(10))
    assert twin.parameters.tobytes() == net.parameters.tobytes()
    assert np.array_equal(twin.predict(data(7)[0]), net.predict(data(7)[0]))
    assert repr(twin) == repr(net)
    assert repr(net).startswith("Network([(None, 3), (None, 4), (None, 4), (None, 4), 4, 6, 2]")


def test_settings_of_layers_hold_after_a_change_of_length():
    net = network("block")
    net.predict(data(9)[0])
    net.layers[1].trainable = False
    net.layers[3].l2 = 0.5
    before = net.layers[1].parameter_arrays()
    net.fit(*data(7), epochs=1, verbose=0)
    net.fit(*data(20), epochs=1, verbose=0)
    assert all(np.array_equal(values, before[name]) for name, values in net.layers[1].parameter_arrays().items())
    assert net.loss_and_gradient(*data(5))[0] > net.evaluate(*data(5))["loss"]
    with pytest.raises(ValueError, match=r"needs steps >= 3, got samples of shape \(2, 3\)"):
        network("convolution").predict(data(2)[0])


def test_training_that_diverges_goes_back_over_a_change_of_length():
    net = network("convolution")
    net.train_on_batch(*data(7), optimizer=cr.SGD(0.01, momentum=0.9))
    before = net.describe()[1]
    with pytest.raises(cr.DivergedError):
        net.fit([data(7), data(12), (data(9)[0] * 1e30, data(9)[1] * 1e30)] * 5, optimizer=cr.SGD(1e5), verbose=0)
    after = net.describe()[1]
    assert all(np.array_equal(values, before[name]) for name, values in after.items() if name.startswith("layers"))


def test_another_thread_cannot_change_the_length_during_training():
    net, errors = network("gru"), []

    def predict():
        try:
            net.predict(data(5)[0])
        except RuntimeError as error:
            errors.append(str(error))

    def in_another_thread(*_):
        thread = threading.Thread(target=predict)
        thread.start()
        thread.join()
        net.predict(data(6)[0])

    net.fit(*data(8), epochs=1, callbacks=in_another_thread, verbose=0)
    assert errors == ["the network is being trained by another thread"]
    predict()
    assert len(errors) == 1


def test_threads_predict_sequences_of_different_lengths():
    net, wrong = network("convolution"), []
    expected = {steps: net.predict(data(steps)[0]) for steps in (7, 12, 30)}

    def predict(steps):
        X = data(steps)[0]
        wrong.extend(steps for _ in range(30) if not np.array_equal(net.predict(X), expected[steps]))

    threads = [threading.Thread(target=predict, args=(steps,)) for steps in expected]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_networks_that_are_made_of_it_take_any_length_too(capsys):
    net, X = network("convolution"), data(9)[0]
    net.fit(*data(20), epochs=1, verbose=0)
    assert np.allclose(net.folded().predict(X), net.predict(X), atol=1e-5)
    assert np.array_equal(net.truncated(-1).predict(X), network_before_last(net).predict(X))
    assert cr.Network([cr.Input(None, 3), *net.layers[1:4]]).predict(X).shape == (9, 3, 4)
    net.summary()
    assert "(None, 4)" in capsys.readouterr().out


def network_before_last(net):
    layers = [layer.copy() for layer in net.layers[1:-1]]
    return cr.Network([cr.Input(9, 3), *layers])


REMEDY = "end the sequence before it with a recurrent layer without return_sequences or a global pool, or give Input"


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        (
            [cr.GRU(2, return_sequences=True), cr.Flatten()],
            r"Flatten\(\) cannot follow an Input.*their number; " + REMEDY,
        ),
        ([cr.Flatten(), cr.Dense(3)], r"Flatten\(\) cannot follow an Input of any number of steps"),
        (
            [cr.Reshape(6, 3), cr.GRU(2)],
            r"Reshape\(\(6, 3\)\) cannot.*as many values as \(None, 3\), got \(6, 3\); " + REMEDY,
        ),
        ([cr.Concatenate([[cr.GRU(2)], [cr.Flatten()]])], r"Concatenate\(.*cannot follow an Input of any number"),
        ([cr.Conv2D(2, 3)], r"Conv2D.* cannot follow.*got samples of shape \(None, 3\)"),
        ([cr.GRU(4), cr.GRU(2)], r"GRU takes samples of shape \(steps, features\), got \(4,\)"),
    ],
)
def test_a_layer_that_needs_the_number_of_steps_is_refused(layers, message):
    with pytest.raises(ValueError, match=message):
        cr.Network([cr.Input(None, 3), *(layer.copy() for layer in layers)])


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: network("gru").predict(np.zeros((4, 3))), ValueError, r"\(samples, steps, 3\), got \(4, 3\); one sam"),
        (lambda: network("gru").predict(np.zeros((4, 15))), ValueError, r"\(samples, steps, 3\), got \(4, 15\)$"),
        (lambda: network("gru").predict(np.zeros((4, 5, 2))), ValueError, r"\(samples, steps, 3\), got \(4, 5, 2\)"),
        (lambda: network("gru").predict(np.zeros((4, 0, 3))), ValueError, r"\(samples, steps, 3\), got \(4, 0, 3\)"),
        (
            lambda: network("gru").predict([[[1, 2, 3]], [[1, 2, 3]] * 2]),
            TypeError,
            r"rectangular.*padded by cr.data.pad",
        ),
        (lambda: network("gru").fit(np.zeros((4, 5, 3)), np.zeros((3, 2))), ValueError, "X and y must have the same"),
        (lambda: cr.Input(3, None), TypeError, "shape must be an integer, got None"),
        (lambda: cr.Input(None, None, 3), TypeError, "shape must be an integer, got None"),
        (lambda: cr.Network([cr.Input(None), cr.Dense(3)]), ValueError, r"Dense\(3.*cannot follow an Input of any"),
    ],
)
def test_what_is_no_sequence_of_any_length_is_refused(make, error, message):
    with pytest.raises(error, match=message):
        make()
