"""What MLPClassifier and MLPRegressor have in common."""

from __future__ import annotations

import math
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from numbers import Integral, Real
from typing import Any, ClassVar, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import issparse
from sklearn.base import BaseEstimator, is_classifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import get_scorer_names
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, Options, StrOptions
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from ..arrays import check_not_masked
from ..errors import DivergedError
from ..layers.dense import Dense
from ..losses import Loss
from ..network import Network
from ..optimizers import SGD, Adam, Optimizer
from ..schedules import Schedule
from ..training.callbacks import CallbackLike
from .architecture import SKLEARN_NAMES, Hidden, initial_layers, set_statistics
from .held_out import Given, HeldOut, Seen, split
from .lbfgs import DIVERGED, check_lbfgs, fit_lbfgs
from .watch import Watch

Array = NDArray[Any]


class MultilayerPerceptron(BaseEstimator, ABC):
    """Base class of both estimators: scikit-learn's rules of training, on a network of this package."""

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "hidden_layer_sizes": ["array-like", Interval(Integral, 1, None, closed="left")],
        "activation": [str, list, tuple],
        "solver": [StrOptions({"lbfgs", "sgd", "adam"}), Optimizer],
        "alpha": [Interval(Real, 0, None, closed="left")],
        "batch_size": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "learning_rate": [StrOptions({"constant", "invscaling", "adaptive"}), Schedule],
        "learning_rate_init": [Interval(Real, 0, None, closed="neither")],
        "power_t": [Interval(Real, 0, None, closed="left")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "shuffle": ["boolean"],
        "random_state": ["random_state"],
        "tol": [Interval(Real, 0, None, closed="left")],
        "verbose": ["verbose"],
        "warm_start": ["boolean"],
        "momentum": [Interval(Real, 0, 1, closed="left")],
        "nesterovs_momentum": ["boolean"],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="left")],
        "beta_1": [Interval(Real, 0, 1, closed="left")],
        "beta_2": [Interval(Real, 0, 1, closed="left")],
        "epsilon": [Interval(Real, 0, None, closed="neither")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left"), Options(Real, {np.inf})],
        "max_fun": [Interval(Integral, 1, None, closed="left")],
        "dropout": [Interval(Real, 0, 1, closed="left"), "array-like"],
        "batch_norm": ["boolean"],
        "precision": [StrOptions({"full", "mixed"})],
        "scoring": [StrOptions({"loss", *get_scorer_names()}), callable, None],
        "callbacks": [list, tuple],
    }
    # Set by __init__ of the classes below.
    hidden_layer_sizes: ArrayLike
    activation: str | Sequence[str]
    solver: str | Optimizer
    alpha: float
    batch_size: int | str
    learning_rate: str | Schedule
    learning_rate_init: float
    power_t: float
    max_iter: int
    shuffle: bool
    random_state: int | np.random.RandomState | None
    tol: float
    verbose: bool | int
    warm_start: bool
    momentum: float
    nesterovs_momentum: bool
    early_stopping: bool
    validation_fraction: float
    beta_1: float
    beta_2: float
    epsilon: float
    n_iter_no_change: float
    max_fun: int
    dropout: float | Sequence[float]
    batch_norm: bool
    precision: str
    scoring: str | Callable[..., float] | None
    callbacks: Iterable[CallbackLike]

    def _keep(self, parameters: Mapping[str, Any]) -> None:
        for name in self._get_param_names():
            setattr(self, name, parameters[name])

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    # --- the fitted network

    @property
    def coefs_(self) -> list[Array]:
        """The weights of each layer, (inputs, units): copies that cannot be written; assign a list to set them."""
        return [layer.weights for layer in self._dense]

    @coefs_.setter
    def coefs_(self, values: Sequence[ArrayLike]) -> None:
        for layer, weights in zip(self._dense, values, strict=True):
            layer.weights = weights

    @property
    def intercepts_(self) -> list[Array]:
        """The bias of each layer, (units,): as `coefs_`."""
        return [layer.bias for layer in self._dense]

    @intercepts_.setter
    def intercepts_(self, values: Sequence[ArrayLike]) -> None:
        for layer, bias in zip(self._dense, values, strict=True):
            layer.bias = bias

    @property
    def _dense(self) -> list[Dense]:
        layers = self.network_.stack
        return [cast(Dense, layer) for layer in layers if "weights" in layer.parameter_shapes(layer.place.input_shape)]

    @property
    def n_layers_(self) -> int:
        """Number of layers with weights, and one for the input."""
        return len(self._dense) + 1

    @property
    def n_outputs_(self) -> int:
        """Number of the network's outputs."""
        return self.network_.outputs

    @property
    def out_activation_(self) -> str:
        """Activation of the last layer."""
        activation = self._dense[-1].activation
        return SKLEARN_NAMES.get(activation, activation)

    def _samples(self, X: ArrayLike) -> Any:
        """Return what a fitted estimator predicts for, checked."""
        check_is_fitted(self, "network_")
        check_not_masked(X, "X")
        return validate_data(self, X, accept_sparse="csr", reset=False)

    def _outputs(self, X: ArrayLike) -> Array:
        samples = self._samples(X)
        return self.network_.predict(samples)

    # --- training

    def _fit(self, X: Any, y: Any, sample_weight: ArrayLike | None, given: Given, *, incremental: bool = False) -> None:
        if self.solver == "lbfgs":
            check_lbfgs(self)
        begins = not hasattr(self, "network_") or not (self.warm_start or incremental)
        X, y = self._validated(X, y, begins=begins)
        if self.precision == "mixed" and issparse(X):
            raise ValueError("precision must be 'full' for a sparse X, got 'mixed'")
        classes = self._classes(y, incremental=incremental)
        weights = self._weights(X, y, sample_weight, Seen(y, classes, incremental))
        checked = self._held(given, Seen(y, classes, incremental)) if given.is_complete(self) else None
        random_state = check_random_state(self.random_state)
        if begins:
            self._adopt(classes)
            self._begin(X, y, weights, random_state)
        elif self._is_larger(classes):
            self._grow(classes, random_state)
        held = None if checked is None else HeldOut(checked[0], checked[1], self._targets(checked[1]), checked[2])
        if self.solver == "lbfgs":
            self._set_l2(self.alpha / float(X.shape[0] if weights is None else weights.sum()))
            fit_lbfgs(self, X, self._targets(y), weights)
            return
        if self.early_stopping and held is None:
            train, held = self._split(X, y, weights, random_state)
            X, y, weights = X[train], y[train], None if weights is None else weights[train]
        self._fit_stochastic(X, self._targets(y), weights, held, random_state, incremental)

    def _weights(self, X: Any, y: Array, sample_weight: ArrayLike | None, seen: Seen) -> Array | None:
        """Return what each sample counts."""
        check_not_masked(sample_weight, "sample_weight")
        given = None if sample_weight is None else _check_sample_weight(sample_weight, X)
        return _checked_weights(self._with_class_weight(given, y, seen))

    def _held(self, given: Given, seen: Seen) -> tuple[Any, Array, Array | None]:
        """Return samples, targets and weights that are given for early stopping, checked."""
        try:
            X_val, y_val = self._validated(given.X, given.y, begins=False)
            self._check_held(y_val, seen)
            return X_val, y_val, self._weights(X_val, y_val, given.sample_weight, seen)
        except ValueError as error:
            raise ValueError(f"X_val, y_val and sample_weight_val do not go with the fit: {error}") from error

    def _split(
        self, X: Any, y: Array, weights: Array | None, random_state: np.random.RandomState
    ) -> tuple[Array, HeldOut]:
        """Return the positions of the samples to train with, and the others, which are held back."""
        labels = y if is_classifier(self) and y.ndim == 1 else np.zeros(len(y), int)
        train, held = split(labels, self.network_.outputs == 1, self.validation_fraction, random_state)
        of_held = None if weights is None else weights[held]
        return train, HeldOut(X[held], y[held], self._targets(y[held]), of_held)

    def _begin(self, X: Any, y: Array, weights: Array | None, random_state: np.random.RandomState) -> None:
        hidden = Hidden.checked(self.hidden_layer_sizes, self.activation, self.dropout, self.batch_norm)
        layers = initial_layers(X.shape[1], hidden, *self._output_layer(y), random_state)
        # L-BFGS needs exact gradients for its line search.
        dtype = "float64" if self.solver == "lbfgs" else "float32" if self.precision == "mixed" else str(X.dtype)
        self.network_ = Network(layers, dtype=dtype, precision=self.precision, seed=0)
        if self.solver == "lbfgs":
            set_statistics(self.network_, X, weights)
        self.n_iter_ = 0
        self.t_ = 0
        self._begin_curves()

    def _begin_curves(self) -> None:
        stops_early = self.early_stopping and self.solver != "lbfgs"
        self.loss_curve_: list[float] = []
        self.best_loss_: Any = None if stops_early else math.inf
        self.validation_scores_: Any = [] if stops_early else None
        self.best_validation_score_: Any = -math.inf if stops_early else None
        self._no_improvement_count = 0

    def _fit_stochastic(
        self,
        X: Any,
        y: Array,
        weights: Array | None,
        held: HeldOut | None,
        random_state: np.random.RandomState,
        incremental: bool,
    ) -> None:
        net = self.network_
        if (self.validation_scores_ is not None) != self.early_stopping:
            self._begin_curves()
        samples = X.shape[0]
        total = float(samples if weights is None else weights.sum())
        batch_size = self._samples_in_a_batch(samples)
        self._set_l2(self.alpha / (total * batch_size / samples))
        net.seed = int(random_state.randint(np.iinfo(np.int64).max, dtype=np.int64))
        if not incremental:
            net.optimizer = None
        self.n_iter_ = 0
        watch = Watch(self, samples, batch_size, self._constant(y, weights), held)
        options = {
            "epochs": 1 if incremental else int(self.max_iter),
            "batch_size": batch_size,
            "optimizer": self._chosen_optimizer(),
            "loss": self._loss(),
            "sample_weight": weights,
            "validation_data": None if held is None else held.validation_data,
            "shuffle": self.shuffle,
            "callbacks": [watch, *self.callbacks],
            "verbose": 0,
        }
        if self._trains_to_the_end(X, y, options) and not incremental and not watch.stopped:
            warnings.warn(
                f"Stochastic Optimizer: Maximum iterations ({self.max_iter}) reached and the optimization hasn't "
                "converged yet.",
                ConvergenceWarning,
                stacklevel=4,
            )
        if self.early_stopping and not incremental:
            self._go_back(watch)

    def _trains_to_the_end(self, X: Any, y: Array, options: dict[str, Any]) -> bool:
        """Fit the network; return whether all iterations were made, without an interrupt or a divergence."""
        try:
            self.network_.fit(X, y, **options)
        except KeyboardInterrupt:
            warnings.warn("Training interrupted by user.", stacklevel=5)
        except DivergedError as error:
            if not self.early_stopping:
                raise ValueError(f"{DIVERGED}: {error}") from error
            self.validation_scores_.append(math.nan)
            warnings.warn(f"{DIVERGED}: {error}", ConvergenceWarning, stacklevel=5)
        else:
            return bool(self.n_iter_ == self.max_iter)
        return False

    def _go_back(self, watch: Watch) -> None:
        """Return to the best weights, if a score says which these are."""
        if self.best_validation_score_ > -math.inf:
            self.network_.go_back(watch.best)
            return
        warnings.warn(
            "No score of the samples for early stopping is a number: the weights are those of the last epoch.",
            ConvergenceWarning,
            stacklevel=5,
        )

    def _iteration_ends(self, loss: float) -> None:
        self.n_iter_ += 1
        self.loss_ = loss
        self.loss_curve_.append(loss)
        if self.verbose:
            print(f"Iteration {self.n_iter_}, loss = {loss:.8f}")

    def _samples_in_a_batch(self, samples: int) -> int:
        if isinstance(self.batch_size, str):
            return samples if isinstance(self.solver, Optimizer) and self.solver.needs_full_batch else min(200, samples)
        if self.batch_size > samples:
            warnings.warn(
                f"batch_size={self.batch_size} is more than the {samples} samples: it is clipped", stacklevel=5
            )
        return min(int(self.batch_size), samples)

    def _chosen_optimizer(self) -> Optimizer:
        if isinstance(self.solver, Optimizer):
            return self.solver
        rate = self.learning_rate if isinstance(self.learning_rate, Schedule) else float(self.learning_rate_init)
        if self.solver == "sgd":
            return SGD(rate, momentum=self.momentum, nesterov=bool(self.nesterovs_momentum))
        return Adam(rate, beta1=self.beta_1, beta2=self.beta_2, epsilon=self.epsilon)

    def _set_l2(self, value: float) -> None:
        for layer in self._dense:
            layer.l2 = value

    def _check_solver(self) -> bool:
        if self.solver == "lbfgs":
            raise AttributeError("partial_fit is only available for stochastic optimizers. lbfgs is not stochastic.")
        return True

    # --- what classifier and regressor differ in

    @abstractmethod
    def _validated(self, X: Any, y: Any, *, begins: bool) -> tuple[Any, Array]:
        """Return X and y as arrays."""

    def _classes(self, y: Array, *, incremental: bool) -> Any:
        """Return the classes from now on, as a LabelBinarizer; ValueError where y may not have those that it has."""

    def _adopt(self, classes: Any) -> None:
        """Take classes over."""

    def _is_larger(self, classes: Any) -> bool:
        """Tell whether there are classes that the network has no outputs for."""
        return False

    def _grow(self, classes: Any, random_state: np.random.RandomState) -> None:
        """Take classes over, and give the network outputs for the new ones."""

    @abstractmethod
    def _check_held(self, y_val: Array, seen: Seen) -> None:
        """Refuse targets for early stopping that are of another kind than those of the training."""

    @abstractmethod
    def _with_class_weight(self, sample_weight: Array | None, y: Array, seen: Seen) -> Array | None:
        """Return what each sample counts, where "balanced" is by the classes that are seen in training."""

    @abstractmethod
    def _targets(self, y: Array) -> Array:
        """Return what the network is trained on."""

    @abstractmethod
    def _output_layer(self, y: Array) -> tuple[int, str]:
        """Return the number of outputs and their activation."""

    @abstractmethod
    def _loss(self) -> Loss: ...

    @abstractmethod
    def _reported(self, loss: float) -> float:
        """Return the network's mean loss as scikit-learn counts it."""

    @abstractmethod
    def _constant(self, y: Array, weights: Array | None) -> float:
        """Return what scikit-learn's loss has beyond the network's."""

    @abstractmethod
    def _score(self, outputs: Array, y: Array, sample_weight: Array | None) -> float:
        """Return the score that early stopping goes by, from outputs and targets."""


def _checked_weights(weights: Array | None) -> Array | None:
    """Refuse weights with which nothing can be trained."""
    if weights is not None and weights.min() < 0:
        raise ValueError(f"sample_weight must have no negative weight, got {weights.min():g}")
    if weights is not None and weights.max() == 0:
        raise ValueError("class_weight and sample_weight leave no sample with a weight above zero")
    return weights
