"""Times on a machine on which other processes are busy: ``python -m benchmarks --busy``."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

import chainrule as cr

EPOCHS, FITS, SECONDS = 5, 5, 1.0


@dataclass(frozen=True)
class Situation:
    """How many other processes are busy, and how many threads are asked for."""

    name: str
    others: int
    threads: int


def busy() -> str:
    """Return a table of the times of a fit and of a prediction, with one and with several threads."""
    cores = len(os.sched_getaffinity(0))
    situations = [Situation("idle", 0, cores)]
    situations += [Situation(f"{n} other busy process{'es' * (n > 1)}", n, cores) for n in range(1, cores + 1)]
    situations.append(Situation(f"idle, {4 * cores} threads asked for", 0, 4 * cores))
    lines = [
        f"| | fit, {cores} threads | fit, 1 thread | predict, {cores} threads | predict, 1 thread | PyTorch: fit, "
        f"{cores} threads |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for situation in situations:
        print(situation.name, file=sys.stderr)
        with _others(situation.others):
            fits = [_seconds_of_fit(threads) for threads in (situation.threads, 1)]
            predictions = [_seconds_of_prediction(threads) for threads in (situation.threads, 1)]
            torch = _seconds_of_torch(situation.threads)
        cells = [f"{seconds:.3f} s" for seconds in fits] + [f"{1e3 * seconds:.3f} ms" for seconds in predictions]
        cells.append("–" if torch is None else f"{torch:.2f} s")
        lines.append(f"| {situation.name} | {' | '.join(cells)} |")
    return "\n".join(lines)


@contextlib.contextmanager
def _others(count: int) -> Iterator[None]:
    """Keep so many processes busy."""
    processes = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        time.sleep(0.3 * (count > 0))
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


def _digits() -> tuple[np.ndarray, np.ndarray]:
    digits = cr.data.mnist_sample()
    return digits.X_train / np.float32(255), digits.y_train


def _median(run: Callable[[], object], times: int) -> float:
    run()
    seconds = []
    for _ in range(times):
        begin = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - begin)
    return float(np.median(seconds))


def _seconds_of_fit(threads: int) -> float:
    """Return the median of some fits of 784-100-10, five epochs each."""
    cr.set_num_threads(threads)
    X, y = _digits()
    net = cr.Network([cr.Input(784), cr.Dense(100, "relu"), cr.Dense(10, "softmax")], seed=0)
    seconds = _median(lambda: net.fit(X, y, epochs=EPOCHS, batch_size=32, verbose=0), FITS)
    cr.set_num_threads(None)
    return seconds


def _seconds_of_prediction(threads: int) -> float:
    """Return the mean of the predictions of 32 samples by a small convolutional network that fit into a second."""
    cr.set_num_threads(threads)
    layers = [cr.Input(8, 8, 1), cr.Conv2D(16, 3, "relu"), cr.MaxPool2D(2), cr.Flatten(), cr.Dense(10, "softmax")]
    net = cr.Network(layers, seed=0)
    X = np.random.default_rng(0).random((32, 8, 8, 1), dtype=np.float32)
    net.predict(X)
    begin, count = time.perf_counter(), 0
    while time.perf_counter() < begin + SECONDS:
        net.predict(X)
        count += 1
    cr.set_num_threads(None)
    return (time.perf_counter() - begin) / count


def _seconds_of_torch(threads: int) -> float | None:
    """Return the median for PyTorch's fit of the same network, or None without PyTorch."""
    try:
        import torch
    except ImportError:
        return None
    torch.set_num_threads(threads)
    X, y = (torch.tensor(values) for values in _digits())
    net = torch.nn.Sequential(torch.nn.Linear(784, 100), torch.nn.ReLU(), torch.nn.Linear(100, 10))
    optimizer = torch.optim.Adam(net.parameters())

    def fit() -> None:
        for _ in range(EPOCHS):
            for rows in torch.randperm(len(X)).split(32):
                optimizer.zero_grad(set_to_none=True)
                torch.nn.functional.cross_entropy(net(X[rows]), y[rows]).backward()
                optimizer.step()

    return _median(fit, 1)
