"""The data of the workloads: MNIST, and synthetic sets."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

import chainrule as cr

VOCABULARY = 20_000
TOKENS_PER_ROW = 80


class Data(NamedTuple):
    """Inputs float32, or SciPy CSR; targets are int64 labels (samples,), or float32 rows (samples, outputs)."""

    X_train: Any
    y_train: NDArray[Any]
    X_test: Any
    y_test: NDArray[Any]

    def first(self, samples: int) -> Data:
        """Return a copy with only the first training samples."""
        return self._replace(X_train=self.X_train[:samples], y_train=self.y_train[:samples])


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where data come from: `make` takes the folder of MNIST, which only some read; `labels` tells what targets are."""

    make: Callable[[str | None], Data]
    labels: bool
    reads_mnist: bool = False


def held_out(make: Callable[[int], tuple[Any, NDArray[Any]]], samples: int, tests: int) -> Callable[[str | None], Data]:
    """Return a function that makes so many samples for training, and others for tests."""

    def split(folder: str | None) -> Data:
        X, y = make(samples + tests)
        return Data(X[:-tests], y[:-tests], X[-tests:], y[-tests:])

    return split


@functools.cache
def load(name: str, mnist: str | None = None) -> Data:
    """Return the data of the source of this name, MNIST from the folder, else from the sample of the package."""
    return SOURCES[name].make(mnist)


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


def reconstruction(folder: str | None) -> Data:
    """Return the digits, which are their own targets."""
    data = digits(folder)
    return Data(data.X_train, data.X_train, data.X_test, data.X_test)


def gaussian(samples: int, features: int, outputs: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return normal random numbers, none of them zero; the targets are the outputs of a small random network."""
    rng = np.random.default_rng(2)
    X = rng.standard_normal((samples, features), dtype=np.float32)
    first, last = (rng.standard_normal(shape, dtype=np.float32) for shape in ((features, 32), (32, outputs)))
    return X, np.tanh(X @ first / np.float32(np.sqrt(features))) @ last / np.float32(np.sqrt(32))


def images(samples: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return colour images, 32 × 32 × 3 in a row: one of ten coarse patterns, shifted and in noise; which one."""
    rng = np.random.default_rng(4)
    patterns = rng.standard_normal((10, 8, 8, 3), dtype=np.float32).repeat(4, axis=1).repeat(4, axis=2)
    y = rng.integers(0, len(patterns), samples)
    shifts = rng.integers(0, 8, (samples, 2))
    X = rng.standard_normal((samples, 32, 32, 3), dtype=np.float32)
    for x, label, shift in zip(X, y, shifts, strict=True):
        x += np.roll(patterns[label], shift, axis=(0, 1))
    return X.reshape(samples, -1), y


def signals(samples: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return signals, 128 steps of six channels in a row: waves from a random moment on, in noise; which of six."""
    rng = np.random.default_rng(5)
    y = rng.integers(0, 6, samples)
    # Radians per step, and the phase of each channel, in each of the activities.
    speeds, phases = rng.uniform(0.1, 1, (6, 6)), rng.uniform(0, 2 * np.pi, (6, 6))
    times = np.arange(128) + rng.uniform(0, 128, (samples, 1))
    waves = np.sin(times[:, :, None] * speeds[y][:, None] + phases[y][:, None])
    return (waves + rng.standard_normal(waves.shape)).astype(np.float32).reshape(samples, -1), y


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


SOURCES = {
    "mnist": Source(make=digits, labels=True, reads_mnist=True),
    "reconstruction": Source(make=reconstruction, labels=False, reads_mnist=True),
    "borehole": Source(make=held_out(borehole, 20_000, 5_000), labels=False),
    "gaussian": Source(make=held_out(partial(gaussian, features=256, outputs=8), 60_000, 5_000), labels=False),
    "gaussian-30": Source(make=held_out(partial(gaussian, features=30, outputs=1), 20_000, 5_000), labels=False),
    "gaussian-40": Source(make=held_out(partial(gaussian, features=40, outputs=1), 20_000, 5_000), labels=False),
    "words": Source(make=held_out(words, 20_000, 5_000), labels=True),
    "images": Source(make=held_out(images, 1_000, 1_000), labels=True),
    "signals": Source(make=held_out(signals, 5_000, 1_000), labels=True),
}
