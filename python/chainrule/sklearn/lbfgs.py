"""Training by scikit-learn's L-BFGS: all samples, one objective."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import scipy.optimize
from numpy.typing import NDArray
from sklearn.utils.optimize import _check_optimize_result

Array = NDArray[Any]

# The text of scikit-learn's own error.
DIVERGED = (
    "Solver produced non-finite parameter weights. The input data may contain large values and need to be preprocessed"
)


def check_lbfgs(estimator: Any) -> None:
    """Refuse settings that go with epochs only."""
    if estimator.callbacks:
        raise ValueError(f"callbacks must be empty for solver 'lbfgs', got {estimator.callbacks!r}")
    if estimator.precision != "full":
        raise ValueError(f"precision must be 'full' for solver 'lbfgs', got {estimator.precision!r}")
    if np.any(estimator.dropout):
        raise ValueError(f"dropout must be 0 for solver 'lbfgs', got {estimator.dropout!r}")


def fit_lbfgs(estimator: Any, X: Any, y: Array, weights: Array | None) -> None:
    """Train the estimator's network on samples and targets; ValueError where the loss stops being finite."""
    net, loss = estimator.network_, estimator._loss()
    constant = estimator._constant(y, weights)
    value = math.inf

    def objective(parameters: Array) -> tuple[float, Array]:
        nonlocal value
        net.parameters = parameters
        value, gradient = net.loss_and_gradient(X, y, loss, weights)
        return value, gradient.astype(np.float64)

    def reported(value: float) -> float:
        penalty = net.core.penalty()
        whole: float = estimator._reported(value - penalty) + constant + penalty
        return whole

    estimator.n_iter_ = 0
    try:
        result = scipy.optimize.minimize(
            objective,
            net.parameters.astype(np.float64),
            method="L-BFGS-B",
            jac=True,
            callback=lambda parameters: estimator._iteration_ends(reported(value)),
            options={"maxfun": estimator.max_fun, "maxiter": estimator.max_iter, "gtol": estimator.tol},
        )
    except ValueError as error:
        raise ValueError(f"{DIVERGED}: {error}") from error
    net.parameters = result.x
    estimator.loss_ = reported(float(result.fun))
    estimator.n_iter_ = _check_optimize_result("lbfgs", result, estimator.max_iter)
