"""Normalisations."""

from __future__ import annotations

from .affine import in_shape
from .node import LayoutError, Node, check_features, converts
from .value import Value, features_here


@converts("BatchNormalization")
def _(node: Node, value: Value) -> Value:
    node.must("training_mode", 0)
    # Of older versions.
    node.must("is_test", 1)
    node.must("spatial", 1)
    node.get("consumed_inputs", None)
    settings = {"epsilon": node.get("epsilon", 1e-5), "momentum": node.get("momentum", 0.9)}
    if not value.is_channels_first:
        raise LayoutError(f"{node} must have the channels after the samples")
    check_features(node, value, node.constant(1, "gamma").size)
    names = ("gamma", "beta", "running_mean", "running_variance")
    arrays = {name: features_here(value, node.constant(place, name)) for place, name in enumerate(names, 1)}
    return in_shape(value).then("BatchNorm", arrays, settings)


@converts("LayerNormalization")
def _(node: Node, value: Value) -> Value:
    node.must("axis", -1, len(value.axes) - 1)
    node.must("stash_type", 1)
    if value.axes[-1] != len(value.axes) - 1:
        raise LayoutError(f"{node} must have the features last")
    value = value.settled()
    features = value.shape[-1]
    gamma = node.constant(1, "scales")
    arrays = {"gamma": gamma, "beta": node.constant(2, "shifts") if node.has(2) else 0 * gamma}
    if gamma.shape != (features,):
        raise node.refused("axis", node.get("axis", -1))
    return value.then("LayerNorm", arrays, {"epsilon": node.get("epsilon", 1e-5)})
