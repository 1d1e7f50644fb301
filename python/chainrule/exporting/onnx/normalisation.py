"""Normalisation over a batch, by running statistics, and over a sample."""

from __future__ import annotations

from ...layers.normalisation import BatchNorm, LayerNorm
from .graph import Graph, nodes_of
from .places import channels_first, channels_last


@nodes_of.register
def _(layer: BatchNorm, graph: Graph, x: str) -> str:
    axes = len(layer.place.input_shape) - 1
    values = (layer.gamma, layer.beta, layer.running_mean, layer.running_variance)
    z = graph.add("BatchNormalization", channels_first(graph, x, axes), *values, epsilon=layer.epsilon)
    return channels_last(graph, z, axes)


@nodes_of.register
def _(layer: LayerNorm, graph: Graph, x: str) -> str:
    return graph.add("LayerNormalization", x, layer.gamma, layer.beta, axis=-1, epsilon=layer.epsilon)
