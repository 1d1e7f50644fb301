"""Features that are chosen, and more features of numbers and codes: cosines, piecewise linear functions, flags."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from keras import layers as kinds
from keras import ops

from ...layers.columns import OneHot
from ...layers.periodic import Periodic
from ...layers.piecewise_linear import PiecewiseLinear
from ...layers.selection import Select
from ..bins import bins_of
from .made import Made, layers_of


@layers_of.register
def _(layer: Select, made: Made, x: Any) -> Any:
    return ops.take(x, list(layer.chosen(layer.place.input_shape)), axis=-1)


@layers_of.register
def _(layer: OneHot, made: Made, x: Any) -> Any:
    codes = [np.arange(layer.zero_is_missing, count) for count in layer.codes]
    columns = np.repeat(np.arange(len(codes)), [len(of_column) for of_column in codes])
    flags = ops.equal(ops.take(x, columns.tolist(), axis=-1), np.concatenate(codes).astype(np.float32))
    return ops.cast(flags, "float32")


@layers_of.register
def _(layer: Periodic, made: Made, x: Any) -> Any:
    (features,) = layer.place.input_shape
    waves = (layer.waves, features)
    periods = made.product("bf,kf->bkf", waves, x, layer.frequencies, layer.phases)
    # Whole periods change nothing, but their rounding would.
    cosines = ops.cos(ops.multiply(ops.subtract(periods, ops.round(periods)), 2 * math.pi))
    mixed = made.product("bkf,kjf->bjf", (layer.size - 1, features), cosines, layer.weights, layer.bias)
    return made.add(kinds.Concatenate(), [x, made.add(kinds.Flatten(), mixed)])


@layers_of.register
def _(layer: PiecewiseLinear, made: Made, x: Any) -> Any:
    bins = bins_of(layer, "float32")
    begins, widths, low, high = (array.astype(np.float32) for array in (bins.begins, bins.widths, bins.low, bins.high))
    shape = (len(layer.bins), layer.units)
    shares = ops.divide(ops.subtract(ops.expand_dims(x, -1), begins), widths)
    shares = ops.minimum(ops.maximum(shares, low), high)
    of_bins = made.product("bfk,fku->bfu", shape, shares, bins.vectors)
    straight = made.product("bf,fu->bfu", shape, x, layer.slopes, layer.bias)
    return made.add(kinds.Flatten(), made.add(kinds.Add(), [straight, of_bins]))
