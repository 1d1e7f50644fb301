"""Random changes of images that leave their class as it is: shifts and small rotations, drawn anew in each epoch.

Pixels keep their values; integers become numbers of float32.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._checks import checked_integer, checked_number

Images = NDArray[Any]


def shift(images: ArrayLike, pixels: float, seed: int) -> Images:
    """Return each image moved by uniform random distances, with zeros where nothing comes from.

    Parameters
    ----------
    images : array (samples, height, width, channels)
    pixels : float
        Longest distance along each axis, >= 0.
    seed : int
        Of the distances.

    Returns
    -------
    array of the same shape, of floating-point numbers

    Examples
    --------
    >>> shift(np.ones((1, 2, 2, 1)), 0, seed=0).ravel()
    array([1., 1., 1., 1.])
    """
    X = _as_images(images)
    limit = checked_number(pixels, "pixels", lowest=0)
    down, right = np.random.default_rng(seed).uniform(-limit, limit, (2, len(X), 1, 1))
    y, x = _places(X)
    return _bilinear(X, y - down, x - right)


def rotate(images: ArrayLike, degrees: float, seed: int) -> Images:
    """Return each image turned about its middle by a uniform random angle, with zeros where nothing comes from.

    Parameters
    ----------
    images : array (samples, height, width, channels)
    degrees : float
        Largest angle to each side, >= 0.
    seed : int
        Of the angles.

    Returns
    -------
    array of the same shape, of floating-point numbers

    Examples
    --------
    >>> rotate(np.ones((1, 3, 3, 1)), 10, seed=0)[0, 1, 1]
    array([1.])
    """
    X = _as_images(images)
    limit = np.deg2rad(checked_number(degrees, "degrees", lowest=0))
    angle = np.random.default_rng(seed).uniform(-limit, limit, (len(X), 1, 1))
    y, x = _places(X)
    middle_y, middle_x = (X.shape[1] - 1) / 2, (X.shape[2] - 1) / 2
    dy, dx = y - middle_y, x - middle_x
    cos, sin = np.cos(angle), np.sin(angle)
    return _bilinear(X, middle_y + cos * dy - sin * dx, middle_x + sin * dy + cos * dx)


def batches(
    X: ArrayLike, y: ArrayLike, batch_size: int, change: Callable[[Images, int], ArrayLike], seed: int = 0
) -> ChangedBatches:
    """Return what `fit` takes in place of X: each epoch, all samples in a new order, in batches that are changed.

    Order and changes depend on the seed and the number of the epoch, so that a fit which is resumed sees the same.

    Parameters
    ----------
    X, y : array
        Samples and targets.
    batch_size : int
        Samples in a batch, >= 1.
    change : callable
        From images and a seed to the images that are trained on.
    seed : int
        Of the order and of the seeds that `change` gets, >= 0.

    Examples
    --------
    >>> import chainrule as cr
    >>> digits = cr.data.mnist_sample()
    >>> X = digits.X_train.reshape(-1, 28, 28, 1)
    >>> each_epoch = batches(X, digits.y_train, 64, lambda images, seed: shift(images, 2, seed))
    >>> next(each_epoch())[0].shape
    (64, 28, 28, 1)
    """
    size = checked_integer(batch_size, "batch_size", lowest=1)
    return ChangedBatches(np.asarray(X), np.asarray(y), size, change, checked_integer(seed, "seed", lowest=0))


@dataclass
class ChangedBatches:
    """Batches of changed samples, anew for each epoch: see `batches`. A call without a number is the next epoch."""

    X: NDArray[Any]
    y: NDArray[Any]
    batch_size: int
    change: Callable[[Images, int], ArrayLike]
    seed: int
    next_epoch: int = 0

    def __call__(self) -> Iterator[tuple[ArrayLike, NDArray[Any]]]:
        """Return the batches of the next epoch."""
        self.next_epoch += 1
        return self.batches_of(self.next_epoch - 1)

    def batches_of(self, epoch: int) -> Iterator[tuple[ArrayLike, NDArray[Any]]]:
        """Yield the batches of an epoch, from 0."""
        generator = np.random.default_rng((self.seed, epoch))
        order = generator.permutation(len(self.X))
        for begin in range(0, len(order), self.batch_size):
            chosen = order[begin : begin + self.batch_size]
            yield self.change(self.X[chosen], int(generator.integers(2**32))), self.y[chosen]


def _as_images(images: ArrayLike) -> Images:
    X = np.asarray(images)
    if X.ndim != 4:
        raise ValueError(f"images must have shape (samples, height, width, channels), got {X.shape}")
    return X if np.issubdtype(X.dtype, np.floating) else X.astype(np.float32)


def _places(X: Images) -> tuple[Images, Images]:
    y, x = np.indices((1, *X.shape[1:3]), dtype=np.float64)[1:]
    return y, x


def _bilinear(X: Images, y: Images, x: Images) -> Images:
    """Return the values at places between the pixels: the mean of the four around, weighted by how near they are."""
    top, left = np.floor(y).astype(np.int64), np.floor(x).astype(np.int64)
    result = np.zeros_like(X)
    samples = np.arange(len(X))[:, None, None]
    for down in (0, 1):
        for right in (0, 1):
            i, j = top + down, left + right
            inside = (i >= 0) & (i < X.shape[1]) & (j >= 0) & (j < X.shape[2])
            weight = np.where(inside, (1 - np.abs(y - i)) * (1 - np.abs(x - j)), 0.0)
            values = X[samples, i.clip(0, X.shape[1] - 1), j.clip(0, X.shape[2] - 1)]
            result += (weight[..., None] * values).astype(X.dtype)
    return result
