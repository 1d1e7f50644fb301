"""Some of the features."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .activations import Array
from .base import Layer

__all__ = ["Select"]


class Select(Layer):
    """z_k = x_chosen(k), along the last axis."""

    preserves_steps = True

    def __init__(self, chosen: Sequence[int]) -> None:
        super().__init__()
        self.chosen = list(chosen)

    def _forward(self, x: Array) -> Array:
        return x[..., self.chosen]

    def _backward(self, deltas: Array) -> Array:
        back = np.zeros_like(self.inputs)
        for k, feature in enumerate(self.chosen):
            back[..., feature] += deltas[..., k]
        return back
