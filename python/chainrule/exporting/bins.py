"""The bins of a `PiecewiseLinear` as arrays of one shape, as array libraries need them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..layers.piecewise_linear import PiecewiseLinear


@dataclass(frozen=True)
class Bins:
    """Of each feature as many bins as that with the most has; those that are added have the share zero.

    Attributes
    ----------
    begins, widths : array (features, bins)
    low, high : array (features, bins)
        Bounds of the share of a bin that is below a number; the first and the last bin of a feature are open.
    vectors : array (features, bins, units)
    """

    begins: NDArray[np.float64]
    widths: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    vectors: NDArray[np.float64]


def bins_of(layer: PiecewiseLinear, dtype: str) -> Bins:
    """Return the bins of a layer, whose open ends reach as far as the numbers of a type."""
    shape = (len(layer.bins), max(layer.bins))
    bins = Bins(np.zeros(shape), np.ones(shape), np.zeros(shape), np.zeros(shape), np.zeros((*shape, layer.units)))
    rows = np.split(layer.weights, np.cumsum(layer.bins)[:-1])
    largest = np.finfo(dtype).max
    for f, (edges, vectors) in enumerate(zip(layer.edges, rows, strict=True)):
        count = len(vectors)
        bins.begins[f, :count], bins.widths[f, :count] = edges[:-1], np.diff(edges)
        bins.high[f, :count] = 1.0
        bins.low[f, 0], bins.high[f, count - 1] = -largest, largest
        bins.vectors[f, :count] = vectors
    return bins
