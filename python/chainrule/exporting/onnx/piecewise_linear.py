"""Numbers as piecewise linear functions of them."""

from __future__ import annotations

import numpy as np

from ...layers.piecewise_linear import PiecewiseLinear
from .graph import Graph, nodes_of


@nodes_of.register
def _(layer: PiecewiseLinear, graph: Graph, x: str) -> str:
    features, most = len(layer.bins), max(layer.bins)
    # Features of fewer bins have more whose vectors are zero.
    begins, widths = np.zeros((features, most)), np.ones((features, most))
    low, high = np.zeros((features, most)), np.ones((features, most))
    vectors = np.zeros((features, most, layer.units))
    rows = np.split(layer.weights, np.cumsum(layer.bins)[:-1])
    largest = np.finfo(graph.dtype).max
    for f, (edges, of_one) in enumerate(zip(layer.edges, rows, strict=True)):
        bins = len(of_one)
        begins[f, :bins], widths[f, :bins], vectors[f, :bins] = edges[:-1], np.diff(edges), of_one
        low[f, 0], high[f, bins - 1] = -largest, largest
    column = graph.add("Unsqueeze", x, [2])
    shares = graph.add("Div", graph.add("Sub", column, begins), widths)
    shares = graph.add("Min", graph.add("Max", shares, low), high)
    of_bins = graph.add("Squeeze", graph.add("MatMul", graph.add("Unsqueeze", shares, [2]), vectors), [2])
    straight = graph.add("Add", graph.add("Mul", column, layer.slopes), layer.bias)
    return graph.add("Reshape", graph.add("Add", straight, of_bins), [0, features * layer.units])
