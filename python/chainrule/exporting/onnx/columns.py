"""Codes as flags."""

from __future__ import annotations

import numpy as np

from ...layers.columns import OneHot
from .graph import Graph, nodes_of


@nodes_of.register
def _(layer: OneHot, graph: Graph, x: str) -> str:
    codes = [np.arange(layer.zero_is_missing, count) for count in layer.codes]
    columns = np.repeat(np.arange(len(codes)), [len(of_column) for of_column in codes])
    chosen = graph.add("Gather", graph.codes(x), columns, axis=-1)
    return graph.add("Cast", graph.add("Equal", chosen, np.concatenate(codes)), to=np.dtype(graph.dtype))
