"""Estimators within the files that skl2onnx writes of whole pipelines."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

import numpy as np
from sklearn.utils.validation import check_is_fitted

from .graph import Graph
from .model import Output, attributes_of

# The version of the operators that graphs here consist of.
_OPERATORS = 20


@dataclass(frozen=True)
class Given:
    """What an estimator reads in a pipeline: some features, by the name that its graph has for them.

    Attributes
    ----------
    name, shown : str
        The name in the graph, and that in the file.
    dtype : numpy.dtype
        Of strings, that of objects.
    features : int or None
        Their number, where it is known.
    """

    name: str
    shown: str
    dtype: np.dtype[Any]
    features: int | None


# Returns the graph of a fitted estimator that reads these, and its outputs in the order in which skl2onnx has them.
MakeGraph: TypeAlias = Callable[[Any, Sequence[Given]], tuple[Graph, dict[str, Output]]]


def register(kind: type, make: MakeGraph, *, is_classifier: bool) -> None:
    """Tell skl2onnx how estimators of a kind are converted.

    Raises
    ------
    ImportError
        Without skl2onnx (`pip install "chainrule[skl2onnx]"`).
    """
    try:
        from skl2onnx import update_registered_converter
    except ImportError as error:
        message = 'register_skl2onnx needs the package skl2onnx: pip install "chainrule[skl2onnx]"'
        raise ImportError(message) from error

    # Those that skl2onnx itself asks for.
    options = {"zipmap": [True, False, "columns"], "output_class_labels": [False, True], "nocl": [False, True]}
    shapes, convert = partial(_set_types, make), partial(_add_nodes, make)
    allowed = options if is_classifier else None
    update_registered_converter(kind, f"Chainrule{kind.__name__}", shapes, convert, options=allowed)


def _made(make: MakeGraph, operator: Any) -> tuple[Graph, dict[str, Output]]:
    from skl2onnx.common.data_types import guess_numpy_type

    check_is_fitted(operator.raw_operator)
    given = []
    for number, variable in enumerate(operator.inputs):
        kind = np.dtype(guess_numpy_type(variable.type))
        features = variable.type.shape[1] if len(variable.type.shape) == 2 else None
        dtype = np.dtype(object) if kind.kind == "U" else kind
        given.append(Given(f"given {number}", variable.full_name, dtype, features))
    return make(operator.raw_operator, given)


def _set_types(make: MakeGraph, operator: Any) -> None:
    """Set the types of the outputs."""
    from skl2onnx.common import data_types as kinds

    of_dtype = {
        "float32": kinds.FloatTensorType,
        "float64": kinds.DoubleTensorType,
        "int64": kinds.Int64TensorType,
        "bool": kinds.BooleanTensorType,
        "object": kinds.StringTensorType,
    }
    _, outputs = _made(make, operator)
    for variable, output in zip(operator.outputs, outputs.values(), strict=True):
        variable.type = of_dtype[np.dtype(output.dtype).name]([None, *output.shape])


def _add_nodes(make: MakeGraph, scope: Any, operator: Any, container: Any) -> None:
    """Add the nodes of an estimator to the file that skl2onnx writes."""
    from onnx import numpy_helper

    if container.target_opset < _OPERATORS:
        raise ValueError(f"target_opset must be at least {_OPERATORS}, got {container.target_opset}")
    graph, outputs = _made(make, operator)
    names = dict(zip(outputs, (variable.full_name for variable in operator.outputs), strict=True))
    names |= {f"given {number}": variable.full_name for number, variable in enumerate(operator.inputs)}
    names[""] = ""

    def name_of(name: str) -> str:
        return str(names.setdefault(name, scope.get_unique_variable_name(name)))

    for name, values in graph.constants.items():
        tensor = numpy_helper.from_array(np.asarray(values, order="C"))
        container.add_initializer(name_of(name), tensor.data_type, list(tensor.dims), values.ravel().tolist())
    for node in graph.nodes:
        container.add_node(
            node.op,
            [name_of(name) for name in node.inputs],
            [name_of(name) for name in node.outputs],
            op_version=_OPERATORS,
            name=scope.get_unique_operator_name(node.op),
            **attributes_of(node),
        )
