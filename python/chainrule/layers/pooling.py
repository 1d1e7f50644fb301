"""Pools over windows, and over whole images and signals."""

from __future__ import annotations

from .. import _core
from .base import Layer, Shape
from .windows import (
    Padding,
    PerAxis,
    Window,
    checked_padding,
    checked_per_axis,
    checked_shape,
    of_axis,
    pairs,
    rows_and_columns,
    windows,
)

__all__ = [
    "AvgPool1D",
    "AvgPool2D",
    "GlobalAvgPool1D",
    "GlobalAvgPool2D",
    "GlobalMaxPool1D",
    "GlobalMaxPool2D",
    "MaxPool1D",
    "MaxPool2D",
]


class Pool(Layer, abstract=True):
    """What pools over windows have in common; use one of its kinds."""

    _axes: int
    maximum: bool
    settings = ("pool_size", "strides", "padding")

    def __init__(
        self,
        pool_size: PerAxis = 2,
        *,
        strides: PerAxis | None = None,
        padding: Padding = "valid",
        trainable: bool = True,
    ) -> None:
        super().__init__(trainable=trainable)
        self.pool_size = checked_per_axis(pool_size, "pool_size", self._axes)
        self.strides = None if strides is None else checked_per_axis(strides, "strides", self._axes)
        self.padding = checked_padding(padding, self._axes)
        if not isinstance(self.padding, str):
            for axis, pair in enumerate(pairs(self.padding, self._axes)):
                if max(pair) >= of_axis(self.pool_size, axis):
                    raise ValueError(f"padding must be smaller than pool_size {self.pool_size}, got {self.padding}")

    def moves(self, shape: Shape) -> list[Window]:
        strides = self.pool_size if self.strides is None else self.strides
        return windows(self, shape, self.pool_size, strides, self.padding)

    @property
    def preserves_steps(self) -> bool:  # type: ignore[override]
        shape = self.place.input_shape
        return self.output_shape(shape)[:-1] == shape[:-1]

    def output_shape(self, shape: Shape) -> Shape:
        checked_shape(self, shape, self._axes)
        return (*(window.outputs for window in self.moves(shape)), shape[-1])

    def core_settings(self, shape: Shape) -> _core.LayerSettings:
        rows, columns = (_axis(window) for window in rows_and_columns(self.moves(shape)))
        return _core.PoolSettings(rows=rows, columns=columns, channels=shape[-1], maximum=self.maximum)


class MaxPool2D(Pool):
    """The maximum under a window that moves over the image, for each channel by itself.

    Of equal maxima the first, row by row, takes the gradient. Padding never is the maximum.

    Parameters
    ----------
    pool_size : int or (height, width)
        Size of the window.
    strides : int or (down, right), optional
        How far the window moves; its size, unless said.
    padding : str or ((top, bottom), (left, right))
        As in `Conv2D`, less than the window.

    Examples
    --------
    >>> MaxPool2D(3, strides=2)
    MaxPool2D(pool_size=3, strides=2)
    """

    _axes = 2
    maximum = True


class MaxPool1D(Pool):
    """The maximum under a window that moves along the signal: `MaxPool2D` with one axis.

    Parameters
    ----------
    pool_size : int
        Length of the window.
    strides : int, optional
        How far the window moves; its length, unless said.
    padding : str or (before, after)
        "valid", "same", or how many steps of padding come before and after the signal, fewer than the window has.

    Examples
    --------
    >>> MaxPool1D(4)
    MaxPool1D(pool_size=4)
    """

    _axes = 1
    maximum = True


class AvgPool2D(Pool):
    """The mean under a window that moves over the image, for each channel by itself; padding does not count.

    Parameters
    ----------
    pool_size, strides, padding
        As in `MaxPool2D`.

    Examples
    --------
    >>> AvgPool2D()
    AvgPool2D()
    """

    _axes = 2
    maximum = False


class AvgPool1D(Pool):
    """The mean under a window that moves along the signal; padding does not count.

    Parameters
    ----------
    pool_size, strides, padding
        As in `MaxPool1D`.

    Examples
    --------
    >>> AvgPool1D(3, strides=1, padding="same")
    AvgPool1D(pool_size=3, strides=1, padding='same')
    """

    _axes = 1
    maximum = False


class GlobalPool(Layer, abstract=True):
    """What pools over all places have in common; use one of their kinds."""

    _axes: int
    maximum: bool

    def output_shape(self, shape: Shape) -> Shape:
        checked_shape(self, shape, self._axes)
        return shape[-1:]

    def core_settings(self, shape: Shape) -> _core.LayerSettings:
        moves = [Window(n, n, 1, 1, 0, 1) for n in shape[:-1]]
        rows, columns = (_axis(window) for window in rows_and_columns(moves))
        return _core.PoolSettings(rows=rows, columns=columns, channels=shape[-1], maximum=self.maximum)


class GlobalAvgPool2D(GlobalPool):
    """The mean of each channel over the whole image (Lin et al. 2014).

    Examples
    --------
    >>> import chainrule as cr
    >>> cr.Network([cr.Input(8, 8, 3), GlobalAvgPool2D(), cr.Dense(2, "softmax")], seed=0)
    Network([(8, 8, 3), 3, 2], 8 parameters, float32, seed=0)
    """

    _axes = 2
    maximum = False


class GlobalAvgPool1D(GlobalPool):
    """The mean of each channel over the whole signal.

    Examples
    --------
    >>> GlobalAvgPool1D()
    GlobalAvgPool1D()
    """

    _axes = 1
    maximum = False


class GlobalMaxPool2D(GlobalPool):
    """The maximum of each channel over the whole image; of equal maxima the first takes the gradient.

    Examples
    --------
    >>> import chainrule as cr
    >>> cr.Network([cr.Input(8, 8, 3), GlobalMaxPool2D(), cr.Dense(2, "softmax")], seed=0)
    Network([(8, 8, 3), 3, 2], 8 parameters, float32, seed=0)
    """

    _axes = 2
    maximum = True


class GlobalMaxPool1D(GlobalPool):
    """The maximum of each channel over the whole signal; of equal maxima the first takes the gradient.

    Examples
    --------
    >>> GlobalMaxPool1D()
    GlobalMaxPool1D()
    """

    _axes = 1
    maximum = True


def _axis(window: Window) -> _core.PoolAxis:
    """Return one axis of a pool as the core takes it."""
    return _core.PoolAxis(
        inputs=window.inputs,
        outputs=window.outputs,
        window=window.size,
        stride=window.stride,
        before=window.before,
    )
