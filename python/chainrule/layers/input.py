"""The first entry of a list of layers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from .._checks import checked_integer, checked_number, checked_sizes

__all__ = ["Input"]


class Input:
    """The shape of a sample, and the unit of its values; the first entry of a list of layers.

    Parameters
    ----------
    *shape : int, or a single tuple of int
        Number of features, each >= 1; or (height, width, channels) of images, (steps, features) of sequences. None as
        number of steps: sequences of any length, one length in each call and in each batch of a stream; the network is
        made anew when the length changes. For tokens of an `Embedding` the shape is None alone.
    scale : float
        What samples are multiplied by, > 0: 1 / 255 makes bytes numbers from 0 to 1. uint8 with this scale are read
        in place. An array means its values: without a scale, uint8 200 is 200.0.

    Examples
    --------
    >>> Input(784), Input(28, 28, 1, scale=1 / 255).size
    (Input(784), 784)
    >>> import numpy as np, chainrule as cr
    >>> net = cr.Network([Input(None, 3), cr.GRU(8), cr.Dense(2, "softmax")], seed=0)
    >>> net.predict(np.zeros((1, 7, 3))).shape, net.predict(np.zeros((4, 50, 3))).shape
    ((1, 2), (4, 2))
    """

    def __init__(self, *shape: int | Sequence[int | None] | None, scale: float = 1.0) -> None:
        sizes = shape[0] if len(shape) == 1 and isinstance(shape[0], (tuple, list)) else shape
        self.shape: tuple[Any, ...]
        # Whether sequences may have any number of steps.
        self.is_open = len(sizes) > 0 and sizes[0] is None
        if self.is_open:
            self.shape = (None, *(checked_sizes(sizes[1:]) if len(sizes) > 1 else ()))
        else:
            self.shape = checked_sizes(sizes)
        self.scale = checked_number(scale, "scale", lowest=0, open_lowest=True)
        # Number of features, of one step where their number may be any.
        size = math.prod(self.shape[self.is_open :])
        self.size = checked_integer(size, "size of shape", lowest=1, highest=2**31)

    def config(self) -> dict[str, Any]:
        """Return the description that files keep."""
        return {"type": "Input", "shape": list(self.shape), "scale": self.scale}

    def __repr__(self) -> str:
        scale = "" if self.scale == 1.0 else f", scale={self.scale!r}"
        return f"Input({', '.join(map(str, self.shape))}{scale})"
