"""Operators that put values in other places, and change none."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .node import LayoutError, Node, converts
from .value import Value

# Says of what each value of the result is a copy: it reads the numbers of a sample's values and returns some of them,
# both in the shape that the file has, with an axis of one sample first.
Move: TypeAlias = Callable[[NDArray[np.int64]], NDArray[np.int64]]


def numbers_of(node: Node, value: Value) -> NDArray[np.int64]:
    """Return the number here of each value of a sample, in the shape that the file has, with one sample first."""
    if value.axes[0] != 0:
        raise LayoutError(f"{node} must have samples first")
    sizes: Any = value.shape
    if any(size is None for size in sizes):
        raise LayoutError(f"{node} needs to know the number of steps")
    if value.order is not None:
        return value.order[None]
    numbers = np.arange(math.prod(sizes)).reshape(sizes)
    return numbers.transpose([axis - 1 for axis in value.axes[1:]])[None]


def moved(node: Node, value: Value, move: Move, axes: Sequence[int] | None = None) -> Value:
    """Return the value after an operator that moves values within a sample; axes are those of the result.

    By default, they are as before, or in the order of the file where there is another number of them.
    """
    numbers = numbers_of(node, value)
    try:
        result = move(numbers)
    except (ValueError, IndexError) as error:
        raise ValueError(f"{node} does not go with samples of {numbers.shape[1:]} in the file: {error}") from None
    if result.shape[:1] != (1,) or result.ndim < 2 or result.size == 0:
        raise LayoutError(f"{node} changes the number of samples, or leaves no values")
    if axes is None:
        axes = value.axes if result.ndim == len(value.axes) else range(result.ndim)
    here = result.transpose(np.argsort(axes))[0]
    return arranged(in_a_row(value), here.ravel(), here.shape, axes)


def in_a_row(value: Value) -> Value:
    """Return the value with all its numbers in a row, in the order that they have here."""
    sizes: Any = value.shape
    return replace(value, shape=(math.prod(sizes),), axes=(0, 1), order=None)


def arranged(row: Value, chosen: NDArray[np.int64], shape: Sequence[int], axes: Sequence[int]) -> Value:
    """Return some values of a row, in a shape."""
    if not np.array_equal(chosen, np.arange(row.shape[0] or 0)):
        settings = {"features": chosen.tolist(), "is_slice": False}
        row = row.settled().then("Select", {}, settings, (len(chosen),))
    return replace(row, shape=tuple(shape), axes=tuple(axes))


def windows(node: Node, value: Value, places: Sequence[NDArray[np.int64]]) -> Value:
    """Return the values of all windows: (windows · places of one, channels).

    For each axis of places there is an array of (windows, places of one).
    """
    channels = value.shape[-1]

    def move(numbers: NDArray[np.int64]) -> NDArray[np.int64]:
        # (1, channels, places of the first axis, …) becomes (channels, windows, …, places of one, …).
        found = numbers[0]
        for axis, of_axis in enumerate(places):
            found = np.take(found, of_axis, axis=1 + 2 * axis)
        axes = len(places)
        order = (*range(1, 2 * axes, 2), *range(2, 2 * axes + 1, 2), 0)
        return np.asarray(found.transpose(order).reshape(1, -1, channels or 0))

    return moved(node, value, move, axes=(0, 1, 2))


@converts("DepthToSpace", "SpaceToDepth")
def _(node: Node, value: Value) -> Value:
    size, mode = node.get("blocksize", 1), node.get("mode", "DCR")

    def move(numbers: NDArray[np.int64]) -> NDArray[np.int64]:
        samples, channels, height, width = numbers.shape
        if node.op == "SpaceToDepth":
            tiles = numbers.reshape(samples, channels, height // size, size, width // size, size)
            order = (0, 3, 5, 1, 2, 4) if mode == "DCR" else (0, 1, 3, 5, 2, 4)
            return tiles.transpose(order).reshape(samples, -1, height // size, width // size)
        if mode == "DCR":
            tiles = numbers.reshape(samples, size, size, -1, height, width).transpose(0, 3, 4, 1, 5, 2)
        else:
            tiles = numbers.reshape(samples, -1, size, size, height, width).transpose(0, 1, 4, 2, 5, 3)
        return tiles.reshape(samples, -1, height * size, width * size)

    return moved(node, value, move)


@converts("Split", results=math.inf)
def _(node: Node, value: Value) -> Value:
    axis, part, parts = node.get("axis", 0), node.result, len(node.outputs)
    node.must("num_outputs", parts)
    sizes = node.numbers(1, "split")

    def move(numbers: NDArray[np.int64]) -> NDArray[np.int64]:
        size = numbers.shape[axis]
        width = -(-size // parts)
        of_parts = sizes or [min(width, size - width * number) for number in range(parts)]
        begin = sum(of_parts[:part])
        return np.take(numbers, np.arange(begin, begin + of_parts[part]), axis=axis)

    return moved(node, value, move)


@converts("Expand")
def _(node: Node, value: Value) -> Value:
    shape = node.numbers(1, "shape") or []

    def move(numbers: NDArray[np.int64]) -> NDArray[np.int64]:
        return np.broadcast_to(numbers, np.broadcast_shapes(numbers.shape, tuple(shape)))

    return moved(node, value, move)


def sliced(node: Node, value: Value, axes: Sequence[int], slices: Sequence[slice]) -> Value:
    """Return a part of each axis."""

    def move(numbers: NDArray[np.int64]) -> NDArray[np.int64]:
        chosen = [slice(None)] * numbers.ndim
        for axis, part in zip(axes, slices, strict=True):
            chosen[axis] = part
        return numbers[tuple(chosen)]

    return moved(node, value, move)


def padded(node: Node, value: Value, pads: Sequence[tuple[int, int]], mode: str) -> Value:
    """Return the value with copies of its numbers around it; negative pads cut it."""

    def move(numbers: NDArray[np.int64]) -> NDArray[np.int64]:
        kept = tuple(slice(-min(a, 0), size + min(b, 0)) for size, (a, b) in zip(numbers.shape, pads, strict=True))
        more: Any = [(max(a, 0), max(b, 0)) for a, b in pads]
        return np.asarray(np.pad(numbers[kept], more, mode=mode))  # type: ignore[call-overload]

    return moved(node, value, move)


def as_in_file(value: Value) -> Value:
    """Return the value with its axes in the order of the file."""
    node = Node("output", "Transpose", [], [], {}, {})
    return moved(node, value, lambda numbers: numbers, axes=range(len(value.axes)))
