"""Layers that draw random numbers in training alone."""

from __future__ import annotations

from ...layers.noise import Dropout, GaussianNoise, Sampling
from .graph import Graph, nodes_of


@nodes_of.register(Dropout)
@nodes_of.register(GaussianNoise)
def _(layer: Dropout | GaussianNoise, graph: Graph, x: str) -> str:
    return x


@nodes_of.register
def _(layer: Sampling, graph: Graph, x: str) -> str:
    (features,) = layer.place.input_shape
    return graph.add("Slice", x, [0], [features // 2], [1])
