"""Layers of members side by side."""

from __future__ import annotations

from ...layers.members import BatchEnsemble, Repeat, SeparateDense
from .activation import activated
from .graph import Graph, nodes_of


@nodes_of.register
def _(layer: Repeat, graph: Graph, x: str) -> str:
    return graph.add("Tile", graph.add("Unsqueeze", x, [1]), [1, layer.members, 1])


@nodes_of.register
def _(layer: BatchEnsemble, graph: Graph, x: str) -> str:
    z = graph.add("MatMul", graph.add("Mul", x, layer.input_factors), layer.weights)
    return activated(graph, layer.activation, graph.add("Add", graph.add("Mul", z, layer.output_factors), layer.bias))


@nodes_of.register
def _(layer: SeparateDense, graph: Graph, x: str) -> str:
    # Each member has one row, for a product with a matrix of its own.
    z = graph.add("Squeeze", graph.add("MatMul", graph.add("Unsqueeze", x, [2]), layer.weights), [2])
    return activated(graph, layer.activation, graph.add("Add", z, layer.bias))
