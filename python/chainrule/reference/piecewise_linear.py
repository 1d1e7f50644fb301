"""An embedding of numbers by piecewise linear functions."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .activations import Array
from .base import Entry, Layer, Margin, rounding_scale

__all__ = ["PiecewiseLinear"]


class PiecewiseLinear(Layer):
    """z = b + x s + Σ_k c_k v_k of each feature x, feature by feature; c_k is the share of bin k that is below x.

    `edges` are those of each feature, whose bins have the rows of `weights` in their order.
    """

    weight_names = ("weights",)
    weights = Entry("parameters", "weights")
    slopes = Entry("parameters", "slopes")
    bias = Entry("parameters", "bias")

    def __init__(self, edges: Sequence[Array], weights: Array, slopes: Array, bias: Array, **learning: Any) -> None:
        super().__init__({"weights": weights, "slopes": slopes, "bias": bias}, **learning)
        self.edges = [np.asarray(of_one, dtype=np.float64) for of_one in edges]

    def _rows(self) -> list[slice]:
        """Return the rows of the weights that belong to each feature."""
        ends = np.cumsum([0, *(len(of_one) - 1 for of_one in self.edges)])
        return [slice(begin, end) for begin, end in itertools.pairwise(ends)]

    def _shares(self) -> Array:
        """Return c, (samples, bins of all features)."""
        parts = []
        for x, of_one in zip(self.inputs.T, self.edges, strict=True):
            shares = (x[:, np.newaxis] - of_one[:-1]) / np.diff(of_one)
            shares[:, 1:] = np.maximum(shares[:, 1:], 0.0)
            shares[:, :-1] = np.minimum(shares[:, :-1], 1.0)
            parts.append(shares)
        return np.concatenate(parts, axis=1)

    def _forward(self, x: Array) -> Array:
        shares = self._shares()
        of_bins = np.stack([shares[:, rows] @ self.weights[rows] for rows in self._rows()], axis=1)
        return np.asarray(self.bias + x[..., np.newaxis] * self.slopes + of_bins).reshape(len(x), -1)

    def _backward(self, deltas: Array) -> Array:
        """Store the gradients, and return ∂E/∂x = δ·(s + v_k / (e_{k+1} − e_k)), k the bin of x."""
        of_features = deltas.reshape(*self.inputs.shape, -1)
        shares = self._shares()
        by_bin = [shares[:, rows].T @ of_features[:, f] for f, rows in enumerate(self._rows())]
        self._keep(
            weights=np.concatenate(by_bin),
            slopes=(of_features * self.inputs[..., np.newaxis]).sum(axis=0),
            bias=of_features.sum(axis=0),
        )
        slopes = np.empty_like(of_features)
        for f, (rows, of_one, inside) in enumerate(zip(self._rows(), self.edges, self.sides(), strict=True)):
            slopes[:, f] = self.slopes[f] + (self.weights[rows] / np.diff(of_one)[:, np.newaxis])[inside]
        return np.asarray((of_features * slopes).sum(axis=-1))

    def sides(self) -> list[NDArray[np.int64]]:
        """Return the bin of each feature; the first has no lower end, and the last no upper one."""
        return [
            np.searchsorted(of_one[1:-1], x, side="right") for x, of_one in zip(self.inputs.T, self.edges, strict=True)
        ]

    def margins(self) -> list[Margin]:
        scale = rounding_scale(self.inputs)
        inner = [of_one[1:-1] for of_one in self.edges]
        return [(np.abs(x - edge), scale) for x, of_one in zip(self.inputs.T, inner, strict=True) for edge in of_one]
