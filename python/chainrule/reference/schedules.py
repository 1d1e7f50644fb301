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


def coslog(k: int, rate: float, steps: int, cycles: int = 4) -> float:
    """Return rate · ½ (1 − cos(2π log₂(1 + (2^cycles − 1) t))), t = min(k/n, 1)."""
    t = min(k / steps, 1.0)
    return rate * 0.5 * (1 - math.cos(2 * math.pi * math.log2(1 + (2**cycles - 1) * t)))


def flat_cosine(k: int, rate: float, steps: int, flat: float = 0.5, minimum: float = 0.0) -> float:
    """Return minimum + ½ (rate − minimum)(1 + cos(π u)), where u is 0 up to k/n = flat, then rises to 1 at k = n."""
    u = min(max((k / steps - flat) / (1 - flat), 0.0), 1.0)
    return minimum + 0.5 * (rate - minimum) * (1 + math.cos(math.pi * u))


def piecewise_constant(k: int, boundaries: Sequence[int], rates: Sequence[float]) -> float:
    """Return rates[j], j = number of boundaries ≤ k."""
    return rates[sum(boundary <= k for boundary in boundaries)]


def warmup(k: int, steps: int, then: Callable[[int], float]) -> float:
    """Return then(0) · (k+1)/steps, and then(k − steps) afterwards."""
    return then(0) * (k + 1) / steps if k < steps else then(k - steps)
