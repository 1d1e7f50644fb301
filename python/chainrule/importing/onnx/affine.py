"""Sums and products with constants."""

from __future__ import annotations

import functools
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...layers.base import Part
from .moves import in_a_row, numbers_of
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


def of_each_value(
    node: Node, value: Value, kind: str, settings: dict[str, Any] | None = None, **constants: NDArray[np.float64]
) -> Value:
    """Return the value after a layer that has constants for each value of a sample, whose values it sees in a row."""
    numbers = numbers_of(node, value)
    arrays = {}
    for name, array in constants.items():
        try:
            given = np.broadcast_to(array, numbers.shape)
        except ValueError:
            samples = f"samples of {numbers.shape[1:]}"
            raise LayoutError(f"{node} has constants of shape {array.shape}, which do not go with {samples}") from None
        here = np.empty(numbers.size)
        here[numbers.ravel()] = given.ravel()
        arrays[name] = here
    row = in_a_row(value).settled().then(kind, arrays, settings)
    return replace(row, shape=value.shape, axes=value.axes, order=value.order)


def _operand(node: Node) -> NDArray[np.float64]:
    return node.constant(1 if node.inputs[0] not in node.constants else 0, "operand").astype(np.float64)


def _of_features_alone(node: Node, value: Value) -> NDArray[np.float64] | None:
    """Return constants as one for each feature here; None where values of a feature have several."""
    try:
        return of_features(node, value, _operand(node))
    except LayoutError:
        return None


def _rescaled(node: Node, value: Value, factor: NDArray[Any] | float, offset: NDArray[Any] | float) -> Value:
    """Return the value with a factor and an offset for each feature, or for each value of a sample."""
    both = np.asarray(factor, np.float64), np.asarray(offset, np.float64)
    try:
        return rescaled(value, *(of_features(node, value, numbers) for numbers in both))
    except LayoutError:
        return of_each_value(node, value, "Rescale", factor=both[0], offset=both[1])


def _constants(node: Node) -> list[NDArray[np.float64]]:
    """Return all operands that are constants."""
    places = [place for place, name in enumerate(node.inputs) if name in node.constants]
    return [node.constant(place, "operand").astype(np.float64) for place in places]


@converts("Add")
def _(node: Node, value: Value) -> Value:
    last = value.parts[-1] if value.parts else None
    members = of_members(node, value)
    if members is not None and last is not None and last.config["type"] in _OF_MEMBERS and "bias" not in last.arrays:
        return replace(value, parts=(*value.parts[:-1], Part(last.config, {**last.arrays, "bias": members})))
    numbers = _of_features_alone(node, value)
    if numbers is None:
        return _rescaled(node, value, 1.0, _operand(node))
    if last is not None and value.shape == value.real and _takes_bias(last):
        part = Part({**last.config, "use_bias": True}, {**last.arrays, "bias": numbers})
        return replace(value, parts=(*value.parts[:-1], part))
    if last is not None and value.shape == value.real and _is(last, "Rescale", "offset", 0.0):
        return replace(value, parts=(*value.parts[:-1], Part(last.config, {**last.arrays, "offset": numbers})))
    return rescaled(value, np.ones_like(numbers), numbers)


@converts("Mul")
def _(node: Node, value: Value) -> Value:
    members = of_members(node, value)
    if members is not None:
        return _with_factors(value, members)
    numbers = _of_features_alone(node, value)
    if numbers is None:
        return _rescaled(node, value, _operand(node), 0.0)
    last = value.parts[-1] if value.parts else None
    if last is not None and last.config["type"] == CHANGE:
        return replace(value, parts=(*value.parts[:-1], Part(last.config, {"shares": numbers})))
    return rescaled(value, numbers, np.zeros_like(numbers))


