"""Random changes of images that leave their class as it is, such as shifts and small rotations, anew in each epoch.

Pixels keep their values; integers become numbers of float32. What is drawn for an image depends on its seed alone, and
not on the images next to it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from functools import cache
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import _core
from ._checks import checked_integer, checked_number
from .arrays import as_real_array, packed

Images = NDArray[Any]
Seed = int | NDArray[Any]

_HIGHEST_SEED = 2**64 - 1


class _Stream(IntEnum):
    """Numbers of the changes, so that two changes with one seed draw independently."""

    IMAGES = 0
    SHIFT = 1
    ROTATE = 2
    ZOOM = 3
    FLIP = 4
    CROP = 5
    NOISE = 6


def shift(images: ArrayLike, pixels: float, seed: Seed) -> Images:
    """Return each image moved by uniform random distances, with zeros where nothing comes from.

    Parameters
    ----------
    images : array (samples, height, width, channels)
    pixels : float
        Longest distance along each axis, >= 0.
    seed : int or array (samples,)
        Of the distances: one for all images, or one for each, as `batches` gives them.

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
    down, right = limit * _signed(X, seed, _Stream.SHIFT, 2)
    return _moved(X, down, right)


def rotate(images: ArrayLike, degrees: float, seed: Seed) -> Images:
    """Return each image turned about its middle by a uniform random angle, with zeros where nothing comes from.

    Parameters
    ----------
    images : array (samples, height, width, channels)
    degrees : float
        Largest angle to each side, >= 0.
    seed : int or array (samples,)
        Of the angles: one for all images, or one for each, as `batches` gives them.

    Returns
    -------
    array of the same shape, of floating-point numbers

    Examples
    --------
    >>> rotate(np.ones((1, 3, 3, 1)), 10, seed=0)[0, 1, 1]
    array([1.])
    """
    X = _as_images(images)
    limit = checked_number(degrees, "degrees", lowest=0)
    cos, sin = _cosine_and_sine(limit * _signed(X, seed, _Stream.ROTATE, 1)[0])
    return _about_the_middle(X, (cos, -sin), (sin, cos))


def zoom(images: ArrayLike, share: float, seed: Seed) -> Images:
    """Return each image larger or smaller by a uniform random factor, about its middle, with zeros around.

    Parameters
    ----------
    images : array (samples, height, width, channels)
    share : float
        The factor is in [1 − share, 1 + share]; in [0, 1).
    seed : int or array (samples,)
        Of the factors: one for all images, or one for each, as `batches` gives them.

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
    factor = 1 + limit * _signed(X, seed, _Stream.ZOOM, 1)[0]
    return _about_the_middle(X, (1 / factor, 0), (0, 1 / factor))


def flip(images: ArrayLike, seed: Seed) -> Images:
    """Return every second image, chosen at random, mirrored from left to right.

    Parameters
    ----------
    images : array (samples, height, width, channels)
    seed : int or array (samples,)
        Of the choice: one for all images, or one for each, as `batches` gives them. Each image is mirrored
        with probability ½.

    Returns
    -------
    array of the same shape, of floating-point numbers

    Examples
    --------
    >>> flip(np.arange(4).reshape(2, 1, 2, 1), seed=8)[:, 0, :, 0]
    array([[0., 1.],
           [3., 2.]], dtype=float32)
    """
    X = _as_images(images)
    is_mirrored = _uniform(X, seed, _Stream.FLIP, 1)[0] < 0.5
    return _about_the_middle(X, (1, 0), (0, np.where(is_mirrored, -1, 1)))


def crop(images: ArrayLike, pixels: int, seed: Seed) -> Images:
    """Return a window of the same size, at a random place in each image that is framed by zeros.

    Parameters
    ----------
    images : array (samples, height, width, channels)
    pixels : int
        Width of the frame, and so the longest distance that the image moves, >= 0. It moves by whole pixels.
    seed : int or array (samples,)
        Of the places: one for all images, or one for each, as `batches` gives them.

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
    down, right = np.floor((2 * frame + 1) * _uniform(X, seed, _Stream.CROP, 2)) - frame
    return _moved(X, down, right)


