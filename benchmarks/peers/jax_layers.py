"""chainrule's layers as functions of JAX, with the same parameters."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import singledispatch
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

import chainrule as cr

# Maps a layer's parameters and inputs to its outputs.
Function = Callable[[Any, Any], Any]
# Maps parameters, statistics, inputs and a random key (None in prediction) to outputs and new statistics.
Stateful = Callable[[Any, Any, Any, Any], tuple[Any, Any]]

ACTIVATIONS = {
    "identity": lambda z: z,
    "relu": jax.nn.relu,
    "selu": jax.nn.selu,
    "sigmoid": jax.nn.sigmoid,
    "softmax": jax.nn.softmax,
    "tanh": jnp.tanh,
}


def function_of(network: cr.Network) -> tuple[Any, Any, Stateful]:
    """Return parameters, statistics, and the network as a function of them; the loss contains the softmax."""
    parameters, statistics = (
        [{name: jnp.array(values) for name, values in arrays.items()} for arrays in of_layers]
        for of_layers in zip(
            *((layer.parameter_arrays(), layer.statistic_arrays()) for layer in network.stack), strict=True
        )
    )
    return parameters, statistics, _in_row(network.stack, {**ACTIVATIONS, "softmax": ACTIVATIONS["identity"]})


def _in_row(stack: Sequence[cr.Layer], activations: Mapping[str, Callable[[Any], Any]]) -> Stateful:
    """Return layers in a row as a function, whose parameters and statistics are lists with an entry per layer."""
    layers = [(_stateful(layer), activations[layer.output_activation]) for layer in stack]

    def apply(parameters: Any, statistics: Any, x: Any, key: Any) -> tuple[Any, Any]:
        after = []
        for index, (layer, activation) in enumerate(layers):
            own = None if key is None else jax.random.fold_in(key, index)
            x, new = layer(parameters[index], statistics[index], x, own)
            x = activation(x)
            after.append(new)
        return x, after

    return apply


def _pair(value: Any) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else value


@singledispatch
def _stateful(layer: cr.Layer) -> Stateful:
    """Return the layer as a function; this default is for layers without statistics and random numbers."""
    function = _function(layer)
    return lambda p, statistics, x, key: (function(p, x), statistics)


@_stateful.register
def _(layer: cr.BatchNorm) -> Stateful:
    def normalise(p: Any, statistics: Any, x: Any, key: Any) -> tuple[Any, Any]:
        running = statistics["running_mean"], statistics["running_variance"]
        mean, variance = running
        if key is not None:
            axes = tuple(range(x.ndim - 1))
            mean, variance = x.mean(axes), x.var(axes)
            running = tuple(
                layer.momentum * old + (1 - layer.momentum) * new
                for old, new in zip(running, (mean, variance), strict=True)
            )
        z = (x - mean) * (p["gamma"] * lax.rsqrt(variance + layer.epsilon)) + p["beta"]
        return z, dict(zip(statistics, running, strict=True))

    return normalise


@_stateful.register
def _(layer: cr.Dropout) -> Stateful:
    kept = 1 - layer.rate

    def drop(p: Any, statistics: Any, x: Any, key: Any) -> tuple[Any, Any]:
        if key is not None:
            x = jnp.where(jax.random.bernoulli(key, kept, x.shape), x / kept, 0)
        return x, statistics

    return drop


def _by_layer(arrays: Mapping[str, Any], layers: int) -> list[dict[str, Any]]:
    """Return the arrays of a block, such as "0.weights", layer by layer."""
    return [
        {name.removeprefix(f"{i}."): values for name, values in arrays.items() if name.startswith(f"{i}.")}
        for i in range(layers)
    ]


@_stateful.register
def _(layer: cr.Residual) -> Stateful:
    apply, count = _in_row(layer.layers, ACTIVATIONS), len(layer.layers)

    def add(p: Any, statistics: Any, x: Any, key: Any) -> tuple[Any, Any]:
        z, after = apply(_by_layer(p, count), _by_layer(statistics, count), x, key)
        return x + z, {f"{i}.{name}": values for i, new in enumerate(after) for name, values in new.items()}

    return add


@singledispatch
def _function(layer: cr.Layer) -> Function:
    raise NotImplementedError(f"{type(layer).__name__} has no counterpart here")


@_function.register
def _(layer: cr.Dense) -> Function:
    return lambda p, x: x @ p["weights"] + p["bias"]


@_function.register
def _(layer: cr.Activation) -> Function:
    return lambda p, x: x


@_function.register
def _(layer: cr.Flatten) -> Function:
    return lambda p, x: x.reshape(len(x), -1)


@_function.register
def _(layer: cr.Conv2D) -> Function:
    assert isinstance(layer.padding, str)
    padding, strides = layer.padding.upper(), _pair(layer.strides)

    def convolve(p: Any, x: Any) -> Any:
        z = lax.conv_general_dilated(x, p["weights"], strides, padding, dimension_numbers=("NHWC", "HWIO", "NHWC"))
        return z + p["bias"]

    return convolve


@_function.register
def _(layer: cr.Conv1D) -> Function:
    assert isinstance(layer.padding, str) and isinstance(layer.strides, int)
    padding, strides = layer.padding.upper(), (layer.strides,)

    def convolve(p: Any, x: Any) -> Any:
        z = lax.conv_general_dilated(x, p["weights"], strides, padding, dimension_numbers=("NWC", "WIO", "NWC"))
        return z + p["bias"]

    return convolve


@_function.register
def _(layer: cr.LayerNorm) -> Function:
    def normalise(p: Any, x: Any) -> Any:
        mean, variance = x.mean(-1, keepdims=True), x.var(-1, keepdims=True)
        return (x - mean) * lax.rsqrt(variance + layer.epsilon) * p["gamma"] + p["beta"]

    return normalise


def _largest(size: tuple[int, ...], strides: tuple[int, ...]) -> Function:
    window, steps = (1, *size, 1), (1, *strides, 1)
    return lambda p, x: lax.reduce_window(x, -jnp.inf, lax.max, window, steps, "VALID")


@_function.register
def _(layer: cr.MaxPool2D) -> Function:
    return _largest(_pair(layer.pool_size), _pair(layer.pool_size if layer.strides is None else layer.strides))


@_function.register
def _(layer: cr.MaxPool1D) -> Function:
    assert isinstance(layer.pool_size, int)
    return _largest((layer.pool_size,), (layer.pool_size if layer.strides is None else layer.strides,))


@_function.register
def _(layer: cr.GlobalAvgPool2D) -> Function:
    return lambda p, x: x.mean((1, 2))


@_function.register
def _(layer: cr.GlobalAvgPool1D) -> Function:
    return lambda p, x: x.mean(1)


def lstm_step(p: Any, state: Any, z: Any) -> Any:
    """Return an LSTM's outputs and cells after a step; `z` is the product with the inputs plus bias."""
    h, c = state
    i, f, g, o = jnp.split(z + h @ p["recurrent_weights"], 4, axis=-1)
    c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
    return jax.nn.sigmoid(o) * jnp.tanh(c), c


@_function.register
def _(layer: cr.LSTM) -> Function:
    def run(p: Any, x: Any) -> Any:
        inputs = (x @ p["input_weights"] + p["bias"]).transpose(1, 0, 2)

        def step(state: Any, z: Any) -> tuple[Any, None]:
            return lstm_step(p, state, z), None

        zero = jnp.zeros((len(x), layer.units))
        return lax.scan(step, (zero, zero), inputs)[0][0]

    return run


@_function.register
def _(layer: cr.GRU) -> Function:
    def run(p: Any, x: Any) -> Any:
        inputs = (x @ p["input_weights"] + p["bias"]).transpose(1, 0, 2)

        def step(h: Any, z: Any) -> tuple[Any, None]:
            of_inputs = jnp.split(z, 3, axis=1)
            of_state = jnp.split(h @ p["recurrent_weights"] + p["recurrent_bias"], 3, axis=1)
            update, reset = (jax.nn.sigmoid(of_inputs[i] + of_state[i]) for i in range(2))
            candidate = jnp.tanh(of_inputs[2] + reset * of_state[2])
            return update * h + (1 - update) * candidate, None

        return lax.scan(step, jnp.zeros((len(x), layer.units)), inputs)[0]

    return run
