"""What layers of Keras are here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..activations import ACTIVATIONS, with_alpha
from ..layers.base import Part

# Returns the layers that a layer of Keras is.
Reader: TypeAlias = Callable[[Any], list[Part]]
READERS: dict[str, Reader] = {}

# Activations that have other names here.
_NAMES = {"linear": "identity", "exponential": "exp", "swish": "silu", "leaky_relu": "leaky_relu(0.2)"}


def reads(*kinds: str) -> Callable[[Reader], Reader]:
    """Register the function for layers of these kinds."""

    def register(function: Reader) -> Reader:
        READERS.update(dict.fromkeys(kinds, function))
        return function

    return register


def must(layer: Any, **wanted: Any) -> None:
    """Refuse a layer with other settings than these."""
    config = layer.get_config()
    for name, value in wanted.items():
        if name in config and config[name] != value:
            raise ValueError(f"layer {layer.name!r} has {name}={config[name]!r}, which no layer here has")


def part(kind: str, settings: dict[str, Any] | None = None, arrays: dict[str, Any] | None = None) -> Part:
    """Return a layer of these settings and arrays."""
    return Part({"type": kind, "trainable": True, **(settings or {})}, arrays or {})


def activation_of(layer: Any, name: str = "activation") -> str:
    """Return the name here of an activation."""
    given = layer.get_config()[name]
    chosen = _NAMES.get(given, given)
    if not isinstance(given, str) or given not in ACTIVATIONS.keys() | _NAMES.keys():
        raise ValueError(f"layer {layer.name!r} has {name}={given!r}, which no layer here has")
    return str(chosen)


def _weights(layer: Any) -> dict[str, NDArray[Any]]:
    names = ["weights", "bias"] if layer.use_bias else ["weights"]
    return dict(zip(names, layer.get_weights(), strict=True))


@reads("Dense")
def _(layer: Any) -> list[Part]:
    settings = {"units": layer.units, "activation": activation_of(layer), "use_bias": layer.use_bias}
    return [part("Dense", settings, _weights(layer))]


@reads("Conv1D", "Conv2D")
def _(layer: Any) -> list[Part]:
    must(layer, data_format="channels_last")
    axes = len(layer.kernel_size)
    settings = {
        "filters": layer.filters,
        "kernel_size": _per_axis(layer.kernel_size),
        "activation": activation_of(layer),
        "strides": _per_axis(layer.strides),
        "padding": layer.padding,
        "dilation": _per_axis(layer.dilation_rate),
        "groups": layer.groups,
        "use_bias": layer.use_bias,
    }
    return [part(f"Conv{axes}D", settings, _weights(layer))]


@reads("Conv2DTranspose")
def _(layer: Any) -> list[Part]:
    must(layer, data_format="channels_last", output_padding=None, dilation_rate=(1, 1), groups=1)
    settings = {
        "filters": layer.filters,
        "kernel_size": _per_axis(layer.kernel_size),
        "activation": activation_of(layer),
        "strides": _per_axis(layer.strides),
        "padding": layer.padding,
        "use_bias": layer.use_bias,
    }
    return [part("Conv2DTranspose", settings, _weights(layer))]


def _per_axis(values: Any) -> Any:
    numbers = tuple(int(value) for value in values)
    return numbers[0] if len(set(numbers)) == 1 else numbers


@reads("MaxPooling1D", "MaxPooling2D", "AveragePooling1D", "AveragePooling2D")
def _(layer: Any) -> list[Part]:
    must(layer, data_format="channels_last")
    kind = type(layer).__name__.replace("Average", "Avg").replace("Pooling", "Pool")
    strides = _per_axis(layer.strides)
    if kind.startswith("Avg") and layer.padding == "same" and layer.input.shape[1:-1] != _tiled(layer):
        raise ValueError(f"layer {layer.name!r} has padding='same', which backends treat differently in means")
    return [part(kind, {"pool_size": _per_axis(layer.pool_size), "strides": strides, "padding": layer.padding})]


def _tiled(layer: Any) -> tuple[int, ...]:
    """Return the size that needs no padding to make as many outputs."""
    outputs = layer.output.shape[1:-1]
    return tuple((n - 1) * s + k for n, s, k in zip(outputs, layer.strides, layer.pool_size, strict=True))


@reads("GlobalMaxPooling1D", "GlobalMaxPooling2D", "GlobalAveragePooling1D", "GlobalAveragePooling2D")
def _(layer: Any) -> list[Part]:
    must(layer, data_format="channels_last", keepdims=False)
    return [part(type(layer).__name__.replace("Average", "Avg").replace("Pooling", "Pool"))]


@reads("Flatten")
def _(layer: Any) -> list[Part]:
    must(layer, data_format="channels_last")
    return [part("Flatten")]


@reads("Reshape")
def _(layer: Any) -> list[Part]:
    return [part("Reshape", {"shape": tuple(layer.output.shape[1:])})]


@reads("Dropout", "SpatialDropout1D", "SpatialDropout2D")
def _(layer: Any) -> list[Part]:
    must(layer, noise_shape=None, data_format="channels_last")
    return [part("Dropout", {"rate": float(layer.rate), "spatial": type(layer).__name__ != "Dropout"})]


@reads("GaussianNoise")
def _(layer: Any) -> list[Part]:
    return [part("GaussianNoise", {"deviation": float(layer.stddev)})]


@reads("Activation")
def _(layer: Any) -> list[Part]:
    return [part("Activation", {"activation": activation_of(layer)})]


@reads("ReLU")
def _(layer: Any) -> list[Part]:
    must(layer, max_value=None, threshold=0.0)
    return _of_alpha(layer, "leaky_relu", "negative_slope")


@reads("LeakyReLU")
def _(layer: Any) -> list[Part]:
    return _of_alpha(layer, "leaky_relu", "negative_slope")


def _of_alpha(layer: Any, name: str, setting: str) -> list[Part]:
    """Return an activation with the α that a setting of a layer has."""
    alpha = float(layer.get_config()[setting])
    try:
        return [_alone(with_alpha(name, alpha))]
    except ValueError:
        raise ValueError(f"layer {layer.name!r} has {setting}={alpha}, which no layer here has") from None


def _alone(activation: str) -> Part:
    return part("Activation", {"activation": activation})


@reads("PReLU")
def _(layer: Any) -> list[Part]:
    (slopes,) = layer.get_weights()
    if slopes.size != slopes.shape[-1]:
        raise ValueError(f"layer {layer.name!r} has slopes of {slopes.shape}; here there is one for each feature")
    return [part("MixedActivation", {"function": "relu"}, {"shares": 1 - slopes.ravel()})]


@reads("ELU")
def _(layer: Any) -> list[Part]:
    return _of_alpha(layer, "elu", "alpha")


@reads("Softmax")
def _(layer: Any) -> list[Part]:
    must(layer, axis=-1)
    return [_alone("softmax")]


@reads("BatchNormalization")
def _(layer: Any) -> list[Part]:
    config, rank = layer.get_config(), len(layer.input.shape)
    axis = config["axis"] if isinstance(config["axis"], int) else config["axis"][0]
    if axis not in (-1, rank - 1):
        raise ValueError(f"layer {layer.name!r} has axis={axis}; here features are the last")
    values = list(layer.get_weights())
    ones = np.ones_like(values[-1])
    arrays = {
        "gamma": values.pop(0) if config["scale"] else ones,
        "beta": values.pop(0) if config["center"] else 0 * ones,
        "running_mean": values[0],
        "running_variance": values[1],
    }
    return [part("BatchNorm", {"momentum": config["momentum"], "epsilon": config["epsilon"]}, arrays)]


@reads("LayerNormalization")
def _(layer: Any) -> list[Part]:
    config, rank = layer.get_config(), len(layer.input.shape)
    axis = config["axis"] if isinstance(config["axis"], int) else config["axis"][0]
    if axis not in (-1, rank - 1) or (not isinstance(config["axis"], int) and len(config["axis"]) > 1):
        raise ValueError(f"layer {layer.name!r} has axis={config['axis']}; here features are the last")
    values = list(layer.get_weights())
    ones = np.ones(layer.input.shape[-1])
    arrays = {
        "gamma": values.pop(0) if config["scale"] else ones,
        "beta": values.pop(0) if config["center"] else 0 * ones,
    }
    return [part("LayerNorm", {"epsilon": config["epsilon"]}, arrays)]


@reads("Rescaling")
def _(layer: Any) -> list[Part]:
    features = layer.output.shape[-1]
    numbers = {"factor": layer.scale, "offset": layer.offset}
    return [part("Rescale", {}, {name: np.broadcast_to(value, (features,)) for name, value in numbers.items()})]


@reads("UpSampling2D")
def _(layer: Any) -> list[Part]:
    must(layer, data_format="channels_last", interpolation="nearest")
    return [part("UpSample2D", {"size": _per_axis(layer.size)})]


@reads("ZeroPadding2D")
def _(layer: Any) -> list[Part]:
    must(layer, data_format="channels_last")
    return [part("ZeroPad2D", {"padding": tuple(tuple(pair) for pair in layer.padding)})]


@reads("Embedding")
def _(layer: Any) -> list[Part]:
    settings = {"vocabulary": layer.input_dim, "units": layer.output_dim, "mask_zero": layer.mask_zero}
    return [part("Embedding", settings, {"weights": layer.get_weights()[0]})]


@reads("Masking")
def _(layer: Any) -> list[Part]:
    return [part("Masking", {"value": float(layer.mask_value)})]


@reads("SimpleRNN", "LSTM", "GRU")
def _(layer: Any) -> list[Part]:
    must(layer, go_backwards=False)
    return [_recurrent(layer)]


def _recurrent(layer: Any) -> Part:
    must(layer, recurrent_activation="sigmoid", return_state=False)
    kind = type(layer).__name__
    config = layer.get_config()
    copied = ("units", "return_sequences", "stateful", "dropout", "recurrent_dropout")
    settings = {"activation": activation_of(layer), **{name: config[name] for name in copied}}
    values = list(layer.get_weights())
    arrays = {"input_weights": values[0], "recurrent_weights": values[1]}
    bias = values[2] if config["use_bias"] else np.zeros((2, values[0].shape[1]))
    if kind == "GRU":
        settings["reset_after"] = config["reset_after"]
    if settings.get("reset_after"):
        arrays |= {"bias": bias[0], "recurrent_bias": bias[1]}
    else:
        arrays["bias"] = bias if bias.ndim == 1 else bias[0]
    return part(kind, settings, arrays)


@reads("Bidirectional")
def _(layer: Any) -> list[Part]:
    must(layer, merge_mode="concat")
    halves = [_recurrent(half) for half in (layer.forward_layer, layer.backward_layer)]
    arrays = {f"{i}.{name}": values for i, half in enumerate(halves) for name, values in half.arrays.items()}
    return [Part({"type": "Bidirectional", "layer": halves[0].config}, arrays)]
