"""The losses of a sample, and ∂E/∂z of the output."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from . import activations
from .activations import Array
from .base import Margin, rounding_scale

# Every loss by its name, filled in as the classes are defined.
LOSSES: dict[str, type[Loss]] = {}


class Loss(ABC):
    """E of each sample from pre-activation z, activation a and target t, each (samples, outputs)."""

    name: ClassVar[str]

    def __init_subclass__(cls, by_name: bool = True) -> None:
        if by_name:
            LOSSES.setdefault(cls.name, cls)

    @abstractmethod
    def value(self, z: Array, a: Array, t: Array, activation: str) -> Array:
        """Return E of each sample, (samples,)."""

    @abstractmethod
    def gradient(self, a: Array, t: Array) -> Array:
        """Return ∂E/∂a."""

    def delta(self, z: Array, a: Array, t: Array, activation: str) -> Array:
        """Return ∂E/∂z."""
        return activations.delta(activation, z, self.gradient(a, t))

    def smoothed(self, t: Array, activation: str) -> Array:
        """Return the targets that the outputs are compared with, such as smoothed ones."""
        return t

    def target_columns(self, outputs: int) -> int:
        """Return the number of targets per sample."""
        return outputs

    def rows(self, y: NDArray[np.generic], outputs: int) -> Array:
        """Return the targets of each sample as a row."""
        return target_rows(y, self.target_columns(outputs))

    def predictions(self, a: Array) -> Array:
        """Return those outputs that predict the targets."""
        return a

    def right(self, a: Array, t: Array, activation: str) -> Array:
        """Return the metric of each sample for targets that are not labels: the mean absolute error."""
        return np.asarray(np.abs(t - a).mean(axis=1))

    def metric(self, a: Array, y: NDArray[np.generic], activation: str) -> Array:
        """Return the metric of each sample: accuracy for classes, mean absolute error for other targets."""
        a = self.predictions(a)
        t = target_rows(y, a.shape[1])
        if y.size == len(a) and a.shape[1] > 1:
            return np.asarray(a.argmax(axis=1) == t.argmax(axis=1), dtype=np.float64)
        return self.right(a, t, activation)

    # --- for the check

    def sides(self, a: Array, t: Array) -> NDArray[np.int64]:
        """Return the side of the loss's kinks on which each output is."""
        return np.zeros(a.shape, dtype=np.int64)

    def margins(self, a: Array, t: Array) -> list[Margin]:
        """Return the distances of outputs from each kink, with the scale of their rounding errors."""
        return []

    def magnitudes(self, z: Array, a: Array, t: Array) -> tuple[Array, Array]:
        """Return the magnitudes of the terms that cancel in the loss, and in its gradient by the outputs."""
        terms = np.abs(a) + np.abs(t)
        return 0.5 * terms**2, terms


class MSE(Loss):
    """½ Σ (t − a)²."""

    name = "mse"

    def value(self, z: Array, a: Array, t: Array, activation: str) -> Array:
        return np.asarray(0.5 * ((t - a) ** 2).sum(axis=1))

    def gradient(self, a: Array, t: Array) -> Array:
        return a - t


class MAE(Loss):
    """Σ abs(t − a)."""

    name = "mae"

    def value(self, z: Array, a: Array, t: Array, activation: str) -> Array:
        return np.asarray(np.abs(t - a).sum(axis=1))

    def gradient(self, a: Array, t: Array) -> Array:
        return np.sign(a - t)

    def sides(self, a: Array, t: Array) -> NDArray[np.int64]:
        return np.asarray(np.sign(a - t), dtype=np.int64)

    def margins(self, a: Array, t: Array) -> list[Margin]:
        return [(np.abs(a - t), rounding_scale(a))]


class Huber(Loss):
    """½ e² for abs(e) ≤ delta, else delta (abs(e) − ½ delta)."""

    name = "huber"

    def __init__(self, delta: float = 1.0) -> None:
        self.threshold = delta

    def value(self, z: Array, a: Array, t: Array, activation: str) -> Array:
        e = np.abs(a - t)
        far = self.threshold * (e - 0.5 * self.threshold)
        return np.asarray(np.where(e <= self.threshold, 0.5 * e**2, far).sum(axis=1))

    def gradient(self, a: Array, t: Array) -> Array:
        return np.clip(a - t, -self.threshold, self.threshold)

    def sides(self, a: Array, t: Array) -> NDArray[np.int64]:
        e = a - t
        return np.asarray(e > self.threshold, dtype=np.int64) - np.asarray(e < -self.threshold, dtype=np.int64)


