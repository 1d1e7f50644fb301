"""Recurrent layers: properties beyond those that test_layers.py checks for every layer."""

import numpy as np
import pytest
from recurrent import CELLS, padded, randomised, sequences, tagged

import chainrule as cr
from chainrule.reference import losses
from chainrule.verification.twins import reference_of


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("cell", CELLS)
def test_both_biases_and_peepholes_are_checked_where_they_are_not_zero(cell, dtype):
    layers = [cr.Input(7, 3), CELLS[cell](return_sequences=True), cr.Bidirectional(CELLS[cell]())]
    net = randomised(cr.Network([*layers, cr.Dense(2, "identity")], seed=0, dtype=dtype))
    report = net.check(sequences(), sequences(5, 1, 2)[:, 0], steps=4)
    assert report.ok, report


@pytest.mark.parametrize(("cell", "module"), [("simple", "RNN"), ("lstm", "LSTM"), ("gru", "GRU")])
def test_pytorch_has_the_same_outputs(cell, module):
    torch = pytest.importorskip("torch")
    net = randomised(cr.Network([cr.Input(7, 3), CELLS[cell](return_sequences=True)], seed=0, dtype="float64"))
    theirs = getattr(torch.nn, module)(3, 6, batch_first=True).double()
    layer = net.layers[1]

    def in_their_order(values):
        # The gates r and z are the same as PyTorch's, but PyTorch has r before z.
        gates = np.split(values, values.shape[-1] // 6, axis=-1)
        return np.concatenate([gates[1], gates[0], gates[2]] if cell == "gru" else gates, axis=-1)

    recurrent_bias = layer.recurrent_bias if cell == "gru" else np.zeros_like(layer.bias)
    with torch.no_grad():
        theirs.weight_ih_l0.copy_(torch.from_numpy(in_their_order(layer.weights).T.copy()))
        theirs.weight_hh_l0.copy_(torch.from_numpy(in_their_order(layer.recurrent_weights).T.copy()))
        theirs.bias_ih_l0.copy_(torch.from_numpy(in_their_order(layer.bias)))
        theirs.bias_hh_l0.copy_(torch.from_numpy(in_their_order(recurrent_bias)))
        expected = theirs(torch.from_numpy(sequences()))[0].numpy()
    np.testing.assert_allclose(net.predict(sequences()), expected, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("cell", CELLS)
def test_the_last_output_is_the_end_of_the_sequence(cell):
    whole = cr.Network([cr.Input(7, 3), CELLS[cell](return_sequences=True)], seed=0)
    last = cr.Network([cr.Input(7, 3), CELLS[cell]()], seed=0)
    assert np.array_equal(whole.predict(sequences())[:, -1], last.predict(sequences()))


def test_the_second_direction_reads_from_the_end():
    net = cr.Network([cr.Input(7, 3), cr.Bidirectional(cr.GRU(6, return_sequences=True))], seed=0)
    layer = net.layers[1]
    layer.back.weights = layer.ahead.weights
    layer.back.recurrent_weights = layer.ahead.recurrent_weights
    outputs, of_reversed = net.predict(sequences()), net.predict(sequences()[:, ::-1])
    assert outputs.shape == (5, 7, 12)
    assert np.array_equal(outputs[..., 6:], of_reversed[:, ::-1, :6])


def test_initial_weights_are_orthogonal_gate_by_gate_and_the_forget_gate_is_open():
    layer = cr.Network([cr.Input(4, 3), cr.LSTM(6, bias=0.25)], seed=0, dtype="float64").layers[1]
    gates = np.split(layer.recurrent_weights, 4, axis=1)
    for gate in gates:
        np.testing.assert_allclose(gate.T @ gate, np.eye(6), atol=1e-12)
    assert not np.array_equal(gates[0], gates[1])
    assert layer.bias.tolist() == [0.25] * 6 + [1.25] * 6 + [0.25] * 12
    directions = cr.Network([cr.Input(4, 3), cr.Bidirectional(cr.LSTM(6))], seed=0).layers[1]
    assert not np.array_equal(directions.ahead.weights, directions.back.weights)


def test_targets_have_the_shape_of_the_outputs():
    net = cr.Network([cr.Input(7, 3), cr.GRU(4, return_sequences=True), cr.Dense(2, "tanh")], seed=0)
    y = sequences(5, 7, 2)
    of_rows, of_sequences = net.copy(), net.copy()
    of_rows.fit(sequences(), y.reshape(5, 14), epochs=2, verbose=0)
    of_sequences.fit(sequences(), y, epochs=2, verbose=0)
    assert of_rows.parameters.tobytes() == of_sequences.parameters.tobytes()
    assert of_sequences.predict(sequences()).shape == y.shape


def test_initial_values_can_be_given():
    rng = np.random.default_rng(0)
    w, u, b = rng.standard_normal((3, 24)), rng.standard_normal((6, 24)), rng.standard_normal(24)
    layer = cr.LSTM(6, weights=w, recurrent_weights=u, bias=b, peepholes=True)
    cr.Network([cr.Input(4, 3), layer], seed=0, dtype="float64")
    assert [layer.weights.tolist(), layer.recurrent_weights.tolist()] == [w.tolist(), u.tolist()]
    assert layer.bias.tolist() == b.tolist()
    assert not layer.peephole_weights.any()
    layer.peephole_weights = np.ones((3, 6))
    assert layer.peephole_weights.all()


def many_to_many(cell, **options):
    layers = [CELLS[cell](return_sequences=True, **options), CELLS[cell](return_sequences=True, **options)]
    return randomised(cr.Network([cr.Input(4, 3), *layers], seed=0, dtype="float64"))


def streams():
    sequence = np.random.default_rng(0).standard_normal((41, 3))
    X, _ = cr.data.streams(sequence, batch_size=2, steps=4)
    return sequence, X, np.random.default_rng(1).standard_normal((len(X), 4, 6))


@pytest.mark.parametrize("cell", CELLS)
def test_a_stateful_layer_reads_the_pieces_as_one_sequence(cell):
    sequence, X, y = streams()
    net = many_to_many(cell, stateful=True)
    layers = [CELLS[cell](return_sequences=True), CELLS[cell](return_sequences=True)]
    whole = cr.Network([cr.Input(20, 3), *layers], seed=0, dtype="float64")
    whole.parameters = net.parameters
    outputs = whole.predict(sequence[:40].reshape(2, 20, 3))
    of_streams = y.reshape(5, 2, 4, 6).swapaxes(0, 1).reshape(2, 20, 6)
    history = net.fit(X, y, epochs=2, batch_size=2, shuffle=False, optimizer=cr.SGD(1e-300), loss="mse", verbose=0)
    assert history["loss"] == pytest.approx([((outputs - of_streams) ** 2).sum() / 2 / 10] * 2, rel=1e-12)
    anew = whole.predict(np.concatenate([X[4:5], np.zeros((1, 16, 3))], axis=1))[:, :4]
    np.testing.assert_allclose(net.predict(X[4:5]), anew, rtol=1e-12)


@pytest.mark.parametrize("cell", CELLS)
def test_no_gradient_goes_back_beyond_a_batch(cell):
    _, X, y = streams()
    X, y = X[:9], y[:9]  # the last batch has one sample
    net = many_to_many(cell, stateful=True)
    expected = reference_of(many_to_many(cell))
    _, first, second = expected.layers
    for begin in range(0, 9, 2):
        rows = slice(begin, min(begin + 2, 9))
        for layer in (first, second):
            layer.initial_state = [s[: rows.stop - begin] for s in layer.final_state] if begin else None
        expected.loss_and_gradient(X[rows].reshape(-1, 12), y[rows].reshape(-1, 24), losses.MSE())
        expected.parameters = expected.parameters - 0.1 * expected.gradients
    net.fit(X, y, epochs=1, batch_size=2, shuffle=False, optimizer=cr.SGD(0.1), loss="mse", verbose=0)
    np.testing.assert_allclose(net.parameters, expected.parameters, rtol=1e-10)


def test_a_stateful_layer_refuses_what_it_cannot_follow(tmp_path):
    _, X, y = streams()
    net = many_to_many("gru", stateful=True)
    before = net.parameters
    for options, message in [
        ({}, "shuffle must be False for a stateful layer, GRU"),
        ({"shuffle": False, "checkpoint": tmp_path / "a", "checkpoint_every": "2 steps"}, "_every must be epochs for"),
        ({"shuffle": False, "checkpoint": tmp_path / "a", "checkpoint_every": "2 seconds"}, "_every must be epochs"),
    ]:
        with pytest.raises(ValueError, match=message):
            net.fit(X, y, epochs=1, verbose=0, **options)
    with pytest.raises(ValueError, match="X must be an array for a stateful layer"):
        net.fit([(X, y)], epochs=1, verbose=0)
    assert np.array_equal(net.parameters, before)


def test_streams_go_on_from_batch_to_batch():
    X, y = cr.data.streams(np.arange(100).reshape(50, 2), batch_size=3, steps=5)
    assert X.shape == y.shape == (9, 5, 2)
    assert np.array_equal(y, X + 2)
    assert np.array_equal(X[3:], X[:-3] + 10)
    with pytest.raises(ValueError, match="sequence must have at least 16 steps for 3 streams of 5, got 15"):
        cr.data.streams(np.arange(15), batch_size=3, steps=5)


@pytest.mark.parametrize(
    "options", [{"dropout": 0.4}, {"recurrent_dropout": 0.4}, {"dropout": 0.2, "recurrent_dropout": 0.3}]
)
@pytest.mark.parametrize("cell", CELLS)
def test_dropout_is_for_training_and_leaves_the_way_back_right(cell, options):
    net = many_to_many(cell, **options)
    X, gradient = sequences(5, 4), np.random.default_rng(2).standard_normal((5, 4, 6))
    without = many_to_many(cell)
    assert np.array_equal(net.predict(X), without.predict(X))
    assert np.array_equal(net.forward(X), without.forward(X))
    drawn = net.forward(X, training=True)
    back = net.backward(gradient)
    assert (drawn != without.predict(X)).any(axis=(1, 2)).all()
    for place in np.ndindex(2, 4, 3):
        sums = []
        for offset in (1e-5, -1e-5):
            moved = X.copy()
            moved[place] += offset
            sums.append((net.forward(moved, training=True) * gradient).sum())
        assert back[place] == pytest.approx((sums[0] - sums[1]) / 2e-5, rel=1e-6, abs=1e-8)


def test_the_same_units_are_dropped_at_all_steps_of_a_sample():
    layer = cr.SimpleRNN(64, recurrent_dropout=0.5, weights=0.0, bias=0.5, return_sequences=True)
    net = cr.Network([cr.Input(5, 1), layer], seed=0, dtype="float64")
    layer.recurrent_weights = np.eye(64)
    outputs = net.forward(np.zeros((3, 5, 1)), training=True)
    dropped = np.isclose(outputs, np.tanh(0.5))
    assert dropped[:, 0].all()
    assert np.array_equal(dropped[:, 1], dropped[:, 4])
    assert not np.array_equal(dropped[0, 1], dropped[1, 1])
    assert 60 < dropped[:, 1].sum() < 132
    h = outputs[0, :, np.argmin(dropped[0, 1])]
    assert h[1:] == pytest.approx(np.tanh(2 * h[:-1] + 0.5), rel=1e-12)


@pytest.mark.parametrize("both", [False, True])
def test_the_same_features_are_dropped_at_all_steps_of_a_sample(both):
    layer = cr.SimpleRNN(64, dropout=0.25, weights=np.eye(64), recurrent_weights=0.0, return_sequences=True)
    net = cr.Network([cr.Input(5, 64), cr.Bidirectional(layer) if both else layer], seed=0, dtype="float64")
    outputs = net.forward(np.full((3, 5, 64), 0.3), training=True)
    dropped = outputs == 0
    assert np.array_equal(dropped, np.repeat(dropped[:, :1], 5, axis=1))
    assert not np.array_equal(dropped[0], dropped[1])
    assert not both or not np.array_equal(dropped[..., :64], dropped[..., 64:])
    assert 0.15 < dropped.mean() < 0.35
    assert outputs[~dropped] == pytest.approx(np.tanh(0.4), rel=1e-12)


@pytest.mark.parametrize("frozen", [1, 2, 3])
def test_layers_around_a_frozen_one_learn(frozen):
    layers = [cr.GRU(4, return_sequences=True), cr.LSTM(4), cr.Dense(2, "identity")]
    net = cr.Network([cr.Input(7, 3), *layers], seed=0)
    net.layers[frozen].trainable = False
    report = net.check(sequences(), sequences(5, 1, 2)[:, 0])
    assert report.ok, report
    before = [layer.parameter_arrays() for layer in net.layers[1:]]
    net.fit(sequences(), sequences(5, 1, 2)[:, 0], epochs=2, verbose=0)
    for number, (layer, old) in enumerate(zip(net.layers[1:], before, strict=True), start=1):
        same = [np.array_equal(values, old[name]) for name, values in layer.parameter_arrays().items()]
        assert all(same) if number == frozen else not any(same)


def test_a_gradient_can_be_taken_twice_from_one_pass():
    net = cr.Network([cr.Input(7, 3), cr.LSTM(6)], seed=0)
    net.forward(sequences())
    first = net.backward(np.ones((5, 6))).tobytes(), net.gradients[0][1].tobytes()
    assert (net.backward(np.ones((5, 6))).tobytes(), net.gradients[0][1].tobytes()) == first


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: cr.LSTM(0), ValueError, "units must be at least 1"),
        (lambda: cr.LSTM(2, dropout=1.0), ValueError, r"dropout must be .* in \[0, 1\), got 1"),
        (
            lambda: cr.GRU(2, recurrent_dropout=1),
            ValueError,
            r"recurrent_dropout must be .* in \[0, 1\), got 1",
        ),
        (
            lambda: tagged()[0].evaluate(padded(), np.zeros((5, 7, 2)), sample_weight=np.ones((5, 2))),
            ValueError,
            r"sample_weight must have shape \(5,\) or \(5, 7\), got \(5, 2\)",
        ),
        (
            lambda: cr.Network([cr.Input(7, 3), cr.GRU(2)]).evaluate(
                padded(), np.zeros((5, 2)), sample_weight=[[1]] * 5
            ),
            ValueError,
            r"sample_weight must have shape \(5,\), got \(5, 1\)",
        ),
        (lambda: cr.LSTM(2, peepholes=1), TypeError, "peepholes must be True or False, got 1"),
        (lambda: cr.GRU(2, weights="glorot"), ValueError, "unknown weights 'glorot'"),
        (lambda: cr.Network([cr.Input(4), cr.GRU(3)]), ValueError, r"GRU takes samples of shape \(steps, features\)"),
        (lambda: cr.Network([cr.Input(4, 3), cr.Embedding(3, 3)]), ValueError, r"samples of shape \(steps,\), got"),
        (lambda: cr.Network([cr.Input(4), cr.Dense(4), cr.Embedding(3, 3)]), ValueError, "must be the first layer"),
        (lambda: cr.Embedding(2**24 + 1, 3), ValueError, "vocabulary must be at least 1 and at most 16777216"),
        (lambda: cr.Masking(np.nan), ValueError, "value must be finite"),
        (lambda: cr.Network([cr.Input(4), cr.Masking()]), ValueError, r"Masking takes samples of shape \(steps, feat"),
        (
            lambda: cr.Network([cr.Input(4, 3), cr.Masking(), cr.Conv1D(2, 2), cr.LSTM(2)]),
            ValueError,
            "Masking.* must have a recurrent layer after it, and only layers that preserve the steps in between",
        ),
        (
            lambda: cr.Network([cr.Input(4), cr.Embedding(9, 3, mask_zero=True), cr.Flatten(), cr.Dense(2)]),
            ValueError,
            "Embedding.* must have a recurrent layer after it",
        ),
        (
            lambda: cr.Network([cr.Input(4, 3), cr.Masking(), cr.GRU(2)]).fit(
                sequences(2, 4), [[0, 0]] * 2, input_noise=0.1, verbose=0
            ),
            ValueError,
            "input_noise must be 0 with a Masking, as noise is no padding; got 0.1",
        ),
        (lambda: cr.Bidirectional(cr.GRU(2, stateful=True)), ValueError, "layer must not be stateful, as it reads"),
        (lambda: cr.Bidirectional(cr.Dense(3)), TypeError, "layer must be a SimpleRNN, LSTM or GRU, got Dense"),
        (lambda: cr.Network([3, 2]).stepper(), ValueError, "network must have a recurrent layer"),
        (
            lambda: cr.Network(
                [cr.Input(4, 3), cr.Bidirectional(cr.GRU(3, return_sequences=True)), cr.GRU(2)]
            ).stepper(),
            ValueError,
            "must have layers that work step by step, got Bidirectional",
        ),
        (
            lambda: cr.Network([cr.Input(4, 3), cr.GRU(3)]).stepper(2).step(np.zeros(3)),
            ValueError,
            r"x must have shape \(2, 3\), got \(3,\)",
        ),
        (
            lambda: cr.Network([cr.Input(4, 3), cr.GRU(3)]).stepper().step([0, 0, np.inf]),
            ValueError,
            "x must be finite|contains",
        ),
        (
            lambda: cr.Network([cr.Input(2), cr.Embedding(9, 4)]).fit([[1, 2]], [[0] * 8], input_noise=0.1, verbose=0),
            ValueError,
            "input_noise must be 0 for tokens, got 0.1",
        ),
    ],
)
def test_it_refuses(make, error, message):
    with pytest.raises(error, match=message):
        make()
