"""Convolutions, which have the channels in front in ONNX."""

from __future__ import annotations

import numpy as np

from ...layers.convolution import Conv2DTranspose, Convolution, Correlation
from .activation import activated
from .graph import Graph, State, nodes_of
from .places import channels_first, channels_last, window_attributes


@nodes_of.register
def _(layer: Correlation, graph: Graph, x: str) -> str:
    moves = layer.moves(layer.place.input_shape)
    options = {**window_attributes(moves), "dilations": [window.dilation for window in moves], "group": layer.groups}
    if graph.by_step:
        for name, shape in layer.state_shapes(layer.place.input_shape).items():
            x = _after(graph, graph.state_name(name), shape, x)
            options["pads"] = [0, 0]
    return _convolved(layer, graph, x, "Conv", options)


@nodes_of.register
def _(layer: Conv2DTranspose, graph: Graph, x: str) -> str:
    moves = layer.moves(layer.place.input_shape)
    # The windows move over the result, which may be larger than what they reach.
    extra = [window.inputs - (window.outputs - 1) * window.stride - window.size for window in moves]
    ends = [max(-more - window.before, 0) for more, window in zip(extra, moves, strict=True)]
    options = {
        "kernel_shape": [window.size for window in moves],
        "strides": [window.stride for window in moves],
        "pads": [*(window.before for window in moves), *ends],
        "output_padding": [max(more, 0) for more in extra],
    }
    return _convolved(layer, graph, x, "ConvTranspose", options)


def _after(graph: Graph, state: str, shape: tuple[int, ...], x: str) -> str:
    """Return a step after the ones before it, of which the last are the state of the next call."""
    steps = graph.add("Concat", state, x, axis=1)
    graph.states[state] = State(graph.add("Slice", steps, [1], [np.iinfo(np.int64).max], [1]), shape)
    return steps


def _convolved(layer: Convolution, graph: Graph, x: str, op: str, options: dict[str, list[int]]) -> str:
    axes = len(layer.place.input_shape) - 1
    # (places, inputs, filters) or transposed (places, filters, inputs): the last axis comes first.
    weights = layer.weights.transpose(axes + 1, axes, *range(axes))
    bias = [layer.bias] if layer.use_bias else []
    z = graph.add(op, channels_first(graph, x, axes), weights, *bias, **options)
    return channels_last(graph, activated(graph, layer.activation, z, axis=1), axes)
