"""A network of layers that are known as values."""

from __future__ import annotations

from collections.abc import Sequence

from ..layers.activation import Activation
from ..layers.base import Layer, Part, make_layer
from ..layers.input import Input
from ..network import Network


def built(shape: Sequence[int | None], parts: Sequence[Part], dtype: str = "float32") -> Network:
    """Return the network of layers in a row, for samples of this shape."""
    made = [make_layer(part.config) for part in parts]
    # A network has at least one layer that computes.
    made += [] if any(layer.in_core for layer in made) else [Activation("identity")]
    layers: list[Input | Layer] = [Input(*shape), *made]
    network = Network(layers, seed=0, dtype=dtype)
    for layer, part in zip(network.stack, parts, strict=False):
        statistics = layer.statistic_shapes(layer.place.input_shape)
        for name, values in part.arrays.items():
            (layer.set_statistic if name in statistics else layer.set_parameter)(name, values)
    return network
