"""Layers that make images larger."""

from __future__ import annotations

import numpy as np

from ...layers.resizing import UpSample2D, ZeroPad2D
from .graph import Graph, nodes_of
from .places import channels_first, channels_last


@nodes_of.register
def _(layer: ZeroPad2D, graph: Graph, x: str) -> str:
    (top, bottom), (left, right) = layer.borders
    return graph.add("Pad", x, [0, top, left, 0, 0, bottom, right, 0])


@nodes_of.register
def _(layer: UpSample2D, graph: Graph, x: str) -> str:
    height, width, _ = layer.place.input_shape
    new_height, new_width, _ = layer.output_shape(layer.place.input_shape)
    # Float32 in every model.
    scales = graph.add("Cast", np.array([1.0, 1.0, new_height / height, new_width / width]), to=np.dtype(np.float32))
    options = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    return channels_last(graph, graph.add("Resize", channels_first(graph, x, 2), "", scales, **options), 2)
