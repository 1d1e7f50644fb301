"""Pipelines with estimators of this package as files of ONNX, which skl2onnx writes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from ..exporting.onnx.graph import Graph, Node
from ..exporting.onnx.model import Conclude, Output, graph_of
from ..exporting.onnx.pipelines import Given, register
from .classifier import MLPClassifier, labels_and_probabilities
from .ensemble import EnsembleClassifier, EnsembleRegressor
from .regressor import MLPRegressor


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
    register(MLPClassifier, partial(_graph, _alone, _classifier), is_classifier=True)
    register(MLPRegressor, partial(_graph, _alone, _regressor), is_classifier=False)
    register(EnsembleClassifier, partial(_graph, _members, _classifier), is_classifier=True)
    register(EnsembleRegressor, partial(_graph, _members, _regressor), is_classifier=False)


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


def _graph(
    members_of: Callable[[Any], Sequence[Any]],
    conclude: Callable[[Any], Conclude],
    model: Any,
    given: Sequence[Given],
) -> tuple[Graph, dict[str, Output]]:
    """Return the graph of an estimator, from those whose networks predict together and what is made of their mean."""
    if len(given) != 1:
        names = [each.shown for each in given]
        raise ValueError(f"{type(model).__name__} must read one array of all features, got {names}")
    dtype = "float64" if given[0].dtype == np.float64 else "float32"
    members = members_of(model)
    graph, outputs = graph_of([member.network_ for member in members], dtype, conclude(members[0]))
    graph.nodes.insert(0, Node("Cast", (given[0].name,), ("input",), {"to": np.dtype(dtype)}))
    return graph, outputs
