"""Activations, alone and mixed with the identity."""

from __future__ import annotations

from collections.abc import Callable

from ...activations import function_of
from ...layers.activation import Activation
from ...layers.mixed_activation import MixedActivation
from .graph import Graph, nodes_of


def _silu(graph: Graph, z: str) -> str:
    return graph.add("Mul", z, graph.add("Sigmoid", z))


# Those of a single value.
_ACTIVATIONS: dict[str, Callable[..., str]] = {
    "identity": lambda graph, z: z,
    "sigmoid": lambda graph, z: graph.add("Sigmoid", z),
    "tanh": lambda graph, z: graph.add("Tanh", z),
    "relu": lambda graph, z: graph.add("Relu", z),
    "leaky_relu": lambda graph, z, alpha: graph.add("LeakyRelu", z, alpha=alpha),
    "elu": lambda graph, z, alpha: graph.add("Elu", z, alpha=alpha),
    "selu": lambda graph, z: graph.add("Selu", z),
    "softplus": lambda graph, z: graph.add("Softplus", z),
    "softsign": lambda graph, z: graph.add("Softsign", z),
    "gelu": lambda graph, z: graph.add("Gelu", z, approximate="none"),
    "silu": _silu,
    "mish": lambda graph, z: graph.add("Mish", z),
    "hard_sigmoid": lambda graph, z: graph.add("HardSigmoid", z, alpha=1 / 6, beta=0.5),
    "exp": lambda graph, z: graph.add("Exp", z),
}


def activated(graph: Graph, activation: str, z: str, axis: int = -1) -> str:
    """Return f(z); features are on the axis, over which a softmax is taken."""
    if activation == "softmax":
        return graph.add("Softmax", z, axis=axis)
    return function_of(_ACTIVATIONS, activation)(graph, z)


@nodes_of.register
def _(layer: Activation, graph: Graph, x: str) -> str:
    return activated(graph, layer.activation, x)


@nodes_of.register
def _(layer: MixedActivation, graph: Graph, x: str) -> str:
    change = graph.add("Sub", activated(graph, layer.function, x), x)
    return graph.add("Add", x, graph.add("Mul", change, layer.shares))
