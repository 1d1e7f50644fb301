"""Convolutions, pools and what makes images larger."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ...layers.base import make_layer
from .affine import rescaled
from .moves import padded, sliced
from .node import LayoutError, Node, check_axes, check_features, converts
from .value import Sizes, Value


def settled(node: Node, value: Value) -> Value:
    """Return a signal or an image in its shape."""
    if not value.is_channels_first or len(value.shape) not in (2, 3):
        raise LayoutError(f"{node} must read (samples, channels, places), one or two axes of places")
    return value.settled()


def moves_of(node: Node, value: Value, kernel: Sequence[int]) -> dict[str, Any]:
    """Return strides and padding as layers here take them."""
    axes = len(value.shape) - 1
    node.must("kernel_shape", list(kernel))
    strides = node.get("strides", [1] * axes)
    if node.get("auto_pad", "NOTSET") == "SAME_UPPER":
        return {"strides": per_axis(strides), "padding": "same"}
    pairs: Any = tuple(pads_of(node, value, kernel, strides))
    explicit = (pairs[0] if axes == 1 else pairs) if any(map(any, pairs)) else "valid"
    return {"strides": per_axis(strides), "padding": explicit}


def pads_of(node: Node, value: Value, kernel: Sequence[int], strides: Sequence[int]) -> list[tuple[int, int]]:
    """Return how much is before and after each axis of places, with what `ceil_mode` adds in the end."""
    axes = len(kernel)
    given, auto = node.get("pads", [0] * 2 * axes), node.get("auto_pad", "NOTSET")
    dilations = node.get("dilations", [1] * axes)
    if auto not in ("NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER"):
        raise node.refused("auto_pad", auto)
    pairs = []
    for axis, (width, stride, size) in enumerate(zip(kernel, strides, value.shape, strict=False)):
        begin, end, span = given[axis], given[axis + axes], (width - 1) * dilations[axis] + 1
        if size is None and (auto.startswith("SAME") or node.get("ceil_mode", 0)):
            raise ValueError(f"{node} needs to know the number of steps")
        if size is not None and auto.startswith("SAME"):
            both = max((-(-size // stride) - 1) * stride + span - size, 0)
            begin, end = (both // 2, both - both // 2) if auto == "SAME_UPPER" else (both - both // 2, both // 2)
        if size is not None and node.get("ceil_mode", 0):
            rest = (size + begin + end - span) % stride
            # A window must begin within the values, or the padding before them.
            last = size + begin + end - span - rest + stride
            end += stride - rest if rest and last < size + begin else 0
        pairs.append((begin, end))
    return pairs


def per_axis(numbers: Sequence[int]) -> Any:
    """Return numbers for axes as settings have them: one if all are the same."""
    return int(numbers[0]) if len(set(numbers)) == 1 else tuple(map(int, numbers))


def after(node: Node, value: Value, kind: str, arrays: dict[str, Any], settings: dict[str, Any]) -> Value:
    """Return the value after a layer that knows the shape of what it makes; the number of steps may be any."""
    layer = make_layer({"type": kind, "trainable": True, **settings})
    try:
        shape: Sizes = layer.output_shape(tuple(1_000_000 if size is None else size for size in value.shape))
    except ValueError as error:
        raise ValueError(f"{node} does not go with samples of {value.file_sample}: {error}") from None
    shape = (None, *shape[1:]) if None in value.shape and len(shape) > 1 else shape
    return value.then(kind, arrays, settings, shape)


@converts("Conv")
def _(node: Node, value: Value) -> Value:
    value = settled(node, value)
    axes = len(value.shape) - 1
    weights = node.constant(1, "weights")
    check_axes(node, value, weights.ndim - 1)
    check_features(node, value, weights.shape[1] * node.get("group", 1))
    # (filters, channels, places) to (places, channels, filters)
    arrays = {"weights": weights.transpose(*range(2, axes + 2), 1, 0)}
    arrays |= {"bias": node.constant(2, "bias")} if node.has(2) else {}
    settings = {
        "filters": weights.shape[0],
        "kernel_size": per_axis(weights.shape[2:]),
        **moves_of(node, value, weights.shape[2:]),
        "dilation": per_axis(node.get("dilations", [1] * axes)),
        "groups": node.get("group", 1),
        "use_bias": node.has(2),
        "activation": "identity",
    }
    return after(node, value, f"Conv{axes}D", arrays, settings)


@converts("ConvTranspose")
def _(node: Node, value: Value) -> Value:
    value = settled(node, value)
    check_axes(node, value, 3)
    node.must("group", 1)
    node.must("dilations", [1, 1])
    node.must("auto_pad", "NOTSET")
    weights = node.constant(1, "weights")
    check_features(node, value, len(weights))
    node.must("kernel_shape", list(weights.shape[2:]))
    # (channels, filters, places) to (places, filters, channels)
    arrays = {"weights": weights.transpose(2, 3, 1, 0)}
    arrays |= {"bias": node.constant(2, "bias")} if node.has(2) else {}
    strides, pads = node.get("strides", [1, 1]), node.get("pads", [0] * 4)
    extra = node.get("output_padding", [0, 0])
    node.must("output_shape", None)
    padding, cut = _transposed_padding(weights.shape[2:], strides, pads, extra)
    settings = {
        "filters": weights.shape[1],
        "kernel_size": per_axis(weights.shape[2:]),
        "strides": per_axis(strides),
        "padding": padding,
        "use_bias": node.has(2),
        "activation": "identity",
    }
    whole = after(node, value, "Conv2DTranspose", arrays, settings)
    if not any(map(any, cut)):
        return whole
    if min(map(min, cut)) < 0:
        raise node.refused("pads and output_padding", (list(pads), list(extra)))
    sizes: Any = whole.shape
    parts = [slice(begin, size - end) for (begin, end), size in zip(cut, sizes, strict=False)]
    return sliced(node, whole, [2, 3], parts)


def _transposed_padding(
    kernel: Sequence[int], strides: Sequence[int], pads: Sequence[int], extra: Sequence[int]
) -> tuple[str, list[tuple[int, int]]]:
    """Return the padding of a layer here, and what is to be cut from its result before and after each axis."""
    given = [(pads[axis], pads[axis + 2] - extra[axis]) for axis in range(2)]
    over = [k - s for k, s in zip(kernel, strides, strict=True)]
    if given == [(max(more, 0) // 2, more - max(more, 0) // 2) for more in over]:
        return "same", [(0, 0), (0, 0)]
    # A layer here makes at least as much as the strides reach.
    return "valid", [(begin, end + max(-more, 0)) for (begin, end), more in zip(given, over, strict=True)]


@converts("Pad")
def _(node: Node, value: Value) -> Value:
    pads = node.numbers(1, "pads")
    number = float(node.constant(2, "value")) if node.has(2) else node.get("value", 0.0)
    rank = len(value.axes)
    axes = node.numbers(3, "axes") if node.has(3) else list(range(rank))
    if pads is None or axes is None:
        raise ValueError(f"{node} must have pads")
    if len(pads) != 2 * len(axes):
        check_axes(node, value, len(pads) // 2 - 1)
    in_file = dict(zip([axis % rank for axis in axes], zip(pads, pads[len(axes) :], strict=False), strict=True))
    everywhere = [in_file.get(axis, (0, 0)) for axis in range(rank)]
    mode = node.get("mode", "constant")
    if mode != "constant" or max(pads) <= 0:
        return padded(node, value, everywhere, "edge" if mode == "constant" else mode)
    pairs = dict(zip(value.axes, everywhere, strict=True))
    if rank != 4 or any(pairs[0]) or any(pairs[3]) or min(pads) < 0:
        raise node.misplaced("pads", pads)
    # Padding with another number than zero is padding of the differences from it.
    shifted = rescaled(value, 1.0, -number) if number else value
    around = after(node, shifted.settled(), "ZeroPad2D", {}, {"padding": (pairs[1], pairs[2])})
    return rescaled(around, 1.0, number) if number else around


@converts("Resize", "Upsample")
def _(node: Node, value: Value) -> Value:
    node.must("mode", "nearest", default="nearest")
    if node.op == "Resize":
        node.must("coordinate_transformation_mode", "asymmetric", default="half_pixel")
        node.must("nearest_mode", "floor", default="round_prefer_floor")
    for attribute in ("cubic_coeff_a", "exclude_outside", "extrapolation_value", "antialias"):
        node.get(attribute, None)
    scales = node.constant(2 if node.op == "Resize" else 1, "scales").astype(np.float64)
    check_axes(node, value, len(scales) - 1)
    whole = np.round(scales)
    by_axis = dict(zip(value.axes, whole, strict=True))
    if len(value.axes) != 4 or (whole != scales).any() or by_axis[0] != 1 or by_axis[3] != 1 or math.prod(whole) < 1:
        raise node.misplaced("scales", scales.tolist())
    return after(node, value.settled(), "UpSample2D", {}, {"size": per_axis([int(by_axis[1]), int(by_axis[2])])})
