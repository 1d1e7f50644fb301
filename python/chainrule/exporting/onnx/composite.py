"""Layers made of layers."""

from __future__ import annotations

from collections.abc import Sequence

from ...layers.base import Layer
from ...layers.composite import Concatenate, Residual
from .graph import Graph, nodes_of


def through(layers: Sequence[Layer], graph: Graph, x: str) -> str:
    """Add the nodes of layers in a row; return the name of what they make of x."""
    outer = graph.scope
    for number, layer in enumerate(layers):
        graph.scope = f"{outer}/{number}_{type(layer).__name__}" if outer else f"{number + 1}_{type(layer).__name__}"
        x = nodes_of(layer, graph, x)
    graph.scope = outer
    return x


@nodes_of.register
def _(layer: Residual, graph: Graph, x: str) -> str:
    return graph.add("Add", through(layer.layers, graph, x), x)


@nodes_of.register
def _(layer: Concatenate, graph: Graph, x: str) -> str:
    ends = []
    outer = graph.scope
    for number, branch in enumerate(layer.branches):
        graph.scope = f"{outer}/{number}"
        ends.append(through(branch, graph, x))
    graph.scope = outer
    return graph.add("Concat", *ends, axis=-1)
