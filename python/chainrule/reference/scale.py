"""A learned factor for each feature."""

from __future__ import annotations

from typing import Any

import numpy as np

from .activations import Array
from .base import Layer

__all__ = ["Scale"]


class Scale(Layer):
    """z = x ∘ s, one factor for each feature of the last axis; not penalised."""

    preserves_steps = True

    def __init__(self, factors: Array, **learning: Any) -> None:
        super().__init__({"factors": factors}, **learning)

    def _forward(self, x: Array) -> Array:
        return np.asarray(x * self.parameters["factors"])

    def _backward(self, deltas: Array) -> Array:
        """Store ∂E/∂s = Σ δ x, return ∂E/∂x = δ ∘ s."""
        self._keep(factors=(deltas * self.inputs).sum(axis=tuple(range(deltas.ndim - 1))))
        return np.asarray(deltas * self.parameters["factors"])
