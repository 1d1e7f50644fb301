"""Pooling over windows, and over whole signals and images."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .activations import Array
from .base import Layer, Margin, rounding_scale
from .windows import Padding, Windows, per_axis

__all__ = [
    "AvgPool1D",
    "AvgPool2D",
    "GlobalAvgPool1D",
    "GlobalAvgPool2D",
    "GlobalMaxPool1D",
    "GlobalMaxPool2D",
    "MaxPool1D",
    "MaxPool2D",
]


class Pool(Layer, abstract=True):
    """Pooling of the places in a window, for each channel separately; the default stride is the size of the window."""

    axes: int

    def __init__(
        self, pool_size: int | Sequence[int], strides: int | Sequence[int] | None = None, padding: Padding = "valid"
    ) -> None:
        super().__init__()
        self.size = per_axis(pool_size, self.axes)
        self.strides = self.size if strides is None else per_axis(strides, self.axes)
        self.padding = padding

    @property
    def preserves_steps(self) -> bool:  # type: ignore[override]
        return self.activations.shape[1:-1] == self.inputs.shape[1:-1]

    def _windows(self, x: Array) -> Windows:
        return Windows(x.shape[1:-1], self.size, self.strides, self.padding)


class MaxPool(Pool, abstract=True):
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

    def sides(self) -> list[NDArray[np.int64]]:
        return [*super().sides(), self.winners]

    def margins(self) -> list[Margin]:
        """Add the lead of each maximum; of equal values, such as the zeros of ReLU, the first always wins."""
        padded = self.windows.pad(self.inputs, -np.inf)
        candidates = np.stack([padded[places] for _, places in self.windows])
        return [*super().margins(), (_lead(candidates), rounding_scale(self.inputs))]


class MaxPool1D(MaxPool):
    """The maximum over windows of signals."""

    axes = 1


class MaxPool2D(MaxPool):
    """The maximum over windows of images."""

    axes = 2


class AvgPool(Pool, abstract=True):
    """z = mean over those places of the window that are not padding."""

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


class GlobalAvgPool(Layer, abstract=True):
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


class GlobalMaxPool(Layer, abstract=True):
    """z = max over all places, (samples, channels); the first of equal maxima takes the gradient."""

    def _forward(self, x: Array) -> Array:
        self.places = x.reshape(len(x), -1, x.shape[-1])
        self.winners = self.places.argmax(axis=1)
        return np.asarray(self.places.max(axis=1))

    def _backward(self, deltas: Array) -> Array:
        gradient = np.zeros_like(self.places)
        np.put_along_axis(gradient, self.winners[:, None], deltas[:, None], axis=1)
        return gradient.reshape(self.inputs.shape)

    def sides(self) -> list[NDArray[np.int64]]:
        return [*super().sides(), self.winners]

    def margins(self) -> list[Margin]:
        """Add by how much each maximum leads."""
        return [*super().margins(), (_lead(self.places.swapaxes(0, 1)), rounding_scale(self.inputs))]


class GlobalMaxPool1D(GlobalMaxPool):
    """The maximum over the steps of signals."""


class GlobalMaxPool2D(GlobalMaxPool):
    """The maximum over the places of images."""


def _lead(candidates: Array) -> Array:
    """Return by how much the largest along the first axis leads; infinity where there is no other, or an equal one."""
    values = np.sort(candidates, axis=0)
    lead = values[-1] - values[-2] if len(values) > 1 else np.full(values.shape[1:], np.inf)
    return np.where(lead > 0, lead, np.inf)
