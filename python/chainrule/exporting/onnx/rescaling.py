"""Fixed and learned factors of features."""

from __future__ import annotations

from ...layers.rescaling import Normalization, Rescale
from ...layers.scale import Scale
from .graph import Graph, nodes_of


@nodes_of.register
def _(layer: Normalization, graph: Graph, x: str) -> str:
    return graph.add("Div", graph.add("Sub", x, layer.mean), layer.std)


@nodes_of.register
def _(layer: Rescale, graph: Graph, x: str) -> str:
    return graph.add("Add", graph.add("Mul", x, layer.factor), layer.offset)


@nodes_of.register
def _(layer: Scale, graph: Graph, x: str) -> str:
    return graph.add("Mul", x, layer.factors)
