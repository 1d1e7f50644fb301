"""Intervals that hold a chosen share of new targets, whatever their distribution, from residuals of unseen samples."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._checks import checked_number
from .arrays import as_real_array, with_rows
from .many.cross_validation import CrossValidation, unseen

__all__ = ["Intervals", "cv_plus", "split"]


class Predicts(Protocol):
    """A network, an ensemble, or any model with `predict`."""

    def predict(self, X: Any) -> Any:
        """Return a number for each sample, or for each of its targets."""


@dataclass(frozen=True)
class Intervals:
    """Predicts intervals of targets.

    Attributes
    ----------
    models : sequence
        Models with `predict`.
    model_of : array (calibration samples,) of int
        Which of them has not seen a sample.
    residuals : array (calibration samples, outputs)
        Distances of the targets from what that model predicts.
    coverage : float
        Share of new targets that the intervals shall hold.
    """

    models: Sequence[Predicts]
    model_of: NDArray[np.int64]
    residuals: NDArray[np.float64]
    coverage: float

    def predict(self, X: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the lower and upper ends, (samples, outputs) each; infinite where there are too few residuals."""
        centers = np.stack([_rows(model.predict(X)) for model in self.models])
        count = len(self.residuals)
        place = math.ceil((count + 1) * self.coverage - 1e-9)
        lower, upper = np.empty(centers.shape[1:]), np.empty(centers.shape[1:])
        if place > count:
            lower[:], upper[:] = -np.inf, np.inf
            return lower, upper
        if len(self.models) == 1:
            width = np.partition(self.residuals, place - 1, axis=0)[place - 1]
            return centers[0] - width, centers[0] + width
        for sample in range(centers.shape[1]):
            around = centers[self.model_of, sample]
            lower[sample] = -np.partition(self.residuals - around, place - 1, axis=0)[place - 1]
            upper[sample] = np.partition(self.residuals + around, place - 1, axis=0)[place - 1]
        return lower, upper

    def __repr__(self) -> str:
        return f"Intervals(coverage={self.coverage:g}, {len(self.models)} models, {len(self.residuals)} residuals)"


def split(model: Predicts, X: ArrayLike, y: ArrayLike, *, coverage: float = 0.9) -> Intervals:
    """Return intervals around the predictions of a model, from samples that it was not trained with.

    At least the share `coverage` of new targets is in them, on average over samples, if these come from where the
    calibration samples came from (Papadopoulos et al. 2002; Lei et al. 2018, theorem 2.2).

    Parameters
    ----------
    model : Network, Ensemble, or any object with ``predict``
        Already trained, for numbers.
    X, y
        Samples that the model has not seen, and their targets, (samples,) or (samples, outputs).
    coverage : float
        In (0, 1). With n samples it can be at most n / (n + 1); beyond, intervals are infinite.

    Raises
    ------
    ValueError
        For a coverage that is none, or targets of another shape than the predictions, or that are not finite.

    Examples
    --------
    >>> import numpy as np, chainrule as cr
    >>> rng = np.random.default_rng(0)
    >>> x = rng.uniform(-1, 1, (900, 1))
    >>> y = np.sin(3 * x) + 0.1 * rng.standard_normal((900, 1))
    >>> net = cr.Network([1, 16, 1], activation="tanh", seed=0)
    >>> history = net.fit(x[:400], y[:400], epochs=50, optimizer=cr.Adam(0.01), verbose=0)
    >>> intervals = cr.conformal.split(net, x[400:650], y[400:650], coverage=0.9)
    >>> lower, upper = intervals.predict(x[650:])
    >>> bool(0.85 < ((lower <= y[650:]) & (y[650:] <= upper)).mean() < 0.95)
    True
    """
    if not callable(getattr(model, "predict", None)):
        raise TypeError(f"model must have predict, as a network does, got {model!r}")
    residuals = _residuals(model.predict(X), y)
    return Intervals([model], np.zeros(len(residuals), np.int64), residuals, _checked(coverage))


