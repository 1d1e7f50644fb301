"""Convolutions, pools and what makes images larger."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ...layers.base import make_layer
from .node import LayoutError, Node, converts
from .value import Sizes, Value


def _settled(node: Node, value: Value) -> Value:
    """Return a signal or an image in its shape."""
    if not value.is_channels_first or len(value.shape) not in (2, 3):
        raise LayoutError(f"{node} must read (samples, channels, places), one or two axes of places")
    return value.settled()


def _moves(node: Node, value: Value, kernel: Sequence[int]) -> dict[str, Any]:
    """Return strides and padding as layers here take them."""
    axes = len(value.shape) - 1
    node.must("kernel_shape", list(kernel))
    strides = node.get("strides", [1] * axes)
    pads, auto = node.get("pads", [0] * 2 * axes), node.get("auto_pad", "NOTSET")
    if auto not in ("NOTSET", "VALID", "SAME_UPPER"):
        raise node.refused("auto_pad", auto)
    pairs: Any = [(pads[axis], pads[axis + axes]) for axis in range(axes)]
    explicit = (pairs[0] if axes == 1 else tuple(pairs)) if any(pads) else "valid"
    return {"strides": _per_axis(strides), "padding": "same" if auto == "SAME_UPPER" else explicit}


def _per_axis(numbers: Sequence[int]) -> Any:
    return int(numbers[0]) if len(set(numbers)) == 1 else tuple(map(int, numbers))


def _after(value: Value, kind: str, arrays: dict[str, Any], settings: dict[str, Any]) -> Value:
    """Return the value after a layer that knows the shape of what it makes; the number of steps may be any."""
    layer = make_layer({"type": kind, "trainable": True, **settings})
    shape: Sizes = layer.output_shape(tuple(1_000_000 if size is None else size for size in value.shape))
    shape = (None, *shape[1:]) if None in value.shape and len(shape) > 1 else shape
    return value.then(kind, arrays, settings, shape)


@converts("Conv")
def _(node: Node, value: Value) -> Value:
    value = _settled(node, value)
    axes = len(value.shape) - 1
    weights = node.constant(1, "weights")
    # (filters, channels, places) to (places, channels, filters)
    arrays = {"weights": weights.transpose(*range(2, axes + 2), 1, 0)}
    arrays |= {"bias": node.constant(2, "bias")} if node.has(2) else {}
    settings = {
        "filters": weights.shape[0],
        "kernel_size": _per_axis(weights.shape[2:]),
        **_moves(node, value, weights.shape[2:]),
        "dilation": _per_axis(node.get("dilations", [1] * axes)),
        "groups": node.get("group", 1),
        "use_bias": node.has(2),
        "activation": "identity",
    }
    return _after(value, f"Conv{axes}D", arrays, settings)


@converts("ConvTranspose")
def _(node: Node, value: Value) -> Value:
    value = _settled(node, value)
    if len(value.shape) != 3:
        raise ValueError(f"{node} must read images, got samples of {value.shape}")
    node.must("group", 1)
    node.must("dilations", [1, 1])
    node.must("auto_pad", "NOTSET")
    weights = node.constant(1, "weights")
    node.must("kernel_shape", list(weights.shape[2:]))
    # (channels, filters, places) to (places, filters, channels)
    arrays = {"weights": weights.transpose(2, 3, 1, 0)}
    arrays |= {"bias": node.constant(2, "bias")} if node.has(2) else {}
    strides, pads = node.get("strides", [1, 1]), node.get("pads", [0] * 4)
    extra = node.get("output_padding", [0, 0])
    node.get("output_shape", None)
    settings = {
        "filters": weights.shape[1],
        "kernel_size": _per_axis(weights.shape[2:]),
        "strides": _per_axis(strides),
        "padding": _transposed_padding(node, weights.shape[2:], strides, pads, extra),
        "use_bias": node.has(2),
        "activation": "identity",
    }
    return _after(value, "Conv2DTranspose", arrays, settings)


def _transposed_padding(
    node: Node, kernel: Sequence[int], strides: Sequence[int], pads: Sequence[int], extra: Sequence[int]
) -> str:
    """Return the padding by which a layer here makes the same result."""
    given = [(pads[axis], pads[axis + 2] - extra[axis]) for axis in range(2)]
    over = [k - s for k, s in zip(kernel, strides, strict=True)]
    forms = {
        "valid": [(0, min(more, 0)) for more in over],
        "same": [(max(more, 0) // 2, more - max(more, 0) // 2) for more in over],
    }
    for padding, pairs in forms.items():
        if given == pairs:
            return padding
    raise node.refused("pads and output_padding", (list(pads), list(extra)))


@converts("MaxPool", "AveragePool")
def _(node: Node, value: Value) -> Value:
    value = _settled(node, value)
    axes = len(value.shape) - 1
    node.must("ceil_mode", 0)
    node.must("dilations", [1] * axes)
    node.must("storage_order", 0)
    kernel = node.get("kernel_shape", None)
    settings = {"pool_size": _per_axis(kernel), **_moves(node, value, kernel)}
    if node.op == "MaxPool":
        return _after(value, f"MaxPool{axes}D", {}, settings)
    counted = node.get("count_include_pad", 0)
    if counted and settings["padding"] != "valid":
        if axes != 2 or settings["padding"] == "same":
            raise node.refused("count_include_pad", counted)
        value = _after(value, "ZeroPad2D", {}, {"padding": settings["padding"]})
        settings["padding"] = "valid"
    return _after(value, f"AvgPool{axes}D", {}, settings)


@converts("GlobalAveragePool", "GlobalMaxPool")
def _(node: Node, value: Value) -> Value:
    value = _settled(node, value)
    return _over_all_places(value, "Max" if "Max" in node.op else "Avg", keep=True)


@converts("ReduceMean", "ReduceMax")
def _(node: Node, value: Value) -> Value:
    keep = node.get("keepdims", 1)
    node.must("noop_with_empty_axes", 0)
    axes = node.numbers(1, "axes") or []
    rank = len(value.axes)
    if sorted(value.axes[axis % rank] for axis in axes) != list(range(1, rank - 1)) or rank not in (3, 4):
        raise node.misplaced("axes", axes)
    return _over_all_places(value.settled(), "Max" if "Max" in node.op else "Avg", keep=bool(keep))


def _over_all_places(value: Value, kind: str, *, keep: bool) -> Value:
    """Return the value after a global pool; axes of one place may stay in the file."""
    axes = len(value.shape) - 1
    pooled = value.then(f"Global{kind}Pool{axes}D", {}, None, value.shape[-1:])
    if keep:
        return replace(pooled, shape=(*(1,) * axes, value.shape[-1]))
    return replace(pooled, axes=(0, 1))


@converts("Pad")
def _(node: Node, value: Value) -> Value:
    node.must("mode", "constant")
    pads = node.numbers(1, "pads")
    number = float(node.constant(2, "value")) if node.has(2) else node.get("value", 0.0)
    rank = len(value.axes)
    if pads is None or number != 0 or node.has(3):
        raise node.refused("value", number)
    pairs = {value.axes[axis]: (pads[axis], pads[axis + rank]) for axis in range(rank)}
    if rank != 4 or any(pairs[0]) or any(pairs[3]) or min(pads) < 0:
        raise node.misplaced("pads", pads)
    return _after(value.settled(), "ZeroPad2D", {}, {"padding": (pairs[1], pairs[2])})


@converts("Resize", "Upsample")
def _(node: Node, value: Value) -> Value:
    node.must("mode", "nearest", default="nearest")
    if node.op == "Resize":
        node.must("coordinate_transformation_mode", "asymmetric", default="half_pixel")
        node.must("nearest_mode", "floor", default="round_prefer_floor")
    for attribute in ("cubic_coeff_a", "exclude_outside", "extrapolation_value", "antialias"):
        node.get(attribute, None)
    scales = node.constant(2 if node.op == "Resize" else 1, "scales").astype(np.float64)
    whole = np.round(scales)
    by_axis = dict(zip(value.axes, whole, strict=True))
    if len(value.axes) != 4 or (whole != scales).any() or by_axis[0] != 1 or by_axis[3] != 1 or math.prod(whole) < 1:
        raise node.misplaced("scales", scales.tolist())
    return _after(value.settled(), "UpSample2D", {}, {"size": _per_axis([int(by_axis[1]), int(by_axis[2])])})
