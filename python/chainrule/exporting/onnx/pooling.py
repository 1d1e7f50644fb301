"""Pools over windows, and over all places."""

from __future__ import annotations

from ...layers.pooling import GlobalPool, Pool
from .graph import Graph, nodes_of
from .places import channels_first, channels_last, window_attributes


@nodes_of.register
def _(layer: Pool, graph: Graph, x: str) -> str:
    shape = layer.place.input_shape
    axes = len(shape) - 1
    op = "MaxPool" if layer.maximum else "AveragePool"
    z = graph.add(op, channels_first(graph, x, axes), **window_attributes(layer.moves(shape)))
    return channels_last(graph, z, axes)


@nodes_of.register
def _(layer: GlobalPool, graph: Graph, x: str) -> str:
    axes = list(range(1, len(layer.place.input_shape)))
    return graph.add("ReduceMax" if layer.maximum else "ReduceMean", x, axes, keepdims=0)
