"""Some of the features."""

from __future__ import annotations

from ...layers.selection import Select
from .graph import Graph, nodes_of


@nodes_of.register
def _(layer: Select, graph: Graph, x: str) -> str:
    return graph.add("Gather", x, layer.chosen(layer.place.input_shape), axis=-1)
