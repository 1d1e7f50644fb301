"""Convolutions, pools and what makes images larger, in modules of PyTorch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from torch import nn

from ...layers.convolution import Conv2DTranspose, Convolution, Correlation
from ...layers.pooling import GlobalPool, Pool
from ...layers.resizing import UpSample2D, ZeroPad2D
from ...layers.windows import Window
from . import modules
from .layers import activate
from .row import Row, give, modules_of


def _pads(moves: Sequence[Window]) -> list[tuple[int, int]]:
    """Return how much comes before and after each axis."""
    return [(window.before, window.after) for window in moves]


def _around(pads: Sequence[tuple[int, int]]) -> tuple[int, ...]:
    """Return padding as PyTorch has it: the last axis first."""
    return tuple(number for pair in reversed(pads) for number in pair)


def _is_even(pads: Sequence[tuple[int, int]]) -> bool:
    return all(before == after for before, after in pads)


def _convolved(layer: Convolution, row: Row, module: Any) -> None:
    axes = len(layer.place.input_shape) - 1
    weights = layer.weights.transpose(axes + 1, axes, *range(axes))
    row.add(give(module, weight=weights, **({"bias": layer.bias} if layer.use_bias else {})))


@modules_of.register
def _(layer: Correlation, row: Row) -> None:
    shape = layer.place.input_shape
    row.put(True, shape)
    moves = layer.moves(shape)
    axes, pads = len(moves), _pads(moves)
    if not _is_even(pads):
        row.add((nn.ConstantPad1d if axes == 1 else nn.ZeroPad2d)(_around(pads), *[0.0][: axes == 1]))
    options = {
        "stride": tuple(window.stride for window in moves),
        "padding": tuple(before for before, _ in pads) if _is_even(pads) else 0,
        "dilation": tuple(window.dilation for window in moves),
        "groups": layer.groups,
        "bias": layer.use_bias,
    }
    kernel = tuple(window.size for window in moves)
    kind = nn.Conv1d if axes == 1 else nn.Conv2d
    _convolved(layer, row, kind(shape[-1], layer.filters, kernel, **options))
    activate(layer.activation, row, layer.output_shape(shape))


@modules_of.register
def _(layer: Conv2DTranspose, row: Row) -> None:
    shape = layer.place.input_shape
    row.put(True, shape)
    moves = layer.moves(shape)
    extra = [window.inputs - (window.outputs - 1) * window.stride - window.size for window in moves]
    cut = [(window.before, max(-more - window.before, 0)) for more, window in zip(extra, moves, strict=True)]
    options = {
        "stride": tuple(window.stride for window in moves),
        "padding": tuple(before for before, _ in cut) if _is_even(cut) else 0,
        "output_padding": tuple(max(more, 0) for more in extra),
        "bias": layer.use_bias,
    }
    kernel = tuple(window.size for window in moves)
    _convolved(layer, row, nn.ConvTranspose2d(shape[-1], layer.filters, kernel, **options))
    if not _is_even(cut):
        row.add(nn.ZeroPad2d(tuple(-number for number in _around(cut))))
    activate(layer.activation, row, layer.output_shape(shape))


@modules_of.register
def _(layer: Pool, row: Row) -> None:
    shape = layer.place.input_shape
    row.put(True, shape)
    moves = layer.moves(shape)
    axes, pads = len(moves), _pads(moves)
    kernel, strides = tuple(w.size for w in moves), tuple(w.stride for w in moves)
    is_taken = _is_even(pads) and all(2 * before <= size for (before, _), size in zip(pads, kernel, strict=True))
    padding: Any = tuple(before for before, _ in pads) if is_taken else 0
    if layer.maximum:
        if not is_taken:
            row.add((nn.ConstantPad1d if axes == 1 else nn.ConstantPad2d)(_around(pads), -math.inf))
        row.add((nn.MaxPool1d if axes == 1 else nn.MaxPool2d)(kernel, strides, padding))
    elif is_taken:
        row.add((nn.AvgPool1d if axes == 1 else nn.AvgPool2d)(kernel, strides, padding, count_include_pad=False))
    else:
        row.add(modules.MeanOfPlaces((nn.AvgPool1d if axes == 1 else nn.AvgPool2d)(kernel, strides), _around(pads)))


@modules_of.register
def _(layer: GlobalPool, row: Row) -> None:
    shape = layer.place.input_shape
    row.put(True, shape)
    kinds = (
        (nn.AdaptiveMaxPool1d, nn.AdaptiveMaxPool2d) if layer.maximum else (nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d)
    )
    row.add(kinds[len(shape) - 2](1), nn.Flatten())
    row.is_first = None


@modules_of.register
def _(layer: UpSample2D, row: Row) -> None:
    shape = layer.place.input_shape
    row.put(True, shape)
    factors = tuple(float(after / before) for after, before in zip(layer.output_shape(shape)[:2], shape, strict=False))
    row.add(nn.Upsample(scale_factor=factors))


@modules_of.register
def _(layer: ZeroPad2D, row: Row) -> None:
    row.put(True, layer.place.input_shape)
    row.add(nn.ZeroPad2d(_around(layer.borders)))
