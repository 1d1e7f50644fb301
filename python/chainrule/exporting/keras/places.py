"""Convolutions, pools and what makes images larger, in Keras."""

from __future__ import annotations

import math
from typing import Any

from keras import layers as kinds
from keras import ops

from ...layers.convolution import Conv2DTranspose, Correlation
from ...layers.pooling import GlobalPool, Pool
from ...layers.resizing import UpSample2D, ZeroPad2D
from ...layers.windows import pairs
from .made import Made, layers_of


@layers_of.register
def _(layer: Correlation, made: Made, x: Any) -> Any:
    axes = len(layer.place.input_shape) - 1
    padding = layer.padding
    if not isinstance(padding, str):
        around = pairs(padding, axes)
        x = made.add(kinds.ZeroPadding1D(tuple(around[0])) if axes == 1 else kinds.ZeroPadding2D(around), x)
        padding = "valid"
    options = {"strides": layer.strides, "padding": padding, "dilation_rate": layer.dilation, "groups": layer.groups}
    kind = kinds.Conv1D if axes == 1 else kinds.Conv2D
    convolution = kind(layer.filters, layer.kernel_size, use_bias=layer.use_bias, **options)
    weights = [layer.weights, *([layer.bias] if layer.use_bias else [])]
    return made.activated(layer.activation, made.add(convolution, x, weights))


@layers_of.register
def _(layer: Conv2DTranspose, made: Made, x: Any) -> Any:
    options = {"strides": layer.strides, "padding": layer.padding, "use_bias": layer.use_bias}
    weights = [layer.weights, *([layer.bias] if layer.use_bias else [])]
    transposed = kinds.Conv2DTranspose(layer.filters, layer.kernel_size, **options)
    return made.activated(layer.activation, made.add(transposed, x, weights))


@layers_of.register
def _(layer: Pool, made: Made, x: Any) -> Any:
    moves = layer.moves(layer.place.input_shape)
    names = {True: (kinds.MaxPooling1D, kinds.MaxPooling2D), False: (kinds.AveragePooling1D, kinds.AveragePooling2D)}
    padding = "same" if layer.maximum and layer.padding == "same" else "valid"
    pool = names[layer.maximum][len(moves) - 1](layer.pool_size, layer.strides, padding)
    if padding == "same" or not any(window.before or window.after for window in moves):
        return made.add(pool, x)
    around = [(0, 0), *((window.before, window.after) for window in moves), (0, 0)]
    if layer.maximum:
        return made.add(pool, ops.pad(x, around, constant_values=-math.inf))
    # Backends differ in whether padding is a part of their means, which it is not here.
    inside = ops.pad(ops.ones_like(x), around)
    return ops.divide(made.add(pool, ops.pad(x, around)), pool(inside))


@layers_of.register
def _(layer: GlobalPool, made: Made, x: Any) -> Any:
    axes = len(layer.place.input_shape) - 1
    names = {
        True: (kinds.GlobalMaxPooling1D, kinds.GlobalMaxPooling2D),
        False: (kinds.GlobalAveragePooling1D, kinds.GlobalAveragePooling2D),
    }
    return made.add(names[layer.maximum][axes - 1](), x)


@layers_of.register
def _(layer: UpSample2D, made: Made, x: Any) -> Any:
    return made.add(kinds.UpSampling2D(layer.size), x)


@layers_of.register
def _(layer: ZeroPad2D, made: Made, x: Any) -> Any:
    return made.add(kinds.ZeroPadding2D(layer.borders), x)
