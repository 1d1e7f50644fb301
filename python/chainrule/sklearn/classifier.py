"""scikit-learn's MLPClassifier, trained by this package: see docs/sklearn.md."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from os import PathLike
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import ClassifierMixin, _fit_context
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils import column_or_1d
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import _check_partial_fit_first_call, type_of_target, unique_labels
from sklearn.utils.validation import check_is_fitted, validate_data

from .._checks import check_weighted_labels
from ..arrays import check_not_masked
from ..exporting.onnx import to_onnx
from ..exporting.onnx.estimators import both_classes, labels, several_labels
from ..exporting.onnx.graph import Graph
from ..exporting.onnx.model import Output
from ..losses import CrossEntropy, Loss
from ..optimizers import Optimizer
from ..schedules import Schedule
from ..training.callbacks import CallbackLike
from .architecture import with_more_classes
from .held_out import Given, Seen
from .perceptron import Array, MultilayerPerceptron


class MLPClassifier(ClassifierMixin, MultilayerPerceptron):
    """scikit-learn's MLPClassifier, with its parameters, attributes and meanings, and some more.

    Parameters
    ----------
    hidden_layer_sizes : int or array-like of int
        Units of each hidden layer; () for none.
    activation : str, or sequence of one for each hidden layer
        "identity", "logistic", "tanh", "relu", or another of `chainrule.activations.ACTIVATIONS` but softmax.
    solver : {"adam", "sgd", "lbfgs"} or Optimizer
        An optimiser of the package goes by its own settings; those below that are for a solver are not used then.
    alpha : float
        Penalty ½ alpha ‖W‖² on the sum of the samples' losses, >= 0.
    batch_size : int or "auto"
        Samples per step; "auto" is 200, or all if there are fewer, or if the optimiser is `IRprop`.
    learning_rate : {"constant", "invscaling", "adaptive"} or Schedule
        The names are for "sgd" alone; a schedule over the steps is for "adam" too.
    learning_rate_init : float
        For "sgd" and "adam", > 0.
    power_t : float
        Exponent of "invscaling": learning_rate_init / (samples so far + 1)^power_t, >= 0.
    max_iter : int
        Epochs at most; iterations of "lbfgs".
    shuffle : bool
        A new order each epoch.
    random_state : int, RandomState or None
        Of initial weights, order, and early stopping's split.
    tol : float
        What counts as an improvement, >= 0; of "lbfgs" the largest element of the gradient at the end.
    verbose : bool or int
        Print the loss of each iteration.
    warm_start : bool
        Whether `fit` starts from the current weights; classes that are new then get outputs next to the others.
    momentum : float
        Of "sgd", in [0, 1).
    nesterovs_momentum : bool
        Of "sgd".
    early_stopping : bool
        Keep some samples back, or take those given to `fit`, stop by the score on them, and return to the best weights.
    validation_fraction : float
        Share of the samples that are kept back, in [0, 1).
    beta_1, beta_2 : float
        Of "adam", in [0, 1).
    epsilon : float
        Of "adam", > 0.
    n_iter_no_change : int or inf
        Epochs without improvement before the end, or before "adaptive" divides the rate by 5, >= 1.
    max_fun : int
        Evaluations of the loss at most, for "lbfgs".
    class_weight : mapping of label to weight, "balanced" or None
        Multiplied into the samples' weights; a list of mappings for multi-label targets. A label that y does not have
        is a warning, or an error if some label of y has no weight, as it is then misspelt.
    dropout : float, or sequence of one for each hidden layer
        Share of the units of a hidden layer that is dropped in training, in [0, 1). Not for "lbfgs".
    batch_norm : bool
        Whether each hidden layer is normalised by batch, before its activation; "lbfgs" takes the statistics of all
        samples with the initial weights.
    precision : {"full", "mixed"}
        "mixed": as for `Network`, in float32 whatever the type of X. Not for "lbfgs", and not for a sparse X.
    scoring : str, callable, or None
        What early stopping goes by, the larger the better: a name of scikit-learn's scorers; a function of (estimator,
        X, y), which gets the weights as sample_weight if it has that argument; "loss" for the loss on these samples;
        None for the accuracy, or with class_weight for the log-loss.
    callbacks : sequence
        `Callback` objects or functions of (network, epoch, metrics); one that returns True stops. Not for "lbfgs".

    Attributes
    ----------
    network_ : Network
        The network: `save`, `check`, `history` and all else of the package.
    classes_ : array (classes,), or list of them
        The labels in the order of the outputs.
    coefs_, intercepts_ : list of array
        Weights (inputs, units) and bias (units,) of each layer: copies, which can be assigned but not written into.
    loss_, best_loss_, loss_curve_ : float, float, list of float
        Loss with penalty, of the last epoch, the best, and all of them.
    validation_scores_, best_validation_score_ : list of float, float
        Score of the samples for early stopping; None without.
    n_iter_, t_ : int
        Epochs of the last fit; samples so far.
    n_features_in_, feature_names_in_, n_layers_, n_outputs_, out_activation_
        As in scikit-learn.

    Examples
    --------
    >>> from chainrule.sklearn import MLPClassifier
    >>> X = [[0, 0], [0, 1], [1, 0], [1, 1]]
    >>> y = ["same", "other", "other", "same"]
    >>> MLPClassifier(activation="tanh", solver="lbfgs", random_state=0).fit(X, y).predict(X).tolist()
    ['same', 'other', 'other', 'same']
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **MultilayerPerceptron._parameter_constraints,
        "class_weight": [StrOptions({"balanced"}), dict, list, None],
    }

    def __init__(
        self,
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
        class_weight: Mapping[Any, float] | Sequence[Mapping[Any, float]] | str | None = None,
        dropout: float | Sequence[float] = 0.0,
        batch_norm: bool = False,
        precision: str = "full",
        scoring: str | Callable[..., float] | None = None,
        callbacks: Sequence[CallbackLike] = (),
    ) -> None:
        self._keep(locals())

    class_weight: Mapping[Any, float] | Sequence[Mapping[Any, float]] | str | None

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
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
    ) -> MLPClassifier:
        """Train.

        Parameters
        ----------
        X : array or sparse matrix (samples, features)
            float32 is trained in float32, all else in float64.
        y : array (samples,) of labels, or (samples, labels) of zeros and ones
            Classes, or which labels a sample has.
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
        classes: ArrayLike | None = None,
        *,
        X_val: ArrayLike | None = None,
        y_val: ArrayLike | None = None,
        sample_weight_val: ArrayLike | None = None,
    ) -> MLPClassifier:
        """Make one pass over the data, as `fit`; `classes` are all labels that will come, for the first call.

        With `early_stopping`, `X_val` and `y_val`, or a share of the samples of each call, are scored after it, and
        only the score is recorded.
        """
        if _check_partial_fit_first_call(self, classes):
            self._label_binarizer = LabelBinarizer()
            self._label_binarizer.fit(y if type_of_target(y).startswith("multilabel") else classes)
        self._fit(X, y, sample_weight, Given(X_val, y_val, sample_weight_val), incremental=True)
        return self

    def predict(self, X: ArrayLike) -> Array:
        """Return a label per sample, or (samples, labels) of zeros and ones."""
        outputs = self._outputs(X)
        labels: Array = self._label_binarizer.inverse_transform(outputs.ravel() if self.n_outputs_ == 1 else outputs)
        return labels

    def predict_proba(self, X: ArrayLike) -> Array:
        """Return the probability of each class, (samples, classes)."""
        samples = self._samples(X)
        return self.network_.predict_proba(samples)

    def predict_log_proba(self, X: ArrayLike) -> Array:
        """Return the logarithm of `predict_proba`, which stays finite where a probability underflows."""
        samples = self._samples(X)
        z = self.network_.pre_activations(samples)
        if self.out_activation_ == "softmax":
            return z - np.logaddexp.reduce(z, axis=1, keepdims=True)
        log_p, log_rest = -np.logaddexp(0.0, -z), -np.logaddexp(0.0, z)
        return np.hstack([log_rest, log_p]) if self.n_outputs_ == 1 else log_p

    def to_onnx(self, path: str | PathLike[str], *, dtype: str = "float32") -> None:
        """Write a file of ONNX with outputs "label" and "probabilities".

        Parameters
        ----------
        path, dtype
            As for `chainrule.Network.to_onnx`.
        """
        check_is_fitted(self)
        to_onnx(self.network_, path, dtype, partial(labels_and_probabilities, self))

    def _validated(self, X: Any, y: Any, *, begins: bool) -> tuple[Any, Array]:
        check_not_masked(X, "X")
        check_not_masked(y, "y")
        X, y = validate_data(
            self, X, y, accept_sparse="csr", multi_output=True, dtype=(np.float64, np.float32), reset=begins
        )
        return X, column_or_1d(y, warn=True) if y.ndim == 2 and y.shape[1] == 1 else y

    def _classes(self, y: Array, *, incremental: bool) -> LabelBinarizer:
        if incremental:
            _check_known(y, self.classes_)
            return self._label_binarizer
        if not self.warm_start or not hasattr(self, "network_"):
            return LabelBinarizer().fit(y)
        known = self._label_binarizer
        was_multilabel = known.y_type_.startswith("multilabel")
        if was_multilabel != (y.ndim == 2) or (was_multilabel and y.shape[1] < len(known.classes_)):
            before = f"{len(known.classes_)} columns of labels" if was_multilabel else "one label per sample"
            raise ValueError(f"y must have {before}, or more classes, to continue under warm_start; got {y.shape}")
        return LabelBinarizer().fit(y if was_multilabel else unique_labels(known.classes_, y))

    def _adopt(self, classes: LabelBinarizer) -> None:
        self._label_binarizer, self.classes_ = classes, classes.classes_

    def _is_larger(self, classes: LabelBinarizer) -> bool:
        return len(classes.classes_) > len(self.classes_)

    def _grow(self, classes: LabelBinarizer, random_state: np.random.RandomState) -> None:
        places = np.searchsorted(classes.classes_, self.classes_)
        self._adopt(classes)
        outputs = self._output_layer(self.classes_)
        self.network_ = with_more_classes(self.network_, places, len(self.classes_), outputs, random_state)
        # Scores of other classes are no measure of these.
        self._begin_curves()

    def _check_held(self, y_val: Array, seen: Seen) -> None:
        if y_val.shape[1:] != seen.y.shape[1:] or type_of_target(y_val).startswith("multilabel") != (seen.y.ndim == 2):
            shape = ("samples", *seen.y.shape[1:])
            raise ValueError(f"y_val must be targets as y, of shape {shape}; got {y_val.shape}")
        _check_known(y_val, seen.classes.classes_)

    def _with_class_weight(self, sample_weight: Array | None, y: Array, seen: Seen) -> Array | None:
        if self.class_weight is None:
            return sample_weight
        is_balanced = isinstance(self.class_weight, str)
        if seen.incremental and is_balanced:
            raise ValueError("class_weight must be a mapping for partial_fit, which does not see all samples at once")
        # Targets in front, which make known the classes that count, so that y need not have them all.
        known = seen.y if is_balanced or y.ndim == 2 else seen.classes.classes_
        if isinstance(self.class_weight, Mapping) and y.ndim == 1:
            check_weighted_labels(self.class_weight, seen.classes.classes_.tolist())
        indices = np.arange(len(known)) if is_balanced else None
        both = np.concatenate([known, y])
        of_class: Array = compute_sample_weight(self.class_weight, both, indices=indices)[len(known) :]
        return of_class if sample_weight is None else of_class * sample_weight

    def _targets(self, y: Array) -> Array:
        if self._label_binarizer.y_type_.startswith("multilabel"):
            rows: Array = self._label_binarizer.transform(y)
            return rows
        return np.searchsorted(self.classes_, y)

    def _output_layer(self, y: Array) -> tuple[int, str]:
        if self._label_binarizer.y_type_ == "multiclass":
            return len(self.classes_), "softmax"
        return (1 if self._label_binarizer.y_type_ == "binary" else len(self.classes_)), "sigmoid"

    def _loss(self) -> Loss:
        return CrossEntropy()

    def _reported(self, loss: float) -> float:
        return loss

    def _constant(self, y: Array, weights: Array | None) -> float:
        return 0.0

    def _score(self, outputs: Array, y: Array, sample_weight: Array | None) -> float:
        """Return the accuracy, or with weights of classes the negative log-loss.

        An untrained network that answers one rare class can have the best weighted accuracy of a few samples.
        """
        if self.class_weight is not None:
            return -self._log_loss(outputs, y, sample_weight)
        if y.ndim == 2:
            hits = ((outputs > 0.5) == y).all(axis=1)
        else:
            hits = (outputs[:, 0] > 0.5 if self.n_outputs_ == 1 else outputs.argmax(axis=1)) == y
        return float(np.average(hits, weights=sample_weight))

    def _log_loss(self, outputs: Array, y: Array, sample_weight: Array | None) -> float:
        likely = np.clip(outputs.astype(np.float64), 1e-300, 1.0)
        unlikely = np.clip(1.0 - outputs.astype(np.float64), 1e-300, 1.0)
        if self.out_activation_ == "softmax":
            losses = -np.log(likely[np.arange(len(y)), y])
        else:
            rows = y.reshape(len(y), -1)
            losses = -(rows * np.log(likely) + (1 - rows) * np.log(unlikely)).sum(axis=1)
        return float(np.average(losses, weights=sample_weight))


def _check_known(y: Array, known: Array) -> None:
    classes = unique_labels(y)
    if len(np.setdiff1d(classes, known)):
        raise ValueError(f"`y` has classes not in `self.classes_`, which has {known}; `y` has {classes}")


def labels_and_probabilities(model: MLPClassifier, graph: Graph, x: str) -> dict[str, Output]:
    """Return the outputs of a classifier in a graph, from those of its network."""
    if model._label_binarizer.y_type_.startswith("multilabel"):
        return several_labels(graph, x, model.n_outputs_)
    return labels(graph, both_classes(graph, x) if model.n_outputs_ == 1 else x, model.classes_)
