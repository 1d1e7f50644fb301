"""Recurrent layers and embeddings: properties beyond those that test_layers.py checks for every layer."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.reference import losses
from chainrule.verification.twins import reference_of

CELLS = {
    "simple": lambda **options: cr.SimpleRNN(6, **options),
    "lstm": lambda **options: cr.LSTM(6, **options),
    "peepholes": lambda **options: cr.LSTM(6, peepholes=True, **options),
    "gru": lambda **options: cr.GRU(6, **options),
    "gru before": lambda **options: cr.GRU(6, reset_after=False, **options),
}


def sequences(samples=5, steps=7, features=3):
    return np.random.default_rng(0).standard_normal((samples, steps, features))


def randomised(net):
    net.parameters = np.random.default_rng(1).normal(0, 0.4, net.parameter_count)
    return net


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


LENGTHS = [7, 3, 1, 0, 5]


def padded(value=0.0):
    X = sequences().astype(np.float32)
    for sample, length in zip(X, LENGTHS, strict=True):
        sample[length:] = value
    return X


def alone(net, layers, sample, length):
    """Return the outputs of a network without the masking for a sample without its padding."""
    short = cr.Network([cr.Input(length, 3), *layers()], seed=0)
    short.parameters = net.parameters
    return short.predict(sample[None, :length])[0]


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("value", [0.0, -1.5])
@pytest.mark.parametrize("directions", [1, 2])
def test_padding_changes_no_byte(cell, value, directions):
    def recurrent(**options):
        return CELLS[cell](**options) if directions == 1 else cr.Bidirectional(CELLS[cell](**options))

    def many_to_many():
        return [cr.Dense(4, "tanh"), recurrent(return_sequences=True), cr.Activation("tanh"), recurrent()]

    def many_to_one():
        return [recurrent(return_sequences=True), cr.LayerNorm(), recurrent(return_sequences=True)]

    X = padded(value)
    for layers in (many_to_one, many_to_many):
        net = randomised(cr.Network([cr.Input(7, 3), cr.Masking(value), *layers()], seed=0))
        outputs = net.predict(X)
        assert np.array_equal(net.forward(X), outputs)
        assert np.array_equal(cr.predict_population(net, [net.parameters], X)[0], outputs)
        assert np.array_equal(np.concatenate([net.predict(sample[None]) for sample in X]), outputs)
        for sample, length, output in zip(X, LENGTHS, outputs, strict=True):
            expected = alone(net, layers, sample, length) if length else np.zeros_like(output)
            inside = output[:length] if output.ndim == 2 else output
            assert np.array_equal(inside, expected[: len(inside)])
            assert output.ndim == 1 or not output[length:].any()


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("directions", [1, 2])
def test_no_gradient_comes_from_padding_and_none_goes_there(cell, directions):
    layers = [CELLS[cell](return_sequences=True), CELLS[cell](return_sequences=True)]
    layers = layers if directions == 1 else list(map(cr.Bidirectional, layers))
    net = randomised(cr.Network([cr.Input(7, 3), cr.Masking(), *layers], seed=0))
    X, gradient = padded(), np.random.default_rng(2).standard_normal((5, 7, 6 * directions))
    net.forward(X)
    back = net.backward(gradient)
    of_parameters = [part.copy() for parts in net.gradients for part in parts]
    for sample, length in enumerate(LENGTHS):
        assert not back[sample, length:].any()
        assert back[sample, :length].all()
        gradient[sample, length:] = 1e6
    assert np.array_equal(net.backward(gradient), back)
    assert all(map(np.array_equal, (part for parts in net.gradients for part in parts), of_parameters))


def test_word_zero_is_padding():
    layers = [cr.GRU(6, return_sequences=True), cr.Dense(4, "tanh"), cr.LSTM(3)]
    net = cr.Network([cr.Input(5), cr.Embedding(9, 4, mask_zero=True), *layers], seed=0)
    words = np.array([[3, 0, 4, 1, 8], [3, 0, 4, 0, 0], [3, 0, 4, 1, 0], [0, 0, 0, 0, 0]])
    short = cr.Network(
        [cr.Input(3), cr.Embedding(9, 4), cr.GRU(6, return_sequences=True), cr.Dense(4, "tanh"), cr.LSTM(3)]
    )
    short.parameters = net.parameters
    outputs = net.predict(words)
    assert np.array_equal(outputs[1], short.predict(words[1:2, :3])[0])
    assert not outputs[3].any()
    stepper = net.stepper()
    for word in [3, 0, 4]:
        output = stepper.step(word)
    assert np.array_equal(output, outputs[1])


def test_a_stepper_takes_each_step_as_one():
    net = randomised(cr.Network([cr.Input(7, 3), cr.Masking(), cr.LSTM(4)], seed=0))
    stepper = net.stepper()
    for x in padded()[1, :3]:
        output = stepper.step(x)
    assert np.array_equal(output, net.predict(padded())[1])
    assert not np.array_equal(stepper.step(np.zeros(3)), output)


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


@pytest.mark.parametrize("cell", CELLS)
def test_recurrent_dropout_is_for_training_and_leaves_the_way_back_right(cell):
    net = many_to_many(cell, recurrent_dropout=0.4)
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


def tagged(output="tanh", **options):
    """Return a network with outputs at each step, its targets, and weights that are zero on the padding."""
    layers = [cr.Masking(), cr.GRU(6, return_sequences=True), cr.Dense(2, output)]
    net = randomised(cr.Network([cr.Input(7, 3), *layers], seed=0, **options))
    weights = np.random.default_rng(3).uniform(0.5, 2, (5, 7)) * (np.arange(7) < np.array(LENGTHS)[:, None])
    return net, (np.random.default_rng(4).standard_normal((5, 7, 2)) > 0).astype(float), weights


LOSSES = [
    ("tanh", "mse"),
    ("sigmoid", "cross_entropy"),
    ("gelu", "mae"),
    ("identity", "hinge"),
    ("softplus", "poisson"),
]


@pytest.mark.parametrize(("output", "loss"), LOSSES)
def test_losses_at_each_step_are_checked(output, loss):
    layers = [cr.GRU(6, return_sequences=True), cr.Dense(2, output)]
    net = randomised(cr.Network([cr.Input(7, 3), *layers], seed=0))
    report = net.check(sequences(), (sequences(5, 7, 2) > 0).astype(float), loss=loss)
    assert report.ok, report


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("output", "loss"), LOSSES)
def test_weights_of_steps_are_checked(output, loss, dtype):
    net, y, weights = tagged(output, dtype=dtype)
    report = net.check(padded(), y, loss=loss, sample_weight=weights, steps=4)
    assert report.ok, report


def test_weighted_steps_are_as_samples_without_padding():
    net, y, _ = tagged(dtype="float64")
    weights = (np.arange(7) < np.array(LENGTHS)[:, None]).astype(float)
    X = padded()
    loss, gradient = 0.0, np.zeros(net.parameter_count)
    for sample, target, length in zip(X, y, LENGTHS, strict=True):
        if length == 0:
            continue
        layers = [cr.GRU(6, return_sequences=True), cr.Dense(2, "tanh")]
        short = cr.Network([cr.Input(length, 3), *layers], seed=0, dtype="float64")
        short.parameters = net.parameters
        alone_loss, alone_gradient = short.loss_and_gradient(sample[None, :length], target[None, :length], "mse")
        loss, gradient = loss + alone_loss, gradient + alone_gradient
    got_loss, got = net.loss_and_gradient(X, y, "mse", weights)
    assert got_loss == pytest.approx(7 * loss / sum(LENGTHS), rel=1e-12)
    np.testing.assert_allclose(got, 7 * gradient / sum(LENGTHS), rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize(
    ("output", "loss", "name", "right"),
    [
        ("tanh", "mse", "mae", lambda a, y: abs(a - y)),
        ("sigmoid", "cross_entropy", "accuracy", lambda a, y: (a > 0.5) == (y > 0.5)),
    ],
)
def test_metrics_are_weighted_by_steps_too(output, loss, name, right):
    net, y, weights = tagged(output, dtype="float64")
    expected = np.average(right(net.predict(padded()), y).mean(axis=2), weights=weights)
    assert net.evaluate(padded(), y, loss=loss, sample_weight=weights)[name] == pytest.approx(expected, rel=1e-12)


def test_weights_of_steps_are_those_of_samples_where_they_are_equal():
    net, y, _ = tagged()
    of_samples = np.array([1.0, 0.5, 2.0, 0.0, 4.0])
    of_steps = np.repeat(of_samples[:, None], 7, axis=1)
    ones, none, steps, samples = net.copy(), net.copy(), net.copy(), net.copy()
    options = {"epochs": 2, "batch_size": 2, "verbose": 0, "validation_data": (padded(), y, of_steps)}
    ones.fit(padded(), y, sample_weight=np.ones((5, 7)), **options)
    none.fit(padded(), y, **options)
    assert ones.parameters.tobytes() == none.parameters.tobytes()
    assert ones.history == none.history
    steps.fit([(padded(), y, of_steps)] * 3, epochs=1, verbose=0)
    samples.fit([(padded(), y, of_samples)] * 3, epochs=1, verbose=0)
    assert steps.parameters.tobytes() == samples.parameters.tobytes()
    assert net.evaluate(padded(), y, sample_weight=of_steps) == net.evaluate(padded(), y, sample_weight=of_samples)


def test_threads_change_no_byte_of_weighted_steps(many_threads):
    _, y, weights = tagged()
    outcomes = []
    for threads in (1, 3):
        cr.set_num_threads(threads)
        net, _, _ = tagged()
        net.fit(padded(), y, epochs=3, sample_weight=weights, batch_size=4, verbose=0)
        outcomes.append((net.parameters.tobytes(), net.evaluate(padded(), y, sample_weight=weights)))
    cr.set_num_threads(None)
    assert outcomes[0] == outcomes[1]


def test_a_stepper_is_a_copy():
    net = cr.Network([cr.Input(5, 3), cr.LSTM(4)], seed=0)
    stepper, same = net.stepper(), net.stepper()
    net.parameters = np.zeros(net.parameter_count)
    assert stepper.step(np.ones(3)).tolist() == same.step(np.ones(3)).tolist() != [0, 0, 0, 0]


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


@pytest.mark.parametrize("words", [[[0, 9]], [[-1, 0]], [[0.5, 1]], [[np.nan, 1]], [[2**40, 1]]])
def test_what_is_no_word_is_refused_before_anything_changes(words):
    net = cr.Network([cr.Input(2), cr.Embedding(9, 4), cr.SimpleRNN(3)], seed=0)
    before = net.parameters
    target = np.zeros((1, 3))
    for use in (
        lambda: net.predict(words),
        lambda: net.predict(np.array(words, dtype=np.float32)),
        lambda: net.forward(words),
        lambda: net.fit(words, target, epochs=1, verbose=0),
        lambda: net.fit([(words, target)], epochs=1, verbose=0),
        lambda: net.evaluate(words, target),
        lambda: net.loss_and_gradient(words, target),
    ):
        with pytest.raises(ValueError, match=r"X must hold whole numbers in \[0, 9\), got"):
            use()
    assert np.array_equal(net.parameters, before)


def test_the_core_reads_nothing_outside_of_the_vocabulary():
    net = cr.Network([cr.Input(4), cr.Embedding(3, 20)], seed=0)
    X = np.array([[-1e30, -1, 3, 1e30], [np.nan, np.inf, -np.inf, 2]], dtype=np.float32)
    ends = net.core.forward(X).reshape(8, 20)
    weights = net.layers[1].weights
    for vector, word in zip(ends, [0, 0, 2, 2, 0, 2, 0, 2], strict=True):
        assert np.array_equal(vector, weights[word])


def test_bytes_are_words_too():
    net = cr.Network([cr.Input(2), cr.Embedding(256, 4)], seed=0)
    words = np.array([[0, 255]])
    assert np.array_equal(net.predict(words.astype(np.uint8)), net.predict(words))
    assert np.array_equal(net.forward(words.astype(np.uint8)), net.predict(words))


def test_plain_descent_moves_only_the_words_that_occur():
    net = cr.Network([cr.Input(3), cr.Embedding(50, 20), cr.SimpleRNN(4), cr.Dense(2, "softmax")], seed=0)
    before = net.layers[1].weights
    net.fit([[1, 7, 7], [49, 1, 0]], [0, 1], epochs=2, optimizer=cr.SGD(0.1), verbose=0)
    moved = np.any(net.layers[1].weights != before, axis=1)
    assert np.flatnonzero(moved).tolist() == [0, 1, 7, 49]


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("vocabulary", [300, 100_000])  # updates of the second are deferred
@pytest.mark.parametrize(
    ("make", "penalty"),
    [
        (lambda **clip: cr.SGD(0.1, **clip), 0.0),
        (lambda **clip: cr.SGD(0.1, **clip), 0.01),
        (lambda **clip: cr.SGD(0.1, momentum=0.9, **clip), 0.0),
        (lambda **clip: cr.SGD(0.1, momentum=0.9, nesterov=True, **clip), 0.01),
        (lambda **clip: cr.Adagrad(0.1, **clip), 0.0),
        (lambda **clip: cr.Adam(0.01, **clip), 0.0),
        (lambda **clip: cr.AdamW(0.01, **clip), 0.0),
        (lambda **clip: cr.RMSprop(0.01, **clip), 0.0),
    ],
    ids=["sgd", "sgd-l2", "momentum", "nesterov-l2", "adagrad", "adam", "adamw", "rmsprop"],
)
def test_words_that_are_absent_are_updated_as_by_their_whole_gradient(make, penalty, vocabulary, threads, many_threads):
    rng = np.random.default_rng(0)
    words, y = np.minimum(rng.geometric(0.02, (40, 6)) - 1, 299), np.arange(40) % 2

    def trained(**clip):
        layers = [cr.Embedding(vocabulary, 33, l2=penalty), cr.SimpleRNN(4), cr.Dense(2, "softmax")]
        net = cr.Network([cr.Input(6), *layers], seed=0)
        for _ in range(2):
            net.fit(words, y, epochs=1, batch_size=8, optimizer=make(**clip), verbose=0)
            yield net.parameters.tobytes()

    cr.set_num_threads(threads)
    # Clipping by norm needs the whole gradient before any parameter changes.
    assert list(trained()) == list(trained(clip_norm=1e30))


def test_only_the_words_that_occur_have_a_gradient():
    net = cr.Network([cr.Input(3), cr.Embedding(6, 2), cr.Flatten(), cr.Dense(1, "identity", weights=1.0)], seed=0)
    net.forward([[1, 4, 4]])
    assert not net.backward([[1.0]]).any()
    assert net.gradients[0][0].tolist() == [[0, 0], [1, 1], [0, 0], [0, 0], [2, 2], [0, 0]]


def test_a_gradient_can_be_taken_twice_from_one_pass():
    net = cr.Network([cr.Input(7, 3), cr.LSTM(6)], seed=0)
    net.forward(sequences())
    first = net.backward(np.ones((5, 6))).tobytes(), net.gradients[0][1].tobytes()
    assert (net.backward(np.ones((5, 6))).tobytes(), net.gradients[0][1].tobytes()) == first


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: cr.LSTM(0), ValueError, "units must be at least 1"),
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
        (lambda: cr.Network([cr.Input(4, 3), cr.Dense(3, "softmax")]), ValueError, "in a row with softmax or max_norm"),
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
