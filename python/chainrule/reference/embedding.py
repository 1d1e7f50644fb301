"""Vectors for the tokens of a vocabulary."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .activations import Array
from .base import Entry, Layer

__all__ = ["Embedding"]


class Embedding(Layer):
    """z = W[x]: for each token in x, its row of W. `max_norm` limits the rows.

    With `mask_zero`, token 0 is padding; with `zero_is_missing`, it has no row, and z = 0.
    """

    weight_names = ("weights",)
    unit_axis = 0
    weights = Entry("parameters", "weights")
    weight_gradient = Entry("gradients", "weights")

    def __init__(self, weights: Array, mask_zero: bool = False, zero_is_missing: bool = False, **learning: Any) -> None:
        super().__init__({"weights": weights}, **learning)
        self.mask_zero = mask_zero
        self.zero_is_missing = zero_is_missing

    @property
    def is_step_after(self) -> NDArray[np.bool_] | None:
        return np.asarray(self.inputs != 0) if self.mask_zero else None

    def _forward(self, x: Array) -> Array:
        self.rows = x.astype(np.int64)
        return self._with_missing(self.weights)[self.rows]

    def _with_missing(self, rows: Array) -> Array:
        """Return a row for each token, of zeros for one that has none."""
        return np.concatenate([np.zeros((int(self.zero_is_missing), rows.shape[1])), rows])

    def _backward(self, deltas: Array) -> Array:
        """Store ∂E/∂W[i] = Σ δ over the places where x = i; tokens have no gradient, so ∂E/∂x is zero."""
        gradient = self._with_missing(np.zeros_like(self.weights))
        np.add.at(gradient, self.rows, deltas)
        self._keep(weights=gradient[int(self.zero_is_missing) :])
        return np.zeros(self.rows.shape)
