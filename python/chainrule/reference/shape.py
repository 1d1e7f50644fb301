"""Layers that give samples another shape."""

from __future__ import annotations

from collections.abc import Sequence

from .activations import Array
from .base import Layer

__all__ = ["Flatten", "Reshape"]


class Reshape(Layer):
    """z = x with another shape of each sample, values in row-major order."""

    def __init__(self, shape: Sequence[int]) -> None:
        super().__init__()
        self.shape = tuple(shape)

    def _forward(self, x: Array) -> Array:
        return x.reshape(len(x), *self.shape)

    def _backward(self, deltas: Array) -> Array:
        return deltas.reshape(self.inputs.shape)


class Flatten(Reshape):
    """z = x as (samples, features)."""

    def __init__(self) -> None:
        super().__init__((-1,))
