"""Numbers for the rows of a table."""

from __future__ import annotations

from dataclasses import dataclass
from os import PathLike
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import RegressorMixin
from sklearn.utils.validation import check_is_fitted

from .. import _exact
from .._checks import checked_number
from ..exporting.onnx.graph import Graph
from ..exporting.onnx.model import Output
from .base import Array, Tabular, check_consistent, checked_targets, checked_weights, out_of_fold
from .calibration import conformal_width
from .members import Member
from .onnx import mean_in_units, table_graph, write_table
from .recipe import NUMBERS
from .row import RowPredictor
from .rows import Rows

# Squares of larger targets may overflow.
_LARGEST = 1e150


class TabularRegressor(RegressorMixin, Tabular):
    """Numbers for the rows of a table, by networks that need no tuning.

    Targets may have any unit; predictions stay between the smallest and the largest target of training.

    Parameters
    ----------
    preset, n_members, time_limit, random_state, n_jobs, verbose
        As for `TabularClassifier`.

    Attributes
    ----------
    networks_ : list of Network
        The networks, which read the features that `encoding_` makes of the columns.
    oof_prediction_ : array (rows,)
        Predictions of the rows by networks that have not seen them; NaN for rows that all have seen.
    residuals_ : array (held-back rows,)
        Target minus prediction of each held-back row, in ascending order.
    n_features_in_, feature_names_in_
        As in scikit-learn.

    Examples
    --------
    >>> import numpy as np
    >>> from chainrule.tabular import TabularRegressor
    >>> X = np.linspace(-1, 1, 200)[:, np.newaxis]
    >>> model = TabularRegressor(random_state=0).fit(X, 1000 * X[:, 0] ** 2)
    >>> bool(model.score(X, 1000 * X[:, 0] ** 2) > 0.99)
    True
    >>> low, high = model.predict_interval([[0.5]], coverage=0.9)[0]
    >>> bool(low < 250 < high)
    True
    """

    task = NUMBERS

    def fit(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> TabularRegressor:
        """Train.

        Parameters
        ----------
        X : DataFrame of pandas or Polars, or array (rows, columns)
            Numbers, strings, booleans and categories, with missing values; no dates.
        y : array (rows,)
            Finite numbers.
        sample_weight : array (rows,), optional

        Raises
        ------
        ValueError, TypeError
            For arguments that cannot be used, with the name of the column.
        """
        table = self._checked_table(X, reset=True)
        targets = checked_targets(self, y, np.float64)
        check_consistent(table, targets)
        weights = checked_weights(sample_weight, len(targets))
        if (np.abs(targets) > _LARGEST).any():
            raise ValueError(f"y must be of numbers up to ±{_LARGEST:g}, got {targets[np.abs(targets).argmax()]}")
        used = targets[weights > 0] if (weights > 0).any() else targets
        self.range_ = float(used.min()), float(used.max())
        self.mean_, self.scale_ = _mean_and_scale(targets, weights)
        self._train(table, (targets - self.mean_) / self.scale_, weights, 1)
        return self

    def _learn_of_held(self, rows: Rows, trained: list[Member]) -> None:
        held = np.concatenate([member.held for member in trained])
        predicted = self._in_units(np.concatenate([member.outputs for member in trained]))
        self.residuals_ = np.sort(rows.y[held] * self.scale_ + self.mean_ - predicted)
        self.oof_prediction_ = out_of_fold(predicted[:, None], held, rows)[:, 0]

    def _in_units(self, outputs: Array) -> Array:
        """Return predictions in the targets' units, within their range."""
        return self._number().of_each(outputs)

    def _number(self) -> _Number:
        return _Number(self.mean_, self.scale_, self.range_)

    def predict(self, X: Any) -> Array:
        """Return a number per row, (rows,): the mean over the networks."""
        return _exact.mean_of([self._in_units(outputs) for outputs in self._outputs(X)])

    def row_predictor(self) -> RowPredictor:
        """Return a function that predicts single rows in microseconds, for services.

        Examples
        --------
        >>> from chainrule.tabular import TabularRegressor
        >>> model = TabularRegressor(random_state=0).fit([[x, -x] for x in range(40)], range(40))
        >>> predict = model.row_predictor()
        >>> bool(predict([20, -20]) == model.predict([[20, -20]])[0])
        True
        """
        check_is_fitted(self)
        return self._row_predictor(self._number())

    def to_onnx(self, path: str | PathLike[str]) -> None:
        """Write a file of ONNX with the output "prediction", (N,) of float64.

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
        graph, outputs = self._onnx_graph()
        prediction = outputs["prediction"]
        flat = Output(graph.add("Squeeze", prediction.value, [1]), prediction.dtype, [])
        write_table(path, self.encoding_, graph, {"prediction": flat})

    def _onnx_graph(self) -> tuple[Graph, dict[str, Output]]:
        """Return the graph of such a file, and its output, (N, 1)."""
        graph, ends = table_graph(self.encoding_, self._predicting)
        mean = mean_in_units(graph, ends, self.mean_, self.scale_, self.range_)
        return graph, {"prediction": Output(mean, np.dtype(np.float64), [1])}

    def predict_interval(self, X: Any, coverage: float = 0.9) -> Array:
        """Return the bounds of an interval per row, (rows, 2), that contains so large a share of the targets.

        Its half-width is a quantile of the absolute residuals of held-back rows, the same for all rows: conformal
        prediction, which holds for new rows like those of training (Lei et al. 2018). The epochs are chosen with the
        held-back rows too, so that small tables have slightly narrow intervals.

        Parameters
        ----------
        X
            As for `predict`.
        coverage : float
            In (0, 1).
        """
        share = checked_number(coverage, "coverage", lowest=0, highest=1, open_lowest=True, open_highest=True)
        center = self.predict(X)
        width = conformal_width(self.residuals_, share)
        return np.stack([center - width, center + width], axis=1)


@dataclass(frozen=True)
class _Number:
    """Turns the networks' outputs into numbers in the targets' units, within their range."""

    mean: float
    scale: float
    range: tuple[float, float]

    def of_each(self, outputs: Array) -> Array:
        return np.clip(outputs[:, 0].astype(np.float64) * self.scale + self.mean, *self.range)

    def __call__(self, outputs: Array) -> float:
        return float(_exact.mean_of(self.of_each(outputs)))


def _mean_and_scale(targets: Array, weights: Array) -> tuple[float, float]:
    """Return the mean and the standard deviation, or 1 where all targets are equal.

    Equal targets are one of their weights' sum, in ascending order: neither the order of the rows nor repeating one
    instead of weighting it changes a byte.
    """
    if not weights.any():
        return 0.0, 1.0
    order = np.lexsort((weights, targets))
    order = order[weights[order] > 0]
    values, places = np.unique(targets[order], return_inverse=True)
    sums = np.bincount(places.ravel(), weights=weights[order])
    mean = float(np.average(values, weights=sums))
    # Squares of numbers around one do not underflow; a power of two changes no other bit.
    unit = float(np.ldexp(1.0, np.frexp(np.abs(values - mean).max())[1]))
    deviation = unit * float(np.sqrt(np.average(((values - mean) / unit) ** 2, weights=sums)))
    return mean, deviation if deviation > 1e-12 * max(abs(mean), 1e-300) and deviation > 0 else 1.0
