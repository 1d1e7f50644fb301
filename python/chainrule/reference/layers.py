"""The layers."""

from __future__ import annotations

import numpy as np

from . import activations
from .activations import Array


class Dense:
    """z = x W + b, a = f(z)."""

    def __init__(
        self,
        weights: Array,
        bias: Array,
        activation: str = "sigmoid",
        l1: float = 0.0,
        l2: float = 0.0,
        max_norm: float | None = None,
        trainable: bool = True,
    ) -> None:
        self.weights = np.array(weights, dtype=np.float64)
        self.bias = np.array(bias, dtype=np.float64)
        self.activation = activation
        self.l1 = l1
        self.l2 = l2
        self.max_norm = max_norm
        self.trainable = trainable
        self.weight_gradient = np.zeros_like(self.weights)
        self.bias_gradient = np.zeros_like(self.bias)

    def forward(self, x: Array) -> Array:
        """Return a, and keep what backward needs."""
        self.inputs = x
        self.pre_activations = x @ self.weights + self.bias
        self.activations = activations.ACTIVATIONS[self.activation](self.pre_activations)
        return self.activations

    def backward(self, deltas: Array) -> Array:
        """Take δ = ∂E/∂z: store ∂E/∂W = xᵀδ and ∂E/∂b = Σ δ, return ∂E/∂x = δ Wᵀ."""
        self.deltas = deltas
        if self.trainable:
            self.weight_gradient = self.inputs.T @ deltas
            self.bias_gradient = deltas.sum(axis=0)
        else:
            self.weight_gradient = np.zeros_like(self.weights)
            self.bias_gradient = np.zeros_like(self.bias)
        return deltas @ self.weights.T

    def penalty(self) -> float:
        """Return ½ l2 ‖W‖² + l1 ‖W‖₁."""
        return float(0.5 * self.l2 * (self.weights**2).sum() + self.l1 * np.abs(self.weights).sum())

    def add_penalty_gradient(self) -> None:
        """Add l2 W + l1 sign(W)."""
        if self.trainable:
            self.weight_gradient = self.weight_gradient + self.l2 * self.weights + self.l1 * np.sign(self.weights)

    def limit_norm(self) -> None:
        """Scale each unit's incoming weights to at most max_norm."""
        if self.max_norm is not None and self.trainable:
            norms = np.sqrt((self.weights**2).sum(axis=0))
            self.weights = self.weights * np.where(norms > self.max_norm, self.max_norm / np.maximum(norms, 1e-300), 1)
