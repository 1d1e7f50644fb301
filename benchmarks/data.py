"""The data of the workloads: MNIST, and three synthetic sets."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

import chainrule as cr

VOCABULARY = 20_000
TOKENS_PER_ROW = 80
HELD_OUT = 5_000


class Data(NamedTuple):
    """Inputs float32, or SciPy CSR; targets are int64 labels (samples,), or float32 rows (samples, outputs)."""

    X_train: Any
    y_train: NDArray[Any]
    X_test: Any
    y_test: NDArray[Any]

    def first(self, samples: int) -> Data:
        """Return a copy with only the first training samples."""
        return self._replace(X_train=self.X_train[:samples], y_train=self.y_train[:samples])


@functools.cache
def load(kind: str, mnist: str | None = None) -> Data:
    """Return "mnist" (from the folder, else the sample of the package), "borehole", "gaussian" or "words"."""
    if kind == "mnist":
        return digits(mnist)
    make: dict[str, Callable[[int], tuple[Any, NDArray[Any]]]]
    make = {"borehole": borehole, "gaussian": gaussian, "words": words}
    X, y = make[kind]({"borehole": 20_000, "gaussian": 60_000, "words": 20_000}[kind] + HELD_OUT)
    return Data(X[:-HELD_OUT], y[:-HELD_OUT], X[-HELD_OUT:], y[-HELD_OUT:])


def digits(folder: str | None) -> Data:
    """Return MNIST as float32 between 0 and 1; without a folder, the sample of the package, repeated ten times."""
    source = cr.data.mnist(folder) if folder else cr.data.mnist_sample()
    times = 1 if folder else 10
    X_train, X_test = (X.astype(np.float32) / 255 for X in (source.X_train, source.X_test))
    return Data(np.tile(X_train, (times, 1)), np.tile(source.y_train, times), X_test, source.y_test)


def borehole(samples: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the flow through a borehole (Harper & Gupta 1983): eight inputs in [-1, 1], standardised targets."""
    lowest = np.array([0.05, 100, 63_070, 990, 63.1, 700, 1120, 9855])
    highest = np.array([0.15, 50_000, 115_600, 1110, 116, 820, 1680, 12_045])
    X = np.random.default_rng(1).uniform(-1, 1, (samples, 8))
    radius, influence, T_upper, H_upper, T_lower, H_lower, length, K = (lowest + (X + 1) / 2 * (highest - lowest)).T
    log = np.log(influence / radius)
    resistance = log * (1 + 2 * length * T_upper / (log * radius**2 * K) + T_upper / T_lower)
    y = 2 * np.pi * T_upper * (H_upper - H_lower) / resistance
    return X.astype(np.float32), ((y - y.mean()) / y.std()).astype(np.float32)[:, None]


def gaussian(samples: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return normal random numbers, none of them zero; the targets are the outputs of a small random network."""
    rng = np.random.default_rng(2)
    X = rng.standard_normal((samples, 256), dtype=np.float32)
    first, last = (rng.standard_normal(shape, dtype=np.float32) for shape in ((256, 32), (32, 8)))
    return X, np.tanh(X @ first / 16) @ last / np.float32(np.sqrt(32))


def words(samples: int) -> tuple[Any, NDArray[np.int64]]:
    """Return sparse rows with a 1 at each of 80 different tokens; a tenth of the vocabulary decides the label."""
    from scipy.sparse import csr_array

    rng = np.random.default_rng(3)
    columns = np.stack([rng.choice(VOCABULARY, TOKENS_PER_ROW, replace=False) for _ in range(samples)])
    columns.sort(axis=1)
    opinion = rng.standard_normal(VOCABULARY) * (rng.random(VOCABULARY) < 0.1)
    starts = np.arange(0, columns.size + 1, TOKENS_PER_ROW, dtype=np.int32)
    values = np.ones(columns.size, dtype=np.float32)
    X = csr_array((values, columns.ravel().astype(np.int32), starts), shape=(samples, VOCABULARY))
    return X, (opinion[columns].sum(axis=1) > 0).astype(np.int64)
