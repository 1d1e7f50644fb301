"""Layers made of layers."""

from __future__ import annotations

from collections.abc import Sequence

from ...layers.base import Layer
from ...layers.composite import Concatenate, Residual
from .graph import Graph, nodes_of


def through(layers: Sequence[Layer], graph: Graph, x: str, first: int) -> str:
    """Add the nodes of layers in a row, the first of which has this number; return the name of what they make of x."""
    outer = graph.scope
    for number, layer in enumerate(layers, start=first):
        graph.scope = f"{outer}/{number}_{type(layer).__name__}".removeprefix("/")
        x = nodes_of(layer, graph, x)
    graph.scope = outer
    return x


@nodes_of.register
def _(layer: Residual, graph: Graph, x: str) -> str:
    return graph.add("Add", through(layer.layers, graph, x, 0), x)


@nodes_of.register
def _(layer: Concatenate, graph: Graph, x: str) -> str:
    ends: list[str] = []
    first = 0
    for branch in layer.branches:
        ends.append(through(branch, graph, x, first))
        first += len(branch)
    return graph.add("Concat", *ends, axis=-1)
