"""Convolutions, pools and what makes images larger, in Keras."""

from __future__ import annotations

from typing import Any

from keras import layers as kinds

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
    if not isinstance(layer.padding, str):
        raise ValueError(f"{layer!r} has padding {layer.padding}; pools of Keras have 'valid' or 'same'")
    axes = len(layer.place.input_shape) - 1
    if layer.padding == "same" and not layer.maximum and any(_padding(layer)):
        raise ValueError(f"{layer!r} has padding 'same', which backends of Keras treat differently in means")
    names = {True: (kinds.MaxPooling1D, kinds.MaxPooling2D), False: (kinds.AveragePooling1D, kinds.AveragePooling2D)}
    return made.add(names[layer.maximum][axes - 1](layer.pool_size, layer.strides, layer.padding), x)


def _padding(layer: Pool) -> list[int]:
    """Return how many places of padding each axis has."""
    moves = layer.moves(layer.place.input_shape)
    return [max((w.outputs - 1) * w.stride + w.size - w.inputs, 0) for w in moves]


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
