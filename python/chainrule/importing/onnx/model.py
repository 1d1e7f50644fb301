"""A file of ONNX as a network."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from os import PathLike
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ...errors import ModelFileError
from ...network import Network
from ..build import built
from .affine import finished
from .masks import with_masks
from .moves import as_in_file
from .node import LayoutError, Node
from .states import states_of, without_states, without_zeros
from .value import Sizes, Value
from .walk import Walk

# For samples of so many axes, the orders that these may have in the file; images and signals have channels first there.
_LAYOUTS: dict[int, tuple[tuple[int, ...], ...]] = {
    1: ((0, 1),),
    2: ((0, 1, 2), (0, 2, 1), (1, 0, 2)),
    3: ((0, 1, 2, 3), (0, 3, 1, 2)),
    4: ((0, 1, 2, 3, 4), (0, 4, 1, 2, 3)),
}
# For the orders of axes that a file may mean, the shape of a sample here.
Layouts: TypeAlias = "dict[tuple[int, ...], Sizes]"


def from_onnx(path: str | PathLike[str], *, output: str | None = None) -> Network:
    """Return the network of a file of ONNX, which can be trained on.

    It reads chains of layers, sums of branches and concatenations. Images and signals whose channels come first in the
    file come last here, in samples and outputs alike, and the rows of a `Dense` after a `Flatten` are put in order.

    Parameters
    ----------
    path : str or path
    output : str, optional
        Name of the output to compute, where the file has several: "probabilities" of a classifier, say.

    Raises
    ------
    ImportError
        Without the package onnx (`pip install "chainrule[onnx]"`).
    FileNotFoundError
        When there is no such file.
    ModelFileError
        When the file is truncated or foreign.
    ValueError
        For what no layer here does; the node, its operator and the attribute are named.

    Examples
    --------
    >>> import tempfile, pathlib, chainrule as cr
    >>> net = cr.Network([4, 8, 3], output="softmax", seed=0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder) / "net.onnx"
    ...     net.to_onnx(path)
    ...     again = cr.from_onnx(path)
    >>> bool((again.predict([[1, 2, 3, 4]]) == net.predict([[1, 2, 3, 4]])).all()), again.layers[1]
    (True, Dense(8, activation='relu'))
    """
    try:
        import onnx  # noqa: F401  # what follows needs it
    except ImportError as error:
        raise ImportError('from_onnx needs the package onnx: pip install "chainrule[onnx]"') from error
    file = _loaded(os.fspath(path))
    constants, nodes = _read(file)
    outputs = [each.name for each in file.graph.output]
    moving = {each.name: each for each in file.graph.input if each.name not in constants}
    states = states_of(list(moving), outputs)
    inputs = [each for name, each in moving.items() if name not in states]
    if len(inputs) != 1:
        raise ValueError(f"the file must have one input, got {[each.name for each in inputs]}")
    name = _chosen_output([name for name in outputs if name.removesuffix(".next") not in states], output)
    nodes = with_masks(without_states(without_zeros(nodes), states, name))
    _drop_unread(nodes, name)
    return network_of(Walk(nodes), inputs[0].name, name, _layouts_of(inputs[0]))


def layouts_of(sample: Sizes) -> Layouts:
    """Return the layouts of samples that have these sizes in the file, without the number of samples."""
    if len(sample) not in _LAYOUTS:
        raise ValueError(f"samples must have one to four axes, got {sample}")
    return {axes: _shape_here(axes, sample) for axes in _LAYOUTS[len(sample)]}


def _shape_here(axes: Sequence[int], sample: Sizes) -> Sizes:
    by_axis = dict(zip([axis for axis in axes if axis != 0], sample, strict=True))
    return tuple(by_axis[axis] for axis in range(1, len(axes)))


def network_of(walk: Walk, begin: str, end: str, layouts: Layouts, dtype: str = "float32") -> Network:
    """Return the network between two values, for the first order of the axes that all operators take.

    If there is none, the error is that of the order by which most operators could be read.
    """
    refused: list[tuple[int, LayoutError]] = []
    for axes, shape in layouts.items():
        try:
            value = walk.between(begin, end, Value((), shape, shape, axes))
        except LayoutError as error:
            refused.append((walk.reached, error))
            continue
        # The axes of the outputs are turned around as those of the samples are.
        if axes == tuple(range(len(axes))) and value.axes[0] == 0 and not value.is_plain:
            value = as_in_file(value)
        return built(shape, finished(value.settled()).parts, dtype)
    raise max(refused, key=lambda each: each[0])[1]


def _loaded(path: str) -> Any:
    """Return what a file holds."""
    from google.protobuf.message import DecodeError
    from onnx import load

    try:
        file = load(path)
    except DecodeError:
        raise ModelFileError(f"{path} is truncated, or no file of ONNX") from None
    if not file.graph.node:
        raise ModelFileError(f"{path} holds no graph of ONNX")
    return file


def _chosen_output(names: list[str], wanted: str | None) -> str:
    if wanted is None and len(names) == 1:
        return names[0]
    if wanted not in names:
        raise ValueError(f"output must be one of {names}, got {wanted!r}")
    return wanted


def _layouts_of(given: Any) -> Layouts:
    """Return the layouts of an input; the number of samples may be any, and so may that of steps."""
    dims = given.type.tensor_type.shape.dim
    sizes = tuple(dim.dim_value if dim.HasField("dim_value") and dim.dim_value > 0 else None for dim in dims)
    layouts: Layouts = {}
    for axes in _LAYOUTS.get(len(sizes) - 1, ()):
        batch = axes.index(0)
        sample = sizes[:batch] + sizes[batch + 1 :]
        shape = _shape_here(axes, sample)
        # Only the number of steps may be any: the first one here, or the only one.
        if None not in shape[1:] and (None not in shape or len(shape) < 3):
            layouts[axes] = shape
    if not layouts:
        known = f"input {given.name!r} must have samples of one to four axes, of known sizes"
        raise ValueError(f"{known}; only the number of samples and that of steps may be any, got {sizes}")
    # A size that is not known is rather the number of samples than that of steps.
    return dict(sorted(layouts.items(), key=lambda item: sizes[item[0].index(0)] is not None))


def _read(file: Any) -> tuple[dict[str, NDArray[Any]], list[Node]]:
    """Return all constants, those that are computed too, and the nodes that depend on the samples."""
    from onnx import helper, numpy_helper

    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in file.graph.initializer}
    integers = {each.name for each in file.graph.input if not np.issubdtype(_dtype(each), np.floating)}
    version = next((each.version for each in file.opset_import if each.domain in ("", "ai.onnx")), 20)
    nodes = []
    for number, proto in enumerate(file.graph.node):
        if proto.domain not in ("", "ai.onnx"):
            raise ValueError(f"node {proto.name!r} ({proto.op_type}) is of {proto.domain!r}, which is not ONNX's own")
        if all(name in constants for name in proto.input if name):
            constants |= _computed(file, proto, constants)
            continue
        attributes = {each.name: _plain(helper.get_attribute_value(each)) for each in proto.attribute}
        name = proto.name or f"number {number}"
        node = Node(name, proto.op_type, list(proto.input), list(proto.output), attributes, constants)
        nodes.append(replace(node, version=version, reads_integers=not integers.isdisjoint(proto.input)))
    return constants, nodes


def _dtype(given: Any) -> Any:
    """Return the type of an input's numbers."""
    from onnx import helper

    if not given.type.tensor_type.elem_type:
        raise ValueError(f"input {given.name!r} must be a tensor of numbers")
    return helper.tensor_dtype_to_np_dtype(given.type.tensor_type.elem_type)


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode()
    return list(value) if hasattr(value, "__iter__") and not isinstance(value, str) else value


def _drop_unread(nodes: list[Node], end: str) -> None:
    """Call results "" that no node reads, but the output."""
    read = {end, *(name for node in nodes for name in node.inputs)}
    for node in nodes:
        node.outputs = [name if name in read else "" for name in node.outputs]


def _computed(file: Any, proto: Any, constants: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Return what a node makes of constants alone."""
    from onnx import TypeProto, helper
    from onnx.reference import ReferenceEvaluator

    given = {name: constants[name] for name in proto.input if name}
    inputs = [
        helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(array.dtype), array.shape)
        for name, array in given.items()
    ]
    names = [name for name in proto.output if name]
    outputs = [helper.make_value_info(name, TypeProto()) for name in names]
    graph = helper.make_graph([proto], "constants", inputs, outputs)
    model = helper.make_model(graph, opset_imports=file.opset_import)
    try:
        results = ReferenceEvaluator(model).run(names, given)
    except Exception as error:  # of whatever the operator is
        raise ValueError(f"node {proto.name!r} ({proto.op_type}) of constants cannot be computed: {error}") from error
    return {name: np.asarray(result) for name, result in zip(names, results, strict=True)}
