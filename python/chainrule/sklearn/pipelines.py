"""Pipelines with estimators of this package as files of ONNX, which skl2onnx writes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from ..exporting.onnx.graph import Graph
from ..exporting.onnx.model import Conclude, Output, attributes_of, graph_of, type_of
from .classifier import MLPClassifier, labels_and_probabilities
from .ensemble import EnsembleClassifier, EnsembleRegressor
from .regressor import MLPRegressor

# The version of the operators that graphs here consist of.
_OPERATORS = 20


def register_skl2onnx() -> None:
    """Tell skl2onnx how estimators here and ensembles of them are converted, within a `Pipeline` as alone.

    The outputs of a classifier are its labels and its probabilities, as skl2onnx has them: a list of dictionaries
    unless it is given ``options={"zipmap": False}``. A regressor's are (samples, outputs).

    Raises
    ------
    ImportError
        Without skl2onnx (`pip install "chainrule[skl2onnx]"`).

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skl2onnx import to_onnx
    >>> from chainrule.sklearn import MLPClassifier, register_skl2onnx
    >>> X, y = load_iris(return_X_y=True)
    >>> model = make_pipeline(StandardScaler(), MLPClassifier((8,), solver="lbfgs", random_state=0)).fit(X, y)
    >>> register_skl2onnx()
    >>> file = to_onnx(model, X[:1].astype("float32"), options={"zipmap": False}, target_opset=20)
    >>> [output.name for output in file.graph.output]
    ['label', 'probabilities']
    """
    try:
        from skl2onnx import update_registered_converter
    except ImportError as error:
        message = 'register_skl2onnx needs the package skl2onnx: pip install "chainrule[skl2onnx]"'
        raise ImportError(message) from error

    # Those that skl2onnx itself asks for.
    options = {"zipmap": [True, False, "columns"], "output_class_labels": [False, True], "nocl": [False, True]}
    for kind, of_kind, allowed in (
        (MLPClassifier, _Parts(_alone, _classifier), options),
        (MLPRegressor, _Parts(_alone, _regressor), None),
        (EnsembleClassifier, _Parts(_members, _classifier), options),
        (EnsembleRegressor, _Parts(_members, _regressor), None),
    ):
        shapes, convert = partial(_set_types, of_kind), partial(_add_nodes, of_kind)
        update_registered_converter(kind, f"Chainrule{kind.__name__}", shapes, convert, options=allowed)


@dataclass(frozen=True)
class _Parts:
    """What the graph of an estimator is made of.

    Attributes
    ----------
    members : function
        Returns the estimators whose networks predict together.
    conclude : function
        Returns what such an estimator makes of the mean of these networks' outputs.
    """

    members: Callable[[Any], Sequence[Any]]
    conclude: Callable[[Any], Conclude]


def _alone(model: Any) -> Sequence[Any]:
    return [model]


def _members(model: Any) -> Sequence[Any]:
    members: Sequence[Any] = model.estimators_
    return members


def _classifier(model: MLPClassifier) -> Conclude:
    return partial(labels_and_probabilities, model)


def _regressor(model: MLPRegressor) -> Conclude:
    # (samples, outputs) also of a single output, which other steps read.
    return lambda graph, x: {"prediction": Output(x, graph.dtype, [model.n_outputs_])}


def _graph(parts: _Parts, operator: Any) -> tuple[Graph, dict[str, Output]]:
    """Return the graph of an estimator, and its outputs in the order in which skl2onnx has them."""
    from skl2onnx.common.data_types import DoubleTensorType

    model = operator.raw_operator
    check_is_fitted(model)
    if len(operator.inputs) != 1:
        names = [given.full_name for given in operator.inputs]
        raise ValueError(f"{type(model).__name__} must read one array of all features, got {names}")
    dtype = "float64" if isinstance(operator.inputs[0].type, DoubleTensorType) else "float32"
    members = parts.members(model)
    return graph_of([member.network_ for member in members], dtype, parts.conclude(members[0]))


def _set_types(parts: _Parts, operator: Any) -> None:
    """Set the types of the outputs."""
    from skl2onnx.common import data_types as kinds

    of_dtype = {
        "float32": kinds.FloatTensorType,
        "float64": kinds.DoubleTensorType,
        "int64": kinds.Int64TensorType,
        "bool": kinds.BooleanTensorType,
        "object": kinds.StringTensorType,
    }
    _, outputs = _graph(parts, operator)
    for variable, output in zip(operator.outputs, outputs.values(), strict=True):
        variable.type = of_dtype[np.dtype(output.dtype).name]([None, *output.shape])


def _add_nodes(parts: _Parts, scope: Any, operator: Any, container: Any) -> None:
    """Add the nodes of an estimator to the file that skl2onnx writes."""
    from onnx import numpy_helper
    from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType

    if container.target_opset < _OPERATORS:
        raise ValueError(f"target_opset must be at least {_OPERATORS}, got {container.target_opset}")
    graph, outputs = _graph(parts, operator)
    names = dict(zip(outputs, (variable.full_name for variable in operator.outputs), strict=True))
    (given,) = operator.inputs
    names |= {"input": given.full_name, "": ""}
    if not isinstance(given.type, (FloatTensorType, DoubleTensorType)):
        names["input"] = scope.get_unique_variable_name("numbers")
        container.add_node("Cast", [given.full_name], [names["input"]], op_version=_OPERATORS, to=type_of(graph.dtype))

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
