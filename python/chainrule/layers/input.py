"""The first entry of a list of layers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from .._checks import checked_integer, checked_sizes

__all__ = ["Input"]


class Input:
    """The shape of a sample; the first entry of a list of layers.

    Parameters
    ----------
    *shape : int, or a single tuple of int
        Number of features, each >= 1; or (height, width, channels) of images, (steps, features) of sequences.

    Examples
    --------
    >>> Input(784), Input(28, 28, 1).size
    (Input(784), 784)
    """

    def __init__(self, *shape: int | Sequence[int]) -> None:
        self.shape = checked_sizes(shape)
        self.size = checked_integer(math.prod(self.shape), "size of shape", lowest=1, highest=2**31)

    def config(self) -> dict[str, Any]:
        """Return the description that files keep."""
        return {"type": "Input", "shape": list(self.shape)}

    def __repr__(self) -> str:
        return f"Input({', '.join(map(str, self.shape))})"
