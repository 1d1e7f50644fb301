"""Padding counts for nothing: not in outputs, not in gradients."""

import numpy as np
import pytest
from recurrent import CELLS, IS_STEP, padded, randomised, sequences

import chainrule as cr

# A value of padding, and where it is.
VALUES = [(0.0, "after"), (-1.5, "before"), (0.0, "between")]


def alone(net, layers, steps):
    """Return the outputs of a network without the masking for a sample without its padding."""
    short = cr.Network([cr.Input(len(steps), 3), *layers()], seed=0)
    short.parameters = net.parameters
    return short.predict(steps[None])[0]


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize(("value", "where"), VALUES)
@pytest.mark.parametrize("directions", [1, 2])
def test_padding_changes_no_byte(cell, value, directions, where):
    def recurrent(**options):
        return CELLS[cell](**options) if directions == 1 else cr.Bidirectional(CELLS[cell](**options))

    def many_to_many():
        return [cr.Dense(4, "tanh"), recurrent(return_sequences=True), cr.Activation("tanh"), recurrent()]

    def many_to_one():
        return [recurrent(return_sequences=True), cr.LayerNorm(), recurrent(return_sequences=True)]

    X = padded(value, where)
    for layers in (many_to_one, many_to_many):
        net = randomised(cr.Network([cr.Input(7, 3), cr.Masking(value), *layers()], seed=0))
        outputs = net.predict(X)
        assert np.array_equal(net.forward(X), outputs)
        assert np.array_equal(cr.predict_population(net, [net.parameters], X)[0], outputs)
        assert np.array_equal(np.concatenate([net.predict(sample[None]) for sample in X]), outputs)
        for sample, is_step, output in zip(X, IS_STEP[where], outputs, strict=True):
            inside = output[is_step] if output.ndim == 2 else output
            expected = alone(net, layers, sample[is_step]) if is_step.any() else np.zeros_like(inside)
            assert np.array_equal(inside, expected)
            assert output.ndim == 1 or not output[~is_step].any()


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("directions", [1, 2])
@pytest.mark.parametrize("where", IS_STEP)
def test_no_gradient_comes_from_padding_and_none_goes_there(cell, directions, where):
    layers = [CELLS[cell](return_sequences=True), CELLS[cell](return_sequences=True)]
    layers = layers if directions == 1 else list(map(cr.Bidirectional, layers))
    net = randomised(cr.Network([cr.Input(7, 3), cr.Masking(), *layers], seed=0))
    X, gradient = padded(where=where), np.random.default_rng(2).standard_normal((5, 7, 6 * directions))
    net.forward(X)
    back = net.backward(gradient)
    of_parameters = [part.copy() for parts in net.gradients for part in parts]
    assert not back[~IS_STEP[where]].any()
    assert back[IS_STEP[where]].all()
    gradient[~IS_STEP[where]] = 1e6
    assert np.array_equal(net.backward(gradient), back)
    assert all(map(np.array_equal, (part for parts in net.gradients for part in parts), of_parameters))


@pytest.mark.parametrize("cell", CELLS)
def test_the_gradient_with_padding_between_steps_is_that_of_the_reference_and_of_differences(cell):
    layers = [cr.Masking(), cr.Bidirectional(CELLS[cell]())]
    net = randomised(cr.Network([cr.Input(7, 3), *layers], seed=0, dtype="float64"))
    report = net.check(padded(where="between")[1:], sequences(4, 1, 12)[:, 0], steps=3)
    assert report.ok, report


def test_a_state_is_carried_over_padding_from_batch_to_batch():
    def losses(X, *masking):
        net = randomised(cr.Network([cr.Input(*X.shape[1:]), *masking, cr.LSTM(4, stateful=True)], dtype="float64"))
        options = {"batch_size": 2, "shuffle": False, "optimizer": cr.SGD(1e-300), "loss": "mse", "verbose": 0}
        return net.fit(X, np.ones((len(X), 4)), epochs=1, **options)["loss"]

    X = sequences(6, 2)
    with_padding = np.zeros((6, 5, 3))
    for number, places in enumerate([[0, 1], [3, 4], [0, 4], [1, 3], [2, 3], [0, 2]]):
        with_padding[number, places] = X[number]
    assert losses(with_padding, cr.Masking()) == losses(X)


def test_word_zero_is_padding():
    layers = [cr.GRU(6, return_sequences=True), cr.Dense(4, "tanh"), cr.LSTM(3)]
    net = cr.Network([cr.Input(5), cr.Embedding(9, 4, mask_zero=True), *layers], seed=0)
    words = np.array([[3, 1, 4, 1, 8], [3, 4, 0, 0, 0], [0, 0, 0, 3, 4], [0, 3, 0, 4, 0], [0, 0, 0, 0, 0]])
    short = cr.Network(
        [cr.Input(2), cr.Embedding(9, 4), cr.GRU(6, return_sequences=True), cr.Dense(4, "tanh"), cr.LSTM(3)]
    )
    short.parameters = net.parameters
    outputs = net.predict(words)
    assert all(np.array_equal(output, short.predict([[3, 4]])[0]) for output in outputs[1:4])
    assert not outputs[4].any()


