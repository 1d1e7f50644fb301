"""Steppers give the bytes of a prediction of the whole sequence."""

import copy
import pickle

import numpy as np
import pytest
from recurrent import CELLS, IS_STEP, padded, randomised, sequences

import chainrule as cr
from chainrule.verification.twins import reference_of


def pickled(value):
    return pickle.loads(pickle.dumps(value))


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("streams", [1, 3])
def test_step_by_step_is_the_whole_sequence(cell, streams):
    layers = [
        cr.Dense(4, "tanh"),
        CELLS[cell](return_sequences=True),
        cr.Dropout(0.5),
        CELLS[cell](),
        cr.Dense(2, "relu"),
    ]
    net = cr.Network([cr.Input(7, 3), *layers], seed=0)
    X = sequences(streams).astype(np.float32)
    stepper = net.stepper(streams)
    for _ in range(2):
        for t in range(7):
            outputs = stepper.step(X[:, t])
        assert np.array_equal(outputs, net.predict(X))
        stepper.reset()


def test_a_stepper_reads_words_and_gives_an_output_for_each():
    net = cr.Network(
        [cr.Input(5), cr.Embedding(9, 4), cr.GRU(6, return_sequences=True), cr.Dense(9, "sigmoid")], seed=0
    )
    words = np.array([3, 1, 4, 1, 8])
    stepper = net.stepper()
    assert np.array_equal([stepper.step(word) for word in words], net.predict(words[None])[0])
    with pytest.raises(ValueError, match=r"x must hold whole numbers in \[0, 9\), got 9"):
        stepper.step(9)


def test_a_stepper_normalises_each_step():
    layers = [
        cr.LayerNorm(),
        cr.LSTM(5, return_sequences=True),
        cr.BatchNorm(),
        cr.GaussianNoise(0.1),
        cr.GRU(4, return_sequences=True),
        cr.LayerNorm(1e-3),
        cr.Dense(2, "identity"),
    ]
    net = cr.Network([cr.Input(7, 3), *layers], seed=0)
    net.fit(sequences(), sequences(5, 7, 2), epochs=3, verbose=0)
    X = sequences(4).astype(np.float32)
    stepper = net.stepper(4)
    assert np.array_equal(np.stack([stepper.step(X[:, t]) for t in range(7)], axis=1), net.predict(X))


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("where", IS_STEP)
@pytest.mark.parametrize("return_sequences", [False, True])
def test_a_stepper_skips_padding(cell, where, return_sequences):
    layers = [CELLS[cell](return_sequences=True), CELLS[cell](return_sequences=return_sequences)]
    net = randomised(cr.Network([cr.Input(7, 3), cr.Masking(), *layers], seed=0))
    X = padded(where=where)
    stepper = net.stepper(5)
    outputs = np.stack([stepper.step(X[:, t]) for t in range(7)], axis=1)
    assert np.array_equal(outputs if return_sequences else outputs[:, -1], net.predict(X))


def test_a_stepper_skips_the_word_zero():
    net = cr.Network([cr.Input(5), cr.Embedding(9, 4, mask_zero=True), cr.LSTM(3)], seed=0)
    stepper = net.stepper()
    for word in [3, 0, 4]:
        output = stepper.step(word)
    assert np.array_equal(output, net.predict([[3, 4, 0, 0, 0]])[0])


def test_a_stepper_is_a_copy():
    net = cr.Network([cr.Input(5, 3), cr.LSTM(4)], seed=0)
    stepper, same = net.stepper(), net.stepper()
    net.parameters = np.zeros(net.parameter_count)
    assert stepper.step(np.ones(3)).tolist() == same.step(np.ones(3)).tolist() != [0, 0, 0, 0]


