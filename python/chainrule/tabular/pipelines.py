"""Estimators for tables within the files that skl2onnx writes of whole pipelines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..exporting.onnx.graph import Graph, Node
from ..exporting.onnx.model import Output
from ..exporting.onnx.pipelines import Given, register
from .classifier import TabularClassifier
from .encoding import Column
from .onnx import finish
from .regressor import TabularRegressor


def register_skl2onnx() -> None:
    """Tell skl2onnx how estimators for tables are converted, within a `Pipeline` as alone.

    What an estimator reads in the file is what it read in training: all columns in their order, in one array or in
    several, numbers of any type and strings. The outputs of a classifier are its labels and its probabilities, as
    skl2onnx has them: a list of dictionaries unless it is given ``options={"zipmap": False}``. A regressor's are
    (samples, 1), of float64.

    Raises
    ------
    ImportError
        Without skl2onnx (`pip install "chainrule[skl2onnx]"`).

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import PolynomialFeatures
    >>> from skl2onnx import to_onnx
    >>> from chainrule.tabular import TabularClassifier, register_skl2onnx
    >>> X, y = load_iris(return_X_y=True)
    >>> model = make_pipeline(PolynomialFeatures(2), TabularClassifier(n_members=1, random_state=0)).fit(X, y)
    >>> register_skl2onnx()
    >>> file = to_onnx(model, X[:1].astype("float32"), options={"zipmap": False}, target_opset=20)
    >>> [output.name for output in file.graph.output]
    ['label', 'probabilities']
    """
    register(TabularClassifier, _graph, is_classifier=True)
    register(TabularRegressor, _graph, is_classifier=False)


def _graph(model: Any, given: Sequence[Given]) -> tuple[Graph, dict[str, Output]]:
    """Return the graph of an estimator after that of its columns, which are the features of what is given."""
    reading = Graph("float32")
    places = _places(model, given)
    for column in model.encoding_.columns:
        each, place = places[model.columns_.index(column.name)]
        reading.scope = f"given {column.name}"
        _read(column, each, reading, reading.add("Gather", each.name, np.array([place]), axis=1))
    graph, outputs = model._onnx_graph()
    finish(model.encoding_, graph, outputs)
    graph.nodes[:0] = reading.nodes
    graph.constants |= reading.constants
    return graph, outputs


def _places(model: Any, given: Sequence[Given]) -> list[tuple[Given, int]]:
    """Return where each column of training is in what is given."""
    count = len(model.columns_)
    features = [count if each.features is None else each.features for each in given]
    if sum(features) != count:
        shown = ", ".join(f"{each.shown} of {number}" for each, number in zip(given, features, strict=True))
        raise ValueError(f"{type(model).__name__} must read the {count} columns of training, got {shown}")
    return [(each, place) for each, number in zip(given, features, strict=True) for place in range(number)]


def _read(column: Column, given: Given, graph: Graph, x: str) -> None:
    """Add the node that gives the name of a column to its values, of the type that the file of an estimator has."""
    kind = given.dtype.kind
    if (kind in "iuf") != bool(column.numbers) or kind not in "iufbO":
        wanted, got = "numbers" if column.numbers else "strings", "strings" if kind == "O" else given.dtype.name
        raise ValueError(f"column {column.name!r} must be of {wanted}, as it was in training, got {got}")
    if column.numbers:
        graph.nodes.append(Node("Cast", (x,), (column.name,), {"to": np.dtype(np.float64)}))
        return
    if kind == "b":
        x = graph.add("Where", x, np.array(["True"]), np.array(["False"]))
    graph.nodes.append(Node("Identity", (x,), (column.name,), {}))
