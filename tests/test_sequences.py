"""Recurrent layers and embeddings: what is special about them, beside what test_layers.py asks of every layer."""

import numpy as np
import pytest

import chainrule as cr

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
        # PyTorch's r is ours, and its z too, but it has r before z.
        gates = np.split(values, values.shape[-1] // 6, axis=-1)
        return np.concatenate([gates[1], gates[0], gates[2]] if cell == "gru" else gates, axis=-1)

    recurrent_bias = layer.recurrent_bias if cell == "gru" else np.zeros_like(layer.bias)
    with torch.no_grad():
        theirs.weight_ih_l0.copy_(torch.from_numpy(in_their_order(layer.input_weights).T.copy()))
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
    layer.back.input_weights = layer.ahead.input_weights
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
    assert not np.array_equal(directions.ahead.input_weights, directions.back.input_weights)


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
    assert [layer.input_weights.tolist(), layer.recurrent_weights.tolist()] == [w.tolist(), u.tolist()]
    assert layer.bias.tolist() == b.tolist()
    assert not layer.peephole_weights.any()
    layer.peephole_weights = np.ones((3, 6))
    assert layer.peephole_weights.all()


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("streams", [1, 3])
def test_step_by_step_is_the_whole_sequence(cell, streams):
    layers = [cr.Dense(4, "tanh"), CELLS[cell](return_sequences=True), cr.Dropout(0.5), CELLS[cell](), cr.Dense(2)]
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
    before = [layer._parameters() for layer in net.layers[1:]]
    net.fit(sequences(), sequences(5, 1, 2)[:, 0], epochs=2, verbose=0)
    for number, (layer, old) in enumerate(zip(net.layers[1:], before, strict=True), start=1):
        same = [np.array_equal(values, old[name]) for name, values in layer._parameters().items()]
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
    ends = net._core.forward(X).reshape(8, 20)
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
@pytest.mark.parametrize("vocabulary", [300, 100_000])  # of the second, updates are put off
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
    # A gradient whose length is limited must be there as a whole before anything moves.
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
        (lambda: cr.LSTM(2, peepholes=1), TypeError, "peepholes must be True or False, got 1"),
        (lambda: cr.GRU(2, weights="glorot"), ValueError, "unknown weights 'glorot'"),
        (lambda: cr.Network([cr.Input(4), cr.GRU(3)]), ValueError, r"GRU takes samples of shape \(steps, features\)"),
        (lambda: cr.Network([cr.Input(4, 3), cr.Embedding(3, 3)]), ValueError, r"samples of shape \(steps,\), got"),
        (lambda: cr.Network([cr.Input(4), cr.Dense(4), cr.Embedding(3, 3)]), ValueError, "must be the first layer"),
        (lambda: cr.Embedding(2**24 + 1, 3), ValueError, "vocabulary must be at least 1 and at most 16777216"),
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
            "input_noise must be 0 for words, got 0.1",
        ),
    ],
)
def test_it_refuses(make, error, message):
    with pytest.raises(error, match=message):
        make()
