"""Samples of different lengths in one batch."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .activations import Array
from .base import Layer, lengths_of

__all__ = ["Masking"]


class Masking(Layer):
    """z = x; a sample ends after its last step with a feature that differs from `value`."""

    def __init__(self, value: float = 0.0) -> None:
        super().__init__()
        self.value = value

    @property
    def lengths_after(self) -> NDArray[np.int64]:
        return lengths_of((self.inputs != self.value).any(axis=2))

    def _forward(self, x: Array) -> Array:
        return x

    def _backward(self, deltas: Array) -> Array:
        return deltas
