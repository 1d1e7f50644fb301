"""Rows to train with: each different row once, with the weight of all that are equal to it, and in folds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..many.folds import dealt

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Rows:
    """Different rows in ascending order, so that the order of the table and repeated rows change nothing.

    Attributes
    ----------
    X : array (rows, features)
    y : array (rows,)
        Codes of labels, or scaled numbers.
    weights : array (rows,)
        Sum of the weights of equal rows, divided by the mean over all.
    places : array (rows of the table,)
        Which of the different rows each row of the table is; −1 if its weight is zero.
    """

    X: NDArray[np.float32]
    y: NDArray[np.float64] | NDArray[np.int64]
    weights: Floats
    places: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.X)


def distinct(X: NDArray[np.float32], y: NDArray[np.float64] | NDArray[np.int64], weights: Floats) -> Rows:
    """Return each different row (x, y) once, without those whose weight is zero.

    A row that is there twice counts as one of twice the weight, and is never both trained with and held back.
    """
    used = np.flatnonzero(weights > 0)
    # −0.0 and 0.0 are equal numbers of different bytes.
    content = np.concatenate([X[used].astype(np.float64), y[used, None].astype(np.float64)], axis=1) + 0.0
    keys = np.ascontiguousarray(content).view(np.dtype((np.void, content.shape[1] * 8))).ravel()
    _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
    # In an order that is not that of the table.
    order = np.lexsort((weights[used], inverse.ravel()))
    sums = np.bincount(inverse.ravel()[order], weights=weights[used][order], minlength=len(first))
    places = np.full(len(X), -1, dtype=np.int64)
    places[used] = inverse.ravel()
    chosen = used[first]
    return Rows(X[chosen], y[chosen], sums / sums.mean(), places)


def folds_of(y: NDArray[np.float64] | NDArray[np.int64], folds: int, random: np.random.Generator) -> NDArray[np.int64]:
    """Return the fold of each row; each has about as many rows of each label, or of each range of numbers.

    A label that only one row has is in no fold, −1, so that every network sees it, unless a fold would be empty.
    """
    shuffled = random.permutation(len(y))
    order = shuffled[np.argsort(y[shuffled], kind="stable")]
    fold = dealt(order, folds, random)
    if y.dtype.kind == "i":
        codes = y.astype(np.int64)
        single = np.bincount(codes)[codes] == 1
        if len(np.unique(fold[~single])) == folds:
            fold[single] = -1
    return fold


def weighted_quantiles(values: Floats, weights: Floats, shares: Sequence[float]) -> list[float]:
    """Return for each share the smallest value at or below which so large a share of the weights is."""
    order = np.argsort(values, kind="stable")
    cumulative = np.cumsum(weights[order])
    places = np.searchsorted(cumulative, np.array(shares) * cumulative[-1] * (1 - 1e-12))
    return [float(values[order[min(place, len(order) - 1)]]) for place in places]
