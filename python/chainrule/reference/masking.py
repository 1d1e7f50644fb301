"""Steps of a sequence that are padding."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .activations import Array
from .base import Layer

__all__ = ["Masking"]


class Masking(Layer):
    """z = x; a step whose features all are `value` is padding."""

    def __init__(self, value: float = 0.0) -> None:
        super().__init__()
        self.value = value

    @property
    def is_step_after(self) -> NDArray[np.bool_]:
        return np.asarray((self.inputs != self.value).any(axis=2))

    def _forward(self, x: Array) -> Array:
        return x

    def _backward(self, deltas: Array) -> Array:
        return deltas
