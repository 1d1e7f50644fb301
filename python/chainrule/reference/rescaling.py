"""Fixed affine maps of each feature."""

from __future__ import annotations

import numpy as np

from .activations import Array
from .base import Layer

__all__ = ["Normalization", "Rescale"]


class Normalization(Layer):
    """z = (x − mean) / std, with one mean and one standard deviation for each feature of the last axis."""

    preserves_steps = True

    def __init__(self, mean: Array, std: Array) -> None:
        super().__init__()
        self.mean = np.asarray(mean, dtype=np.float64)
        self.std = np.asarray(std, dtype=np.float64)

    def _forward(self, x: Array) -> Array:
        return np.asarray((x - self.mean) / self.std)

    def _backward(self, deltas: Array) -> Array:
        return np.asarray(deltas / self.std)


class Rescale(Layer):
    """z = x ∘ factor + offset, with one factor and one offset for each feature of the last axis."""

    preserves_steps = True

    def __init__(self, factor: Array, offset: Array) -> None:
        super().__init__()
        self.factor = np.asarray(factor, dtype=np.float64)
        self.offset = np.asarray(offset, dtype=np.float64)

    def _forward(self, x: Array) -> Array:
        return np.asarray(x * self.factor + self.offset)

    def _backward(self, deltas: Array) -> Array:
        return np.asarray(deltas * self.factor)
