"""Labels of the rows of a table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from os import PathLike
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import ClassifierMixin
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted

from .. import _exact
from .._checks import check_weighted_labels
from ..exporting.onnx.estimators import labels
from ..exporting.onnx.graph import Graph
from ..exporting.onnx.model import Output
from .base import Array, Tabular, check_consistent, checked_targets, checked_weights, out_of_fold
from .calibration import softmax, temperature
from .members import Member
from .onnx import table_graph, write_table
from .recipe import LABELS
from .row import RowPredictor
from .rows import Rows


class TabularClassifier(ClassifierMixin, Tabular):
    """Labels of the rows of a table, by networks that need no tuning.

    Columns are numbers or categories, as they come: strings, booleans, missing values, categories that training has not
    seen. Numbers are scaled robustly. The networks and their training follow RealMLP (Holzmüller, Grinsztajn and
    Steinwart 2024); docs/tabular.md has the recipe, and scores next to those of other packages.

    Parameters
    ----------
    preset : {"fast", "accurate", "ensemble"}
        For tables of many rows three networks of 3 × 64 units, eight of 3 × 128, or ten of 3 × 64; for fewer than 2,500
        rows five, ten or twenty of 2 × 64. Each is validated with other rows.
    n_members : int, optional
        Number of networks, whose probabilities are averaged, instead of that of the preset.
    time_limit : float, optional
        Seconds in which `fit` ends, by fewer epochs if there must be, but one of each network. What is learned then
        depends on the machine.
    class_weight : mapping of label to weight, "balanced" or None
        Multiplied into the rows' weights. A label that y does not have is a warning, or an error if some label of y has
        no weight, as it is then misspelt.
    random_state : int, RandomState or None
        Of everything that is drawn. With the same number the networks are the same bytes, for any `n_jobs`.
    n_jobs : int, optional
        Networks that are trained at a time, each by one thread; −1 for all cores. By default one at a time, with all
        threads.
    verbose : bool
        Whether a progress bar is written to standard error.

    Attributes
    ----------
    classes_ : array (classes,)
        The labels, ascending.
    networks_ : list of Network
        The networks, which read the features that `encoding_` makes of the columns.
    temperature_ : float
        What pre-activations are divided by before the softmax, so that held-back rows have the lowest log-loss.
    oof_proba_ : array (rows, classes)
        Probabilities of the rows by networks that have not seen them; NaN for rows that all have seen. Five networks
        or more hold back each row.
    n_features_in_, feature_names_in_
        As in scikit-learn.

    Examples
    --------
    >>> import pandas as pd
    >>> from chainrule.tabular import TabularClassifier
    >>> table = pd.DataFrame({"age": [20, 30, None, 60] * 10, "city": ["Rome", "Oslo", "Rome", None] * 10})
    >>> model = TabularClassifier(random_state=0).fit(table, ["young", "young", "old", "old"] * 10)
    >>> model.predict(pd.DataFrame({"age": [25, 70], "city": ["Oslo", "Paris"]})).tolist()
    ['young', 'old']
    """

    task = LABELS
    class_weight: Any

    def __init__(
        self,
        preset: str = "fast",
        *,
        n_members: int | None = None,
        time_limit: float | None = None,
        class_weight: Any = None,
        random_state: int | np.random.RandomState | None = None,
        n_jobs: int | None = None,
        verbose: bool = False,
    ) -> None:
        super().__init__(
            preset,
            n_members=n_members,
            time_limit=time_limit,
            random_state=random_state,
            n_jobs=n_jobs,
            verbose=verbose,
        )
        self.class_weight = class_weight

    def fit(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> TabularClassifier:
        """Train.

        Parameters
        ----------
        X : DataFrame of pandas or Polars, or array (rows, columns)
            Numbers, strings, booleans and categories, with missing values; no dates.
        y : array (rows,)
            Labels: numbers, strings or booleans, none missing.
        sample_weight : array (rows,), optional

        Raises
        ------
        ValueError, TypeError
            For arguments that cannot be used, with the name of the column.
        """
        table = self._checked_table(X, reset=True)
        labels = checked_targets(self, y, None)
        classes, codes = classes_and_codes(labels)
        check_classification_targets(labels)
        weights = self._weights(table, labels, classes, sample_weight)
        self.classes_ = classes
        self._train(table, codes, weights, max(len(classes), 2))
        return self

    def _weights(self, X: Any, labels: Array, classes: Array, sample_weight: ArrayLike | None) -> Array:
        check_consistent(X, labels)
        weights = checked_weights(sample_weight, len(labels))
        if self.class_weight is None:
            return weights
        if isinstance(self.class_weight, Mapping):
            check_weighted_labels(self.class_weight, classes.tolist())
        of_classes = compute_sample_weight(self.class_weight, labels)
        if not (np.isfinite(of_classes).all() and (of_classes >= 0).all()):
            raise ValueError(f"class_weight must be of finite numbers >= 0, got {self.class_weight!r}")
        return np.asarray(weights * of_classes)

    def _learn_of_held(self, rows: Rows, trained: list[Member]) -> None:
        held = np.concatenate([member.held for member in trained])
        outputs = np.concatenate([member.outputs for member in trained]).astype(np.float64)
        self.temperature_ = temperature(outputs, rows.y[held].astype(np.int64), rows.weights[held])
        proba = softmax(outputs / self.temperature_)[:, : len(self.classes_)]
        self.oof_proba_ = out_of_fold(proba, held, rows)

    def predict_proba(self, X: Any) -> Array:
        """Return the probability of each class, (rows, classes): the mean over the networks."""
        proba = _exact.mean_of([softmax(z / self.temperature_) for z in self._outputs(X)])
        return np.asarray(proba[:, :1] ** 0 if len(self.classes_) == 1 else proba)

    def predict(self, X: Any) -> Array:
        """Return the most probable label of each row, (rows,)."""
        proba = self.predict_proba(X)
        return np.asarray(self.classes_[proba.argmax(axis=1)])

    def to_onnx(self, path: str | PathLike[str]) -> None:
        """Write a file of ONNX with outputs "label" and "probabilities", (N, classes).

        The columns that varied in training are its inputs, by their names, (N, 1) each: float64 with NaN where a number
        is missing, and strings, of which any that training has not seen, such as "", is a missing one. Truth values are
        the strings "True" and "False", and numbers that are categories strings such as "7". All networks, and what is
        made of columns, are part of it.

        Parameters
        ----------
        path : str or path

        Raises
        ------
        ImportError
            Without the package onnx (`pip install "chainrule[onnx]"`).
        ValueError
            For a column without a name, or with that of an output.
        """
        check_is_fitted(self)
        write_table(path, self.encoding_, *self._onnx_graph())

    def _onnx_graph(self) -> tuple[Graph, dict[str, Output]]:
        """Return the graph of such a file, and its outputs."""
        graph, ends = table_graph(self.encoding_, self._predicting)
        likely = [graph.add("Softmax", graph.add("Div", z, self.temperature_), axis=1) for z in ends]
        return graph, labels(graph, graph.add("Mean", *likely), self.classes_)

    def row_predictor(self, *, proba: bool = False) -> RowPredictor:
        """Return a function that predicts single rows in microseconds, for services.

        Parameters
        ----------
        proba : bool
            Whether it returns the probability of each class, (classes,), instead of the label.

        Examples
        --------
        >>> from chainrule.tabular import TabularClassifier
        >>> model = TabularClassifier(random_state=0).fit([[0, 1], [1, 0]] * 20, ["no", "yes"] * 20)
        >>> predict = model.row_predictor()
        >>> predict([1, 0])
        'yes'
        """
        check_is_fitted(self)
        probabilities = _Probabilities(len(self.classes_), self.temperature_)
        return self._row_predictor(probabilities if proba else _Label(self.classes_.tolist(), probabilities))


@dataclass(frozen=True)
class _Probabilities:
    """Turns the networks' outputs for a row into the probability of each class."""

    classes: int
    temperature: float

    def __call__(self, outputs: Array) -> Array:
        mean = _exact.mean_of(softmax(outputs / self.temperature))
        return np.asarray(mean[: self.classes] if self.classes > 1 else np.ones(1))


@dataclass(frozen=True)
class _Label:
    """Turns the networks' outputs for a row into the most probable label."""

    labels: list[Any]
    probabilities: _Probabilities

    def __call__(self, outputs: Array) -> Any:
        return self.labels[int(self.probabilities(outputs).argmax())]


def classes_and_codes(labels: Array) -> tuple[Array, NDArray[np.int64]]:
    """Return the different labels, ascending, and the place of each row's label among them."""
    try:
        classes, codes = np.unique(labels, return_inverse=True)
    except TypeError:
        kinds = sorted({type(label).__name__ for label in labels})
        raise TypeError(f"y must have labels of one type, none of them missing, got {', '.join(kinds)}") from None
    return classes, codes.astype(np.int64)
