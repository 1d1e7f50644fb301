"""The graph of a network, and the file of it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..._checks import checked_name
from ...errors import warn
from ...files.safetensors import write_atomically
from ...model import Model
from .composite import through
from .graph import Graph, Node

# The first operators that have Gelu, and the version of the format that goes with them: older runtimes read these.
_OPERATORS, _FORMAT = 20, 9


def to_onnx(model: Model, path: str | PathLike[str], dtype: str = "float32") -> None:
    """Write the file of `Network.to_onnx`."""
    checked_name(dtype, "dtype", ("float32", "float64"))
    graph = graph_of(model, dtype)
    if model.dtype != dtype == "float32":
        warn(
            "the network's float64 numbers are rounded to float32; dtype='float64' keeps them, but few runtimes take it"
        )
    write(Path(os.fsdecode(path)), graph, model, {"output": (dtype, _open_shape(model, -1))})


def graph_of(model: Model, dtype: str) -> Graph:
    """Return the graph that makes "output" of "input"; ValueError for a layer that has no form in ONNX."""
    graph = _whole_graph(model, dtype)
    if model.border.shapes_of is not None:
        _check_lengths(model, graph)
    return graph


def _whole_graph(model: Model, dtype: str) -> Graph:
    graph = Graph(dtype)
    x = "input"
    if model.border.scale != 1.0:
        graph.scope = "0_Input"
        x = graph.add("Mul", x, model.border.scale)
    graph.scope = ""
    x = through(model.stack, graph, x)
    if (scale := model.border.scale_of_targets) is not None:
        copies = model.shapes[-1][-1] // len(scale.mean)
        graph.scope = "target_scale"
        x = graph.add("Add", graph.add("Mul", x, np.tile(scale.std, copies)), np.tile(scale.mean, copies))
    graph.finish(x, "output")
    return graph


def _check_lengths(model: Model, graph: Graph) -> None:
    """Refuse a graph that holds for some numbers of steps alone."""
    twin = model.rebuilt(lambda *_: None)
    longer = (1, 2 * model.shapes[0][0] + 3, *model.shapes[0][1:])
    twin.core_of(twin.border.dense_samples(np.zeros(longer)))
    other = _whole_graph(twin, graph.dtype)
    for mine, its in zip(graph.nodes, other.nodes, strict=True):
        if mine != its or not all(map(np.array_equal, _values(graph, mine), _values(other, its))):
            layer = mine.outputs[0].partition("/")[0]
            raise ValueError(f"layer {layer} depends on the number of steps, so give Input that number to write ONNX")


def _values(graph: Graph, node: Node) -> list[NDArray[Any]]:
    return [graph.constants[name] for name in node.inputs if name in graph.constants]


def _open_shape(model: Model, place: int) -> list[str | int]:
    """Return the shape of a batch of samples or of their outputs, with names for what may be any number."""
    shape = model.shown_shapes[place]
    return ["N", *("steps" if size is None else size for size in shape)]


def write(path: Path, graph: Graph, model: Model, outputs: dict[str, tuple[str, Sequence[str | int]]]) -> None:
    """Write a file with these outputs, each of a type and a shape."""
    try:
        from onnx import helper, numpy_helper
    except ImportError as error:
        raise ImportError('to_onnx needs the package onnx: pip install "chainrule[onnx]"') from error
    read = "int64" if _reads_codes_alone(model.border.vocabulary) else graph.dtype

    def declared(name: str, dtype: str, shape: Sequence[str | int]) -> Any:
        return helper.make_tensor_value_info(name, _type(dtype), shape)

    def attribute(value: Any) -> Any:
        return _type(value) if isinstance(value, np.dtype) else value

    nodes = []
    for node in graph.nodes:
        attributes = {name: attribute(value) for name, value in node.attributes.items()}
        nodes.append(
            helper.make_node(node.op, node.inputs, node.outputs, next(filter(None, node.outputs)), **attributes)
        )
    made = helper.make_graph(
        nodes,
        "chainrule",
        [declared("input", read, _open_shape(model, 0))],
        [declared(name, *of_one) for name, of_one in outputs.items()],
        [numpy_helper.from_array(np.ascontiguousarray(v), name) for name, v in graph.constants.items()],
    )
    operators = [helper.make_opsetid("", _OPERATORS)]
    file = helper.make_model(made, opset_imports=operators, ir_version=_FORMAT, producer_name="chainrule")
    write_atomically(path, file.SerializeToString())


def _type(dtype: Any) -> int:
    from onnx import helper

    return int(helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))


def _reads_codes_alone(vocabulary: int | tuple[int, ...] | None) -> bool:
    return all(vocabulary) if isinstance(vocabulary, tuple) else vocabulary is not None
