"""Measures of predictions that are computed after an epoch, next to the loss and the metric of the core."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._checks import checked_name

# What `fit` and `evaluate` take as a metric: a name, or a function of outputs and targets.
MetricLike: TypeAlias = str | Callable[[NDArray[Any], NDArray[Any]], ArrayLike]
Weights: TypeAlias = NDArray[np.float64] | None
# Metrics that the core reports with the loss that they go with.
OF_CORE = ("accuracy", "mae")


@dataclass(frozen=True)
class Metric:
    """A measure of outputs and targets, with the name that it has in the history.

    `function` takes outputs, targets and weights, and returns a number, or one for each output.
    """

    name: str
    function: Callable[[NDArray[Any], NDArray[Any], Weights], ArrayLike]

    def measure(self, outputs: NDArray[Any], targets: NDArray[Any], weights: Weights) -> dict[str, float]:
        """Return the value by the metric's name, and that of each output by ``name[i]`` if there are several."""
        values = np.asarray(self.function(outputs, targets, weights), dtype=np.float64)
        if values.ndim > 1 or values.size == 0:
            raise ValueError(f"metric {self.name!r} must be a number or one for each output, got shape {values.shape}")
        if values.size == 1:
            return {self.name: float(values.reshape(()))}
        of_outputs = {f"{self.name}[{i}]": float(value) for i, value in enumerate(values)}
        return {self.name: float(values.mean()), **of_outputs}


def as_metrics(metrics: Iterable[MetricLike] | MetricLike, of_core: str) -> list[Metric]:
    """Return metrics as objects; those that the core reports as `of_core` need none.

    Raises
    ------
    ValueError, TypeError
        For an unknown name, a function without a name, and what is neither.
    """
    single = isinstance(metrics, str) or callable(metrics)
    given: list[Any] = [metrics] if single else list(metrics)  # type: ignore[arg-type]
    made = []
    for metric in given:
        if metric == of_core:
            continue
        if metric in OF_CORE:
            raise ValueError(f"metric {metric!r} does not go with these targets and this loss, which have {of_core!r}")
        made.append(_named(metric) if isinstance(metric, str) else _of_function(metric))
    names = [metric.name for metric in made]
    if len(set(names)) < len(names) or set(names) & {"loss", "learning_rate", of_core}:
        raise ValueError(f"metrics must have different names, and not those of the fit itself; got {names}")
    return made


def measured(
    metrics: Sequence[Metric], outputs: NDArray[Any], targets: NDArray[Any], weights: Weights
) -> dict[str, float]:
    """Return the values of all metrics by name."""
    found: dict[str, float] = {}
    for metric in metrics:
        found |= metric.measure(outputs, targets, weights)
    return found


def r2_of_outputs(outputs: NDArray[Any], targets: NDArray[Any], weights: Weights = None) -> NDArray[np.float64]:
    """Return 1 − Σ (t − y)² / Σ (t − mean)² of each output; 0 for an output whose targets are all equal."""
    y, t, w = _rows(outputs, targets, weights)
    mean = np.average(t, axis=0, weights=w)
    residual, total = w @ (t - y) ** 2, w @ (t - mean) ** 2
    return np.where(total > 0, 1.0 - residual / np.where(total > 0, total, 1.0), 0.0)


def r2(outputs: NDArray[Any], targets: NDArray[Any], weights: Weights = None) -> float:
    """Return the mean over the outputs of `r2_of_outputs`.

    Examples
    --------
    >>> r2(np.array([1.0, 2.0, 4.0]), np.array([1.0, 2.0, 3.0]))
    0.5
    """
    return float(r2_of_outputs(outputs, targets, weights).mean())


def rmse_of_outputs(outputs: NDArray[Any], targets: NDArray[Any], weights: Weights = None) -> NDArray[np.float64]:
    """Return √(mean (t − y)²) of each output.

    Examples
    --------
    >>> rmse_of_outputs(np.array([[1.0, 5.0], [2.0, 5.0]]), np.array([[1.0, 2.0], [2.0, 1.0]])).round(3).tolist()
    [0.0, 3.536]
    """
    y, t, w = _rows(outputs, targets, weights)
    return np.asarray(np.sqrt(np.average((t - y) ** 2, axis=0, weights=w)))


def _rows(
    outputs: NDArray[Any], targets: NDArray[Any], weights: Weights
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return outputs and targets as rows, and a weight for each sample."""
    y, t = (np.asarray(values, dtype=np.float64).reshape(len(values), -1) for values in (outputs, targets))
    if y.shape != t.shape:
        raise ValueError(f"metrics of numbers need a target for each output, got {t.shape[1]} for {y.shape[1]}")
    w = np.ones(len(t)) if weights is None else np.asarray(weights, dtype=np.float64).reshape(len(t), -1).mean(axis=1)
    return y, t, w


_NAMED = {"r2": r2_of_outputs, "rmse": rmse_of_outputs}


def _named(name: str) -> Metric:
    return Metric(name, _NAMED[checked_name(name, "metric", _NAMED)])


def _of_function(function: Any) -> Metric:
    name = getattr(function, "__name__", "")
    if not callable(function) or isinstance(function, type):
        raise TypeError(f"metrics must be names or functions of (outputs, targets), got {function!r}")
    if not name.isidentifier():
        raise ValueError(f"a metric needs a name for the history: define it with def, got {function!r}")
    return Metric(name, lambda outputs, targets, _: function(outputs, targets))
