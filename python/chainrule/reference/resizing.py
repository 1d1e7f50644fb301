"""Layers that make images larger."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .activations import Array
from .base import Layer
from .windows import per_axis

__all__ = ["UpSample2D", "ZeroPad2D"]


class ZeroPad2D(Layer):
    """z = x with a border of zeros; padding is ((top, bottom), (left, right)), or one number for all four."""

    def __init__(self, padding: int | Sequence[tuple[int, int]] = 1) -> None:
        super().__init__()
        self.padding = ((padding, padding),) * 2 if isinstance(padding, int) else padding

    def _forward(self, x: Array) -> Array:
        return np.pad(x, [(0, 0), *self.padding, (0, 0)])

    def _backward(self, deltas: Array) -> Array:
        (top, _), (left, _) = self.padding
        _, height, width, _ = self.inputs.shape
        return deltas[:, top : top + height, left : left + width]


class UpSample2D(Layer):
    """Nearest-neighbour upsampling: z[i, j] = x[⌊i / height⌋, ⌊j / width⌋], size (height, width)."""

    def __init__(self, size: int | Sequence[int] = 2) -> None:
        super().__init__()
        self.size = per_axis(size, 2)

    def _forward(self, x: Array) -> Array:
        return x.repeat(self.size[0], axis=1).repeat(self.size[1], axis=2)

    def _backward(self, deltas: Array) -> Array:
        samples, height, width, channels = self.inputs.shape
        blocks = deltas.reshape(samples, height, self.size[0], width, self.size[1], channels)
        return np.asarray(blocks.sum(axis=(2, 4)))