@pytest.mark.parametrize(("value", "where"), VALUES)
@pytest.mark.parametrize("weighted", [None, "samples", "steps"])
def test_padded_steps_count_for_nothing_in_the_loss(value, weighted, where):
    rng = np.random.default_rng(4)
    shape = {"samples": (5,), "steps": (5, 7)}
    weights = None if weighted is None else rng.uniform(0.5, 2, shape[weighted])
    is_step = IS_STEP[where].astype(float)
    same = is_step if weights is None else is_step * weights.reshape(5, -1)
    y = rng.integers(0, 2, (5, 7))

    def made():
        layers = [cr.Masking(value), cr.GRU(6, return_sequences=True), cr.Dense(2, "softmax")]
        return randomised(cr.Network([cr.Input(7, 3), *layers], seed=0))

    net, explicit = made(), made()
    X = padded(value, where)
    assert net.evaluate(X, y, sample_weight=weights) == explicit.evaluate(X, y, sample_weight=same)
    other = np.where(is_step == 0, 1 - y, y)
    assert net.evaluate(X, other, sample_weight=weights) == net.evaluate(X, y, sample_weight=weights)
    net.fit(X, y, sample_weight=weights, epochs=2, verbose=0)
    explicit.fit(X, other, sample_weight=same, epochs=2, verbose=0)
    assert net.parameters.tobytes() == explicit.parameters.tobytes()
    assert net.check(X, y, sample_weight=weights).ok


def test_padded_tokens_count_for_nothing_in_the_loss():
    layers = [cr.Embedding(9, 4, mask_zero=True), cr.LSTM(5, return_sequences=True), cr.Dense(3, "softmax")]
    net = cr.Network([cr.Input(4), *layers], seed=0)
    words, y = np.array([[3, 0, 4, 1], [0, 5, 0, 0]]), np.array([[0, 1, 2, 0], [1, 1, 0, 0]])
    other = np.array([[0, 0, 2, 0], [2, 1, 2, 1]])
    assert net.evaluate(words, y) == net.evaluate(words, other)
    with pytest.raises(ValueError, match="X must have at least one step"):
        net.evaluate(np.zeros((2, 4), int), y)


def test_padding_is_found_after_a_change_of_shape_and_refused_after_arithmetic():
    layers = [cr.Masking(), cr.GRU(6, return_sequences=True), cr.Dense(2, "softmax")]
    net = cr.Network([cr.Input(7, 3), *layers], seed=0)
    flat = cr.Network([cr.Input(21), cr.Reshape(7, 3), *(layer.copy() for layer in net.layers[1:])], seed=0)
    X, y = padded(where="between"), np.random.default_rng(4).integers(0, 2, (5, 7))
    assert flat.evaluate(X.reshape(5, 21), y) == net.evaluate(X, y)
    with pytest.raises(ValueError, match=r"Masking\(\) must stand before Rescale.*an output at each step"):
        cr.Network([cr.Input(7, 3), cr.Rescale(0.1), *(layer.copy() for layer in net.layers[1:])])


def test_sparse_samples_have_no_padding():
    scipy_sparse = pytest.importorskip("scipy.sparse")
    layers = [cr.Masking(), cr.GRU(6, return_sequences=True)]
    X = scipy_sparse.csr_matrix(padded().reshape(5, 21))
    with pytest.raises(ValueError, match="a sparse X needs a dense first layer"):
        cr.Network([cr.Input(7, 3), *layers]).evaluate(X, np.zeros((5, 7, 6)))


def test_padding_is_what_the_network_reads_as_padding():
    layers = [cr.Masking(0.1), cr.GRU(6, return_sequences=True), cr.Dense(2, "softmax")]
    net = cr.Network([cr.Input(7, 3), *layers], seed=0)
    y = np.random.default_rng(4).integers(0, 2, (5, 7))
    almost = np.where(IS_STEP["after"][..., None], sequences(), 0.1 + 1e-12)
    assert net.evaluate(almost, y) == net.evaluate(padded(0.1), y)


@pytest.mark.parametrize("options", [{"padding": "same"}, {"padding": "causal", "dilation": 2}, {"padding": (0, 2)}])
def test_a_convolution_reads_padding_as_it_is_and_passes_the_mask_on(options):
    layers = [cr.Conv1D(4, 3, "tanh", **options), cr.AvgPool1D(2, strides=1, padding="same")]
    net = randomised(cr.Network([cr.Input(7, 3), cr.Masking(), *layers, cr.GRU(6, return_sequences=True)], seed=0))
    front = cr.Network([cr.Input(7, 3), *(layer.copy() for layer in net.layers[2:4])])
    X, is_step = padded(where="between"), IS_STEP["between"]
    outputs, between = net.predict(X), front.predict(X)
    for sample, real, output in zip(between, is_step, outputs, strict=True):
        expected = net.layers[-1].copy()
        steps = sample[real]
        if len(steps):
            assert np.array_equal(output[real], cr.Network([cr.Input(*steps.shape), expected]).predict(steps[None])[0])
        assert not output[~real].any()
    y = np.ones((5, 7, 6))
    other = np.where(is_step[..., None], y, 9.0)
    assert net.evaluate(X, y) == net.evaluate(X, other)
