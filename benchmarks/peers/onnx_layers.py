"""chainrule's layers as nodes of an ONNX graph, with the same parameters."""

from __future__ import annotations

from functools import singledispatch
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

import chainrule as cr

ACTIVATIONS = {"relu": "Relu", "selu": "Selu", "sigmoid": "Sigmoid", "softmax": "Softmax", "tanh": "Tanh"}
PADDINGS = {"valid": "VALID", "same": "SAME_UPPER"}
OPSET = 17


class Graph:
    """The graph so far. Images and signals have their channels first; arrays are named by their order.

    `order` has the places of features in chainrule after images were flattened channels first, until a layer reads it.
    """

    def __init__(self, network: cr.Network) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self.order: NDArray[np.int64] | slice = slice(None)
        self.outputs = self.through(network.stack, "X")
        self.shapes = [(*shape[-1:], *shape[:-1]) for shape in (network.shapes[0], network.shapes[-1])]

    def through(self, layers: list[cr.Layer], x: str) -> str:
        """Add layers in a row that read an array; return the name of their outputs."""
        for layer in layers:
            x = _add(layer, self, x)
            if layer.output_activation != "identity":
                x = self.node(ACTIVATIONS[layer.output_activation], x)
        return x

    def constant(self, values: NDArray[Any]) -> str:
        """Return the name of a new constant."""
        name = f"constant{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def node(self, operation: str, *inputs: str, **attributes: Any) -> str:
        """Return the name of the outputs of a new node."""
        name = f"node{len(self.nodes)}"
        self.nodes.append(helper.make_node(operation, list(inputs), [name], **attributes))
        return name

    def model(self) -> onnx.ModelProto:
        """Return the finished graph for any number of samples."""
        ends = [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, ["samples", *shape])
            for name, shape in zip(("X", self.outputs), self.shapes, strict=True)
        ]
        network = helper.make_graph(self.nodes, "network", ends[:1], ends[1:], self.constants)
        opset = [helper.make_opsetid("", OPSET)]
        return helper.make_model(network, opset_imports=opset, ir_version=helper.find_min_ir_version_for(opset))


def _sizes(value: Any, axes: int) -> list[int]:
    return [value] * axes if isinstance(value, int) else list(value)


@singledispatch
def _add(layer: cr.Layer, graph: Graph, x: str) -> str:
    """Add a layer without its activation; return the name of its outputs."""
    raise NotImplementedError(f"{type(layer).__name__} has no counterpart here")


@_add.register
def _(layer: cr.Dense, graph: Graph, x: str) -> str:
    weights, graph.order = layer.weights[graph.order], slice(None)
    return graph.node("Gemm", x, graph.constant(weights), graph.constant(layer.bias))


@_add.register(cr.Activation)
@_add.register(cr.Dropout)
def _(layer: cr.Layer, graph: Graph, x: str) -> str:
    return x


@_add.register
def _(layer: cr.Flatten, graph: Graph, x: str) -> str:
    shape = layer.place.input_shape
    graph.order = np.moveaxis(np.arange(np.prod(shape)).reshape(shape), -1, 0).ravel()
    return graph.node("Flatten", x)


@_add.register
def _(layer: cr.Residual, graph: Graph, x: str) -> str:
    return graph.node("Add", x, graph.through(layer.layers, x))


@_add.register
def _(layer: cr.BatchNorm, graph: Graph, x: str) -> str:
    arrays = (layer.gamma, layer.beta, layer.running_mean, layer.running_variance)
    return graph.node("BatchNormalization", x, *map(graph.constant, arrays), epsilon=layer.epsilon)


@_add.register
def _(layer: cr.LayerNorm, graph: Graph, x: str) -> str:
    arrays = graph.constant(layer.gamma), graph.constant(layer.beta)
    return graph.node("LayerNormalization", x, *arrays, epsilon=layer.epsilon)


@_add.register(cr.Conv1D)
@_add.register(cr.Conv2D)
def _(layer: cr.Conv1D | cr.Conv2D, graph: Graph, x: str) -> str:
    axes = layer.weights.ndim - 2
    weights = np.moveaxis(layer.weights, (-1, -2), (0, 1))
    return graph.node(
        "Conv", x, graph.constant(weights), graph.constant(layer.bias), strides=_sizes(layer.strides, axes),
        dilations=_sizes(layer.dilation, axes), group=layer.groups, auto_pad=PADDINGS[layer.padding],
    )  # fmt: skip


@_add.register(cr.MaxPool1D)
@_add.register(cr.MaxPool2D)
def _(layer: cr.MaxPool1D | cr.MaxPool2D, graph: Graph, x: str) -> str:
    axes = len(layer.place.input_shape) - 1
    size = _sizes(layer.pool_size, axes)
    strides = size if layer.strides is None else _sizes(layer.strides, axes)
    return graph.node("MaxPool", x, kernel_shape=size, strides=strides, auto_pad=PADDINGS[layer.padding])


@_add.register(cr.GlobalAvgPool1D)
@_add.register(cr.GlobalAvgPool2D)
def _(layer: cr.Layer, graph: Graph, x: str) -> str:
    return graph.node("Flatten", graph.node("GlobalAveragePool", x))
