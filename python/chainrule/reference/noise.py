"""Layers that draw random numbers in training; in prediction they return their inputs, or their mean."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from . import random
from .activations import Array
from .base import Layer

__all__ = ["Dropout", "GaussianNoise", "Sampling"]


class Noise(Layer, abstract=True):
    """A layer that draws random numbers, which depend on `index`, its number in the network."""

    preserves_steps = True

    def __init__(self, index: int) -> None:
        super().__init__()
        self.index = index

    def _normal(self, shape: tuple[int, ...]) -> Array:
        """Return one normal number per value, from a separate stream per sample, in row-major order."""
        samples, *rest = shape
        raw = random.layer_words(self.draw, random.LAYER_NOISE, self.index, samples, math.prod(rest))
        return random.normal(raw).reshape(shape)


class Dropout(Noise):
    """z = x m / (1 − rate), m = 0 with probability rate, else 1 (Srivastava et al. 2014).

    One m for each value, or with `spatial` one for each channel of a sample (Tompson et al. 2015). The rate is a
    number, or one for each step of an epoch, of which the last one stays.
    """

    def __init__(self, rate: float | Sequence[float], index: int = 0, spatial: bool = False) -> None:
        super().__init__(index)
        self.rates = list(rate) if isinstance(rate, Sequence) else [rate]
        self.spatial = spatial

    def _forward(self, x: Array) -> Array:
        self.factors = np.ones_like(x)
        if self.training:
            shape = (len(x), *(1 for _ in x.shape[1:-1]), x.shape[-1]) if self.spatial else x.shape
            rate = self.rates[min(self.step, len(self.rates) - 1)]
            kept = random.keeps(self.draw, self.index, len(x), math.prod(shape[1:]), rate)
            self.factors = kept.reshape(shape) / (1.0 - rate)
        return x * self.factors

    def _backward(self, deltas: Array) -> Array:
        return deltas * self.factors


class GaussianNoise(Noise):
    """z = x + deviation · normal."""

    def __init__(self, deviation: float, index: int = 0) -> None:
        super().__init__(index)
        self.deviation = deviation

    def _forward(self, x: Array) -> Array:
        if not self.training:
            return x
        return x + self.deviation * self._normal(x.shape)

    def _backward(self, deltas: Array) -> Array:
        return deltas


class Sampling(Noise):
    """z = μ + e^(s/2) · normal of inputs (μ, s), with the loss kl · ½ Σ μ² + e^s − s − 1 (Kingma and Welling 2014)."""

    def __init__(self, kl: float = 1.0, index: int = 0) -> None:
        super().__init__(index)
        self.kl = kl

    def _forward(self, x: Array) -> Array:
        mean, log_variance = np.split(x, 2, axis=1)
        self.shares = np.zeros((len(x), 1))
        self.normal = np.zeros_like(mean)
        if self.training:
            self.normal = self._normal(mean.shape)
        return mean + np.exp(log_variance / 2) * self.normal

    def own_loss(self, shares: Array) -> Array:
        self.shares = shares[:, None]
        mean, log_variance = np.split(self.inputs, 2, axis=1)
        return np.asarray(self.kl * 0.5 * (mean**2 + np.exp(log_variance) - log_variance - 1.0).sum(axis=1))

    def _backward(self, deltas: Array) -> Array:
        mean, log_variance = np.split(self.inputs, 2, axis=1)
        of_loss = self.kl * self.shares * np.hstack([mean, 0.5 * (np.exp(log_variance) - 1.0)])
        return np.hstack([deltas, deltas * 0.5 * np.exp(log_variance / 2) * self.normal]) + of_loss
