"""Estimators in files: one safetensors file with all networks, columns and labels; nothing in it is ever run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..files import safetensors
from ..many.storage import described, restored
from .encoding import Encoding

# Attributes of a fitted estimator that are arrays, and those that are numbers or pairs of them.
_ARRAYS = ("oof_proba_", "oof_prediction_", "residuals_")
_NUMBERS = ("temperature_", "mean_", "scale_", "range_", "n_features_in_")
_PARAMETERS = ("preset", "n_members", "time_limit", "random_state", "n_jobs", "verbose")


def write_estimator(path: Path, estimator: Any) -> None:
    """Write a fitted estimator; see `safetensors.write`."""
    networks, tensors = described(estimator.networks_)
    known = vars(estimator)
    description = {
        "estimator": type(estimator).__name__,
        "parameters": {name: _plain(known[name]) for name in _PARAMETERS},
        "class_weight": _plain_weights(known.get("class_weight")),
        "networks": networks,
        "columns": estimator.encoding_.config(),
        "column_names": estimator.columns_,
        "numbers": {name: known[name] for name in _NUMBERS if name in known},
        "names": list(map(str, known["feature_names_in_"])) if "feature_names_in_" in known else None,
        "classes": estimator.classes_.tolist() if "classes_" in known else None,
        "classes_dtype": str(estimator.classes_.dtype) if "classes_" in known else None,
    }
    tensors |= {name: known[name] for name in _ARRAYS if name in known}
    safetensors.write(path, description, tensors)


def restore(estimator: Any, description: dict[str, Any], tensors: dict[str, Any]) -> None:
    """Give an estimator that is not fitted what a file says; ValueError and the like where it is damaged."""
    estimator.encoding_ = Encoding.from_config(description["columns"])
    estimator.columns_ = list(map(str, description["column_names"]))
    estimator.keep(restored(description["networks"], tensors))
    for name, value in description["numbers"].items():
        if name not in _NUMBERS:
            raise ValueError(f"unknown number {name!r}")
        setattr(estimator, name, tuple(value) if isinstance(value, list) else value)
    for name in _ARRAYS:
        if name in tensors:
            setattr(estimator, name, tensors[name])
    if description["classes"] is not None:
        estimator.classes_ = np.array(description["classes"], dtype=description["classes_dtype"])
        weights = description["class_weight"]
        estimator.class_weight = dict(weights) if isinstance(weights, list) else weights
    if description["names"] is not None:
        estimator.feature_names_in_ = np.array(description["names"], dtype=object)


def _plain(value: Any) -> Any:
    """Return a setting as a value that JSON can hold; None for a generator of random numbers."""
    if isinstance(value, np.random.RandomState):
        return None
    return value.item() if isinstance(value, np.generic) else value


def _plain_weights(weights: Any) -> Any:
    """Return weights of classes as pairs, as labels need not be strings."""
    if not isinstance(weights, Mapping):
        return weights
    return [[_plain(label), _plain(weight)] for label, weight in weights.items()]
