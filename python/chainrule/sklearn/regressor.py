"""scikit-learn's MLPRegressor, trained by this package: see docs/sklearn.md."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from numbers import Real
from os import PathLike
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import xlogy
from sklearn.base import RegressorMixin, _fit_context
from sklearn.metrics import r2_score
from sklearn.utils import column_or_1d
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted, validate_data

from ..arrays import check_not_masked
from ..exporting.onnx import to_onnx
from ..exporting.onnx.estimators import numbers
from ..losses import MAE, MSE, Huber, Loss, Poisson, Quantile
from ..optimizers import Optimizer
from ..schedules import Schedule
from ..training.callbacks import CallbackLike
from .held_out import Given, Seen
from .perceptron import Array, MultilayerPerceptron

# The loss of each name, from the parameters that go with it.
_LOSSES: dict[str, Callable[[Any], Loss]] = {
    "squared_error": lambda _: MSE(),
    "absolute_error": lambda _: MAE(),
    "huber": lambda estimator: Huber(float(estimator.delta)),
    "quantile": lambda estimator: Quantile(float(estimator.quantile)),
    "poisson": lambda _: Poisson(),
}


class MLPRegressor(RegressorMixin, MultilayerPerceptron):
    """scikit-learn's MLPRegressor, with its parameters, attributes and meanings, and some more.

    Parameters
    ----------
    loss : {"squared_error", "absolute_error", "huber", "quantile", "poisson"}
        Half the squared error; the absolute error; the former near zero, the latter beyond; the pinball loss; or half
        the Poisson deviance, for which the output's activation is exp and y >= 0.
    hidden_layer_sizes, activation, … , callbacks
        As for `MLPClassifier`, without class_weight. Early stopping goes by R², unless `scoring` says otherwise.
    quantile : float
        With loss="quantile", which quantile of y is predicted, in (0, 1).
    delta : float
        With loss="huber", the error from which on it counts in proportion, > 0, in the unit of y.

    Attributes
    ----------
    network_, coefs_, … , out_activation_
        As for `MLPClassifier`, without `classes_`; all losses but Poisson's are means over the outputs.

    Examples
    --------
    >>> import numpy as np
    >>> from chainrule.sklearn import MLPRegressor
    >>> X = np.linspace(-1, 1, 50)[:, np.newaxis]
    >>> model = MLPRegressor(hidden_layer_sizes=20, activation="tanh", solver="lbfgs", random_state=0)
    >>> bool(model.fit(X, X[:, 0] ** 2).score(X, X[:, 0] ** 2) > 0.99)
    True
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **MultilayerPerceptron._parameter_constraints,
        "loss": [StrOptions(set(_LOSSES))],
        "quantile": [Interval(Real, 0, 1, closed="neither")],
        "delta": [Interval(Real, 0, None, closed="neither")],
    }

    def __init__(
        self,
        loss: str = "squared_error",
        hidden_layer_sizes: ArrayLike = (100,),
        activation: str | Sequence[str] = "relu",
        *,
        solver: str | Optimizer = "adam",
        alpha: float = 0.0001,
        batch_size: int | str = "auto",
        learning_rate: str | Schedule = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: int | np.random.RandomState | None = None,
        tol: float = 1e-4,
        verbose: bool | int = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: float = 10,
        max_fun: int = 15000,
        dropout: float | Sequence[float] = 0.0,
        batch_norm: bool = False,
        precision: str = "full",
        scoring: str | Callable[..., float] | None = None,
        callbacks: Sequence[CallbackLike] = (),
        quantile: float = 0.5,
        delta: float = 1.0,
    ) -> None:
        self._keep(locals())

    loss: str
    quantile: float
    delta: float

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        *,
        X_val: ArrayLike | None = None,
        y_val: ArrayLike | None = None,
        sample_weight_val: ArrayLike | None = None,
    ) -> MLPRegressor:
        """Train.

        Parameters
        ----------
        X : array or sparse matrix (samples, features)
            float32 is trained in float32, all else in float64.
        y : array (samples,) or (samples, outputs)
            Numbers.
        sample_weight : array (samples,), optional
            A batch's loss is the weighted mean.
        X_val, y_val, sample_weight_val : as X, y and sample_weight, optional
            Samples for early stopping, in place of a share of X and y.

        Raises
        ------
        ValueError
            For arguments that cannot be used, and when loss or weights stop being finite.
        """
        self._fit(X, y, sample_weight, Given(X_val, y_val, sample_weight_val))
        return self

    @available_if(lambda estimator: estimator._check_solver())
    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        *,
        X_val: ArrayLike | None = None,
        y_val: ArrayLike | None = None,
        sample_weight_val: ArrayLike | None = None,
    ) -> MLPRegressor:
        """Make one pass over the data, as `fit`.

        With `early_stopping`, `X_val` and `y_val`, or a share of the samples of each call, are scored after it, and
        only the score is recorded.
        """
        self._fit(X, y, sample_weight, Given(X_val, y_val, sample_weight_val), incremental=True)
        return self

    def predict(self, X: ArrayLike) -> Array:
        """Return a number per sample, or (samples, outputs)."""
        outputs = self._outputs(X)
        return outputs.ravel() if self.n_outputs_ == 1 else outputs

    def to_onnx(self, path: str | PathLike[str], *, dtype: str = "float32") -> None:
        """Write a file of ONNX with the output "prediction".

        Parameters
        ----------
        path, dtype
            As for `chainrule.Network.to_onnx`.
        """
        check_is_fitted(self)
        to_onnx(self.network_, path, dtype, lambda graph, x: numbers(graph, x, self.n_outputs_))

    def _validated(self, X: Any, y: Any, *, begins: bool) -> tuple[Any, Array]:
        check_not_masked(X, "X")
        check_not_masked(y, "y")
        X, y = validate_data(
            self,
            X,
            y,
            accept_sparse="csr",
            multi_output=True,
            y_numeric=True,
            dtype=(np.float64, np.float32),
            reset=begins,
        )
        return X, column_or_1d(y, warn=True) if y.ndim == 2 and y.shape[1] == 1 else y

    def _check_held(self, y_val: Array, seen: Seen) -> None:
        if y_val.shape[1:] != seen.y.shape[1:]:
            raise ValueError(f"y_val must have the columns of y, of shape {seen.y.shape}; got {y_val.shape}")

    def _with_class_weight(self, sample_weight: Array | None, y: Array, seen: Seen) -> Array | None:
        return sample_weight

    def _targets(self, y: Array) -> Array:
        return y

    def _output_layer(self, y: Array) -> tuple[int, str]:
        return (1 if y.ndim == 1 else y.shape[1]), ("exp" if self.loss == "poisson" else "identity")

    def _loss(self) -> Loss:
        return _LOSSES[self.loss](self)

    def _reported(self, loss: float) -> float:
        return loss if self.loss == "poisson" else loss / self.n_outputs_

    def _constant(self, y: Array, weights: Array | None) -> float:
        if self.loss != "poisson":
            return 0.0
        return float(np.average(xlogy(y, y) - y, weights=weights, axis=0).sum())

    def _score(self, outputs: Array, y: Array, sample_weight: Array | None) -> float:
        return float(r2_score(y, outputs, sample_weight=sample_weight))
