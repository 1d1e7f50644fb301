"""Descriptions of networks as plain values, checked when they are read: nothing in a file is trusted, or ever run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from .._settings import from_config
from ..function_loss import FunctionLoss
from ..history import History
from ..layers.base import Layer, Shape, make_layer, shapes_through
from ..layers.input import Input
from ..losses import LOSSES
from ..optimizers import OPTIMIZERS
from ..schedules import SCHEDULES
from ..target_scale import TargetScale

_Settings = TypeVar("_Settings")
Tensors: TypeAlias = dict[str, NDArray[Any]]


def layers_of(configs: list[dict[str, Any]]) -> tuple[Input, list[Layer]]:
    """Return the layers that were described."""
    first, *rest = configs
    if first.get("type") != "Input" or not rest:
        raise ValueError("layers must be an Input and layers after it")
    return Input(*first["shape"], scale=first.get("scale", 1.0)), [make_layer(config) for config in rest]


def arrays_of(
    layers: Sequence[Layer], shape: Shape, tensors: Tensors, dtype: str
) -> tuple[list[NDArray[Any]], list[tuple[Layer, str, NDArray[Any]]]]:
    """Return the parameters of layers in a row, and their statistics by layer and name, for samples of this shape."""
    parameters, statistics = [], []
    for index, (layer, before) in enumerate(zip(layers, shapes_through(shape, layers), strict=False)):
        for name, of_parameter in layer.parameter_shapes(before).items():
            parameters.append(checked_array(tensors, f"layers.{index}.{name}", of_parameter, dtype))
        for name, of_statistic in layer.statistic_shapes(before).items():
            statistics.append((layer, name, checked_array(tensors, f"layers.{index}.{name}", of_statistic, dtype)))
    return parameters, statistics


def checked_settings(expected: type[_Settings], config: Any) -> _Settings | None:
    """Return the loss or the optimiser that was described, or None."""
    kinds = (*OPTIMIZERS.values(), *LOSSES.values(), FunctionLoss, *SCHEDULES.values())
    classes = {cls.__name__: cls for cls in kinds}
    settings = from_config(config, classes)
    if settings is not None and not isinstance(settings, expected):
        raise ValueError(f"expected settings of {expected.__name__}, got {settings!r}")
    return settings


def checked_history(metrics: dict[str, Any]) -> History:
    """Return the history with these metrics, which must be lists of numbers of one length."""
    for name, values in metrics.items():
        if not isinstance(values, list) or any(type(value) not in (int, float) for value in values):
            raise ValueError(f"history of {name!r} must be a list of numbers")
    if metrics and {len(values) for values in metrics.values()} != {len(max(metrics.values(), key=len)) or 1}:
        raise ValueError("history must have lists of one length, and none that is empty")
    return History({name: [float(value) for value in values] for name, values in metrics.items()})


def checked_labels(labels: Any) -> NDArray[Any]:
    """Return the labels of classes, which are strings in ascending order."""
    if not isinstance(labels, list) or any(not isinstance(label, str) for label in labels):
        raise ValueError(f"classes must be a list of strings, got {labels!r}")
    if sorted(set(labels)) != labels:
        raise ValueError(f"classes must be ascending, got {labels}")
    return np.array(labels)


def checked_target_scale(config: Any, outputs: int) -> TargetScale | str | None:
    """Return the unit of targets that was described, if there is one, for a network with so many outputs."""
    if config is None:
        return None
    if config == "auto":
        return "auto"
    scale = TargetScale.from_config(config)
    if outputs % len(scale.mean) != 0:
        raise ValueError(f"target_scale must be of targets that divide {outputs} outputs, got {len(scale.mean)}")
    return scale


def checked_array(tensors: Tensors, name: str, shape: tuple[int, ...], dtype: str) -> NDArray[Any]:
    """Return an array of finite numbers by its name; ValueError if it has another shape or type."""
    if name not in tensors:
        raise ValueError(f"array {name!r} is missing")
    array = tensors[name]
    if array.shape != shape or str(array.dtype) != dtype:
        raise ValueError(f"array {name!r} must be {dtype} of shape {shape}, got {array.dtype} of {array.shape}")
    if not np.isfinite(array).all():
        raise ValueError(f"array {name!r} must be finite")
    return array
