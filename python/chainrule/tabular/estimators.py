"""scikit-learn's interface to networks for tables."""

from __future__ import annotations

import math
import os
from os import PathLike
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

try:
    import narwhals  # noqa: F401
    from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
    from sklearn.inspection import permutation_importance
    from sklearn.utils import check_random_state, column_or_1d
    from sklearn.utils.class_weight import compute_sample_weight
    from sklearn.utils.multiclass import check_classification_targets
    from sklearn.utils.validation import _check_sample_weight, check_array, check_is_fitted, validate_data
except ImportError as error:
    raise ImportError('chainrule.tabular needs scikit-learn and narwhals: pip install "chainrule[tabular]"') from error

from .._checks import checked_integer, checked_name, checked_number
from .calibration import conformal_width, softmax, temperature
from .encoding import Encoding
from .members import Member, Training, outputs_of, train_members, workers_of
from .recipe import LABELS, NUMBERS, PRESETS, Task
from .rows import Rows, distinct
from .storage import write_estimator
from .tables import read_table

Array = NDArray[Any]


class Tabular(BaseEstimator):
    """What both estimators have in common: encoded rows, and networks that are trained with some and checked by others.

    See `TabularClassifier` for the parameters.
    """

    task: ClassVar[Task]

    def __init__(
        self,
        preset: str = "fast",
        *,
        n_members: int | None = None,
        time_limit: float | None = None,
        random_state: int | np.random.RandomState | None = None,
        n_jobs: int | None = None,
        verbose: bool = False,
    ) -> None:
        self.preset = preset
        self.n_members = n_members
        self.time_limit = time_limit
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.verbose = verbose

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.categorical = True
        tags.input_tags.string = True
        return tags

    # --- training

    def _train(self, X: Any, y: NDArray[np.float64] | NDArray[np.int64], weights: Array, outputs: int) -> None:
        """Train the networks with targets that are codes or scaled numbers."""
        preset = PRESETS[checked_name(self.preset, "preset", PRESETS)]
        wanted = None if self.n_members is None else checked_integer(self.n_members, "n_members", lowest=1)
        limit = None if self.time_limit is None else checked_number(self.time_limit, "time_limit", lowest=0)
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        table = read_table(X)
        self.encoding_ = Encoding.learned(table, weights)
        rows = distinct(self.encoding_.encode(table), y, weights)
        if len(rows) < 2:
            raise ValueError(f"X must have two different rows of a weight above zero, got n_samples={len(rows)}")
        recipe = preset.recipe(len(rows))
        members = recipe.members if wanted is None else wanted
        workers = workers_of(self.n_jobs, members)
        seconds = None if limit is None else limit / math.ceil(members / workers)
        training = Training(recipe, self.task, rows, self.encoding_, outputs, seconds, one_thread=workers > 1)
        trained = train_members(training, members, seed, workers, bool(self.verbose))
        self._learn_of_held(rows, trained)
        self.networks_ = [member.network for member in trained]

    def _learn_of_held(self, rows: Rows, trained: list[Member]) -> None:
        """Keep what the rows that networks have not seen tell of them."""
        raise NotImplementedError

    def _checked_table(self, X: Any, *, reset: bool = False) -> Any:
        """Return the table as it is, or an array for one that is neither a DataFrame nor an array."""
        if not hasattr(X, "columns"):
            X = check_array(X, dtype=None, ensure_all_finite="allow-nan", estimator=self)
        elif len(X) == 0:
            raise ValueError(f"X must have rows, got 0 sample(s) (shape={X.shape}), a minimum of 1 is required")
        validate_data(self, X, skip_check_array=True, reset=reset)
        return X

    def _outputs(self, X: Any) -> list[NDArray[np.float64]]:
        """Return the outputs of each network, before a softmax."""
        check_is_fitted(self)
        encoded = self.encoding_.encode(read_table(self._checked_table(X)))
        return [outputs_of(network, encoded).astype(np.float64) for network in self.networks_]

    # --- after training

    def permutation_importances(
        self, X: Any, y: ArrayLike, *, n_repeats: int = 5, random_state: int | None = None, scoring: Any = None
    ) -> dict[str, float]:
        """Return for each column by how much the score falls if its values are shuffled, the largest first.

        Parameters
        ----------
        X, y
            Rows, best such as training has not seen.
        n_repeats : int
            Shuffles of each column, whose mean is returned.
        random_state : int, optional
        scoring : str or callable, optional
            By default `score`.

        See `sklearn.inspection.permutation_importance`, which has more to tell (Breiman 2001).
        """
        check_is_fitted(self)
        found = permutation_importance(self, X, y, n_repeats=n_repeats, random_state=random_state, scoring=scoring)
        means = dict(zip(self._names(), found.importances_mean.tolist(), strict=True))
        return dict(sorted(means.items(), key=lambda item: -item[1]))

    def _names(self) -> list[str]:
        names = getattr(self, "feature_names_in_", range(self.n_features_in_))
        return [str(name) for name in names]

    def save(self, path: str | PathLike[str]) -> None:
        """Write the estimator into one safetensors file, from which `chainrule.tabular.load` reads it.

        Raises
        ------
        OSError
            When the file cannot be written; one that was there before is left as it was.
        """
        check_is_fitted(self)
        write_estimator(Path(os.fsdecode(path)), self)