class LogCosh(Loss):
    """Σ log cosh e, e = a − t: log(1 + 2 sinh²(e/2)) near zero, abs(e) + log(1 + e^(−2 abs(e))) − log 2."""

    name = "log_cosh"

    def value(self, z: Array, a: Array, t: Array, activation: str) -> Array:
        e = np.abs(a - t)
        near = np.log1p(2.0 * np.sinh(0.5 * np.minimum(e, 1.0)) ** 2)
        far = e + np.log1p(np.exp(-2.0 * e)) - np.log(2.0)
        return np.asarray(np.where(e < 1.0, near, far).sum(axis=1))

    def gradient(self, a: Array, t: Array) -> Array:
        return np.tanh(a - t)


class Quantile(Loss):
    """Σ max(q e, (q − 1) e), e = t − a; the outputs of the first quantile come first, then those of the second, ...."""

    name = "quantile"

    def __init__(self, quantiles: Sequence[float] = (0.5,)) -> None:
        self.quantiles = np.array(quantiles)

    def target_columns(self, outputs: int) -> int:
        return outputs // len(self.quantiles)

    def smoothed(self, t: Array, activation: str) -> Array:
        return np.tile(t, (1, len(self.quantiles)))

    def predictions(self, a: Array) -> Array:
        columns = self.target_columns(a.shape[1])
        nearest = int(np.argmin(np.abs(self.quantiles - 0.5)))
        return a[:, nearest * columns : (nearest + 1) * columns]

    def value(self, z: Array, a: Array, t: Array, activation: str) -> Array:
        return np.asarray((self._slopes(a, t) * (a - t)).sum(axis=1))

    def gradient(self, a: Array, t: Array) -> Array:
        return np.where(a == t, 0.0, self._slopes(a, t))

    def _slopes(self, a: Array, t: Array) -> Array:
        q = np.repeat(self.quantiles, a.shape[1] // len(self.quantiles))
        return np.where(a > t, 1.0 - q, -q)

    def sides(self, a: Array, t: Array) -> NDArray[np.int64]:
        return np.asarray(np.sign(a - t), dtype=np.int64)

    def margins(self, a: Array, t: Array) -> list[Margin]:
        return [(np.abs(a - t), rounding_scale(a))]


class Poisson(Loss):
    """Σ a − t log a."""

    name = "poisson"

    def value(self, z: Array, a: Array, t: Array, activation: str) -> Array:
        return np.asarray((a - t * np.log(a)).sum(axis=1))

    def gradient(self, a: Array, t: Array) -> Array:
        return 1.0 - t / a


class Hinge(Loss):
    """Σ max(0, 1 − t a), t = 1 if the target is above zero, else −1."""

    name = "hinge"

    def smoothed(self, t: Array, activation: str) -> Array:
        return np.where(t > 0.0, 1.0, -1.0)

    def value(self, z: Array, a: Array, t: Array, activation: str) -> Array:
        return np.asarray(np.maximum(0.0, 1.0 - t * a).sum(axis=1))

    def gradient(self, a: Array, t: Array) -> Array:
        return np.where(t * a < 1.0, -t, 0.0)

    def right(self, a: Array, t: Array, activation: str) -> Array:
        return np.asarray(((a > 0.0) == (t > 0.0)).mean(axis=1))

    def sides(self, a: Array, t: Array) -> NDArray[np.int64]:
        return np.asarray(t * a < 1.0, dtype=np.int64)

    def margins(self, a: Array, t: Array) -> list[Margin]:
        return [(np.abs(t * a - 1.0), rounding_scale(a))]


class GaussianNLL(Loss):
    """½ Σ s + (t − μ)² e^(−s), outputs a = (μ, s), s = log σ² (Nix and Weigend 1994); without the constant ½ log 2π."""

    name = "gaussian_nll"

    def target_columns(self, outputs: int) -> int:
        return outputs // 2

    def predictions(self, a: Array) -> Array:
        return a[:, : a.shape[1] // 2]

    def value(self, z: Array, a: Array, t: Array, activation: str) -> Array:
        mean, log_variance = np.split(a, 2, axis=1)
        return np.asarray(0.5 * (log_variance + (t - mean) ** 2 * np.exp(-log_variance)).sum(axis=1))

    def gradient(self, a: Array, t: Array) -> Array:
        mean, log_variance = np.split(a, 2, axis=1)
        precision = np.exp(-log_variance)
        return np.hstack([(mean - t) * precision, 0.5 * (1.0 - (t - mean) ** 2 * precision)])

    def magnitudes(self, z: Array, a: Array, t: Array) -> tuple[Array, Array]:
        mean, log_variance = np.split(a, 2, axis=1)
        far = np.abs(mean) + np.abs(t)
        weighted = far * np.exp(-log_variance)
        scale = 0.5 * (np.abs(log_variance) + far * weighted)
        return scale, np.hstack([weighted, 0.5 * (1.0 + far * weighted)])


class CrossEntropy(Loss):
    """−Σ t log a with softmax; −Σ t log a + (1 − t) log(1 − a) with sigmoid; computed from z, so that it is finite."""

    name = "cross_entropy"

    def __init__(self, label_smoothing: float = 0.0) -> None:
        self.label_smoothing = label_smoothing

    def smoothed(self, t: Array, activation: str) -> Array:
        classes = t.shape[1] if activation == "softmax" else 2
        return t * (1.0 - self.label_smoothing) + self.label_smoothing / classes

    def value(self, z: Array, a: Array, t: Array, activation: str) -> Array:
        if activation == "softmax":
            top = z.max(axis=1, keepdims=True)
            log_a = z - top - np.log(np.exp(z - top).sum(axis=1, keepdims=True))
            return np.asarray(-(t * log_a).sum(axis=1))
        log_a, log_rest = -np.logaddexp(0.0, -z), -np.logaddexp(0.0, z)
        return np.asarray(-(t * log_a + (1.0 - t) * log_rest).sum(axis=1))

    def gradient(self, a: Array, t: Array) -> Array:
        raise NotImplementedError("cross-entropy has its gradient by the pre-activations")

    def delta(self, z: Array, a: Array, t: Array, activation: str) -> Array:
        return a * t.sum(axis=1, keepdims=True) - t if activation == "softmax" else a - t

    def right(self, a: Array, t: Array, activation: str) -> Array:
        if activation == "softmax":
            return np.asarray(a.argmax(axis=1) == t.argmax(axis=1), dtype=np.float64)
        return np.asarray(((a > 0.5) == (t > 0.5)).mean(axis=1))

    def magnitudes(self, z: Array, a: Array, t: Array) -> tuple[Array, Array]:
        return np.abs(z) * t, np.abs(a) + np.abs(t)


class Function(Loss, by_name=False):
    """A loss by `call`, which returns values and gradient for rows of outputs, and rows of targets or labels.

    A row can be a place of a sample, of which each has as many as `shape` tells.
    """

    def __init__(self, call: Callable[[Array, NDArray[Any]], tuple[Array, Array]], shape: Sequence[int]) -> None:
        self.call, self.outputs = call, math.prod(shape)

    def rows(self, y: NDArray[np.generic], outputs: int) -> Array:
        return np.asarray(y.reshape(len(y), -1), dtype=np.int64 if y.dtype == np.int64 else np.float64)

    def value(self, z: Array, a: Array, t: Array, activation: str) -> Array:
        values = self._called(a, t)[0]
        rows = len(a) // len(values)
        if values.size > len(a):
            return np.asarray(values.reshape(len(a), -1).sum(axis=1))
        return np.repeat(values / rows, rows) if values.size < len(a) else values.reshape(len(a))

    def gradient(self, a: Array, t: Array) -> Array:
        return self._called(a, t)[1].reshape(a.shape)

    def metric(self, a: Array, y: NDArray[np.generic], activation: str) -> Array:
        is_known = y.dtype == np.int64 or y.size == a.size
        return super().metric(a, y, activation) if is_known else np.zeros(len(a))

    def magnitudes(self, z: Array, a: Array, t: Array) -> tuple[Array, Array]:
        # What the function subtracts is not known, but outputs and targets are what it can subtract.
        reach = np.abs(a) + np.abs(t).max(axis=1, keepdims=True)
        values = np.abs(self._called(a, t)[0].reshape(len(a), -1)).sum(axis=1, keepdims=True)
        terms = np.abs(self.gradient(a, t)) + reach
        return values / a.shape[1] + terms * reach, terms

    def _called(self, a: Array, t: Array) -> tuple[Array, Array]:
        samples = a.size // self.outputs
        targets = t.reshape(samples, -1)
        is_single = targets.dtype == np.int64 and targets.shape[1] == 1
        return self.call(a.reshape(samples, -1), targets.ravel() if is_single else targets)


def target_rows(y: NDArray[np.generic], outputs: int) -> Array:
    """Return rows (samples, outputs): each label becomes a one-hot row, or the target of a single output."""
    values = y.reshape(len(y), -1)
    if values.shape[1] == outputs:
        return values.astype(np.float64)
    one_hot = np.eye(outputs // values.shape[1])[values.astype(np.int64)]
    return np.asarray(one_hot.reshape(len(y), outputs))
