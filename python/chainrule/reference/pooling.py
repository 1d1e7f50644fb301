"""Pooling over windows and over whole signals or images."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .activations import Array
from .layers import Layer
from .windows import Padding, Windows, per_axis


class Pool(Layer):
    """A pool of the places under a window, for each channel by itself; the stride is the pool's size unless said."""

    axes: int

    def __init__(
        self, size: int | Sequence[int], strides: int | Sequence[int] | None = None, padding: Padding = "valid"
    ) -> None:
        super().__init__()
        self.size = per_axis(size, self.axes)
        self.strides = self.size if strides is None else per_axis(strides, self.axes)
        self.padding = padding

    def _windows(self, x: Array) -> Windows:
        return Windows(x.shape[1:-1], self.size, self.strides, self.padding)


class MaxPool(Pool):
    """z = max over the window; the first of equal maxima, in row-major order, takes the gradient."""

    def _forward(self, x: Array) -> Array:
        self.windows = self._windows(x)
        padded = self.windows.pad(x, -np.inf)
        values = np.stack([padded[places] for _, places in self.windows])
        self.winners = values.argmax(axis=0)
        return np.asarray(values.max(axis=0))

    def _backward(self, deltas: Array) -> Array:
        gradient = self.windows.pad(np.zeros_like(self.inputs))
        for i, (_, places) in enumerate(self.windows):
            gradient[places] += np.where(self.winners == i, deltas, 0.0)
        return self.windows.crop(gradient)


class MaxPool1D(MaxPool):
    """The maximum over windows of signals."""

    axes = 1


class MaxPool2D(MaxPool):
    """The maximum over windows of images."""

    axes = 2


class AvgPool(Pool):
    """z = mean over the window's places that are not padding."""

    def _forward(self, x: Array) -> Array:
        self.windows = self._windows(x)
        padded, ones = self.windows.pad(x), self.windows.pad(np.ones_like(x))
        self.counts = np.asarray(sum(ones[places] for _, places in self.windows))
        return np.asarray(sum(padded[places] for _, places in self.windows) / self.counts)

    def _backward(self, deltas: Array) -> Array:
        gradient = self.windows.pad(np.zeros_like(self.inputs))
        for _, places in self.windows:
            gradient[places] += deltas / self.counts
        return self.windows.crop(gradient)


class AvgPool1D(AvgPool):
    """The mean over windows of signals."""

    axes = 1


class AvgPool2D(AvgPool):
    """The mean over windows of images."""

    axes = 2


class GlobalAvgPool(Layer):
    """z = mean over all places, (samples, channels)."""

    axes: tuple[int, ...]

    def _forward(self, x: Array) -> Array:
        return np.asarray(x.mean(axis=self.axes))

    def _backward(self, deltas: Array) -> Array:
        places = self.inputs[0, ..., 0].size
        return np.broadcast_to(np.expand_dims(deltas, self.axes), self.inputs.shape) / places


class GlobalAvgPool1D(GlobalAvgPool):
    """The mean over the steps of signals."""

    axes = (1,)


class GlobalAvgPool2D(GlobalAvgPool):
    """The mean over the places of images."""

    axes = (1, 2)
