"""Pools of windows, and of axes as a whole."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .affine import rescaled
from .moves import moved, windows
from .node import LayoutError, Node, converts
from .places import after, moves_of, pads_of, per_axis, settled
from .value import Value


@converts("MaxPool", "AveragePool")
def _(node: Node, value: Value) -> Value:
    kernel = node.get("kernel_shape", None)
    node.must("storage_order", 0)
    axes = len(kernel)
    if axes > 2 or set(node.get("dilations", [1] * axes)) != {1}:
        return _of_windows(node, value, kernel)
    value = settled(node, value)
    settings = {"pool_size": per_axis(kernel), **moves_of(node, value, kernel)}
    if node.op == "MaxPool":
        return after(node, value, f"MaxPool{axes}D", {}, settings)
    counted = node.get("count_include_pad", 0)
    if counted and settings["padding"] != "valid":
        if axes != 2 or settings["padding"] == "same" or node.get("ceil_mode", 0):
            raise node.refused("count_include_pad", counted)
        value = after(node, value, "ZeroPad2D", {}, {"padding": settings["padding"]})
        settings["padding"] = "valid"
    return after(node, value, f"AvgPool{axes}D", {}, settings)


def _of_windows(node: Node, value: Value, kernel: Sequence[int]) -> Value:
    """Return the value after a pool of three axes or with gaps: each window is copied, and pooled by itself."""
    axes = len(kernel)
    if not value.is_channels_first or len(value.shape) != axes + 1:
        raise LayoutError(f"{node} must read (samples, channels, places)")
    strides, dilations = node.get("strides", [1] * axes), node.get("dilations", [1] * axes)
    node.get("count_include_pad", 0)
    places = []
    for axis, pads in enumerate(pads_of(node, value, kernel, strides)):
        size: Any = value.shape[axis]
        last = size + sum(pads) - (kernel[axis] - 1) * dilations[axis] - 1
        begins = np.arange(0, last + 1, strides[axis]) - pads[0]
        places.append(_inside(node, begins[:, None] + dilations[axis] * np.arange(kernel[axis]), size))
    count = math.prod(kernel)
    kind = "MaxPool1D" if node.op == "MaxPool" else "AvgPool1D"
    settings = {"pool_size": count, "strides": count, "padding": "valid"}
    pooled = after(node, windows(node, value, places).settled(), kind, {}, settings)
    shape = (*(len(of_axis) for of_axis in places), value.shape[-1])
    return replace(pooled, shape=shape, axes=value.axes)


def _inside(node: Node, places: NDArray[np.int64], size: int) -> NDArray[np.int64]:
    """Return the places of windows with those outside replaced by one inside, which changes no maximum."""
    inside = (places >= 0) & (places < size)
    if node.op != "MaxPool" and not inside.all():
        raise ValueError(f"{node} has windows that reach into padding, of which no layer here takes such means")
    if not inside.any(axis=1).all():
        raise ValueError(f"{node} has windows that are padding alone")
    chosen = np.take_along_axis(places, inside.argmax(axis=1)[:, None], axis=1)
    return np.where(inside, places, chosen)


@converts("GlobalAveragePool", "GlobalMaxPool")
def _(node: Node, value: Value) -> Value:
    value = settled(node, value)
    return _over_all_places(value, "Max" if "Max" in node.op else "Avg", keep=True)


def _over_all_places(value: Value, kind: str, *, keep: bool) -> Value:
    """Return the value after a global pool; axes of one place may stay in the file."""
    axes = len(value.shape) - 1
    pooled = value.then(f"Global{kind}Pool{axes}D", {}, None, value.shape[-1:])
    if keep:
        return replace(pooled, shape=(*(1,) * axes, value.shape[-1]))
    return replace(pooled, axes=(0, 1))


@converts("ReduceMean", "ReduceMax", "ReduceMin", "ReduceSum")
def _(node: Node, value: Value) -> Value:
    keep = bool(node.get("keepdims", 1))
    node.must("noop_with_empty_axes", 0)
    rank = len(value.axes)
    axes = sorted(axis % rank for axis in node.numbers(1, "axes") or [])
    of_places = sorted(value.axes[axis] for axis in axes) == list(range(1, rank - 1))
    # The least number is the largest of the negative ones.
    value = rescaled(value, -1.0, 0.0) if node.op == "ReduceMin" else value
    kind = "Avg" if node.op in ("ReduceMean", "ReduceSum") else "Max"
    count = math.prod(value.file_shape[axis] or 0 for axis in axes)
    if of_places and rank in (3, 4) and value.order is None:
        reduced = _over_all_places(value.settled(), kind, keep=keep)
    else:
        reduced = _over_axes(node, value, kind, axes, keep=keep)
    if node.op == "ReduceSum" and count == 0:
        raise ValueError(f"{node} needs to know the number of steps")
    factor = {"ReduceMin": -1.0, "ReduceSum": float(count)}.get(node.op)
    return reduced if factor is None else rescaled(reduced, factor, 0.0)


def _over_axes(node: Node, value: Value, kind: str, axes: Sequence[int], *, keep: bool) -> Value:
    """Return the value after a pool over some of its axes, which are put into one."""
    if not axes or axes[0] == 0:
        raise node.misplaced("axes", list(axes))
    rest = [axis for axis in range(1, len(value.axes)) if axis not in axes]

    def move(numbers: NDArray[np.int64]) -> NDArray[np.int64]:
        width = math.prod(numbers.shape[axis] for axis in rest)
        return numbers.transpose(0, *axes, *rest).reshape(1, -1, width)

    sizes = value.file_shape
    pooled = _over_all_places(moved(node, value, move, axes=(0, 1, 2)).settled(), kind, keep=False)
    shape = tuple(1 if axis in axes else sizes[axis] for axis in range(1, len(sizes)) if keep or axis in rest)
    return replace(pooled, shape=shape or (1,), axes=tuple(range(len(shape or (1,)) + 1)))
