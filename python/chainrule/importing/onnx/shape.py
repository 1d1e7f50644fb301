"""Operators that change shapes, or nothing."""

from __future__ import annotations

import math
from dataclasses import replace

from .moves import moved
from .node import LayoutError, Node, check_axes, converts
from .value import Sizes, Value


@converts("Identity", "Dropout", "Cast")
def _(node: Node, value: Value) -> Value:
    if node.op == "Dropout" and node.has(2) and node.constant(2, "training_mode"):
        raise node.refused("training_mode", 1)
    # To float32, float64 and float16, and to int32 and int64, as which codes are read.
    node.must("to", 1, 11, 10, 6, 7)
    for attribute in ("saturate", "ratio", "seed", "is_test"):
        node.get(attribute, None)
    return value


@converts("Transpose")
def _(node: Node, value: Value) -> Value:
    permutation = node.get("perm", list(range(len(value.axes)))[::-1])
    check_axes(node, value, len(permutation) - 1)
    return value.turned(permutation)


@converts("Flatten")
def _(node: Node, value: Value) -> Value:
    node.must("axis", 1, 1 - len(value.axes))
    if value.axes[0] != 0:
        raise LayoutError(f"{node} must have samples first")
    return value.flat()


@converts("Reshape")
def _(node: Node, value: Value) -> Value:
    node.must("allowzero", 0)
    wanted = node.numbers(1, "shape") or []
    if value.axes[0] == 0:
        # The number of samples, −1 or the number that the file was made for, stays.
        wanted[0] = 0
    kept = next((i for i, size in enumerate(wanted) if size != 0), len(wanted))
    rest = wanted[kept:]
    if kept == 1 and len(rest) == 1 and value.axes[0] == 0:
        return value.flat()
    value = value if value.order is None else value.settled()
    if value.axes[kept:] != tuple(range(kept, len(value.axes))) or 0 not in value.axes[:kept]:
        return moved(node, value, lambda numbers: numbers.reshape(_sizes_of_all(node, wanted, numbers.shape)))
    before = value.file_shape[kept:]
    sizes = _sizes(node, [before[i] if size == 0 else size for i, size in enumerate(rest)], before)
    shape = (*value.shape[: kept - 1], *sizes)
    return replace(value, shape=shape, axes=(*value.axes[:kept], *range(kept, len(shape) + 1)))


def _sizes_of_all(node: Node, wanted: list[int], before: tuple[int, ...]) -> list[int]:
    """Return the sizes of a reshape of one sample."""
    if len(wanted) > len(before) and 0 in wanted[len(before) :]:
        raise node.refused("shape", wanted)
    return [1, *(before[i] if size == 0 else size for i, size in enumerate(wanted[1:], start=1))]


def _sizes(node: Node, wanted: list[int | None], before: Sizes) -> Sizes:
    """Return the sizes of a reshape, with what −1 stands for."""
    if None in before:
        raise ValueError(f"{node} needs to know the number of steps")
    count = math.prod(size for size in before if size is not None)
    known = math.prod(size for size in wanted if size not in (-1, None))
    sizes = tuple(count // known if size == -1 else size for size in wanted)
    if math.prod(size for size in sizes if size is not None) != count:
        raise ValueError(f"{node} makes {sizes} of {before}, another number of values")
    return sizes


@converts("Squeeze")
def _(node: Node, value: Value) -> Value:
    rank = len(value.axes)
    shape = value.file_shape
    axes = node.numbers(1, "axes") or [axis for axis, size in enumerate(shape) if size == 1]
    gone = {value.axes[axis % rank] for axis in axes}
    if 0 in gone or any(value.shape[axis - 1] != 1 for axis in gone):
        raise node.refused("axes", axes)
    if len(gone) == rank - 1:
        raise ValueError(f"{node} leaves samples no axis; outputs here are (samples, 1)")
    return value.without(gone)


@converts("Unsqueeze")
def _(node: Node, value: Value) -> Value:
    new = node.numbers(1, "axes") or []
    rank = len(value.axes) + len(new)
    value = value if value.order is None else value.settled()
    for place in sorted(axis % rank for axis in new):
        value = _with_axis(node, value, place)
    return value


def _with_axis(node: Node, value: Value, place: int) -> Value:
    """Return the value with an axis of one more in the file, which is next to the same axis here."""
    if place == 0:
        raise LayoutError(f"{node} must have samples first")
    is_last = place == len(value.axes)
    new = value.axes[-1] + 1 if is_last else max(value.axes[place], 1)
    axes = [axis + (axis >= new) for axis in value.axes]
    shape = (*value.shape[: new - 1], 1, *value.shape[new - 1 :])
    return replace(value, shape=shape, axes=(*axes[:place], new, *axes[place:]))
