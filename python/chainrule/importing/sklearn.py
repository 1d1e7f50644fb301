"""Networks from scikit-learn's multilayer perceptrons."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from ..layers.base import Layer
from ..layers.dense import Dense
from ..layers.input import Input
from ..network import Network

# scikit-learn's names of activations, and those here.
_NAMES = {"identity": "identity", "logistic": "sigmoid", "tanh": "tanh", "relu": "relu", "softmax": "softmax"}


def from_sklearn(mlp: Any) -> Network:
    """Return the network of a fitted `MLPClassifier` or `MLPRegressor` of scikit-learn.

    Parameters
    ----------
    mlp : sklearn.neural_network.MLPClassifier or MLPRegressor

    Returns
    -------
    Network
        Of float64 where the weights are. Classes that are strings are its labels; other labels are their places in
        `mlp.classes_`.

    Raises
    ------
    TypeError
        For what is no perceptron.
    ValueError
        For one that is not fitted.

    Examples
    --------
    >>> import numpy as np, chainrule as cr
    >>> from sklearn.neural_network import MLPRegressor
    >>> X = np.random.default_rng(0).standard_normal((40, 3))
    >>> mlp = MLPRegressor(hidden_layer_sizes=(8,), solver="lbfgs", max_iter=2000).fit(X, X[:, 0])
    >>> net = cr.from_sklearn(mlp)
    >>> net, np.allclose(net.predict(X)[:, 0], mlp.predict(X))
    (Network([3, 8, 1], 41 parameters, float64, seed=0), True)
    """
    if not hasattr(mlp, "hidden_layer_sizes"):
        raise TypeError(f"mlp must be an MLPClassifier or MLPRegressor, got {mlp!r}")
    if not hasattr(mlp, "coefs_"):
        raise ValueError(f"mlp must be fitted, and {mlp!r} is not")
    names = [mlp.activation] * (len(mlp.coefs_) - 1) + [mlp.out_activation_]
    layers: list[Input | Layer] = [Input(len(mlp.coefs_[0]))]
    for weights, bias, name in zip(mlp.coefs_, mlp.intercepts_, names, strict=True):
        if name not in _NAMES:
            raise ValueError(f"activation {name!r} of {mlp!r} has none here")
        layers.append(Dense(weights.shape[1], _NAMES[name], weights=weights, bias=bias))
    network = Network(layers, dtype=str(np.result_type(*mlp.coefs_)), seed=0)
    classes = getattr(mlp, "classes_", None)
    if classes is not None and np.asarray(classes).dtype.kind in "UO":
        network.border = replace(network.border, classes=np.asarray(classes).astype(str))
    return network