@converts("Sub")
def _(node: Node, value: Value) -> Value:
    numbers = _of_features_alone(node, value)
    if node.inputs[0] in node.constants:
        return _rescaled(node, value, -1.0, _operand(node))
    if numbers is None:
        return _rescaled(node, value, 1.0, -_operand(node))
    return in_shape(value).then("Normalization", {"mean": numbers, "std": np.ones_like(numbers)})


@converts("Div")
def _(node: Node, value: Value) -> Value:
    if node.inputs[0] in node.constants:
        raise ValueError(f"{node} divides a constant by samples, which no layer here does")
    if node.reads_integers:
        raise ValueError(f"{node} divides whole numbers, which no layer here does")
    numbers = _of_features_alone(node, value)
    if numbers is None:
        return _rescaled(node, value, 1 / _operand(node), 0.0)
    last = value.parts[-1] if value.parts else None
    if (
        last is not None
        and value.shape == value.real
        and _is(last, "Normalization", "std", 1.0)
        and (numbers > 0).all()
    ):
        return replace(value, parts=(*value.parts[:-1], Part(last.config, {**last.arrays, "std": numbers})))
    return rescaled(value, 1 / numbers, np.zeros_like(numbers))


@converts("Max", "Min")
def _(node: Node, value: Value) -> Value:
    sign, largest = (1.0, np.maximum) if node.op == "Max" else (-1.0, np.minimum)
    bounds = _constants(node)
    if not bounds:
        return value
    bound = functools.reduce(largest, bounds)
    # The larger one of x and c is c + relu(x - c), the smaller one c - relu(c - x).
    above = _rescaled(node, value, sign, -sign * bound).settled().then("Activation", {}, {"activation": "relu"})
    return _rescaled(node, above, sign, bound)


@converts("Sum", "Mean")
def _(node: Node, value: Value) -> Value:
    share = 1.0 if node.op == "Sum" else 1 / len(node.inputs)
    return _rescaled(node, value, share, share * np.asarray(sum(_constants(node))))


@converts("Neg")
def _(node: Node, value: Value) -> Value:
    return rescaled(value, -1.0, 0.0)


@converts("Trilu")
def _(node: Node, value: Value) -> Value:
    sizes = numbers_of(node, value).shape[-2:]
    first = int(node.constant(1, "diagonal")) if node.has(1) else 0
    keep = np.triu(np.ones(sizes), first) if node.get("upper", 1) else np.tril(np.ones(sizes), first)
    return _rescaled(node, value, keep, 0.0)


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


def finished(value: Value) -> Value:
    """Return the value with factors of single values where no weights of a `BatchEnsemble` came after them."""
    parts: list[Part] = []
    for part in value.parts:
        if part.config["type"] == "BatchEnsemble" and "weights" not in part.arrays:
            factors = part.arrays["input_factors"]
            alone = {"factor": factors.ravel(), "offset": np.zeros(factors.size)}
            row = Value((), factors.shape, factors.shape, (0, 1, 2))
            row = replace(in_a_row(row).settled().then("Rescale", alone), shape=factors.shape, axes=(0, 1, 2))
            parts.extend(row.settled().parts)
        else:
            parts.append(part)
    return replace(value, parts=tuple(parts))


def rescaled(value: Value, factor: NDArray[np.float64] | float, offset: NDArray[np.float64] | float) -> Value:
    """Return the value with a factor and an offset for each feature, or for all."""
    features: Any = value.shape[-1:]
    return in_shape(value).then(
        "Rescale", {"factor": np.broadcast_to(factor, features), "offset": np.broadcast_to(offset, features)}
    )


def in_shape(value: Value) -> Value:
    """Return the value in its shape; constants for features are in the order that these have here."""
    return replace(replace(value, order=None).settled(), order=value.order)


def _takes_bias(part: Part) -> bool:
    return part.is_affine and "bias" not in part.arrays


def _is(part: Part, kind: str, name: str, number: float) -> bool:
    return part.config["type"] == kind and bool((part.arrays[name] == number).all())
