"""Layers in a row, and the loop over batches."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from . import activations, losses, random
from .activations import Array
from .layers import Dense
from .losses import Loss
from .optimizers import Optimizer


def as_values(X: NDArray[np.generic]) -> Array:
    """Return inputs as float64; bytes are scaled to [0, 1]."""
    values = X.astype(np.float64)
    return values / 255.0 if X.dtype == np.uint8 else values


class Network:
    """A network of reference layers."""

    def __init__(self, layers: list[Dense]) -> None:
        self.layers = layers

    # --- one batch

    def forward(self, X: NDArray[np.generic]) -> Array:
        """Return the outputs; every layer keeps its values."""
        a = as_values(X)
        for layer in self.layers:
            a = layer.forward(a)
        return a

    predict = forward

    def backward(self, output_gradient: Array) -> Array:
        """Go back from ∂E/∂a of the output; return ∂E/∂X."""
        last = self.layers[-1]
        return self._backward(activations.delta(last.activation, last.pre_activations, output_gradient))

    def _backward(self, deltas: Array) -> Array:
        gradient = self.layers[-1].backward(deltas)
        for layer in reversed(self.layers[:-1]):
            gradient = layer.backward(activations.delta(layer.activation, layer.pre_activations, gradient))
        return gradient

    def loss_and_gradient(
        self, X: NDArray[np.generic], y: NDArray[np.generic], loss: Loss, sample_weight: Array | None = None
    ) -> float:
        """Return weighted mean loss plus penalties; gradients are in the layers."""
        w = np.ones(len(X)) if sample_weight is None else sample_weight
        share = w / w.sum() if w.sum() > 0 else np.zeros(len(X))
        a = self.forward(X)
        last = self.layers[-1]
        t = loss.smoothed(losses.target_rows(y, a.shape[1]), last.activation)
        values = loss.value(last.pre_activations, a, t, last.activation)
        self._backward(share[:, None] * loss.delta(last.pre_activations, a, t, last.activation))
        for layer in self.layers:
            layer.add_penalty_gradient()
        return float((share * values).sum()) + sum(layer.penalty() for layer in self.layers)

    def evaluate(
        self, X: NDArray[np.generic], y: NDArray[np.generic], loss: Loss, sample_weight: Array | None = None
    ) -> tuple[float, float]:
        """Return weighted mean loss, without penalties, and metric."""
        w = np.ones(len(X)) if sample_weight is None else sample_weight
        a = self.forward(X)
        last = self.layers[-1]
        t = loss.smoothed(losses.target_rows(y, a.shape[1]), last.activation)
        values = loss.value(last.pre_activations, a, t, last.activation)
        right = losses.metric(a, y, loss, last.activation)
        return (float((w * values).sum() / w.sum()), float((w * right).sum() / w.sum())) if w.sum() > 0 else (0.0, 0.0)

    # --- all parameters in one array: for each layer the weights row by row, then the bias

    @property
    def parameters(self) -> Array:
        """A flat copy; assign to set."""
        return np.concatenate([part for layer in self.layers for part in (layer.weights.ravel(), layer.bias)])

    @parameters.setter
    def parameters(self, values: Array) -> None:
        begin = 0
        for layer in self.layers:
            for name in ("weights", "bias"):
                part = getattr(layer, name)
                setattr(layer, name, values[begin : begin + part.size].reshape(part.shape).copy())
                begin += part.size

    @property
    def gradients(self) -> Array:
        """A flat copy of the gradients."""
        return np.concatenate(
            [part for layer in self.layers for part in (layer.weight_gradient.ravel(), layer.bias_gradient)]
        )

    def _mask(self, of_weights: bool) -> NDArray[np.bool_]:
        """Tell the weights, or the trainable parameters, from the others."""
        parts = []
        for layer in self.layers:
            parts.append(np.full(layer.weights.size, True if of_weights else layer.trainable))
            parts.append(np.full(layer.bias.size, False if of_weights else layer.trainable))
        return np.concatenate(parts)

    # --- training

    def step(self, optimizer: Optimizer, rate: float) -> None:
        """Make one update from the stored gradients."""
        before = self.parameters
        after = optimizer.update(before, self.gradients, rate, self._mask(of_weights=True))
        self.parameters = np.where(self._mask(of_weights=False), after, before)
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
    ) -> tuple[float, float]:
        """Make one pass over the data; return mean loss (before each step, without penalties) and metric."""
        order = random.order(len(X), seed, epoch) if shuffle else np.arange(len(X))
        w = np.ones(len(X)) if sample_weight is None else sample_weight
        totals = np.zeros(3)
        for step, begin in enumerate(range(0, len(X), batch_size)):
            rows = order[begin : begin + batch_size]
            x = as_values(X[rows])
            if input_noise > 0:
                x = x + input_noise * self._noise(begin, x.shape, seed, epoch)
            mean_loss, mean_metric = self.evaluate(x, y[rows], loss, w[rows])
            self.loss_and_gradient(x, y[rows], loss, w[rows])
            self.step(optimizer, float(rates[step]))
            totals += w[rows].sum() * np.array([mean_loss, mean_metric, 1.0])
        return float(totals[0] / totals[2]), float(totals[1] / totals[2])

    @staticmethod
    def _noise(begin: int, shape: tuple[int, ...], seed: int, epoch: int) -> Array:
        rows = [
            random.normal(random.words(seed, random.INPUT_NOISE, begin + i, epoch, shape[1])) for i in range(shape[0])
        ]
        return np.stack(rows)
