"""An embedding of numbers by cosines."""

from __future__ import annotations

from typing import Any

import numpy as np

from .activations import Array
from .base import Entry, Layer

__all__ = ["Periodic"]


class Periodic(Layer):
    """Features x, then e_j = b_j + Σ_k w_kj cos(2π (f_k x + p_k)) of each, j by j; arrays end with the features.

    `deviation` is of the initial frequencies, which come as arrays here.
    """

    weight_names = ("weights",)
    frequencies = Entry("parameters", "frequencies")
    phases = Entry("parameters", "phases")
    weights = Entry("parameters", "weights")
    bias = Entry("parameters", "bias")

    def __init__(
        self, frequencies: Array, phases: Array, weights: Array, bias: Array, deviation: float = 0.1, **learning: Any
    ) -> None:
        arrays = {"frequencies": frequencies, "phases": phases, "weights": weights, "bias": bias}
        super().__init__(arrays, **learning)

    def _angles(self) -> Array:
        """Return 2π (f_k x + p_k), (samples, waves, features)."""
        return np.asarray(2 * np.pi * (self.inputs[:, np.newaxis] * self.frequencies + self.phases))

    def _forward(self, x: Array) -> Array:
        mixed = self.bias + np.einsum("nkf,kjf->njf", np.cos(self._angles()), self.weights)
        return np.concatenate([x, mixed.reshape(len(x), -1)], axis=1)

    def _backward(self, deltas: Array) -> Array:
        """Store the gradients, and return ∂E/∂x = δ_x − 2π Σ_k f_k sin(2π (f_k x + p_k)) Σ_j w_kj δ_j."""
        samples, features = self.inputs.shape
        of_mixed = deltas[:, features:].reshape(samples, -1, features)
        angles = self._angles()
        by_cosine = np.einsum("kjf,njf->nkf", self.weights, of_mixed)
        slopes = -2 * np.pi * np.sin(angles) * by_cosine
        self._keep(
            frequencies=(slopes * self.inputs[:, np.newaxis]).sum(axis=0),
            phases=slopes.sum(axis=0),
            weights=np.einsum("nkf,njf->kjf", np.cos(angles), of_mixed),
            bias=of_mixed.sum(axis=0),
        )
        return np.asarray(deltas[:, :features] + (self.frequencies * slopes).sum(axis=1))
