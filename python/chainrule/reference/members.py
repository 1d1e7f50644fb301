"""Members of a network that are trained side by side; values are (samples, members, features)."""

from __future__ import annotations

from typing import Any

import numpy as np

from .activations import Array
from .base import Entry, Layer, WeightedLayer

__all__ = ["BatchEnsemble", "Repeat", "SeparateDense"]


class Repeat(Layer):
    """Every member has the same features: zᵢ = x, and ∂E/∂x = Σ δᵢ."""

    def __init__(self, members: int) -> None:
        super().__init__()
        self.members = members

    def _forward(self, x: Array) -> Array:
        return np.repeat(x[:, None], self.members, axis=1)

    def _backward(self, deltas: Array) -> Array:
        return np.asarray(deltas.sum(axis=1))


class BatchEnsemble(WeightedLayer):
    """zᵢ = ((xᵢ ∘ rᵢ) W) ∘ sᵢ + bᵢ, a = f(z), with W shared by all members (Wen, Tran and Ba 2020)."""

    input_factors = Entry("parameters", "input_factors")
    output_factors = Entry("parameters", "output_factors")

    def __init__(
        self,
        weights: Array,
        input_factors: Array,
        output_factors: Array,
        bias: Array,
        activation: str = "identity",
        **learning: Any,
    ) -> None:
        parameters = {
            "weights": weights,
            "input_factors": input_factors,
            "output_factors": output_factors,
            "bias": bias,
        }
        super().__init__(parameters, activation, **learning)

    def _forward(self, x: Array) -> Array:
        return ((x * self.input_factors) @ self.weights) * self.output_factors + self.bias

    def _backward(self, deltas: Array) -> Array:
        factored = self.inputs * self.input_factors
        scaled = deltas * self.output_factors
        gradient = scaled @ self.weights.T
        self._keep(
            weights=np.einsum("nmi,nmu->iu", factored, scaled),
            input_factors=(self.inputs * gradient).sum(axis=0),
            output_factors=(deltas * (factored @ self.weights)).sum(axis=0),
            bias=deltas.sum(axis=0),
        )
        return gradient * self.input_factors


class SeparateDense(WeightedLayer):
    """zᵢ = xᵢ Wᵢ + bᵢ, a = f(z): each member has weights of its own, (members, inputs, units)."""

    def __init__(self, weights: Array, bias: Array, activation: str = "identity", **learning: Any) -> None:
        super().__init__({"weights": weights, "bias": bias}, activation, **learning)

    def _forward(self, x: Array) -> Array:
        return np.asarray(np.einsum("nmi,miu->nmu", x, self.weights) + self.bias)

    def _backward(self, deltas: Array) -> Array:
        self._keep(weights=np.einsum("nmi,nmu->miu", self.inputs, deltas), bias=deltas.sum(axis=0))
        return np.asarray(np.einsum("nmu,miu->nmi", deltas, self.weights))
