"""Networks as scikit-learn's multilayer perceptrons."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..model import Model
from ..prediction.folding import folded

# Names of activations here, and in scikit-learn.
_NAMES = {"identity": "identity", "sigmoid": "logistic", "tanh": "tanh", "relu": "relu", "softmax": "softmax"}


def to_sklearn(model: Model) -> Any:
    """Return the estimator of `Network.to_sklearn`."""
    try:
        from sklearn.neural_network import MLPClassifier, MLPRegressor
    except ImportError as error:
        raise ImportError('to_sklearn needs scikit-learn: pip install "chainrule[sklearn]"') from error
    layers = _layers(folded(model))
    hidden, output = _activations(model, layers)
    sizes = tuple(len(layer.bias) for layer in layers[:-1])
    kind = MLPRegressor if output == "identity" else MLPClassifier
    mlp = kind(hidden_layer_sizes=sizes, activation=hidden)
    mlp.coefs_ = [np.array(layer.weights) for layer in layers]
    mlp.intercepts_ = [np.array(layer.bias) for layer in layers]
    mlp.coefs_[0] = mlp.coefs_[0] * mlp.coefs_[0].dtype.type(model.border.scale)
    mlp.n_features_in_, mlp.n_outputs_ = model.inputs, model.outputs
    mlp.n_layers_, mlp.out_activation_ = len(layers) + 1, output
    # What its training goes on from.
    mlp.n_iter_, mlp.t_, mlp._no_improvement_count = model.epochs, 0, 0
    mlp.loss_curve_, mlp.best_loss_ = [], np.inf
    mlp.validation_scores_ = mlp.best_validation_score_ = None
    if output != "identity":
        mlp._label_binarizer = _binarizer(model, output)
        mlp.classes_ = mlp._label_binarizer.classes_
    return mlp


def _layers(model: Model) -> list[Any]:
    for layer in model.stack:
        if not layer.fully_connected or not layer.mixes_features:
            raise ValueError(f"{layer!r} is in no perceptron of scikit-learn, which has layers of Dense alone")
        if not getattr(layer, "use_bias", True):
            raise ValueError(f"{layer!r} has no bias, which every layer of scikit-learn's has")
    return list(model.stack)


def _activations(model: Model, layers: list[Any]) -> tuple[str, str]:
    """Return the names of the one activation of hidden layers, and of that of the output."""
    names = [layer.activation for layer in layers]
    hidden = set(names[:-1]) or {"relu"}
    if len(hidden) > 1 or not hidden <= _NAMES.keys() - {"softmax"}:
        raise ValueError(f"hidden layers must have one activation of scikit-learn, got {names[:-1]}")
    if names[-1] not in ("identity", "sigmoid", "softmax"):
        raise ValueError(f"the output must be identity, sigmoid or softmax in scikit-learn, got {names[-1]!r}")
    return _NAMES[hidden.pop()], _NAMES[names[-1]]


def _binarizer(model: Model, output: str) -> Any:
    from sklearn.preprocessing import LabelBinarizer

    known: NDArray[Any] = np.arange(max(model.outputs, 2))
    if output == "logistic" and model.outputs > 1:
        # Independent labels, each of which may be there or not.
        known = np.repeat([[0], [1]], model.outputs, axis=1)
    return LabelBinarizer().fit(known if model.border.classes is None else model.border.classes)
