"""Layers that only move values."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .activations import Array
from .layers import Layer
from .windows import per_axis


class Reshape(Layer):
    """z = x with another shape of each sample, values in row-major order."""

    def __init__(self, shape: Sequence[int]) -> None:
        super().__init__()
        self.shape = tuple(shape)

    def _forward(self, x: Array) -> Array:
        return x.reshape(len(x), *self.shape)

    def _backward(self, deltas: Array) -> Array:
        return deltas.reshape(self.inputs.shape)


class Flatten(Reshape):
    """z = x as (samples, features)."""

    def __init__(self) -> None:
        super().__init__((-1,))


class ZeroPad2D(Layer):
    """z = x with zeros around it: padding ((top, bottom), (left, right))."""

    def __init__(self, padding: Sequence[tuple[int, int]]) -> None:
        super().__init__()
        self.padding = padding

    def _forward(self, x: Array) -> Array:
        return np.pad(x, [(0, 0), *self.padding, (0, 0)])

    def _backward(self, deltas: Array) -> Array:
        (top, _), (left, _) = self.padding
        _, height, width, _ = self.inputs.shape
        return deltas[:, top : top + height, left : left + width]


class UpSample2D(Layer):
    """Nearest neighbour: z[i, j] = x[⌊i / height⌋, ⌊j / width⌋], size (height, width)."""

    def __init__(self, size: int | Sequence[int] = 2) -> None:
        super().__init__()
        self.size = per_axis(size, 2)

    def _forward(self, x: Array) -> Array:
        return x.repeat(self.size[0], axis=1).repeat(self.size[1], axis=2)

    def _backward(self, deltas: Array) -> Array:
        samples, height, width, channels = self.inputs.shape
        blocks = deltas.reshape(samples, height, self.size[0], width, self.size[1], channels)
        return np.asarray(blocks.sum(axis=(2, 4)))
