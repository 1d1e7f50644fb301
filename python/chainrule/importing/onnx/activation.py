"""Activations."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ...activations import ACTIVATIONS, with_alpha
from ...layers.base import Part
from .affine import of_features
from .node import Node, converts
from .value import Value, features_here

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
    for attribute, usual in (("alpha", 1.6732632423543772), ("gamma", 1.0507009873554805)):
        given = node.get(attribute, usual)
        if abs(given - usual) > 1e-6:
            raise node.refused(attribute, given)
    return activated(value, "selu")


@converts("Gelu")
def _(node: Node, value: Value) -> Value:
    node.must("approximate", "none")
    return activated(value, "gelu")


@converts("HardSigmoid")
def _(node: Node, value: Value) -> Value:
    for attribute, usual, here in (("alpha", 0.2, 1 / 6), ("beta", 0.5, 0.5)):
        given = node.get(attribute, usual)
        if abs(given - here) > 1e-6:
            raise node.refused(attribute, given)
    return activated(value, "hard_sigmoid")


@converts("PRelu")
def _(node: Node, value: Value) -> Value:
    slopes = node.constant(1, "slopes")
    # PyTorch's are one for each channel, wherever the channels are.
    is_of_channels = node.get("of_channels", False) and slopes.size > 1
    slopes = features_here(value, slopes) if is_of_channels else of_features(node, value, slopes)
    return value.settled().then("MixedActivation", {"shares": 1 - slopes}, {"function": "relu"})


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
    if low != 0 or high < 1e30:
        raise node.refused("min and max", (low, high))
    return activated(value, "relu")
