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
        Number of features, each >= 1; or (height, width, channels) of images, (steps, features) of sequences.
    scale : float
        What samples are multiplied by, > 0: 1 / 255 makes bytes numbers from 0 to 1. uint8 with this scale are read
        in place. An array means its values: without a scale, uint8 200 is 200.0.

    Examples
    --------
    >>> Input(784), Input(28, 28, 1, scale=1 / 255).size
    (Input(784), 784)
    """

    def __init__(self, *shape: int | Sequence[int], scale: float = 1.0) -> None:
        self.shape = checked_sizes(shape)
        self.scale = checked_number(scale, "scale", lowest=0, open_lowest=True)
        self.size = checked_integer(math.prod(self.shape), "size of shape", lowest=1, highest=2**31)

    def config(self) -> dict[str, Any]:
        """Return the description that files keep."""
        return {"type": "Input", "shape": list(self.shape), "scale": self.scale}

    def __repr__(self) -> str:
        scale = "" if self.scale == 1.0 else f", scale={self.scale!r}"
        return f"Input({', '.join(map(str, self.shape))}{scale})"
