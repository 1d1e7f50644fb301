"""Layers of members side by side, (samples, members, features)."""

from __future__ import annotations

from typing import Any

from keras import layers as kinds

from ...layers.members import BatchEnsemble, Repeat, SeparateDense
from .made import Made, layers_of


@layers_of.register
def _(layer: Repeat, made: Made, x: Any) -> Any:
    return made.add(kinds.RepeatVector(layer.members), x)


@layers_of.register
def _(layer: BatchEnsemble, made: Made, x: Any) -> Any:
    members, features = layer.place.input_shape
    factored = made.product("bmi,mi->bmi", (members, features), x, layer.input_factors)
    z = made.add(kinds.Dense(layer.units, use_bias=False), factored, [layer.weights])
    z = made.product("bmu,mu->bmu", (members, layer.units), z, layer.output_factors, layer.bias)
    return made.activated(layer.activation, z)


@layers_of.register
def _(layer: SeparateDense, made: Made, x: Any) -> Any:
    members, _ = layer.place.input_shape
    z = made.product("bmi,miu->bmu", (members, layer.units), x, layer.weights, layer.bias)
    return made.activated(layer.activation, z)