CAUSAL = {
    "plain": lambda: [cr.Conv1D(4, 3, "tanh", padding="causal")],
    "dilated, in groups": lambda: [
        cr.Conv1D(6, 3, "relu", padding="causal", dilation=3, groups=3),
        cr.Conv1D(4, 2, "gelu", padding=(4, 0), dilation=4, groups=2),
    ],
    "wider than the sequence": lambda: [cr.Conv1D(18, 9, padding="causal"), cr.Dense(2, "tanh")],
    "a window of one step": lambda: [cr.Conv1D(5, 1, "tanh"), cr.Conv1D(3, 2, "softmax", padding="causal")],
    "in a block": lambda: [
        cr.Residual([cr.Conv1D(3, 2, "relu", padding="causal", dilation=2), cr.BatchNorm(), cr.Dropout(0.1)]),
        cr.Concatenate([[cr.Conv1D(4, 3, padding="causal")], [], [cr.LSTM(5, return_sequences=True)]]),
    ],
    "before a recurrent layer": lambda: [cr.Conv1D(4, 3, padding="causal"), cr.GRU(6), cr.Dense(2)],
    "after a recurrent layer": lambda: [cr.GRU(6, return_sequences=True), cr.Conv1D(4, 3, padding="causal")],
    "after the mask": lambda: [cr.Masking(), cr.Conv1D(4, 3, padding="causal"), cr.LSTM(6), cr.Dense(2)],
}


@pytest.mark.parametrize("name", CAUSAL)
@pytest.mark.parametrize("streams", [1, 5, 18])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_causal_convolution_remembers_the_steps_of_its_window(name, streams, dtype):
    net = randomised(cr.Network([cr.Input(7, 3), *CAUSAL[name]()], seed=0, dtype=dtype))
    X = sequences(streams).astype(dtype)
    X[:, [1, 4]] = 0
    stepper = net.stepper(streams)
    expected = net.predict(X)
    for _ in range(2):
        outputs = np.stack([stepper.step(X[:, t]) for t in range(7)], axis=1)
        assert np.array_equal(outputs if expected.ndim == 3 else outputs[:, -1], expected)
        stepper.reset()


def forecaster():
    layers = [cr.Reshape(5, 4), cr.Conv1D(3, 2, padding="causal"), cr.LSTM(6), cr.Dense(12), cr.Reshape(4, 3, 1)]
    return randomised(cr.Network([cr.Input(20), *layers], seed=0))


def test_outputs_have_the_shape_of_a_prediction_after_a_change_of_shape_too():
    net, X = forecaster(), np.random.default_rng(0).standard_normal((2, 20)).astype(np.float32)
    stepper = net.stepper(2)
    for t in range(5):
        outputs = stepper.step(X.reshape(2, 5, 4)[:, t])
    assert outputs.shape == (2, 4, 3, 1)
    assert np.array_equal(outputs, net.predict(X))
    assert net.stepper().step(np.zeros(4)).shape == (4, 3, 1)
    assert cr.Network([cr.Input(5, 3), cr.GRU(4, return_sequences=True)]).stepper().step(np.ones(3)).shape == (4,)


def test_layers_after_the_end_of_the_sequence_begin_anew_at_each_step():
    layers = [cr.GRU(8), cr.Reshape(4, 2), cr.Conv1D(3, 2, padding="causal"), cr.LSTM(5)]
    net = randomised(cr.Network([cr.Input(7, 3), *layers], seed=0))
    X = sequences(2).astype(np.float32)
    stepper = net.stepper(2)
    for t in range(7):
        outputs = stepper.step(X[:, t])
    assert np.array_equal(outputs, net.predict(X))
    assert list(stepper.state) == ["1.h"]


def test_the_state_is_read_and_set_and_is_what_the_layers_remember():
    net = forecaster()
    X = np.random.default_rng(0).standard_normal((2, 5, 4)).astype(np.float32)
    stepper, other = net.stepper(2), net.stepper(2)
    for t in range(3):
        stepper.step(X[:, t])
    state = stepper.state
    assert {name: values.shape for name, values in state.items()} == {
        "2.inputs": (2, 1, 4),
        "3.h": (2, 6),
        "3.c": (2, 6),
    }
    assert np.array_equal(state["2.inputs"][:, 0], X[:, 2])
    other.state = state
    assert np.array_equal(other.step(X[:, 3]), stepper.step(X[:, 3]))
    # A state that is set is that of a layer that starts from it, as the reference does.
    lstm = cr.Network([cr.Input(1, 3), cr.LSTM(6)], dtype="float64")
    h, c = np.random.default_rng(1).uniform(-1, 1, (2, 1, 6))
    alone, twin = lstm.stepper(), reference_of(lstm).layers[-1]
    alone.state = {"1.c": c, "1.h": h.tolist()}
    twin.initial_state = (h, c)
    x = np.ones((1, 3))
    np.testing.assert_allclose(alone.step(x), twin.forward(x[None]), rtol=1e-12)


