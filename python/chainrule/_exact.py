"""exp, log and cos from additions, multiplications and divisions alone, and means that are added up in one order.

Those are rounded the same way on every machine; the library's functions are not, and a learning rate that differs in
its last bit makes different weights. The order in which NumPy adds along an axis depends on the lengths of the others.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_LN2_HIGH = 6.93147180369123816490e-01  # with room for the product with an exponent to be exact
_LN2_LOW = 1.90821492927058770002e-10


def exp(x: Array) -> Array:
    """Return e^x by its series around the nearest multiple of log 2."""
    n = np.rint(x / (_LN2_HIGH + _LN2_LOW))
    r = (x - n * _LN2_HIGH) - n * _LN2_LOW
    series = np.ones_like(r)
    for k in range(18, 0, -1):
        series = 1.0 + r / k * series
    return np.ldexp(series, n.astype(np.int64))


def log(x: Array | float) -> Array:
    """Return log x by the series of 2 atanh((m - 1)/(m + 1)) for the mantissa m."""
    mantissa, exponent = np.frexp(x)
    is_low = mantissa < math.sqrt(0.5)
    mantissa, exponent = np.where(is_low, 2 * mantissa, mantissa), exponent - is_low
    s = (mantissa - 1) / (mantissa + 1)
    series = np.zeros_like(s)
    for k in range(25, 1, -2):
        series = (series + 1 / k) * s * s
    made: Array = exponent * _LN2_HIGH + (exponent * _LN2_LOW + 2 * s * (1 + series))
    return made


def log2_of_mantissa(x: Array) -> Array:
    """Return log2 x up to an integer, which is 0 where x is a power of two: log2 x = n + this, this in [0, 1]."""
    mantissa: Array = 2 * np.frexp(x)[0]
    return log(mantissa) / (_LN2_HIGH + _LN2_LOW)


def cos_pi(x: Array) -> Array:
    """Return cos(pi x) for x in [0, 1] by the series of the sine around 1/2."""
    angle = math.pi * (0.5 - x)
    square = angle * angle
    series = np.ones_like(angle)
    for k in range(24, 1, -2):
        series = 1.0 - square / (k * (k + 1)) * series
    return angle * series


def mean_of(arrays: Sequence[NDArray[Any]] | NDArray[Any]) -> Array:
    """Return the mean of some arrays of one shape, the same for a sample on its own as for one among others."""
    total = arrays[0].astype(np.float64)
    for array in arrays[1:]:
        total += array
    mean: Array = total / len(arrays)
    return mean


def variance_of(arrays: Sequence[NDArray[Any]] | NDArray[Any]) -> Array:
    """Return the variance of some arrays of one shape: the mean of their squared distances from their mean."""
    mean = mean_of(arrays)
    return mean_of([np.square(array - mean) for array in arrays])
