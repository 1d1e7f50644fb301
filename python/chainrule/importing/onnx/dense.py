"""Products with matrices, and vectors for tokens."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ...layers.base import Part
from .moves import moved, sliced
from .node import LayoutError, Node, check_features, converts
from .value import Value


def _dense(node: Node, value: Value, weights: NDArray[np.float64], bias: NDArray[np.float64] | None) -> Value:
    if value.axes[-1] != len(value.axes) - 1:
        raise LayoutError(f"{node} must have the features last")
    if weights.ndim != 2:
        raise ValueError(f"{node} has an array of {weights.shape} for weights, which no layer here has")
    check_features(node, value, len(weights))
    if value.order is not None:
        # Rows in the order that the features have here.
        rows = np.empty_like(weights)
        rows[value.order] = weights
        value, weights = replace(value, order=None), rows
    units = weights.shape[1]
    arrays = {"weights": weights} if bias is None else {"weights": weights, "bias": np.broadcast_to(bias, (units,))}
    settings = {"units": units, "activation": "identity", "use_bias": bias is not None}
    return value.settled().then("Dense", arrays, settings, (*value.shape[:-1], units))


@converts("Gemm")
def _(node: Node, value: Value) -> Value:
    node.must("transA", 0)
    # Older versions ask for a bias to be broadcast.
    node.must("broadcast", 1)
    weights = node.get("alpha", 1.0) * node.constant(1, "weights").astype(np.float64)
    weights = weights.T if node.get("transB", 0) else weights
    bias = node.get("beta", 1.0) * node.constant(2, "bias").astype(np.float64) if node.has(2) else None
    if bias is not None and bias.size not in (1, weights.shape[1]):
        raise ValueError(f"{node} has a bias of {bias.shape}, which is not one for each unit")
    return _dense(node, value, weights, None if bias is None else bias.reshape(-1))


@converts("MatMul")
def _(node: Node, value: Value) -> Value:
    if node.inputs[0] in node.constants:
        raise ValueError(f"{node} multiplies a constant with samples, which no layer here does")
    weights = node.constant(1, "weights").astype(np.float64)
    last = value.parts[-1] if value.parts else None
    if last is not None and last.config["type"] == "BatchEnsemble" and "weights" not in last.arrays:
        units = weights.shape[1]
        part = Part({**last.config, "units": units}, {**last.arrays, "weights": weights})
        shape = (*value.shape[:-1], units)
        return replace(value, parts=(*value.parts[:-1], part), shape=shape, real=shape)
    if weights.ndim == 3 and value.is_plain and value.shape == (weights.shape[0], 1, weights.shape[1]):
        return _members(value, weights)
    return _dense(node, value, weights, None)


def _members(value: Value, weights: NDArray[np.float64]) -> Value:
    """Return the value after a `SeparateDense`, which the file reads with an axis of one row in between."""
    members, features, units = weights.shape
    value = replace(value, shape=(members, features), axes=(0, 1, 2)).settled()
    after = value.then("SeparateDense", {"weights": weights}, {"units": units}, (members, units))
    return replace(after, shape=(members, 1, units), axes=(0, 1, 2, 3))


@converts("Tile")
def _(node: Node, value: Value) -> Value:
    repeats = node.numbers(1, "repeats") or []
    if len(value.shape) != 2 or value.shape[0] != 1 or len(repeats) != 3 or repeats[::2] != [1, 1]:
        return moved(node, value, lambda numbers: np.tile(numbers, repeats))
    value = replace(value, shape=value.shape[1:], axes=(0, 1)).settled()
    after = value.then("Repeat", {}, {"members": repeats[1]}, (repeats[1], *value.shape))
    return replace(after, axes=(0, 1, 2))


@converts("Equal")
def _(node: Node, value: Value) -> Value:
    codes = node.constant(1, "codes").astype(np.int64)
    last = value.parts[-1] if value.parts else None
    if last is None or last.config["type"] != "Select" or codes.shape != value.shape:
        raise ValueError(f"{node} compares values, which no layer here does but one of codes")
    columns = np.array(last.config["features"])
    count = int(columns.max()) + 1
    ends = [int(codes[columns == column].max(initial=0)) + 1 for column in range(count)]
    first = int(codes.min())
    flags = [(column, code) for column, end in enumerate(ends) for code in range(first, end)]
    if first not in (0, 1) or flags != list(zip(columns.tolist(), codes.tolist(), strict=True)):
        raise ValueError(f"{node} must compare each column with its codes, from 0 or 1 on")
    before = replace(value, parts=value.parts[:-1])
    return before.then("OneHot", {}, {"codes": ends, "zero_is_missing": first == 1})


@converts("Gather")
def _(node: Node, value: Value) -> Value:
    axis = node.get("axis", 0)
    if node.inputs[0] in node.constants:
        table = node.constant(0, "vectors").astype(np.float64)
        if axis != 0 or table.ndim != 2:
            raise node.refused("axis", axis)
        # Files have neither attribute.
        flags = {name: bool(node.get(name, 0)) for name in ("mask_zero", "zero_is_missing")}
        settings = {"vocabulary": table.shape[0], "units": table.shape[1], **flags}
        arrays = {"weights": table[int(flags["zero_is_missing"]) :]}
        value = replace(value.then("Embedding", arrays, settings), shape=(*value.shape, table.shape[1]))
        return replace(value, real=value.shape, axes=(*value.axes, len(value.axes)))
    chosen = node.constant(1, "indices")
    rank, here = len(value.axes), value.axes[axis]
    # As h[-1] in PyTorch takes the state of the one direction.
    if chosen.ndim == 0 and chosen in (0, -1) and rank > 2 and here != 0 and value.shape[here - 1] == 1:
        return value.without({here})
    if here != rank - 1 or chosen.ndim != 1:
        return moved(node, value, lambda numbers: np.take(numbers, chosen, axis=axis))
    return _selected(value, chosen.tolist())


@converts("Slice")
def _(node: Node, value: Value) -> Value:
    begins, ends = node.numbers(1, "starts"), node.numbers(2, "ends")
    rank = len(value.axes)
    axes = node.numbers(3, "axes") or list(range(len(begins or [])))
    steps = node.numbers(4, "steps") or [1] * len(axes)
    if begins is None or ends is None:
        raise ValueError(f"{node} must have starts and ends")
    parts = [slice(begin, _end(end, step), step) for begin, end, step in zip(begins, ends, steps, strict=True)]
    if len(axes) != 1 or value.axes[axes[0]] != rank - 1:
        return sliced(node, value, axes, parts)
    features = value.shape[-1]
    assert features is not None
    return _selected(value, list(range(features))[parts[0]])


def _end(end: int, step: int) -> int | None:
    """Return the end of a slice, which in a file reaches the beginning by a large negative number."""
    return None if step < 0 and end < -(2**31) else end


def _selected(value: Value, chosen: list[int]) -> Value:
    value = value.settled()
    return value.then("Select", {}, {"features": chosen, "is_slice": False}, (*value.shape[:-1], len(chosen)))
