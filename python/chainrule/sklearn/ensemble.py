"""Estimators that average several networks, trained side by side: see docs/many.md."""

from __future__ import annotations

from abc import abstractmethod
from functools import partial
from numbers import Integral
from os import PathLike
from threading import Event
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, RegressorMixin, _fit_context, clone
from sklearn.utils import check_random_state, get_tags
from sklearn.utils._param_validation import Interval
from sklearn.utils.multiclass import type_of_target
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from .. import _exact
from ..arrays import check_not_masked
from ..exporting.onnx import mean_to_onnx
from ..exporting.onnx.estimators import numbers
from ..machine import get_num_threads
from ..many.pool import StopWhenSet, side_by_side, workers_of
from ..training.callbacks import as_callbacks
from .classifier import MLPClassifier, labels_and_probabilities
from .perceptron import Array, MultilayerPerceptron
from .regressor import MLPRegressor


class _Ensemble(MetaEstimatorMixin, BaseEstimator):
    """What both estimators have in common: how their members are trained."""

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "n_estimators": [Interval(Integral, 1, None, closed="left")],
        "bootstrap": ["boolean"],
        "n_jobs": [Integral, None],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        estimator: MultilayerPerceptron | None = None,
        n_estimators: int = 5,
        *,
        bootstrap: bool = False,
        n_jobs: int | None = None,
        random_state: int | np.random.RandomState | None = None,
        verbose: bool | int = False,
    ) -> None:
        self.estimator = estimator
        self.n_estimators = n_estimators
        self.bootstrap = bootstrap
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    @abstractmethod
    def _member(self) -> MultilayerPerceptron:
        """Return the estimator that members are copies of."""

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = get_tags(self._member()).input_tags.sparse
        return tags

    def _fit(self, X: Any, y: Any, sample_weight: ArrayLike | None) -> None:
        for callback in as_callbacks(self._member().callbacks):
            if callback.destination is not None and self.n_estimators > 1:
                raise ValueError(
                    f"callbacks of the estimator must write no files, as all members would write {callback.destination}"
                )
        for values, argument in ((X, "X"), (y, "y"), (sample_weight, "sample_weight")):
            check_not_masked(values, argument)
        X, y = validate_data(self, X, y, accept_sparse="csr", multi_output=True, dtype=(np.float64, np.float32))
        weights = None if sample_weight is None else _check_sample_weight(sample_weight, X)
        random = check_random_state(self.random_state)
        jobs = []
        for _ in range(self.n_estimators):
            member = clone(self._member()).set_params(random_state=random.randint(2**31 - 1))
            jobs.append((member, self._drawn(weights, X.shape[0], random)))
        workers = workers_of(self.n_jobs, self.n_estimators)
        stop = Event()

        def fit(job: tuple[MultilayerPerceptron, Array | None]) -> MultilayerPerceptron:
            member, of_member = job
            callbacks = member.callbacks
            if member.solver != "lbfgs":  # which takes none, and ends with its iterations
                member.callbacks = [*callbacks, StopWhenSet(stop)]
            member.fit(X, y, of_member)
            member.callbacks = callbacks
            return member

        threads = max(1, get_num_threads() // workers)
        self.estimators_ = side_by_side(
            fit, jobs, workers=workers, threads=threads, stop=stop, shown=bool(self.verbose)
        )

    def _drawn(self, weights: Array | None, samples: int, random: np.random.RandomState) -> Array | None:
        """Return what each sample counts for a member; with `bootstrap`, as often as it was drawn."""
        if not self.bootstrap:
            return weights
        times = np.bincount(random.randint(samples, size=samples), minlength=samples).astype(np.float64)
        return times if weights is None else times * weights

    def _checked(self, X: ArrayLike) -> Any:
        check_is_fitted(self, "estimators_")
        check_not_masked(X, "X")
        return validate_data(self, X, accept_sparse="csr", dtype=(np.float64, np.float32), reset=False)


class EnsembleClassifier(ClassifierMixin, _Ensemble):
    """Several `MLPClassifier`, whose probabilities are averaged (Lakshminarayanan, Pritzel and Blundell 2017).

    Parameters
    ----------
    estimator : MLPClassifier, optional
        What each member is a copy of, with a seed of its own; by default one with its defaults.
    n_estimators : int
        Members, >= 1.
    bootstrap : bool
        Whether each member counts each sample as often as it was drawn for it, with replacement (bagging, Breiman
        1996).
    n_jobs : int, optional
        Members that are trained at a time, as in scikit-learn: None means 1 unless in a `joblib.parallel_config`, -1
        all processors. They are threads of this process, and share the data.
    random_state : int, RandomState or None
        Of the seeds of the members and of `bootstrap`.
    verbose : bool or int
        Whether there is a progress bar over the members.

    Attributes
    ----------
    estimators_ : list of MLPClassifier
        The members.
    classes_ : array (classes,)
        The labels in the order of the probabilities.
    n_features_in_, feature_names_in_
        As in scikit-learn.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from chainrule.sklearn import EnsembleClassifier, MLPClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> model = EnsembleClassifier(MLPClassifier((8,), solver="lbfgs"), n_estimators=3, n_jobs=-1, random_state=0)
    >>> model.fit(X, y).predict_proba(X[:2]).shape
    (2, 3)
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **_Ensemble._parameter_constraints,
        "estimator": [MLPClassifier, None],
    }

    @property
    def classes_(self) -> Array:
        """The labels in the order of the probabilities."""
        check_is_fitted(self, "estimators_")
        classes: Array = self.estimators_[0].classes_
        return classes

    def _member(self) -> MultilayerPerceptron:
        return MLPClassifier() if self.estimator is None else self.estimator

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> EnsembleClassifier:
        """Train all members; arguments are those of `MLPClassifier.fit`."""
        self._fit(X, y, sample_weight)
        self._is_multilabel = type_of_target(y).startswith("multilabel")
        return self

    def predict_proba(self, X: ArrayLike) -> Array:
        """Return the mean of the members' probabilities, (samples, classes)."""
        samples = self._checked(X)
        return _exact.mean_of([member.predict_proba(samples) for member in self.estimators_])

    def predict(self, X: ArrayLike) -> Array:
        """Return the label of the largest mean probability per sample, or (samples, labels) of zeros and ones."""
        probabilities = self.predict_proba(X)
        if self._is_multilabel:
            return (probabilities > 0.5).astype(np.int64)
        labels: Array = self.classes_[probabilities.argmax(axis=1)]
        return labels

    def to_onnx(self, path: str | PathLike[str], *, dtype: str = "float32") -> None:
        """Write a file of ONNX with outputs "label" and "probabilities", as `MLPClassifier.to_onnx` does."""
        check_is_fitted(self, "estimators_")
        conclude = partial(labels_and_probabilities, self.estimators_[0])
        mean_to_onnx([member.network_ for member in self.estimators_], path, dtype, conclude)


class EnsembleRegressor(RegressorMixin, _Ensemble):
    """Several `MLPRegressor`, whose predictions are averaged (Lakshminarayanan, Pritzel and Blundell 2017).

    Parameters
    ----------
    estimator : MLPRegressor, optional
        What each member is a copy of, with a seed of its own; by default one with its defaults.
    n_estimators, bootstrap, n_jobs, random_state, verbose
        As for `EnsembleClassifier`.

    Attributes
    ----------
    estimators_ : list of MLPRegressor
        The members.
    n_features_in_, feature_names_in_
        As in scikit-learn.

    Examples
    --------
    >>> import numpy as np
    >>> from chainrule.sklearn import EnsembleRegressor, MLPRegressor
    >>> x = np.linspace(-1, 1, 100)[:, np.newaxis]
    >>> tanh = MLPRegressor(hidden_layer_sizes=(16,), activation="tanh", solver="lbfgs")
    >>> model = EnsembleRegressor(tanh, random_state=0).fit(x, np.sin(3 * x[:, 0]))
    >>> mean, deviation = model.predict([[0.5], [4.0]], return_std=True)
    >>> bool(deviation[1] > deviation[0])
    True
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **_Ensemble._parameter_constraints,
        "estimator": [MLPRegressor, None],
    }

    def _member(self) -> MultilayerPerceptron:
        return MLPRegressor() if self.estimator is None else self.estimator

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> EnsembleRegressor:
        """Train all members; arguments are those of `MLPRegressor.fit`."""
        self._fit(X, y, sample_weight)
        return self

    def predict(self, X: ArrayLike, return_std: bool = False) -> Array | tuple[Array, Array]:
        """Return the mean of what members predict, (samples,) or (samples, outputs).

        With `return_std` comes the standard deviation of the members, of the same shape: how far they disagree, which
        is little where there were samples, and grows where there were none.
        """
        samples = self._checked(X)
        each = [member.predict(samples) for member in self.estimators_]
        mean = _exact.mean_of(each)
        return (mean, np.sqrt(_exact.variance_of(each))) if return_std else mean

    def to_onnx(self, path: str | PathLike[str], *, dtype: str = "float32") -> None:
        """Write a file of ONNX with the output "prediction", as `MLPRegressor.to_onnx` does."""
        check_is_fitted(self, "estimators_")
        conclude = partial(numbers, count=self.estimators_[0].n_outputs_)
        mean_to_onnx([member.network_ for member in self.estimators_], path, dtype, conclude)
