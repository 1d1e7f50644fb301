"""Normalisation over a batch, and over the features of a sample."""

from __future__ import annotations

from typing import Any

import numpy as np

from .activations import Array
from .base import Layer

__all__ = ["BatchNorm", "LayerNorm"]


class Normalisation(Layer, abstract=True):
    """z = γ x̂ + β, x̂ = (x − μ) / √(σ² + ε), with γ and β per feature, which are not penalised."""

    normalised: Array

    def __init__(self, gamma: Array, beta: Array, epsilon: float = 1e-5, **learning: Any) -> None:
        super().__init__({"gamma": gamma, "beta": beta}, **learning)
        self.epsilon = epsilon
        self.sign = -1.0  # of the means in the way back

    def take_magnitudes(self) -> None:
        """Add the means on the way back."""
        super().take_magnitudes()
        self.normalised, self.sign = np.abs(self.normalised), 1.0

    def _normalise(self, x: Array, mean: Array, variance: Array) -> Array:
        self.deviation = np.sqrt(variance + self.epsilon)
        self.normalised = (x - mean) / self.deviation
        return self.parameters["gamma"] * self.normalised + self.parameters["beta"]

    def _keep_sums(self, deltas: Array) -> None:
        """Store ∂E/∂γ = Σ δ x̂ and ∂E/∂β = Σ δ."""
        others = tuple(range(deltas.ndim - 1))
        self._keep(gamma=(deltas * self.normalised).sum(axis=others), beta=deltas.sum(axis=others))

    def _through_statistics(self, deltas: Array, axes: tuple[int, ...]) -> Array:
        """Return ∂E/∂x = (g − mean g − x̂ mean(g x̂)) / √(σ² + ε), g = γ δ, where μ and σ² are those of x over axes."""
        g = self.parameters["gamma"] * deltas
        along = (g * self.normalised).mean(axis=axes, keepdims=True)
        means = g.mean(axis=axes, keepdims=True) + self.normalised * along
        return np.asarray((g + self.sign * means) / self.deviation)


class BatchNorm(Normalisation):
    """Normalisation of each feature over all samples and places (Ioffe and Szegedy 2015).

    In training, μ and σ² are the mean and the biased variance of the batch, and running ← momentum · running +
    (1 − momentum) · batch. In prediction, and in a layer that is not trainable, they are the running statistics.
    """

    def __init__(
        self,
        gamma: Array,
        beta: Array,
        running_mean: Array,
        running_variance: Array,
        momentum: float = 0.9,
        epsilon: float = 1e-5,
        **learning: Any,
    ) -> None:
        super().__init__(gamma, beta, epsilon, **learning)
        self.running_mean = np.array(running_mean, dtype=np.float64)
        self.running_variance = np.array(running_variance, dtype=np.float64)
        self.momentum = momentum

    def _forward(self, x: Array) -> Array:
        self.by_batch = self.training and self.trainable
        if not self.by_batch:
            return self._normalise(x, self.running_mean, self.running_variance)
        others = tuple(range(x.ndim - 1))
        mean, variance = x.mean(axis=others), x.var(axis=others)
        self.running_mean = self.momentum * self.running_mean + (1.0 - self.momentum) * mean
        self.running_variance = self.momentum * self.running_variance + (1.0 - self.momentum) * variance
        return self._normalise(x, mean, variance)

    def _backward(self, deltas: Array) -> Array:
        self._keep_sums(deltas)
        if not self.by_batch:
            return self.parameters["gamma"] * deltas / self.deviation
        return self._through_statistics(deltas, tuple(range(deltas.ndim - 1)))


class LayerNorm(Normalisation):
    """Normalisation of each sample and place over the last axis (Ba, Kiros and Hinton 2016)."""

    preserves_steps = True

    def _forward(self, x: Array) -> Array:
        return self._normalise(x, x.mean(axis=-1, keepdims=True), x.var(axis=-1, keepdims=True))

    def _backward(self, deltas: Array) -> Array:
        self._keep_sums(deltas)
        return self._through_statistics(deltas, (-1,))
