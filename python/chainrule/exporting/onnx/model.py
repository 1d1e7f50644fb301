"""The graph of a network, and the file of it."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..._checks import checked_name
from ...errors import warn
from ...files.safetensors import write_atomically
from ...model import Model
from ...prediction.stepper import one_step_of
from .composite import through
from .graph import Graph, Node

# The first operators that have Gelu, and the version of the format that goes with them: older runtimes read these.
_OPERATORS, _FORMAT = 20, 9


@dataclass(frozen=True)
class Output:
    """An output of a file: the value that it is called for, its type, and its shape after the number of samples."""

    value: str
    dtype: Any
    shape: Sequence[str | int]


# What is made of the outputs of a network: adds nodes, and returns the outputs of the file by name.
Conclude: TypeAlias = Callable[[Graph, str], dict[str, Output]]


def to_onnx(model: Model, path: str | PathLike[str], dtype: str = "float32", conclude: Conclude | None = None) -> None:
    """Write a network as `Network.to_onnx` does, with what `conclude` makes of its outputs."""
    mean_to_onnx([model], path, dtype, conclude)


def mean_to_onnx(
    models: Sequence[Model], path: str | PathLike[str], dtype: str = "float32", conclude: Conclude | None = None
) -> None:
    """Write the mean of what models of the same shapes predict, or what `conclude` makes of it."""
    checked_name(dtype, "dtype", ("float32", "float64"))
    first = models[0]
    made = conclude or (lambda graph, x: {"output": Output(x, dtype, _open_shape(first, -1))})
    graph, outputs = graph_of(models, dtype, made)
    if first.border.shapes_of is not None:
        _check_lengths(models, graph, made)
    # The precision of an estimator is that of its samples; the user does not choose it.
    if conclude is None:
        _warn_of_rounding(first, dtype)
    write(path, graph, {"input": (_type_of_inputs(first, dtype), _open_shape(first, 0))}, outputs)


def step_to_onnx(model: Model, path: str | PathLike[str], dtype: str = "float32") -> None:
    """Write what a network makes of a single step, after what it remembers of the steps before."""
    checked_name(dtype, "dtype", ("float32", "float64"))
    one = one_step_of(model)
    graph = Graph(dtype, by_step=True)
    x = through(one.twin.stack, graph, _scaled(one.twin, graph, graph.add("Unsqueeze", "input", [1])), 1 + one.first)
    z = _in_units(one.twin, graph, x if one.ends_sequence else graph.add("Squeeze", x, [1]))
    outputs = {"output": Output(z, dtype, one.output_shape), **_states_after(graph)}
    graph.finish({name: output.value for name, output in outputs.items()})
    _warn_of_rounding(model, dtype)
    write(path, graph, {"input": (_type_of_inputs(model, dtype), one.shape)}, outputs)


def graph_of(models: Sequence[Model], dtype: str, conclude: Conclude) -> tuple[Graph, dict[str, Output]]:
    """Return the graph that makes outputs of "input", from the mean of what models predict.

    Raises
    ------
    ValueError
        For a layer that has no form in ONNX, and for states of several models.
    """
    graph = Graph(dtype)
    ends = [_predicted(model, graph) for model in models]
    if len(ends) > 1 and graph.states:
        raise ValueError("networks of an ensemble must not be stateful to be written as ONNX")
    # onnxruntime has no Mean of float64.
    x = ends[0] if len(ends) == 1 else graph.add("Div", graph.add("Sum", *ends), float(len(ends)))
    outputs = {**conclude(graph, x), **_states_after(graph)}
    graph.finish({name: output.value for name, output in outputs.items()})
    return graph, outputs


def _predicted(model: Model, graph: Graph) -> str:
    """Return what a model makes of "input"."""
    return _in_units(model, graph, through(model.stack, graph, _scaled(model, graph, "input"), 1))


def _scaled(model: Model, graph: Graph, x: str) -> str:
    """Return samples times the scale of the `Input`."""
    graph.scope = "0_Input"
    x = x if model.border.scale == 1.0 else graph.add("Mul", x, model.border.scale)
    graph.scope = ""
    return x


def _in_units(model: Model, graph: Graph, x: str) -> str:
    """Return outputs in the unit of the targets."""
    graph.scope = "outputs"
    if (scale := model.border.scale_of_targets) is None:
        return x
    copies = model.shapes[-1][-1] // len(scale.mean)
    return graph.add("Add", graph.add("Mul", x, np.tile(scale.std, copies)), np.tile(scale.mean, copies))


def _states_after(graph: Graph) -> dict[str, Output]:
    """Return what layers remember after the call, each as an output."""
    return {f"{name}.next": Output(state.after, graph.dtype, state.shape) for name, state in graph.states.items()}


def _warn_of_rounding(model: Model, dtype: str) -> None:
    if model.dtype != dtype == "float32":
        warn("float64 numbers are rounded to float32; dtype='float64' keeps them, but few runtimes take it")


def _type_of_inputs(model: Model, dtype: str) -> Any:
    return np.int64 if _reads_codes_alone(model.border.vocabulary) else dtype


def _check_lengths(models: Sequence[Model], graph: Graph, conclude: Conclude) -> None:
    """Refuse a graph that holds for some numbers of steps alone."""
    twins = [model.rebuilt(lambda *_: None) for model in models]
    longest, features = max(model.shapes[0][0] for model in models), models[0].shapes[0][1:]
    longer = np.zeros((1, 2 * longest + 3, *features))
    for twin in twins:
        twin.core_of(twin.border.dense_samples(longer))
    other, _ = graph_of(twins, graph.dtype, conclude)
    for mine, its in zip(graph.nodes, other.nodes, strict=True):
        if mine != its or not all(map(np.array_equal, _values(graph, mine), _values(other, its))):
            layer = mine.outputs[0].partition("/")[0]
            raise ValueError(f"layer {layer} depends on the number of steps, so give Input that number to write ONNX")


def _values(graph: Graph, node: Node) -> list[NDArray[Any]]:
    return [graph.constants[name] for name in node.inputs if name in graph.constants]


def _open_shape(model: Model, place: int) -> list[str | int]:
    """Return the shape of samples or of their outputs, with a name for a number of steps that may be any."""
    return ["steps" if size is None else size for size in model.shown_shapes[place]]


def write(
    path: str | PathLike[str],
    graph: Graph,
    inputs: dict[str, tuple[Any, Sequence[str | int]]],
    outputs: dict[str, Output],
) -> None:
    """Write a file with inputs of these types and shapes, after the number of samples, and with these outputs.

    What layers remember from call to call are more inputs.
    """
    inputs = inputs | {name: (graph.dtype, state.shape) for name, state in graph.states.items()}
    try:
        from onnx import helper, numpy_helper
    except ImportError as error:
        raise ImportError('to_onnx needs the package onnx: pip install "chainrule[onnx]"') from error

    def declared(name: str, dtype: Any, shape: Sequence[str | int]) -> Any:
        return helper.make_tensor_value_info(name, type_of(dtype), ["N", *shape])

    nodes = [
        helper.make_node(node.op, node.inputs, node.outputs, next(filter(None, node.outputs)), **attributes_of(node))
        for node in graph.nodes
    ]
    made = helper.make_graph(
        nodes,
        "chainrule",
        [declared(name, *of_one) for name, of_one in inputs.items()],
        [declared(name, output.dtype, output.shape) for name, output in outputs.items()],
        [numpy_helper.from_array(np.asarray(v, order="C"), name) for name, v in graph.constants.items()],
    )
    operators = [helper.make_opsetid("", _OPERATORS)]
    file = helper.make_model(made, opset_imports=operators, ir_version=_FORMAT, producer_name="chainrule")
    write_atomically(Path(os.fsdecode(path)), file.SerializeToString())


def attributes_of(node: Node) -> dict[str, Any]:
    """Return the attributes of a node as files have them, with types as their numbers."""
    return {name: type_of(each) if isinstance(each, np.dtype) else each for name, each in node.attributes.items()}


def type_of(dtype: Any) -> int:
    """Return the number of a type in ONNX."""
    from onnx import helper

    return int(helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))


def _reads_codes_alone(vocabulary: int | tuple[int, ...] | None) -> bool:
    return all(vocabulary) if isinstance(vocabulary, tuple) else vocabulary is not None
