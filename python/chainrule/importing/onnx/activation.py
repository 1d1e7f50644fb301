"""Activations."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from ...activations import ACTIVATIONS, with_alpha
from ...layers.base import Part
from .affine import in_shape, of_each_value, of_features, rescaled
from .node import LayoutError, Node, converts
from .value import Value, features_here

# α and γ of Klambauer et al. 2017.
_SELU = (1.6732632423543772, 1.0507009873554804)
_NAMES = {
    "Sigmoid": "sigmoid",
    "Tanh": "tanh",
    "Relu": "relu",
    "Softplus": "softplus",
    "Softsign": "softsign",
    "Mish": "mish",
    "Exp": "exp",
}


def activated(value: Value, activation: str) -> Value:
    """Return the value after an activation, which the layer before it takes in if it can."""
    last = value.parts[-1] if value.parts else None
    if last is not None and last.is_affine:
        part = Part({**last.config, "activation": activation}, last.arrays)
        return replace(value, parts=(*value.parts[:-1], part))
    return value.settled().then("Activation", {}, {"activation": activation})


@converts(*_NAMES)
def _(node: Node, value: Value) -> Value:
    return activated(value, _NAMES[node.op])


_WITH_ALPHA = {"LeakyRelu": "leaky_relu", "Elu": "elu"}


@converts(*_WITH_ALPHA)
def _(node: Node, value: Value) -> Value:
    name = _WITH_ALPHA[node.op]
    return activated(value, of_alpha(node, name, node.get("alpha", ACTIVATIONS[name].alpha)))


def of_alpha(node: Node, name: str, alpha: float) -> str:
    """Return the name of an activation with the α that a node has, which is of float32 in files."""
    try:
        return with_alpha(name, float(str(np.float32(alpha))))
    except ValueError:
        raise node.refused("alpha", alpha) from None


@converts("Selu")
def _(node: Node, value: Value) -> Value:
    alpha, gamma = node.get("alpha", _SELU[0]), node.get("gamma", _SELU[1])
    if np.allclose((alpha, gamma), _SELU, atol=1e-6):
        return activated(value, "selu")
    return rescaled(activated(value, of_alpha(node, "elu", alpha)), gamma, 0.0)


@converts("Celu")
def _(node: Node, value: Value) -> Value:
    alpha = node.get("alpha", 1.0)
    if not 0 < alpha < math.inf:
        raise node.refused("alpha", alpha)
    return value_between(value, "elu", 1 / alpha, 0.0, alpha, 0.0)


def value_between(value: Value, activation: str, factor: float, offset: float, after: float, shift: float) -> Value:
    """Return after · f(factor · x + offset) + shift."""
    before = value if (factor, offset) == (1, 0) else rescaled(value, factor, offset)
    made = activated(before, activation)
    return made if (after, shift) == (1, 0) else rescaled(made, after, shift)


@converts("Gelu")
def _(node: Node, value: Value) -> Value:
    node.must("approximate", "none")
    return activated(value, "gelu")


@converts("HardSigmoid")
def _(node: Node, value: Value) -> Value:
    alpha, beta = node.get("alpha", 0.2), node.get("beta", 0.5)
    if np.allclose((alpha, beta), (1 / 6, 0.5), atol=1e-6):
        return activated(value, "hard_sigmoid")
    return value_between(value, "hard_sigmoid", 6 * alpha, 6 * beta - 3, 1.0, 0.0)


@converts("Swish")
def _(node: Node, value: Value) -> Value:
    alpha = node.get("alpha", 1.0)
    return value_between(value, "silu", alpha, 0.0, 1 / alpha, 0.0)


@converts("PRelu")
def _(node: Node, value: Value) -> Value:
    slopes = node.constant(1, "slopes")
    # Those of PyTorch and of old files are one for each channel, which come after the samples.
    is_of_channels = (node.get("of_channels", False) or node.version < 7) and slopes.size > 1
    if is_of_channels and not (value.is_channels_first and slopes.size == value.shape[-1]):
        raise LayoutError(f"{node} must have the channels after the samples")
    try:
        slopes = features_here(value, slopes.ravel()) if is_of_channels else of_features(node, value, slopes)
    except LayoutError:
        settings = {"function": "relu"}
        return of_each_value(node, value, "MixedActivation", settings, shares=1 - slopes)
    return in_shape(value).then("MixedActivation", {"shares": 1 - slopes}, {"function": "relu"})


@converts("Softmax")
def _(node: Node, value: Value) -> Value:
    axis = node.get("axis", -1)
    rank = len(value.axes)
    if not -rank <= axis < rank or value.axes[axis] != rank - 1:
        raise node.misplaced("axis", axis)
    return activated(value, "softmax")


@converts("Clip")
def _(node: Node, value: Value) -> Value:
    low, high = (
        float(node.constant(place, name)) if node.has(place) else float(node.get(name, default))
        for place, name, default in ((1, "min", -np.inf), (2, "max", np.inf))
    )
    if low == 0 and high > 1e30:
        return activated(value, "relu")
    if high > 1e30 and low < -1e30:
        return value
    if high > 1e30 or low < -1e30:
        # Of the differences from the one bound.
        sign, bound = (1.0, low) if high > 1e30 else (-1.0, high)
        return value_between(value, "relu", sign, -sign * bound, sign, bound)
    if not low < high:
        raise node.refused("min and max", (low, high))
    width = high - low
    return value_between(value, "hard_sigmoid", 6 / width, -6 * low / width - 3, width, low)