def cv_plus(validation: CrossValidation, X: ArrayLike, y: ArrayLike, *, coverage: float = 0.9) -> Intervals:
    """Return intervals from the networks of a cross-validation, which need no samples of their own.

    CV+ (Barber, Candès, Ramdas and Tibshirani 2021): each network predicts, and the residuals of the samples that it
    has not seen say how far it errs. At least 2 · coverage − 1 of new targets are in them, whatever their distribution,
    and in practice about the share `coverage`.

    Parameters
    ----------
    validation : CrossValidation
        Of `chainrule.cross_validate`, in which each sample was held back once.
    X, y
        The samples of the cross-validation, and their targets.
    coverage : float
        In (0, 1).

    Raises
    ------
    ValueError
        For other samples than those of the cross-validation, or such that were held back never or several times.

    Examples
    --------
    >>> import numpy as np, chainrule as cr
    >>> rng = np.random.default_rng(0)
    >>> x = rng.uniform(-1, 1, (600, 1))
    >>> y = np.sin(3 * x) + 0.1 * rng.standard_normal((600, 1))
    >>> result = cr.cross_validate(
    ...     lambda: cr.Network([1, 16, 1], activation="tanh", seed=0), x[:300], y[:300], epochs=60,
    ...     optimizer=cr.Adam(0.01), verbose=0)
    >>> lower, upper = cr.conformal.cv_plus(result, x[:300], y[:300], coverage=0.9).predict(x[300:])
    >>> bool(0.85 < ((lower <= y[300:]) & (y[300:] <= upper)).mean() < 0.96)
    True
    """
    if not isinstance(validation, CrossValidation):
        raise TypeError(f"validation must be what chainrule.cross_validate returns, got {validation!r}")
    rows = np.concatenate(validation.held)
    samples = len(validation.predictions)
    if len(np.asarray(y)) != samples:
        raise ValueError(f"y must have the {samples} targets of the cross-validation, got {len(np.asarray(y))}")
    if len(rows) != samples or len(np.unique(rows)) != samples:
        raise ValueError(f"each of the {samples} samples must be held back once, got {len(rows)} that were held back")
    model_of = np.empty(samples, np.int64)
    for number, held in enumerate(validation.held):
        model_of[held] = number
    inputs = with_rows(X)
    if inputs.shape[0] != samples or not np.array_equal(
        unseen(validation.networks, validation.held, inputs), validation.predictions, equal_nan=True
    ):
        raise ValueError("X must be the samples of the cross-validation, for which its networks predict what they did")
    residuals = _residuals(validation.predictions, y)
    return Intervals(validation.networks, model_of, residuals, _checked(coverage))


def _checked(coverage: float) -> float:
    return checked_number(coverage, "coverage", lowest=0, highest=1, open_lowest=True, open_highest=True)


def _rows(outputs: Any) -> NDArray[np.float64]:
    values = np.asarray(outputs, np.float64)
    return values.reshape(len(values), -1)


def _residuals(predictions: Any, y: ArrayLike) -> NDArray[np.float64]:
    """Return the distances of targets from what is predicted for them, (samples, outputs)."""
    given = as_real_array(y, "y")
    if not given.size:
        raise ValueError(f"y must have at least one target, got shape {given.shape}")
    targets, predicted = _rows(given), _rows(predictions)
    if targets.shape != predicted.shape:
        hint = "; labels have no intervals around them" if targets.shape == (len(predicted), 1) else ""
        raise ValueError(f"y must have the shape of the predictions, {predicted.shape}, got {given.shape}{hint}")
    residuals = np.abs(targets - predicted)
    if not np.isfinite(residuals).all():
        first = int(np.flatnonzero(~np.isfinite(residuals).all(axis=1))[0])
        raise ValueError(
            f"y and the predictions must be finite, got {targets[first]} and {predicted[first]} at {first}"
        )
    return residuals
