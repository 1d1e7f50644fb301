"""scikit-learn's multi-layer perceptrons, one epoch per call of partial_fit."""

from __future__ import annotations

import warnings
from contextlib import AbstractContextManager
from functools import partial
from typing import Any

import numpy as np
import sklearn
from numpy.typing import NDArray
from sklearn.neural_network import MLPClassifier, MLPRegressor

import chainrule as cr

from ..workload import Model, SkipError, Training, Workload
from . import Parameters, Peer, blas_threads, thread_counts


class OnScikitLearn(Model):
    """A classifier for softmax outputs, a regressor for identity; scikit-learn has no others."""

    def __init__(self, workload: Workload, parameters: Parameters, threads: int) -> None:
        if workload.output not in ("softmax", "identity"):
            raise SkipError(f"no network with {workload.output} output")
        self.threads, self.classes = threads, np.arange(workload.sizes[-1])
        self.classifier = workload.output == "softmax"
        options: dict[str, Any] = {
            "hidden_layer_sizes": workload.sizes[1:-1],
            "activation": "logistic" if workload.hidden == "sigmoid" else workload.hidden,
            "alpha": 0.0,
            "random_state": 0,
        }
        if isinstance(workload, Training):
            options |= {"batch_size": workload.batch_size, "learning_rate_init": workload.optimizer.learning_rate}
            if isinstance(workload.optimizer, cr.SGD):
                momentum = workload.optimizer.momentum
                options |= {"solver": "sgd", "momentum": momentum, "nesterovs_momentum": False}
        self.model = (MLPClassifier if self.classifier else MLPRegressor)(**options)
        self.predict = self.model.predict_proba if self.classifier else self.model.predict
        self.begin(parameters)

    def begin(self, parameters: Parameters) -> None:
        """Let a first call allocate the arrays, then set the weights and drop the optimiser."""
        X = np.zeros((len(self.classes), len(parameters[0][0])), np.float32)
        with warnings.catch_warnings(action="ignore"):
            self.fit(X, self.classes if self.classifier else np.zeros((len(X), len(self.classes)), np.float32))
        if self.classifier and len(self.classes) == 2:
            # scikit-learn has one logistic output for two classes: of the difference of two softmax pre-activations.
            weights, bias = parameters[-1]
            parameters = [*parameters[:-1], (np.diff(weights), np.diff(bias))]
        for (weights, bias), own_weights, own_bias in zip(
            parameters, self.model.coefs_, self.model.intercepts_, strict=True
        ):
            own_weights[...], own_bias[...] = weights, bias
        del self.model._optimizer

    def fit(self, X: Any, y: NDArray[Any]) -> None:
        """Make one pass over the data."""
        if self.classifier:
            self.model.partial_fit(X, y, classes=self.classes)
        else:
            self.model.partial_fit(X, y.ravel() if y.shape[1] == 1 else y)

    def turn(self) -> AbstractContextManager[Any]:
        """Limit the threads of BLAS."""
        return blas_threads(self.threads)

    def load(self, training: Training, X: Any, y: NDArray[Any]) -> None:
        """Keep the data."""
        self.X, self.y = X, y

    def epoch(self) -> None:
        """Make one pass over the data."""
        self.fit(self.X, self.y)


PEER = Peer(
    "scikit-learn",
    {"scikit-learn": sklearn.__version__},
    {name: partial(OnScikitLearn, threads=n) for name, n in thread_counts().items()},
)
