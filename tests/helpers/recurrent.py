"""Recurrent networks and sequences with padding, for the tests of several files."""

import numpy as np

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


LENGTHS = [7, 3, 1, 0, 5]
_AFTER = np.arange(7) < np.array(LENGTHS)[:, None]
# Whether a step is real, where padding comes after the steps, before them, or in between.
IS_STEP = {"after": _AFTER, "before": _AFTER[:, ::-1], "between": _AFTER[:, [4, 0, 5, 2, 6, 1, 3]]}


def padded(value=0.0, where="after"):
    X = sequences().astype(np.float32)
    X[~IS_STEP[where]] = value
    return X


def tagged(output="tanh", **options):
    """Return a network with outputs at each step, its targets, and weights that are zero on the padding."""
    layers = [cr.Masking(), cr.GRU(6, return_sequences=True), cr.Dense(2, output)]
    net = randomised(cr.Network([cr.Input(7, 3), *layers], seed=0, **options))
    weights = np.random.default_rng(3).uniform(0.5, 2, (5, 7)) * (np.arange(7) < np.array(LENGTHS)[:, None])
    return net, (np.random.default_rng(4).standard_normal((5, 7, 2)) > 0).astype(float), weights
