"""Layers that give samples another shape and leave their values as they are."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from .._checks import checked_sizes
from .base import Layer, Shape

__all__ = ["Flatten", "Reshape"]


class Reshape(Layer):
    """The same values in another shape, read row by row.

    Parameters
    ----------
    *shape : int, or a single tuple of int
        Shape of a sample.

    Examples
    --------
    >>> Reshape(4, 4, 1)
    Reshape((4, 4, 1))
    """

    settings = ("shape",)
    in_core = False

    def __init__(self, *shape: int | Sequence[int], trainable: bool = True) -> None:
        super().__init__(trainable=trainable)
        self.shape = checked_sizes(shape)

    @classmethod
    def from_config(cls, config: dict[str, Any], make: Callable[[Any], Layer]) -> Layer:
        return cls(config["shape"], trainable=config["trainable"])

    def __repr__(self) -> str:
        return f"Reshape({self.shape})" if self.trainable else f"Reshape({self.shape}, trainable=False)"

    def output_shape(self, shape: Shape) -> Shape:
        if math.prod(self.shape) != math.prod(shape):
            raise ValueError(f"shape must have as many values as {shape}, got {self.shape}")
        return self.shape


class Flatten(Layer):
    """All values of a sample in a row: what stands between images or sequences and `Dense`.

    Examples
    --------
    >>> import numpy as np, chainrule as cr
    >>> cr.Network([cr.Input(4, 4, 1), Flatten(), cr.Dense(2, weights=0.5)], seed=0).predict(np.ones((1, 4, 4, 1)))
    array([[8., 8.]], dtype=float32)
    """

    in_core = False

    def output_shape(self, shape: Shape) -> Shape:
        return (math.prod(shape),)
