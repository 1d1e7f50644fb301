"""A network of layers in a row, with the loop over batches."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import random
from .activations import Array
from .base import Layer, backward_through, forward_through
from .losses import Loss
from .optimizers import Optimizer


def as_values(X: NDArray[np.generic]) -> Array:
    """Return inputs as float64; bytes are scaled to [0, 1]."""
    values = X.astype(np.float64)
    return values / 255.0 if X.dtype == np.uint8 else values


class Network:
    """A network of reference layers; outputs of any shape are returned as rows."""

    def __init__(self, layers: Sequence[Layer]) -> None:
        # Any, because callers that know the kind of a layer read its weights.
        self.layers: list[Any] = list(layers)

    # --- one batch

    def forward(self, X: NDArray[np.generic]) -> Array:
        """Return the outputs; every layer stores its values for `backward`."""
        return forward_through(self.layers, as_values(X)).reshape(len(X), -1)

    predict = forward

    def backward(self, output_gradient: Array) -> Array:
        """Return ∂E/∂X, from ∂E/∂a of the outputs."""
        return backward_through(self.layers, output_gradient.reshape(self.layers[-1].activations.shape))

    @property
    def outputs(self) -> tuple[Array, Array]:
        """The pre-activations and activations of the last forward, as rows."""
        last = self.layers[-1]
        samples = len(last.activations)
        return last.pre_activations.reshape(samples, -1), last.activations.reshape(samples, -1)

    def loss_and_gradient(
        self, X: NDArray[np.generic], y: NDArray[np.generic], loss: Loss, sample_weight: Array | None = None
    ) -> float:
        """Return the weighted mean loss plus penalties, and store the gradients in the layers."""
        self.forward(X)
        w = self._weights(y, loss, sample_weight)
        share = w / w.sum() if w.sum() > 0 else np.zeros(w.shape)
        steps = w.size // len(w)
        last = self.layers[-1]
        z, a, t = self._rows(y, loss, w.size)
        values = steps * loss.value(z, a, t, last.activation)
        own = self._own_losses(share)
        deltas = steps * share.reshape(-1, 1) * loss.delta(z, a, t, last.activation)
        backward_through(self.layers[:-1], last.backward(deltas.reshape(last.pre_activations.shape)))
        for layer in self.layers:
            layer.add_penalty_gradient()
        return float((share.ravel() * values).sum() + own + sum(layer.penalty() for layer in self.layers))

    def evaluate(
        self, X: NDArray[np.generic], y: NDArray[np.generic], loss: Loss, sample_weight: Array | None = None
    ) -> tuple[float, float]:
        """Return the weighted mean loss, without penalties, and the metric."""
        self.forward(X)
        return self._measure(y, loss, sample_weight)

    def _measure(self, y: NDArray[np.generic], loss: Loss, sample_weight: Array | None) -> tuple[float, float]:
        """Return the weighted mean loss, without penalties, and the metric of the last forward."""
        last = self.layers[-1]
        w = self._weights(y, loss, sample_weight)
        steps = w.size // len(w)
        z, a, t = self._rows(y, loss, w.size)
        y, own = y.reshape(w.size, -1), self._own_losses(w)
        w = w.ravel()
        values = steps * loss.value(z, a, t, last.activation)
        right = loss.metric(a, y, last.activation)
        total = w.sum()
        if total == 0:
            return 0.0, 0.0
        return float(((w * values).sum() + own) / total), float((w * right).sum() / total)

    def _weights(self, y: NDArray[np.generic], loss: Loss, sample_weight: Array | None) -> Array:
        """Return the weights of samples, (samples,), or of steps or pixels with a loss each, (samples, places)."""
        w = np.ones(len(y)) if sample_weight is None else sample_weight
        last = self.layers[-1]
        places = y.size // len(y)
        if places == loss.target_columns(self.outputs[1].shape[1]):
            places = math.prod(last.pre_activations.shape[1:-1]) if last.activation == "softmax" else 1
        return np.repeat(w[:, None], places, axis=1) if places > 1 and w.ndim == 1 else w

    def _own_losses(self, weights: Array) -> float:
        """Return the weighted sum of the layers' own losses."""
        of_samples = weights.reshape(len(weights), -1).sum(axis=1)
        return float((of_samples * sum(layer.own_loss(of_samples) for layer in self.layers)).sum())

    def _rows(self, y: NDArray[np.generic], loss: Loss, count: int) -> tuple[Array, Array, Array]:
        """Return z, a and the targets as this many rows: one per sample, or one per step or pixel with a weight."""
        z, a = self.outputs
        t = loss.rows(y, a.shape[1]).reshape(count, -1)
        return z.reshape(count, -1), a.reshape(count, -1), loss.smoothed(t, self.layers[-1].activation)

    # --- all parameters in one array: layer by layer, in the order of their dictionaries, row-major

    def _leaves(self) -> list[Layer]:
        return [leaf for layer in self.layers for leaf in layer.leaves()]

    @property
    def parameters(self) -> Array:
        """A flat copy of the parameters; assign to set them."""
        return np.concatenate([part.ravel() for leaf in self._leaves() for part in leaf.parameters.values()])

    @parameters.setter
    def parameters(self, values: Array) -> None:
        begin = 0
        for leaf in self._leaves():
            for part in leaf.parameters.values():
                part[...] = values[begin : begin + part.size].reshape(part.shape)
                begin += part.size

    @property
    def gradients(self) -> Array:
        """A flat copy of the gradients."""
        return np.concatenate([part.ravel() for leaf in self._leaves() for part in leaf.gradients.values()])

    def _for_each(self, value_of: Callable[[Layer, str], Any]) -> NDArray[Any]:
        """Return a value for each parameter, which a function gives for an array of a layer by its name."""
        parts = [
            np.full(part.size, value_of(leaf, name))
            for leaf in self._leaves()
            for name, part in leaf.parameters.items()
        ]
        return np.concatenate(parts)

    # --- training

    def step(self, optimizer: Optimizer, rate: float) -> None:
        """Update the parameters once, by the stored gradients."""
        before = self.parameters
        rate_factors = self._for_each(lambda leaf, name: leaf.factors_of(name)[0])
        decay_factors = self._for_each(lambda leaf, name: leaf.factors_of(name)[1])
        after = optimizer.update(before, self.gradients, rate, decay_factors, rate_factors)
        self.parameters = np.where(self._for_each(lambda leaf, _: leaf.trainable), after, before)
        for layer in self.layers:
            layer.limit_norm()

    def train_epoch(
        self,
        X: NDArray[np.generic],
        y: NDArray[np.generic],
        loss: Loss,
        optimizer: Optimizer,
        rates: Array,
        batch_size: int,
        shuffle: bool = True,
        seed: int = 0,
        epoch: int = 0,
        sample_weight: Array | None = None,
        input_noise: float = 0.0,
        weight_decays: Array | None = None,
    ) -> tuple[float, float]:
        """Train for one epoch; return the mean loss (before each step, without penalties) and the metric.

        `rates`, and `weight_decays` if it is given, are one per step.
        """
        order = random.order(len(X), seed, epoch) if shuffle else np.arange(len(X))
        w = np.ones(len(X)) if sample_weight is None else sample_weight
        totals = np.zeros(3)
        for layer in self.layers:
            layer.training = True
        for step, begin in enumerate(range(0, len(X), batch_size)):
            rows = order[begin : begin + batch_size]
            x = as_values(X[rows])
            if input_noise > 0:
                raw = random.sample_words(seed, random.INPUT_NOISE, begin, epoch, len(x), x[0].size)
                x = x + input_noise * random.normal(raw).reshape(x.shape)
            for layer in self.layers:
                layer.set_draw(seed, epoch, begin, step)
            if weight_decays is not None:
                optimizer.weight_decay = float(weight_decays[step])
            self.loss_and_gradient(x, y[rows], loss, w[rows])
            mean_loss, mean_metric = self._measure(y[rows], loss, w[rows])
            self.step(optimizer, float(rates[step]))
            totals += w[rows].sum() * np.array([mean_loss, mean_metric, 1.0])
        for layer in self.layers:
            layer.training = False
        return float(totals[0] / totals[2]), float(totals[1] / totals[2])
