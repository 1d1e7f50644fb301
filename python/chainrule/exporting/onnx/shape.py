"""Layers that give samples another shape."""

from __future__ import annotations

from ...layers.shape import Flatten, Reshape
from .graph import Graph, nodes_of


@nodes_of.register
def _(layer: Flatten, graph: Graph, x: str) -> str:
    return graph.add("Flatten", x) if len(layer.place.input_shape) > 1 else x


@nodes_of.register
def _(layer: Reshape, graph: Graph, x: str) -> str:
    # 0: as many samples as there are.
    return graph.add("Reshape", x, [0, *layer.shape])
