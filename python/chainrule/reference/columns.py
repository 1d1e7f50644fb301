"""Columns of different kinds in one row."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .activations import Array
from .base import Layer
from .composite import Concatenate

__all__ = ["Columns", "OneHot"]


class OneHot(Layer):
    """For each column a flag per code, of which that of x is one; without a flag for 0 if that means missing."""

    def __init__(self, codes: Sequence[int], zero_is_missing: bool = False) -> None:
        super().__init__()
        self.codes = list(codes)
        self.zero_is_missing = zero_is_missing

    def _forward(self, x: Array) -> Array:
        columns = zip(x.T, self.codes, strict=True)
        flags = [column[:, np.newaxis] == np.arange(self.zero_is_missing, count) for column, count in columns]
        return np.concatenate(flags, axis=1).astype(np.float64)

    def _backward(self, deltas: Array) -> Array:
        """Codes have no gradient, so that ∂E/∂x is zero."""
        return np.zeros_like(self.inputs)


class Columns(Concatenate):
    """Branches that begin with their own columns of the samples."""
