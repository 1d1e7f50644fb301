"""Layers that make images larger: borders of zeros, and copies of each pixel."""

from __future__ import annotations

from collections.abc import Sequence

from .. import _core
from .._checks import checked_integer
from .base import Layer, Shape
from .windows import PerAxis, checked_borders, checked_per_axis, checked_shape, of_axis

__all__ = ["UpSample2D", "ZeroPad2D"]


class ZeroPad2D(Layer):
    """A border of zeros around an image.

    Parameters
    ----------
    padding : int or ((top, bottom), (left, right))
        How wide it is.

    Examples
    --------
    >>> ZeroPad2D(((0, 1), (0, 1)))
    ZeroPad2D(padding=((0, 1), (0, 1)))
    """

    settings = ("padding",)

    def __init__(self, padding: int | Sequence[Sequence[int]] = 1, *, trainable: bool = True) -> None:
        super().__init__(trainable=trainable)
        self.padding: int | tuple[tuple[int, int], tuple[int, int]]
        if isinstance(padding, (tuple, list)):
            form = "a number or ((top, bottom), (left, right))"
            if len(padding) != 2 or any(not isinstance(p, (tuple, list)) or len(p) != 2 for p in padding):
                raise ValueError(f"padding must be {form}, got {padding!r}")
            self.padding = checked_borders(padding)
        else:
            self.padding = checked_integer(padding, "padding", lowest=0, highest=2**31)

    @property
    def borders(self) -> tuple[tuple[int, int], tuple[int, int]]:
        p = self.padding
        return ((p, p), (p, p)) if isinstance(p, int) else p

    def output_shape(self, shape: Shape) -> Shape:
        checked_shape(self, shape, 2)
        height, width = (n + sum(pair) for n, pair in zip(shape, self.borders, strict=False))
        return height, width, shape[-1]

    def core_settings(self, shape: Shape) -> _core.LayerSettings:
        height, width, channels = shape
        (top, bottom), (left, right) = self.borders
        return _core.ZeroPadSettings(
            height=height, width=width, channels=channels, top=top, bottom=bottom, left=left, right=right
        )


class UpSample2D(Layer):
    """An image several times as large, each place copied: z[i, j] = x[⌊i / down⌋, ⌊j / right⌋].

    Parameters
    ----------
    size : int or (down, right)
        How many times as large it is.

    Examples
    --------
    >>> UpSample2D((1, 2))
    UpSample2D(size=(1, 2))
    """

    settings = ("size",)

    def __init__(self, size: PerAxis = 2, *, trainable: bool = True) -> None:
        super().__init__(trainable=trainable)
        self.size = checked_per_axis(size, "size", 2)

    def output_shape(self, shape: Shape) -> Shape:
        checked_shape(self, shape, 2)
        height, width, channels = shape
        return height * of_axis(self.size, 0), width * of_axis(self.size, 1), channels

    def core_settings(self, shape: Shape) -> _core.LayerSettings:
        height, width, channels = shape
        return _core.UpSampleSettings(
            height=height, width=width, channels=channels, down=of_axis(self.size, 0), right=of_axis(self.size, 1)
        )
