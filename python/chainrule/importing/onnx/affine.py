"""Sums and products with constants."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ...layers.base import Part
from .node import LayoutError, Node, converts
from .value import Value, features_here

# The difference of an activation from its input, which a `MixedActivation` adds a share of.
CHANGE = "change"
# Layers whose bias is (members, units).
_OF_MEMBERS = ("BatchEnsemble", "SeparateDense")


def of_features(node: Node, value: Value, numbers: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return constants that are one for each feature, or for all, as one for each feature here."""
    rank = len(value.axes)
    array = numbers.reshape((1,) * max(rank - numbers.ndim, 0) + numbers.shape).astype(np.float64)
    place = value.axes.index(rank - 1)
    features = value.shape[-1]
    assert features is not None
    others = [size for axis, size in enumerate(array.shape) if axis != place]
    if array.ndim > rank or any(size != 1 for size in others) or array.size not in (1, features):
        raise LayoutError(f"{node} has constants of shape {numbers.shape}, which are not one for each feature")
    return features_here(value, np.broadcast_to(array.ravel(), (features,)).copy())


def _constant_of(node: Node, value: Value) -> NDArray[np.float64]:
    place = 1 if node.inputs[0] not in node.constants else 0
    return of_features(node, value, node.constant(place, "operand"))


@converts("Add")
def _(node: Node, value: Value) -> Value:
    last = value.parts[-1] if value.parts else None
    members = of_members(node, value)
    if members is not None and last is not None and last.config["type"] in _OF_MEMBERS and "bias" not in last.arrays:
        return replace(value, parts=(*value.parts[:-1], Part(last.config, {**last.arrays, "bias": members})))
    numbers = _constant_of(node, value)
    if last is not None and value.shape == value.real and _takes_bias(last):
        part = Part({**last.config, "use_bias": True}, {**last.arrays, "bias": numbers})
        return replace(value, parts=(*value.parts[:-1], part))
    if last is not None and value.shape == value.real and _is(last, "Rescale", "offset", 0.0):
        return replace(value, parts=(*value.parts[:-1], Part(last.config, {**last.arrays, "offset": numbers})))
    ones = np.ones_like(numbers)
    return in_shape(value).then("Rescale", {"factor": ones, "offset": numbers})


@converts("Mul")
def _(node: Node, value: Value) -> Value:
    members = of_members(node, value)
    if members is not None:
        return _with_factors(value, members)
    numbers = _constant_of(node, value)
    last = value.parts[-1] if value.parts else None
    if last is not None and last.config["type"] == CHANGE:
        return replace(value, parts=(*value.parts[:-1], Part(last.config, {"shares": numbers})))
    return in_shape(value).then("Rescale", {"factor": numbers, "offset": np.zeros_like(numbers)})


@converts("Sub")
def _(node: Node, value: Value) -> Value:
    if node.inputs[0] in node.constants:
        raise ValueError(f"{node} subtracts samples from a constant, which no layer here does")
    numbers = _constant_of(node, value)
    return in_shape(value).then("Normalization", {"mean": numbers, "std": np.ones_like(numbers)})


@converts("Div")
def _(node: Node, value: Value) -> Value:
    if node.inputs[0] in node.constants:
        raise ValueError(f"{node} divides a constant by samples, which no layer here does")
    numbers = _constant_of(node, value)
    last = value.parts[-1] if value.parts else None
    if (
        last is not None
        and value.shape == value.real
        and _is(last, "Normalization", "std", 1.0)
        and (numbers > 0).all()
    ):
        return replace(value, parts=(*value.parts[:-1], Part(last.config, {**last.arrays, "std": numbers})))
    return in_shape(value).then("Rescale", {"factor": 1 / numbers, "offset": np.zeros_like(numbers)})


def of_members(node: Node, value: Value) -> NDArray[np.float64] | None:
    """Return constants that each member of several has for itself, (members, features); None for others."""
    array = node.constant(1 if node.inputs[0] not in node.constants else 0, "operand").astype(np.float64)
    is_own = array.ndim == 2 and array.shape[0] > 1 and value.is_plain and value.order is None
    return array if is_own and array.shape == value.shape else None


def _with_factors(value: Value, factors: NDArray[np.float64]) -> Value:
    """Return the value after the factors of a `BatchEnsemble`, of its inputs before its weights are known."""
    last = value.parts[-1] if value.parts else None
    if last is not None and last.config["type"] == "BatchEnsemble" and "output_factors" not in last.arrays:
        return replace(value, parts=(*value.parts[:-1], Part(last.config, {**last.arrays, "output_factors": factors})))
    return value.settled().then("BatchEnsemble", {"input_factors": factors})


def in_shape(value: Value) -> Value:
    """Return the value in its shape; constants for features are in the order that these have here."""
    return replace(replace(value, order=None).settled(), order=value.order)


def _takes_bias(part: Part) -> bool:
    return part.is_affine and "bias" not in part.arrays


def _is(part: Part, kind: str, name: str, number: float) -> bool:
    return part.config["type"] == kind and bool((part.arrays[name] == number).all())
