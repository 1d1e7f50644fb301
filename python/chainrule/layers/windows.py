"""Windows that move over images (height, width, channels) and signals (steps, channels)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from .._checks import checked_integer, checked_name
from .base import Layer, Shape

PerAxis: TypeAlias = int | Sequence[int]
# "valid", "same", or how many zeros come before and after each axis.
Padding: TypeAlias = str | Sequence[Any]

_AXES = {1: ("steps",), 2: ("height", "width")}


@dataclass(frozen=True)
class Window:
    """A window that moves along one axis: output o covers o · stride + k · dilation − before, k < size."""

    inputs: int
    size: int
    stride: int
    dilation: int
    before: int
    outputs: int

    @property
    def reach(self) -> int:
        """The distance between the first place of the window and the last."""
        return (self.size - 1) * self.dilation

    @property
    def after(self) -> int:
        """The number of places after the inputs that the last window covers."""
        return max((self.outputs - 1) * self.stride + self.reach + 1 - self.inputs - self.before, 0)


# An axis with one element: the height of a signal.
_SINGLE = Window(1, 1, 1, 1, 0, 1)


def windows(
    layer: Layer, shape: Shape, size: PerAxis, strides: PerAxis, padding: Padding, dilation: PerAxis = 1
) -> list[Window]:
    """Return the windows over the axes of samples of a shape; ValueError where they do not fit."""
    axes = len(shape) - 1
    moves = []
    for axis, n in enumerate(shape[:-1]):
        k, s, d = (of_axis(value, axis) for value in (size, strides, dilation))
        span = (k - 1) * d + 1
        total = max((-(-n // s) - 1) * s + span - n, 0) if padding == "same" else 0
        before, after = (total // 2, total - total // 2) if isinstance(padding, str) else pairs(padding, axes)[axis]
        if padding == "causal":
            before, after = span - 1, 0
        if n + before + after < span:
            name = _AXES[axes][axis]
            raise ValueError(f"{layer!r} needs {name} >= {span - before - after}, got samples of shape {shape}")
        moves.append(Window(n, k, s, d, before, (n + before + after - span) // s + 1))
    return moves


def of_axis(value: PerAxis, axis: int) -> int:
    """Return what a setting says of one axis; a single number holds for all."""
    return value if isinstance(value, int) else value[axis]


def pairs(padding: Sequence[Any], axes: int) -> Sequence[tuple[int, int]]:
    """Return explicit padding as (before, after) of each axis."""
    return [(padding[0], padding[1])] if axes == 1 else padding


def checked_per_axis(value: PerAxis, argument: str, axes: int) -> PerAxis:
    """Return a positive integer, or with several axes also one for each."""
    if axes == 1 or not isinstance(value, (tuple, list)):
        return checked_integer(value, argument, lowest=1, highest=2**31)
    if len(value) != axes:
        raise ValueError(f"{argument} must be one number or {axes}, got {value!r}")
    return tuple(checked_integer(each, argument, lowest=1, highest=2**31) for each in value)


def checked_padding(padding: Padding, axes: int) -> Padding:
    """Return "valid", "same", or numbers of zeros in the form that goes with the axes."""
    if isinstance(padding, str):
        return checked_name(padding, "padding", ("valid", "same", "causal") if axes == 1 else ("valid", "same"))
    return _checked_pair(padding, "(before, after)") if axes == 1 else checked_borders(padding)


def _checked_pair(pair: Any, form: str) -> tuple[int, int]:
    if not isinstance(pair, (tuple, list)) or len(pair) != 2:
        raise ValueError(f"padding must be 'valid', 'same' or {form}, got {pair!r}")
    before, after = (checked_integer(each, "padding", lowest=0, highest=2**31) for each in pair)
    return before, after


def checked_borders(padding: Any) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return numbers of zeros as ((top, bottom), (left, right))."""
    form = "((top, bottom), (left, right))"
    if not isinstance(padding, (tuple, list)) or len(padding) != 2:
        raise ValueError(f"padding must be 'valid', 'same' or {form}, got {padding!r}")
    return _checked_pair(padding[0], form), _checked_pair(padding[1], form)


def checked_shape(layer: Layer, shape: Shape, axes: int) -> None:
    """Refuse samples that have not so many axes and channels."""
    if len(shape) != axes + 1:
        wanted = f"({', '.join(_AXES[axes])}, channels)"
        raise ValueError(f"{type(layer).__name__} takes samples {wanted}, got samples of shape {shape}")


def rows_and_columns(moves: Sequence[Window]) -> tuple[Window, Window]:
    """Return the windows of the rows and of the columns; a signal is one row."""
    rows, columns = moves if len(moves) == 2 else (_SINGLE, *moves)
    return rows, columns