class TabularClassifier(ClassifierMixin, Tabular):
    """Labels of the rows of a table, by networks that need no tuning.

    Columns are numbers or categories, as they come: strings, booleans, missing values, categories that training has not
    seen. Numbers are scaled robustly. The networks and their training follow RealMLP (Holzmüller, Grinsztajn and
    Steinwart 2024); docs/tabular.md has the recipe, and scores next to those of other packages.

    Parameters
    ----------
    preset : {"fast", "accurate", "ensemble"}
        For tables of many rows one network of 3 × 128 units, two of 3 × 256, or eight of 3 × 128; for fewer than 2,500
        rows five small ones, five of 3 × 128, or ten small ones. Each is validated with other rows.
    n_members : int, optional
        Number of networks, whose probabilities are averaged, instead of that of the preset.
    time_limit : float, optional
        Seconds in which `fit` ends, by fewer epochs if there must be. What is learned then depends on the machine.
    class_weight : mapping of label to weight, "balanced" or None
        Multiplied into the rows' weights.
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
        check_classification_targets(labels)
        weights = self._weights(table, labels, sample_weight)
        self.classes_, codes = np.unique(labels, return_inverse=True)
        self._train(table, codes.astype(np.int64), weights, max(len(self.classes_), 2))
        return self

    def _weights(self, X: Any, labels: Array, sample_weight: ArrayLike | None) -> Array:
        check_consistent(X, labels)
        weights = checked_weights(sample_weight, len(labels))
        if self.class_weight is None:
            return weights
        return np.asarray(weights * compute_sample_weight(self.class_weight, labels))

    def _learn_of_held(self, rows: Rows, trained: list[Member]) -> None:
        held = np.concatenate([member.held for member in trained])
        outputs = np.concatenate([member.outputs for member in trained]).astype(np.float64)
        self.temperature_ = temperature(outputs, rows.y[held].astype(np.int64), rows.weights[held])
        proba = softmax(outputs / self.temperature_)[:, : len(self.classes_)]
        self.oof_proba_ = _out_of_fold(proba, held, rows)

    def predict_proba(self, X: Any) -> Array:
        """Return the probability of each class, (rows, classes): the mean over the networks."""
        proba = np.mean([softmax(z / self.temperature_) for z in self._outputs(X)], axis=0)
        return np.asarray(proba[:, :1] ** 0 if len(self.classes_) == 1 else proba)

    def predict(self, X: Any) -> Array:
        """Return the most probable label of each row, (rows,)."""
        proba = self.predict_proba(X)
        return np.asarray(self.classes_[proba.argmax(axis=1)])


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
        used = targets[weights > 0] if (weights > 0).any() else targets
        self.range_ = float(used.min()), float(used.max())
        self.mean_ = float(np.average(targets, weights=weights)) if weights.any() else 0.0
        self.scale_ = _scale_of(targets, weights, self.mean_)
        self._train(table, (targets - self.mean_) / self.scale_, weights, 1)
        return self

    def _learn_of_held(self, rows: Rows, trained: list[Member]) -> None:
        held = np.concatenate([member.held for member in trained])
        predicted = self._in_units(np.concatenate([member.outputs for member in trained]))
        self.residuals_ = np.sort(rows.y[held] * self.scale_ + self.mean_ - predicted)
        self.oof_prediction_ = _out_of_fold(predicted[:, None], held, rows)[:, 0]

    def _in_units(self, outputs: Array) -> Array:
        """Return predictions in the targets' units, within their range."""
        return np.clip(outputs[:, 0].astype(np.float64) * self.scale_ + self.mean_, *self.range_)

    def predict(self, X: Any) -> Array:
        """Return a number per row, (rows,): the mean over the networks."""
        return np.asarray(np.mean([self._in_units(outputs) for outputs in self._outputs(X)], axis=0))

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


def _out_of_fold(predicted: Array, held: NDArray[np.int64], rows: Rows) -> Array:
    """Return for each row of the table the mean of what networks that held it back predict, (rows, outputs).

    It is NaN for rows that all networks have trained with, and for those without a weight.
    """
    sums = np.zeros((len(rows), predicted.shape[1]))
    np.add.at(sums, held, predicted)
    counts = np.bincount(held, minlength=len(rows))[:, None]
    means = np.divide(sums, counts, out=np.full_like(sums, np.nan), where=counts > 0)
    return np.where(rows.places[:, None] < 0, np.nan, means[rows.places])


def _scale_of(targets: Array, weights: Array, mean: float) -> float:
    """Return the standard deviation, or 1 where all targets are equal."""
    if not weights.any():
        return 1.0
    deviation = float(np.sqrt(np.average((targets - mean) ** 2, weights=weights)))
    return deviation if deviation > 1e-12 * max(abs(mean), 1e-300) and deviation > 0 else 1.0


def check_consistent(X: Any, y: Array) -> None:
    """Refuse a table and targets of different numbers of rows."""
    if len(X) != len(y):
        raise ValueError(f"X and y must have the same number of rows, got {len(X)} and {len(y)}")


def checked_targets(estimator: Tabular, y: ArrayLike | None, dtype: Any) -> Array:
    """Return targets in a row, none of them missing."""
    if y is None:
        raise ValueError(f"{type(estimator).__name__} requires y to be passed, but the target y is None")
    targets: Array = column_or_1d(check_array(y, ensure_2d=False, dtype=dtype, input_name="y"), warn=True)
    return targets


def checked_weights(sample_weight: ArrayLike | None, rows: int) -> Array:
    """Return the weights of rows as float64, all one if none are given; none may be below zero."""
    like = np.empty((rows, 1))
    weights: Array = _check_sample_weight(sample_weight, like, dtype=np.float64, ensure_non_negative=True)
    return weights
