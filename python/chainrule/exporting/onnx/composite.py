"""Layers made of layers."""

from __future__ import annotations

from collections.abc import Sequence

from ...layers.base import Layer
from ...layers.composite import Add, Branched, Concatenate
from .graph import Graph, nodes_of


def through(layers: Sequence[Layer], graph: Graph, x: str, first: int) -> str:
    """Add the nodes of layers in a row, the first of which has this number; return the name of what they make of x."""
    outer = graph.scope
    for number, layer in enumerate(layers, start=first):
        graph.scope = f"{outer}/{number}_{type(layer).__name__}".removeprefix("/")
        x = nodes_of(layer, graph, x)
    graph.scope = outer
    return x


def _ends(layer: Branched, graph: Graph, x: str) -> list[str]:
    """Return what all branches make of x."""
    ends: list[str] = []
    first = 0
    for branch in layer.branches:
        ends.append(through(branch, graph, x, first))
        first += len(branch)
    return ends


@nodes_of.register
def _(layer: Add, graph: Graph, x: str) -> str:
    total, *rest = _ends(layer, graph, x)
    for end in rest:
        total = graph.add("Add", total, end)
    return total


@nodes_of.register
def _(layer: Concatenate, graph: Graph, x: str) -> str:
    return graph.add("Concat", *_ends(layer, graph, x), axis=-1)
