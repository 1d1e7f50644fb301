"""The textbook's small problems, made on the spot."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .._checks import checked_integer, checked_number

Problem = tuple[NDArray[np.float64], NDArray[np.float64]]


def identity8() -> Problem:
    """Return the 8-3-8 encoder's problem (Ackley et al. 1985): eight patterns with a single one, to be reproduced.

    Examples
    --------
    >>> X, y = identity8()
    >>> X.shape, bool((X == y).all())
    ((8, 8), True)
    """
    return np.eye(8), np.eye(8)


def xor() -> Problem:
    """Return the four cases of exclusive or, (4, 2) and (4, 1): what one layer cannot learn.

    Examples
    --------
    >>> xor()[1].ravel().tolist()
    [0.0, 1.0, 1.0, 0.0]
    """
    X = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    return X, np.array([[0.0], [1.0], [1.0], [0.0]])


def two_spirals(samples: int = 194, noise: float = 0.0, seed: int = 0) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return two interlocked spirals (Lang and Witbrock 1988): points (samples, 2) in [−1, 1]² and labels 0, 1.

    Parameters
    ----------
    samples : int
        Of both together, >= 2.
    noise : float
        Standard deviation of normal noise on the points, >= 0.
    seed : int
        Of the noise.

    Examples
    --------
    >>> X, y = two_spirals(100)
    >>> X.shape, int(y.sum())
    ((100, 2), 50)
    """
    count = checked_integer(samples, "samples", lowest=2)
    checked_number(noise, "noise", lowest=0)
    labels = np.arange(count) % 2
    part = np.arange(count) // 2 / max(1, (count - 1) // 2)
    angle = part * 3 * 2 * np.pi + labels * np.pi
    radius = 1 - part * 0.94
    X = radius[:, None] * np.stack([np.sin(angle), np.cos(angle)], axis=1)
    return X + noise * np.random.default_rng(seed).standard_normal(X.shape), labels


def sine(samples: int = 200, noise: float = 0.0, seed: int = 0) -> Problem:
    """Return points of a sine over two periods: x (samples, 1) in [−1, 1], sin(2πx) (samples, 1).

    Parameters
    ----------
    samples : int
        >= 2.
    noise : float
        Standard deviation of normal noise on the values, >= 0.
    seed : int
        Of the noise.

    Examples
    --------
    >>> x, y = sine(9)
    >>> x.shape, y.ravel().round(3)[1].tolist()
    ((9, 1), 1.0)
    """
    x = np.linspace(-1, 1, checked_integer(samples, "samples", lowest=2))[:, None]
    checked_number(noise, "noise", lowest=0)
    return x, np.sin(2 * np.pi * x) + noise * np.random.default_rng(seed).standard_normal(x.shape)