@pytest.mark.parametrize("twin_of", [pickled, copy.copy, copy.deepcopy, cr.Stepper.copy])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_stepper_is_pickled_and_copied_in_the_middle_of_a_sequence(twin_of, dtype):
    layers = [cr.Conv1D(3, 2, padding="causal"), cr.GRU(5), cr.Dense(2)]
    net = cr.Network([cr.Input(7, 3, scale=0.5), *layers], seed=0, dtype=dtype, target_scale=(3.0, 2.0))
    X = sequences(2)
    stepper = net.stepper(2)
    for t in range(3):
        stepper.step(X[:, t])
    twin = twin_of(stepper)
    stepper.step(X[:, 0])
    for t in range(3, 7):
        outputs = twin.step(X[:, t])
    assert np.array_equal(outputs, net.predict(X))


def test_a_state_can_be_pickled_and_refuses_elements():
    stepper = cr.Network([cr.Input(5, 3), cr.LSTM(4)], seed=0).stepper()
    stepper.step(np.ones(3))
    state = pickled(stepper.state)
    assert all(np.array_equal(state[name], values) for name, values in stepper.state.items())
    with pytest.raises(TypeError, match="a state is a copy: assign"):
        stepper.state["1.h"] = np.zeros((1, 4))
    with pytest.raises(AttributeError, match="states"):
        stepper.states = stepper.state
    with pytest.raises(ValueError, match="read-only"):
        stepper.state["1.h"][0] = 0


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"1.h": np.zeros(4)}, ValueError, r"state\['1.h'\] must have shape \(2, 4\), got \(4,\)"),
        ({"1.h": np.full((2, 4), np.nan)}, ValueError, r"state\['1.h'\] must be finite"),
        ({"1.c": "ab"}, TypeError, r"state\['1.c'\] must be an array of real numbers"),
        ({"2.h": np.zeros((2, 4))}, ValueError, r"state must have the names \['1.h', '1.c'\], got .*'2.h'"),
        (None, TypeError, "state must be a mapping of names to arrays, as it is read, got None"),
    ],
)
def test_a_state_that_does_not_fit_is_refused(change, error, message):
    stepper = cr.Network([cr.Input(5, 3), cr.LSTM(4)], seed=0).stepper(2)
    stepper.step(np.ones((2, 3)))
    before = stepper.state
    with pytest.raises(error, match=message):
        stepper.state = change and {**before, **change}
    assert all(np.array_equal(stepper.state[name], values) for name, values in before.items())


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ([cr.Conv1D(2, 3, padding="same"), cr.GRU(2)], r"got Conv1D\(.*; it does with padding='causal' and strides=1"),
        ([cr.Conv1D(2, 3), cr.GRU(2)], r"got Conv1D\(.*; it does with padding='causal' and strides=1"),
        ([cr.Conv1D(2, 3, padding="causal", strides=2), cr.GRU(2)], "it does with padding='causal' and strides=1"),
        ([cr.Residual([cr.Conv1D(3, 3, padding="same")]), cr.GRU(2)], r"got Residual\(.*: Conv1D.*padding='causal'"),
        ([cr.Bidirectional(cr.GRU(2))], "reads back from the end; use the layer itself, in one direction"),
        ([cr.MaxPool1D(2), cr.GRU(2)], r"step by step, got MaxPool1D\(\)"),
        ([cr.Conv1D(2, 1)], r"must have a recurrent layer, or a Conv1D with padding='causal', got"),
    ],
)
def test_a_network_that_needs_several_steps_at_once_is_refused(layers, message):
    with pytest.raises(ValueError, match=message):
        cr.Network([cr.Input(8, 3), *(layer.copy() for layer in layers)]).stepper()


def test_shapes_that_do_not_fit_are_named():
    net = cr.Network([cr.Input(5, 3), cr.LSTM(4)], seed=0)
    with pytest.raises(ValueError, match=r"x must have shape \(1, 3\) or \(3,\), got \(5, 3\)"):
        net.stepper().step(np.zeros((5, 3)))
    with pytest.raises(ValueError, match=r"x must have shape \(2, 3\), got \(3,\)"):
        net.stepper(2).step(np.zeros(3))
