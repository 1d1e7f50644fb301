"""scikit-learn's interface to networks for tables."""

from __future__ import annotations

import math
import os
import warnings
from collections import Counter
from collections.abc import Callable
from os import PathLike
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.inspection import permutation_importance
from sklearn.utils import check_random_state, column_or_1d
from sklearn.utils.validation import _check_sample_weight, check_array, check_is_fitted, validate_data

from .._checks import checked_integer, checked_name, checked_number
from ..arrays import check_not_masked
from ..many.pool import workers_of
from ..network import Network
from .encoding import Encoding
from .members import Member, Training, train_members
from .recipe import PRESETS, Task
from .row import RowPredictor
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
        self.columns_ = list(table.columns)
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
        self.keep([member.network for member in trained])

    def keep(self, networks: list[Network]) -> None:
        """Take these networks, and make those that predict: their outputs are before the softmax."""
        self.networks_ = networks
        self._predicting = [network.without_last_activation() for network in networks]

    def _learn_of_held(self, rows: Rows, trained: list[Member]) -> None:
        """Keep what the rows that networks have not seen tell of them."""
        raise NotImplementedError

    def _checked_table(self, X: Any, *, reset: bool = False) -> Any:
        """Return the table as it is, or an array for one that is neither a DataFrame nor an array."""
        check_not_masked(X, "X")
        if not hasattr(X, "columns"):
            # Values of a list keep their types: NumPy would make strings of all if one is.
            X = np.array(X, dtype=object) if isinstance(X, (list, tuple)) else X
            X = check_array(X, dtype=None, ensure_all_finite="allow-nan", estimator=self)
        elif not hasattr(X, "__len__"):
            raise TypeError(f"X must be a DataFrame or an array, got {type(X).__name__}: collect its rows first")
        elif len(X) == 0:
            raise ValueError(f"X must have rows, got 0 sample(s) (shape={X.shape}), a minimum of 1 is required")
        else:
            check_names(X)
        validate_data(self, X, skip_check_array=True, reset=reset)
        return X

    def _outputs(self, X: Any) -> list[NDArray[np.float64]]:
        """Return the outputs of each network, before a softmax."""
        check_is_fitted(self)
        # Names are checked as scikit-learn checks them: a table without any has the columns of training in their order.
        encoded = self.encoding_.encode(read_table(self._checked_table(X)).renamed(self.columns_))
        return [network.predict(encoded).astype(np.float64) for network in self._predicting]

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
        X = self._checked_table(X)
        with warnings.catch_warnings():
            # Of frames other than those of pandas, scikit-learn shuffles an array, which has none of the names.
            warnings.filterwarnings("ignore", "X does not have valid feature names")
            found = permutation_importance(self, X, y, n_repeats=n_repeats, random_state=random_state, scoring=scoring)
        means = dict(zip(self.columns_, found.importances_mean.tolist(), strict=True))
        return dict(sorted(means.items(), key=lambda item: -item[1]))

    def _row_predictor(self, conclude: Callable[[Array], Any]) -> RowPredictor:
        check_is_fitted(self)
        return RowPredictor(self.encoding_, self.columns_, self._predicting, conclude)

    def save(self, path: str | PathLike[str]) -> None:
        """Write the estimator into one safetensors file, from which `chainrule.tabular.load` reads it.

        Raises
        ------
        OSError
            When the file cannot be written; one that was there before is left as it was.
        """
        check_is_fitted(self)
        write_estimator(Path(os.fsdecode(path)), self)


def out_of_fold(predicted: Array, held: NDArray[np.int64], rows: Rows) -> Array:
    """Return for each row of the table the mean of what networks that held it back predict, (rows, outputs).

    It is NaN for rows that all networks have trained with, and for those without a weight.
    """
    sums = np.zeros((len(rows), predicted.shape[1]))
    np.add.at(sums, held, predicted)
    counts = np.bincount(held, minlength=len(rows))[:, None]
    means = np.divide(sums, counts, out=np.full_like(sums, np.nan), where=counts > 0)
    return np.where(rows.places[:, None] < 0, np.nan, means[rows.places])


def check_names(X: Any) -> None:
    """Refuse a DataFrame of which two columns have the same name."""
    counts = Counter(str(name) for name in X.columns)
    for name, count in counts.items():
        if count > 1:
            raise ValueError(f"X must have columns of different names, got {name!r} {count} times")


def check_consistent(X: Any, y: Array) -> None:
    """Refuse a table and targets of different numbers of rows."""
    if len(X) != len(y):
        raise ValueError(f"X and y must have the same number of rows, got {len(X)} and {len(y)}")


def checked_targets(estimator: Tabular, y: ArrayLike | None, dtype: Any) -> Array:
    """Return targets in a row, none of them missing."""
    if y is None:
        raise ValueError(f"{type(estimator).__name__} requires y to be passed, but the target y is None")
    check_not_masked(y, "y")
    given: Any = y
    if str(getattr(given, "dtype", "")) == "boolean" and not given.isna().any():
        # scikit-learn makes numbers of pandas' nullable booleans.
        given = np.asarray(given, dtype=bool)
    if np.asarray(given).dtype.kind in "mM":
        raise TypeError(f"y must be of numbers or labels, got {np.asarray(given).dtype}")
    targets: Array = column_or_1d(check_array(given, ensure_2d=False, dtype=dtype, input_name="y"), warn=True)
    return targets


def checked_weights(sample_weight: ArrayLike | None, rows: int) -> Array:
    """Return the weights of rows as float64, all one if none are given; none may be below zero."""
    check_not_masked(sample_weight, "sample_weight")
    like = np.empty((rows, 1))
    weights: Array = _check_sample_weight(sample_weight, like, dtype=np.float64, ensure_non_negative=True)
    with np.errstate(over="ignore"):
        if not np.isfinite(weights.sum()):
            raise ValueError(f"sample_weight must have a finite sum, got weights up to {weights.max():g}")
    return weights
