"""Everything that a network is, as plain values and arrays: for copies, pickles and files."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from ._checks import checked_integer, checked_number
from ._config import from_config, to_config
from .composite import Concatenate, Residual
from .history import History
from .images import (
    AvgPool1D,
    AvgPool2D,
    Conv1D,
    Conv2D,
    Conv2DTranspose,
    GlobalAvgPool1D,
    GlobalAvgPool2D,
    MaxPool1D,
    MaxPool2D,
    UpSample2D,
    ZeroPad2D,
)
from .layers import Activation, Dense, Flatten, Input, Layer, Reshape, shapes_through
from .losses import LOSSES, Loss
from .noise import Dropout, GaussianNoise, Sampling
from .normalisation import BatchNorm, LayerNorm
from .optimizers import OPTIMIZERS, Optimizer
from .schedules import SCHEDULES
from .sequences import GRU, LSTM, Bidirectional, Embedding, Masking, SimpleRNN

if TYPE_CHECKING:
    from .network import Network

_Settings = TypeVar("_Settings")
Tensors = dict[str, NDArray[Any]]

_SETTINGS: dict[str, type] = {
    **{cls.__name__: cls for cls in OPTIMIZERS.values()},
    **{cls.__name__: cls for cls in LOSSES.values()},
    **SCHEDULES,
}

_LAYERS: dict[str, type[Layer]] = {
    cls.__name__: cls
    for cls in (
        Activation,
        AvgPool1D,
        AvgPool2D,
        BatchNorm,
        Bidirectional,
        Concatenate,
        Conv1D,
        Conv2D,
        Conv2DTranspose,
        Dense,
        Dropout,
        Embedding,
        Flatten,
        GRU,
        GaussianNoise,
        GlobalAvgPool1D,
        GlobalAvgPool2D,
        LSTM,
        LayerNorm,
        Masking,
        MaxPool1D,
        MaxPool2D,
        Reshape,
        Residual,
        Sampling,
        SimpleRNN,
        UpSample2D,
        ZeroPad2D,
    )
}


def of_network(network: Network) -> tuple[dict[str, Any], Tensors]:
    """Return a description that JSON can hold, and the arrays."""
    core = network._core
    description = {
        "layers": [layer._config() for layer in network.layers],
        "dtype": network.dtype,
        "seed": network.seed,
        "epochs": network.epochs,
        "rate_factor": to_config(network.rate_factor),
        "optimizer": to_config(network.optimizer),
        "loss": to_config(network.loss),
        "rule": core.optimizer_rule,
        "steps": core.optimizer_steps,
        "history": dict(network.history),
    }
    tensors: Tensors = {}
    for index, layer in enumerate(network._stack):
        for name, values in (layer._parameters() | layer._statistics()).items():
            tensors[f"layers.{index}.{name}"] = values
    for name, values in core.optimizer_state().items():
        tensors[f"optimizer.{name}"] = values
    return description, tensors


def restore(network: Network, description: dict[str, Any], tensors: Tensors) -> None:
    """Make a network that has not been initialised yet what `of_network` described; ValueError where they differ."""
    first, rest = _layers(description["layers"])
    parts, statistics = [], []
    for index, (layer, shape) in enumerate(zip(rest, shapes_through(first, rest), strict=False)):
        for name, of_parameter in layer._parameter_shapes(shape).items():
            parts.append(_taken(tensors, f"layers.{index}.{name}", of_parameter, description["dtype"]))
        for name, of_statistic in layer._statistic_shapes(shape).items():
            values = _taken(tensors, f"layers.{index}.{name}", of_statistic, description["dtype"])
            statistics.append((layer, name, values))
    parameters = np.concatenate([np.zeros(0), *(part.reshape(-1) for part in parts)])
    slots = {name.removeprefix("optimizer."): values for name, values in tensors.items() if name[:10] == "optimizer."}
    if len(slots) + len(parts) + len(statistics) != len(tensors):
        raise ValueError(f"unknown arrays among {sorted(tensors)}")
    for name in slots:
        _taken(tensors, f"optimizer.{name}", parameters.shape, description["dtype"])

    seed = checked_integer(description["seed"], "seed", lowest=0, highest=2**64 - 1)
    network._build(first, rest, description["dtype"], seed)
    network._core.set_parameters(parameters)
    for layer, name, values in statistics:
        layer._set_statistic(name, values)
    network.epochs = checked_integer(description["epochs"], "epochs", lowest=0)
    network.rate_factor = checked_number(description["rate_factor"], "rate_factor", lowest=0)
    network.optimizer = _of_type(Optimizer, from_config(description["optimizer"], _SETTINGS))
    network.loss = _of_type(Loss, from_config(description["loss"], _SETTINGS))
    network.history = _history(description["history"])
    if description["rule"] != "":
        steps = checked_integer(description["steps"], "steps", lowest=0, highest=2**53)
        network._core.set_optimizer_state(description["rule"], steps, slots)
    elif slots:
        raise ValueError(f"arrays of an optimizer without a rule: {sorted(slots)}")


def changed(network: Network, change: Callable[[dict[str, Any], Tensors], Any]) -> Network:
    """Return a network of what `change` has made of the description and the arrays, without the optimiser's state."""
    description, tensors = of_network(network)
    description["rule"] = ""
    values = {name: array for name, array in tensors.items() if name.startswith("layers.")}
    change(description, values)
    values = {name: array.astype(description["dtype"], copy=False) for name, array in values.items()}
    made = type(network).__new__(type(network))
    restore(made, description, values)
    return made


def _layers(configs: list[dict[str, Any]]) -> tuple[Input, list[Layer]]:
    first, *rest = configs
    if first.get("type") != "Input" or not rest:
        raise ValueError("layers must be an Input and layers behind it")
    return Input(*first["shape"]), [_layer(config) for config in rest]


def _layer(config: dict[str, Any]) -> Layer:
    if config.get("type") not in _LAYERS:
        raise ValueError(f"unknown kind of layer {config.get('type')!r}")
    return _LAYERS[config["type"]]._from_config(config, _layer)


def _of_type(expected: type[_Settings], settings: Any) -> _Settings | None:
    if settings is not None and not isinstance(settings, expected):
        raise ValueError(f"expected settings of {expected.__name__}, got {settings!r}")
    return settings


def _history(metrics: dict[str, Any]) -> History:
    for name, values in metrics.items():
        if not isinstance(values, list) or any(type(value) not in (int, float) for value in values):
            raise ValueError(f"history of {name!r} must be a list of numbers")
    if metrics and {len(values) for values in metrics.values()} != {len(max(metrics.values(), key=len)) or 1}:
        raise ValueError("history must have lists of one length, and none that is empty")
    return History({name: [float(value) for value in values] for name, values in metrics.items()})


def _taken(tensors: Tensors, name: str, shape: tuple[int, ...], dtype: str) -> NDArray[Any]:
    if name not in tensors:
        raise ValueError(f"array {name!r} is missing")
    array = tensors[name]
    if array.shape != shape or str(array.dtype) != dtype:
        raise ValueError(f"array {name!r} must be {dtype} of shape {shape}, got {array.dtype} of {array.shape}")
    if not np.isfinite(array).all():
        raise ValueError(f"array {name!r} must be finite")
    return array