def noise(images: ArrayLike, deviation: float, seed: Seed) -> Images:
    """Return each image with normal noise on every value.

    Parameters
    ----------
    images : array (samples, height, width, channels)
    deviation : float
        Standard deviation, in units of the pixels, >= 0. What is drawn is one of 65,536 normal quantiles.
    seed : int or array (samples,)
        Of the noise: one for all images, or one for each, as `batches` gives them.

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
    pixels = X[0].size if len(X) else 0
    words = _words(X, seed, _Stream.NOISE, (pixels + 3) // 4)
    numbers = words.astype("<u8", copy=False).view("<u2")[:, :pixels].reshape(X.shape)
    return np.asarray(X + (limit * _normal_quantiles()).astype(X.dtype).take(numbers))


def batches(
    X: ArrayLike,
    y: ArrayLike,
    batch_size: int,
    change: Callable[[Images, NDArray[np.uint64]], ArrayLike],
    seed: int = 0,
) -> ChangedBatches:
    """Return what `fit` takes in place of X: each epoch, all samples in a new order, in batches that are changed.

    The order depends on the seed and the number of the epoch, and the change of an image on its own number besides: a
    fit that is resumed sees the same, and another size of batch changes each image in the same way.

    Parameters
    ----------
    X, y : array
        Samples and targets.
    batch_size : int
        Samples in a batch, >= 1.
    change : callable
        From images and their seeds, an array (samples,), to the images that are trained on. The seeds are for the
        functions of this module, or for `numpy.random.default_rng`.
    seed : int
        Of the order and of the seeds that `change` gets, >= 0.

    Examples
    --------
    >>> import chainrule as cr
    >>> digits = cr.data.mnist_sample()
    >>> X = digits.X_train.reshape(-1, 28, 28, 1)
    >>> each_epoch = batches(X, digits.y_train, 64, lambda images, seeds: shift(images, 2, seeds))
    >>> next(each_epoch())[0].shape
    (64, 28, 28, 1)
    """
    size = checked_integer(batch_size, "batch_size", lowest=1)
    return ChangedBatches(np.asarray(X), np.asarray(y), size, change, _checked_seed(seed))


@dataclass
class ChangedBatches:
    """Batches of changed samples, anew for each epoch: see `batches`. A call without a number is the next epoch."""

    X: NDArray[Any]
    y: NDArray[Any]
    batch_size: int
    change: Callable[[Images, NDArray[np.uint64]], ArrayLike]
    seed: int
    next_epoch: int = 0

    def __call__(self) -> Iterator[tuple[ArrayLike, NDArray[Any]]]:
        """Return the batches of the next epoch."""
        self.next_epoch += 1
        return self.batches_of(self.next_epoch - 1)

    def batches_of(self, epoch: int) -> Iterator[tuple[ArrayLike, NDArray[Any]]]:
        """Yield the batches of an epoch, from 0."""
        order = _core.shuffled_order(len(self.X), self.seed, epoch)
        seeds = _core.random_words(np.array([self.seed], np.uint64), epoch, len(order))[0]
        for begin in range(0, len(order), self.batch_size):
            chosen = order[begin : begin + self.batch_size]
            yield self.change(self.X[chosen], seeds[chosen]), self.y[chosen]


def _as_images(images: ArrayLike) -> Images:
    X = as_real_array(images, "images")
    if X.ndim != 4:
        raise ValueError(f"images must have shape (samples, height, width, channels), got {X.shape}")
    return packed(X, np.float64 if X.dtype == np.float64 else np.float32)


def _checked_seed(seed: Seed) -> int:
    return checked_integer(seed, "seed", lowest=0, highest=_HIGHEST_SEED)


def _words(X: Images, seed: Seed, stream: _Stream, count: int) -> NDArray[np.uint64]:
    """Return random words (samples, count) that depend on the seed of each image."""
    if isinstance(seed, np.ndarray) and seed.ndim > 0:
        if seed.shape != (len(X),) or seed.dtype.kind not in "ui" or (seed < 0).any():
            raise ValueError(
                f"seed must be an integer >= 0, or one for each of {len(X)} images, got {seed.dtype} of {seed.shape}"
            )
        seeds = seed.astype(np.uint64)
    else:
        key = np.array([_checked_seed(seed)], np.uint64)
        seeds = _core.random_words(key, _Stream.IMAGES, len(X))[0]
    return _core.random_words(packed(seeds), stream, count)


def _uniform(X: Images, seed: Seed, stream: _Stream, count: int) -> NDArray[np.float64]:
    """Return random numbers (count, samples) in [0, 1)."""
    return np.asarray((_words(X, seed, stream, count) >> np.uint64(11)).T * 2.0**-53)


def _signed(X: Images, seed: Seed, stream: _Stream, count: int) -> NDArray[np.float64]:
    """Return random numbers (count, samples) in [-1, 1)."""
    return 2 * _uniform(X, seed, stream, count) - 1


def _cosine_and_sine(degrees: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return cosine and sine by products and sums alone, which have the same bytes on every machine.

    Taylor's series of an eighth of the angle comes first, and the formulas for the double angle follow.
    """
    x = np.fmod(degrees, 360.0) * (np.pi / 180 / 8)
    square = x * x
    cos, sin = np.ones_like(x), np.ones_like(x)
    for n in range(20, 0, -2):
        cos = 1 - square / (n * (n - 1)) * cos
        sin = 1 - square / (n * (n + 1)) * sin
    sin *= x
    for _ in range(3):
        cos, sin = cos * cos - sin * sin, 2 * cos * sin
    return cos, sin


@cache
def _normal_quantiles() -> NDArray[np.float32]:
    """Return the quantiles of the normal distribution at the middles of 65,536 equal intervals."""
    quantile = NormalDist().inv_cdf
    return np.array([quantile((i + 0.5) / 65536) for i in range(65536)], dtype=np.float32)


def _moved(X: Images, down: NDArray[np.float64], right: NDArray[np.float64]) -> Images:
    return _warped(X, (1, 0, -down), (0, 1, -right))


def _about_the_middle(X: Images, rows: tuple[Any, Any], columns: tuple[Any, Any]) -> Images:
    """Return images whose pixels come from where a 2 × 2 matrix sends their distance from the middle."""
    y, x = (X.shape[1] - 1) / 2, (X.shape[2] - 1) / 2
    return _warped(X, (*rows, y - rows[0] * y - rows[1] * x), (*columns, x - columns[0] * y - columns[1] * x))


def _warped(X: Images, rows: tuple[Any, Any, Any], columns: tuple[Any, Any, Any]) -> Images:
    """Return the values at places between the pixels: the mean of the four around, weighted by how near they are.

    A pixel (i, j) comes from the row rows[0] · i + rows[1] · j + rows[2], and from a column likewise; each is a number,
    or one for each image. Everything outside an image is zero.
    """
    maps = np.empty((len(X), 2, 3))
    for axis, numbers in enumerate((rows, columns)):
        for place, number in enumerate(numbers):
            maps[:, axis, place] = number
    return _core.warp(X, maps)
