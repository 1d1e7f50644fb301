"""An activation as a layer."""

from __future__ import annotations

from .activations import Array
from .base import Layer

__all__ = ["Activation"]


class Activation(Layer):
    """z = x, a = f(z)."""

    preserves_steps = True

    def __init__(self, activation: str) -> None:
        super().__init__(activation=activation)

    def _forward(self, x: Array) -> Array:
        return x

    def _backward(self, deltas: Array) -> Array:
        return deltas
