"""The adding problem (Hochreiter and Schmidhuber 1997): a network sums the two marked numbers of a long sequence.

python examples/adding_problem.py [STEPS]   (100 steps by default; fewer take less time)

A plain recurrent network forgets the first number over so many steps; LSTM and GRU keep it.
"""

import sys

import numpy as np

import chainrule as cr

steps = int(sys.argv[1]) if len(sys.argv) > 1 else 100
rng = np.random.default_rng(0)


def sequences(samples):
    """Return sequences of numbers in [0, 1) and marks, one mark per half, and the sums of the marked numbers."""
    X = np.zeros((samples, steps, 2), dtype=np.float32)
    X[:, :, 0] = rng.random((samples, steps))
    for half in (0, steps // 2):
        X[np.arange(samples), half + rng.integers(0, steps // 2, samples), 1] = 1
    return X, (X[:, :, 0] * X[:, :, 1]).sum(axis=1)


def batches():
    """Return the batches of an epoch, which are new in each epoch."""
    return (sequences(50) for _ in range(200))


X, y = sequences(1000)
for layer in (cr.SimpleRNN(32), cr.LSTM(32), cr.GRU(32)):
    net = cr.Network([cr.Input(steps, 2), layer, cr.Dense(1, "identity")], seed=0)
    net.fit(batches, epochs=20, optimizer=cr.Adam(cr.CosineDecay(0.005, 4000), clip_norm=1.0), verbose=0)
    error = float(np.mean((net.predict(X)[:, 0] - y) ** 2))
    print(f"{type(layer).__name__:9} mean square error {error:.5f}, of the mean of all sums {y.var():.5f}", flush=True)
