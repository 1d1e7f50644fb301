"""Steppers give the bytes of a prediction of the whole sequence."""

import numpy as np
import pytest
from recurrent import CELLS, IS_STEP, padded, randomised, sequences

import chainrule as cr


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
