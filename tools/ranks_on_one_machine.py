"""Times two ranks on two cores of one machine, which share all samples or have samples of their own, and one process.

    mpiexec -n 2 python -m mpi4py tools/ranks_on_one_machine.py

It prints the table of docs/many_machines.md.
"""

from __future__ import annotations

import os
import time
from typing import Any

import numpy as np
from mpi4py import MPI

import chainrule as cr

BATCHES, STEPS = (1024, 2048, 4096), 16
# The epochs of two fits, whose difference is that of epochs alone; fits of each, of which the fastest counts.
EPOCHS, TIMES = (1, 5), 3


def fit_seconds(X: np.ndarray, y: np.ndarray, batch: int, epochs: int, options: dict[str, Any]) -> float:
    net = cr.Network([784, 300, 10], output="softmax", seed=0)
    begin = time.perf_counter()
    net.fit(X, y, epochs=epochs, batch_size=batch, optimizer=cr.Adam(1e-3), verbose=0, **options)
    return time.perf_counter() - begin


def step_seconds(X: np.ndarray, y: np.ndarray, batch: int, **options: Any) -> float:
    """Return the seconds of a step, without what a call of `fit` takes once."""
    short, long = (min(fit_seconds(X, y, batch, epochs, options) for _ in range(TIMES)) for epochs in EPOCHS)
    return (long - short) / ((EPOCHS[1] - EPOCHS[0]) * STEPS)


def all_seconds(ranks: MPI.Comm, batch: int) -> tuple[float, float, float]:
    """Return the seconds of a step of one process, of ranks that share samples, and of ranks that have their own."""
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((batch * STEPS, 784), dtype=np.float32), rng.integers(0, 10, batch * STEPS)
    alone = step_seconds(X, y, batch) if ranks.rank == 0 else 0.0
    ranks.Barrier()
    shared = step_seconds(X, y, batch, communicator=ranks)
    own = slice(ranks.rank * len(X) // 2, (ranks.rank + 1) * len(X) // 2)
    return alone, shared, step_seconds(X[own], y[own], batch, communicator=ranks, data="local")


def main() -> None:
    ranks = MPI.COMM_WORLD
    if ranks.size != 2:
        raise SystemExit(f"this must be run by two ranks, got {ranks.size}")
    os.sched_setaffinity(0, {sorted(os.sched_getaffinity(0))[ranks.rank]})
    cr.set_num_threads(1)
    columns = [all_seconds(ranks, batch) for batch in BATCHES]
    if ranks.rank == 0:
        print(f"| samples of a batch | {' | '.join(f'{batch:,}' for batch in BATCHES)} |")
        print((len(BATCHES) + 1) * "|---" + "|")
        names = ("one process", "two ranks that share all samples", 'two ranks, `data="local"`')
        for name, seconds in zip(names, zip(*columns, strict=True), strict=True):
            print(f"| {name} | {' | '.join(f'{1000 * each:.1f}' for each in seconds)} |")


if __name__ == "__main__":
    main()
