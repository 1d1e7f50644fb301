"""Padding counts for nothing: not in outputs, not in gradients."""

import numpy as np
import pytest
from recurrent import CELLS, LENGTHS, padded, randomised

import chainrule as cr


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


@pytest.mark.parametrize("value", [0.0, -1.5])
@pytest.mark.parametrize("weighted", [None, "samples", "steps"])
def test_padded_steps_count_for_nothing_in_the_loss(value, weighted):
    rng = np.random.default_rng(4)
    shape = {"samples": (5,), "steps": (5, 7)}
    weights = None if weighted is None else rng.uniform(0.5, 2, shape[weighted])
    is_step = (np.arange(7) < np.array(LENGTHS)[:, None]).astype(float)
    same = is_step if weights is None else is_step * weights.reshape(5, -1)
    y = rng.integers(0, 2, (5, 7))

    def made():
        layers = [cr.Masking(value), cr.GRU(6, return_sequences=True), cr.Dense(2, "softmax")]
        return randomised(cr.Network([cr.Input(7, 3), *layers], seed=0))

    net, explicit = made(), made()
    X = padded(value)
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
    words, y = np.array([[3, 0, 4, 1], [2, 5, 0, 0]]), np.array([[0, 1, 2, 0], [1, 1, 0, 0]])
    other = np.array([[0, 1, 2, 0], [1, 1, 2, 1]])
    assert net.evaluate(words, y) == net.evaluate(words, other)
    with pytest.raises(ValueError, match="X must have at least one step"):
        net.evaluate(np.zeros((2, 4), int), y)
