"""Layers that give samples another shape and leave their values as they are."""

from __future__ import annotations

import math
from collections.abc import Sequence

from .._checks import checked_integer
from .base import Layer, Shape

__all__ = ["Flatten", "Reshape"]


class Reshape(Layer):
    """The same values in another shape, read row by row.

    Parameters
    ----------
    shape : tuple of int
        Shape of a sample.

    Examples
    --------
    >>> Reshape((4, 4, 1))
    Reshape((4, 4, 1))
    """

    settings = ("shape",)
    in_core = False

    def __init__(self, shape: Sequence[int], *, trainable: bool = True) -> None:
        super().__init__(trainable=trainable)
        self.shape = tuple(checked_integer(size, "shape", lowest=1, highest=2**31) for size in shape)

    def output_shape(self, shape: Shape) -> Shape:
        if math.prod(self.shape) != math.prod(shape):
            raise ValueError(f"shape must have as many values as {shape}, got {self.shape}")
        return self.shape


class Flatten(Layer):
    """All values of a sample in a row: what stands between images or sequences and `Dense`.

    Examples
    --------
    >>> import numpy as np, chainrule as cr
    >>> cr.Network([cr.Input(4, 4, 1), Flatten(), cr.Dense(2, "softmax")], seed=0).predict(np.zeros((1, 4, 4, 1)))
    array([[0.5, 0.5]], dtype=float32)
    """

    in_core = False

    def output_shape(self, shape: Shape) -> Shape:
        return (math.prod(shape),)
