"""Measures of predictions that are computed after an epoch, next to the loss and the metric of the core."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def r2(outputs: NDArray[np.generic], targets: NDArray[np.generic], weights: ArrayLike | None = None) -> float:
    """Return 1 − Σ (t − y)² / Σ (t − mean)², the mean over the outputs; 0 for an output whose targets are all equal.

    Examples
    --------
    >>> r2(np.array([1.0, 2.0, 4.0]), np.array([1.0, 2.0, 3.0]))
    0.5
    """
    y, t = (np.asarray(values, dtype=np.float64).reshape(len(values), -1) for values in (outputs, targets))
    w = np.ones(len(t)) if weights is None else np.asarray(weights, dtype=np.float64).reshape(len(t), -1).mean(axis=1)
    mean = np.average(t, axis=0, weights=w)
    residual, total = w @ (t - y) ** 2, w @ (t - mean) ** 2
    return float(np.mean(np.where(total > 0, 1.0 - residual / np.where(total > 0, total, 1.0), 0.0)))
