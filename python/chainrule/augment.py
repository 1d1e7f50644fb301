"""Random changes of images that leave their class as it is, such as shifts and small rotations, anew in each epoch.

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
    middle_y, middle_x = _middle(X)
    dy, dx = y - middle_y, x - middle_x
    cos, sin = np.cos(angle), np.sin(angle)
    return _bilinear(X, middle_y + cos * dy - sin * dx, middle_x + sin * dy + cos * dx)


def zoom(images: ArrayLike, share: float, seed: int) -> Images:
    """Return each image larger or smaller by a uniform random factor, about its middle, with zeros around.

    Parameters
    ----------
    images : array (samples, height, width, channels)
    share : float
        The factor is in [1 − share, 1 + share]; in [0, 1).
    seed : int
        Of the factors.

    Returns
    -------
    array of the same shape, of floating-point numbers

    Examples
    --------
    >>> zoom(np.ones((1, 3, 3, 1)), 0.2, seed=0)[0, 1, 1]
    array([1.])
    """
    X = _as_images(images)
    limit = checked_number(share, "share", lowest=0, highest=1, open_highest=True)
    factor = np.random.default_rng(seed).uniform(1 - limit, 1 + limit, (len(X), 1, 1))
    y, x = _places(X)
    middle_y, middle_x = _middle(X)
    return _bilinear(X, middle_y + (y - middle_y) / factor, middle_x + (x - middle_x) / factor)


def flip(images: ArrayLike, seed: int) -> Images:
    """Return every second image, chosen at random, mirrored from left to right.

    Parameters
    ----------
    images : array (samples, height, width, channels)
    seed : int
        Of the choice; each image is mirrored with probability ½.

    Returns
    -------
    array of the same shape, of floating-point numbers

    Examples
    --------
    >>> flip(np.arange(4).reshape(2, 1, 2, 1), seed=0)[:, 0, :, 0]
    array([[0., 1.],
           [3., 2.]], dtype=float32)
    """
    X = _as_images(images)
    chosen = np.random.default_rng(seed).random((len(X), 1, 1, 1)) < 0.5
    return np.where(chosen, X[:, :, ::-1], X)


def crop(images: ArrayLike, pixels: int, seed: int) -> Images:
    """Return a window of the same size, at a random place in each image that is framed by zeros.

    Parameters
    ----------
    images : array (samples, height, width, channels)
    pixels : int
        Width of the frame, and so the longest distance that the image moves, >= 0. It moves by whole pixels.
    seed : int
        Of the places.

    Returns
    -------
    array of the same shape, of floating-point numbers

    Examples
    --------
    >>> crop(np.ones((1, 2, 2, 1)), 0, seed=0).ravel()
    array([1., 1., 1., 1.])
    """
    X = _as_images(images)
    frame = checked_integer(pixels, "pixels", lowest=0)
    down, right = np.random.default_rng(seed).integers(0, 2 * frame + 1, (2, len(X)))
    framed = np.pad(X, ((0, 0), (frame, frame), (frame, frame), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(framed, X.shape[1:3], axis=(1, 2))
    return np.ascontiguousarray(np.moveaxis(windows[np.arange(len(X)), down, right], 1, -1))


def noise(images: ArrayLike, deviation: float, seed: int) -> Images:
    """Return each image with normal noise on every value.

    Parameters
    ----------
    images : array (samples, height, width, channels)
    deviation : float
        Standard deviation, in units of the pixels, >= 0.
    seed : int
        Of the noise.

    Returns
    -------
    array of the same shape, of floating-point numbers

    Examples
    --------
    >>> noise(np.ones((1, 1, 2, 1)), 0, seed=0).ravel()
    array([1., 1.])
    """
    X = _as_images(images)
    limit = checked_number(deviation, "deviation", lowest=0)
    drawn = np.random.default_rng(seed).standard_normal(X.shape, dtype=np.float32)
    return np.asarray(X + (limit * drawn).astype(X.dtype))


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


def _middle(X: Images) -> tuple[float, float]:
    return (X.shape[1] - 1) / 2, (X.shape[2] - 1) / 2


def _bilinear(X: Images, y: Images, x: Images) -> Images:
    """Return the values at places between the pixels: the mean of the four around, weighted by how near they are.

    A border of zeros around the images stands for everything outside.
    """
    samples, height, width, channels = X.shape
    framed = np.pad(X, ((0, 0), (1, 1), (1, 1), (0, 0))).reshape(-1, channels)
    y, x = y.clip(-1, height), x.clip(-1, width)
    top, left = np.floor(y).clip(max=height - 1), np.floor(x).clip(max=width - 1)
    down, right = ((y - top).astype(X.dtype)[..., None], (x - left).astype(X.dtype)[..., None])
    row = (top + 1).astype(np.int64) + np.arange(samples)[:, None, None] * (height + 2)
    place = row * (width + 2) + (left + 1).astype(np.int64)
    one = X.dtype.type(1)
    above = (one - right) * framed.take(place, axis=0) + right * framed.take(place + 1, axis=0)
    place += width + 2
    below = (one - right) * framed.take(place, axis=0) + right * framed.take(place + 1, axis=0)
    return np.asarray((one - down) * above + down * below)
