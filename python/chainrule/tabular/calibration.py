"""What held-back rows tell of a trained network: how sure it may be, and how far off it is."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

Floats = NDArray[np.float64]

# Logarithms of the temperatures that are looked at, and how closely.
_RANGE = (math.log(0.05), math.log(20.0))
_CLOSENESS = 1e-6
_DEVIATION = 0.5


def softmax(z: Floats) -> Floats:
    """Return e^zᵢ / Σ e^zⱼ of each row."""
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return np.asarray(e / e.sum(axis=1, keepdims=True))


def temperature(z: Floats, labels: NDArray[np.int64], weights: Floats) -> float:
    """Return the T for which softmax(z / T) has the lowest log-loss (Guo et al. 2017); 1 without any row.

    A few rows say little of T: the logarithm of T is taken as normal around 0 with the deviation one half.
    """
    if len(z) == 0:
        return 1.0

    def log_loss(log_t: float) -> float:
        scaled = z / math.exp(log_t)
        top = scaled.max(axis=1)
        log_sum = top + np.log(np.exp(scaled - top[:, None]).sum(axis=1))
        losses = log_sum - scaled[np.arange(len(z)), labels]
        return float((losses * weights).sum()) + 0.5 * (log_t / _DEVIATION) ** 2

    found = minimize_scalar(log_loss, bounds=_RANGE, method="bounded", options={"xatol": _CLOSENESS})
    return math.exp(float(found.x))


def conformal_width(residuals: Floats, coverage: float) -> float:
    """Return the half-width of an interval that contains so large a share of new rows, from residuals of rows not seen.

    It is the ⌈(n + 1) coverage⌉-th smallest of n absolute residuals (Vovk, Gammerman and Shafer 2005; Lei et al. 2018),
    and the largest where there are too few.
    """
    ordered = np.sort(np.abs(residuals))
    place = math.ceil((len(ordered) + 1) * coverage) - 1
    return float(ordered[min(place, len(ordered) - 1)])
