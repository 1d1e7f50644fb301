"""Vectors for tokens."""

from __future__ import annotations

import numpy as np

from ...layers.embedding import Embedding
from .graph import Graph, nodes_of


@nodes_of.register
def _(layer: Embedding, graph: Graph, x: str) -> str:
    tokens = graph.codes(x)
    if layer.mask_zero:
        assert layer.place.mask_source is not None
        zero = np.zeros((), np.int64)
        graph.masks[layer.place.mask_source] = graph.add("Not", graph.add("Equal", tokens, zero))
    missing = np.zeros((int(layer.zero_is_missing), layer.units))
    return graph.add("Gather", np.concatenate([missing, layer.weights]), tokens, axis=0)
