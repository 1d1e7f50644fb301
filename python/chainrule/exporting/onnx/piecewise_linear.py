"""Numbers as piecewise linear functions of them."""

from __future__ import annotations

from ...layers.piecewise_linear import PiecewiseLinear
from ..bins import bins_of
from .graph import Graph, nodes_of


@nodes_of.register
def _(layer: PiecewiseLinear, graph: Graph, x: str) -> str:
    bins = bins_of(layer, graph.dtype)
    column = graph.add("Unsqueeze", x, [2])
    shares = graph.add("Div", graph.add("Sub", column, bins.begins), bins.widths)
    shares = graph.add("Min", graph.add("Max", shares, bins.low), bins.high)
    of_bins = graph.add("Squeeze", graph.add("MatMul", graph.add("Unsqueeze", shares, [2]), bins.vectors), [2])
    straight = graph.add("Add", graph.add("Mul", column, layer.slopes), layer.bias)
    return graph.add("Reshape", graph.add("Add", straight, of_bins), [0, len(layer.bins) * layer.units])
