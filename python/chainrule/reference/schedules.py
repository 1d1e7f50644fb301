"""Learning-rate schedules, as functions of the step."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence


def step_decay(k: int, rate: float, every: int, factor: float = 0.5) -> float:
    """Return rate · factor^⌊k/every⌋."""
    return rate * factor ** (k // every)


def exponential_decay(k: int, rate: float, every: int, factor: float) -> float:
    """Return rate · factor^(k/every)."""
    return rate * math.pow(factor, k / every)


def inverse_time_decay(k: int, rate: float, every: float) -> float:
    """Return rate / (1 + k/every)."""
    return rate / (1 + k / every)


def cosine_decay(k: int, rate: float, steps: int, minimum: float = 0.0, restart_factor: int | None = None) -> float:
    """Return minimum + ½ (rate − minimum)(1 + cos(π i/n)) at step i of a period of n."""
    i, n = k, steps
    while restart_factor is not None and i >= n:
        i, n = i - n, n * restart_factor
    return minimum + 0.5 * (rate - minimum) * (1 + math.cos(math.pi * min(i / n, 1.0)))


def piecewise_constant(k: int, boundaries: Sequence[int], rates: Sequence[float]) -> float:
    """Return rates[j], j = number of boundaries ≤ k."""
    return rates[sum(boundary <= k for boundary in boundaries)]


def warmup(k: int, steps: int, then: Callable[[int], float]) -> float:
    """Return then(0) · (k+1)/steps, and then(k − steps) afterwards."""
    return then(0) * (k + 1) / steps if k < steps else then(k - steps)
