"""The samples that decide when a fit stops, and how well the network does on them."""

from __future__ import annotations

import copy
import inspect
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.metrics import get_scorer
from sklearn.model_selection import train_test_split

Array = NDArray[Any]


@dataclass(frozen=True)
class Given:
    """Samples for early stopping as `fit` is given them."""

    X: Any = None
    y: ArrayLike | None = None
    sample_weight: ArrayLike | None = None

    def is_complete(self, estimator: Any) -> bool:
        """Tell whether there are samples; ValueError for a part of them, and where they would not be used."""
        if self.X is None and self.y is None and self.sample_weight is None:
            return False
        for name, part in (("X_val", self.X), ("y_val", self.y)):
            if part is None:
                raise ValueError(f"{name} must be given with the other samples for early stopping, got None")
        if not estimator.early_stopping:
            raise ValueError("early_stopping must be True for X_val and y_val, got False")
        if estimator.solver == "lbfgs":
            raise ValueError("solver must be stochastic for X_val and y_val, got 'lbfgs'")
        return True


@dataclass(frozen=True)
class Seen:
    """Targets and classes of the samples that are trained with, to which others are compared."""

    y: Array
    # A LabelBinarizer; None for numbers.
    classes: Any
    incremental: bool


@dataclass(frozen=True)
class HeldOut:
    """Samples that decide when a fit stops."""

    X: Any
    # As scorers take it, and as the network does.
    y: Array
    targets: Array
    weights: Array | None

    @property
    def validation_data(self) -> tuple[Any, ...]:
        """The samples as `Network.fit` takes them."""
        return (self.X, self.targets, *(() if self.weights is None else (self.weights,)))

    def score(self, estimator: Any, metrics: Mapping[str, float]) -> float:
        """Return what `scoring` says of the estimator's network, the larger the better; NaN where it overflows.

        `metrics` are those of the epoch, in the network's terms.
        """
        outputs = estimator.network_.predict(self.X)
        if not np.isfinite(outputs).all():
            return math.nan
        if estimator.scoring is None:
            own: float = estimator._score(outputs, self.targets, self.weights)
            return own
        if isinstance(estimator.scoring, str) and estimator.scoring == "loss":
            return -float(estimator._reported(metrics["val_loss"]) + estimator._constant(self.targets, self.weights))
        return self._scored(estimator)

    def _scored(self, estimator: Any) -> float:
        scorer = get_scorer(estimator.scoring)
        # The samples have no names any more, which would make a warning in each epoch.
        scored = copy.copy(estimator)
        vars(scored).pop("feature_names_in_", None)
        weighs = self.weights is not None and _takes_weights(scorer)
        score = scorer(scored, self.X, self.y, **({"sample_weight": self.weights} if weighs else {}))
        if np.ndim(score) != 0 or not hasattr(score, "__float__"):
            raise TypeError(f"scoring must return a number, got {score!r}")
        return float(score)


def _takes_weights(scorer: Any) -> bool:
    parameters = inspect.signature(scorer).parameters.values()
    return any(parameter.name == "sample_weight" or parameter.kind is parameter.VAR_KEYWORD for parameter in parameters)


def split(labels: Array, stratifies: bool, fraction: float, random_state: np.random.RandomState) -> tuple[Array, Array]:
    """Return the positions of the samples to train with, and of those that decide when to stop.

    Classes have the same share of both if `stratifies`, or if one would not be trained otherwise; a class with a single
    sample is trained.
    """
    positions = np.arange(len(labels))
    _, number, counts = np.unique(labels, return_inverse=True, return_counts=True)
    several = positions[counts[number] > 1]

    def parts(stratify: Array | None) -> list[Array]:
        made: list[Array] = train_test_split(several, random_state=random_state, test_size=fraction, stratify=stratify)
        return made

    train, held = parts(labels[several] if stratifies and len(counts) > 1 else None)
    if len(held) < 2:
        raise ValueError("The validation set is too small. Increase 'validation_fraction' or the size of your dataset.")
    if np.count_nonzero(counts > 1) > len(np.unique(labels[train])):
        train, held = parts(labels[several])
    return np.concatenate([train, positions[counts[number] < 2]]), held
