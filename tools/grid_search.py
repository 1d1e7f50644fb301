"""Measures the gain of a second core for a grid search over 32 small networks in joblib's threads.

    python tools/grid_search.py

It prints the best time of one worker and of two, and their ratio, which should be at most 0.6. It needs the package
installed with its extra `test`, and two idle cores.
"""

import time
from itertools import product

import joblib
import numpy as np

import chainrule as cr

ROUNDS = 5
GRID = list(product((16, 32, 48, 64), ("relu", "tanh"), (0.003, 0.01), (16, 64)))
EPOCHS = 100
X = np.random.default_rng(0).standard_normal((2000, 20)).astype(np.float32)
y = (np.sin(X[:, 0]) + X[:, 1] * X[:, 2] > 0).astype(int)


def loss(units: int, activation: str, rate: float, batch_size: int) -> float:
    net = cr.Network([20, units, 2], activation=activation, output="softmax", seed=0)
    net.fit(X[:1500], y[:1500], epochs=EPOCHS, batch_size=batch_size, optimizer=cr.Adam(rate), verbose=0)
    return net.evaluate(X[1500:], y[1500:])["loss"]


def search(workers: int) -> tuple[float, list[float]]:
    """Return the seconds, and the losses of the grid."""
    begin = time.perf_counter()
    losses = joblib.Parallel(n_jobs=workers, backend="threading")(joblib.delayed(loss)(*point) for point in GRID)
    return time.perf_counter() - begin, losses


def main() -> None:
    cr.set_num_threads(1)
    times: dict[int, list[float]] = {1: [], 2: []}
    results = []
    for _ in range(ROUNDS):
        for workers, seconds in times.items():
            taken, losses = search(workers)
            seconds.append(taken)
            results.append(losses)
    if any(losses != results[0] for losses in results):
        raise RuntimeError("workers changed the losses")
    one, two = (min(seconds) for seconds in times.values())
    print(f"{len(GRID)} networks: {one:.3f} s by one worker, {two:.3f} s by two, ratio {two / one:.2f}")


if __name__ == "__main__":
    main()
