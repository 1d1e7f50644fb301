"""The fully connected layer."""

from __future__ import annotations

import numpy as np

from .activations import Array
from .base import WeightedLayer, weights_and_bias

__all__ = ["Dense"]


class Dense(WeightedLayer):
    """z = x W + b, a = f(z)."""

    preserves_steps = True

    def __init__(
        self,
        weights: Array,
        bias: Array | None,
        activation: str = "sigmoid",
        l1: float = 0.0,
        l2: float = 0.0,
        max_norm: float | None = None,
        trainable: bool = True,
    ) -> None:
        super().__init__(weights_and_bias(weights, bias), activation, l1, l2, max_norm, trainable)

    def _forward(self, x: Array) -> Array:
        return np.asarray(self.multiply(x, self.weights) + self.bias)

    def _backward(self, deltas: Array) -> Array:
        """Store ∂E/∂W = xᵀδ and ∂E/∂b = Σ δ, return ∂E/∂x = δ Wᵀ."""
        x, flat = self.inputs.reshape(-1, len(self.weights)), deltas.reshape(-1, deltas.shape[-1])
        self._keep(weights=self.multiply(x.T, flat), bias=flat.sum(axis=0))
        return self.multiply(deltas, self.weights.T)
