"""Numbers with mixtures of their cosines."""

from __future__ import annotations

import math

from ...layers.periodic import Periodic
from .graph import Graph, nodes_of


@nodes_of.register
def _(layer: Periodic, graph: Graph, x: str) -> str:
    (features,) = layer.place.input_shape
    periods = graph.add("Add", graph.add("Mul", graph.add("Unsqueeze", x, [1]), layer.frequencies), layer.phases)
    # Whole periods change nothing, but their rounding would.
    angles = graph.add("Mul", graph.add("Sub", periods, graph.add("Round", periods)), 2 * math.pi)
    cosines = graph.add("Unsqueeze", graph.add("Cos", angles), [2])
    mixed = graph.add("ReduceSum", graph.add("Mul", cosines, layer.weights), [1], keepdims=0)
    row = graph.add("Reshape", graph.add("Add", mixed, layer.bias), [0, (layer.size - 1) * features])
    return graph.add("Concat", x, row, axis=-1)
