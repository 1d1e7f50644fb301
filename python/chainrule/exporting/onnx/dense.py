"""Fully connected layers."""

from __future__ import annotations

from ...layers.dense import Dense
from .activation import activated
from .graph import Graph, nodes_of


@nodes_of.register
def _(layer: Dense, graph: Graph, x: str) -> str:
    bias = [layer.bias] if layer.use_bias else []
    if len(layer.place.input_shape) == 1:
        z = graph.add("Gemm", x, layer.weights, *bias)
    else:
        z = graph.add("MatMul", x, layer.weights)
        z = graph.add("Add", z, *bias) if bias else z
    return activated(graph, layer.activation, z)
