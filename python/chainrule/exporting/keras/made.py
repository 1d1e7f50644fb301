"""Layers of Keras as they are made, with the weights that they get."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import singledispatch
from typing import Any

import numpy as np
from keras import layers as kinds
from numpy.typing import NDArray

from ...activations import name_and_alpha
from ...layers.base import Layer

# Names of activations in Keras, where they are others.
_NAMES = {"identity": "linear", "exp": "exponential"}
# Layers of Keras for activations that have an α, whose functions of Keras have one of their own.
_OF_ALPHA = {"leaky_relu": kinds.LeakyReLU, "elu": kinds.ELU}


@dataclass
class Made:
    """The layers of a model with their weights."""

    weights: list[tuple[Any, list[NDArray[Any]]]] = field(default_factory=list)

    def add(self, layer: Any, x: Any, weights: Sequence[NDArray[Any]] = ()) -> Any:
        """Add a layer that reads x; return what it makes of it."""
        self.weights.append((layer, list(weights)))
        return layer(x)

    def activated(self, activation: str, x: Any) -> Any:
        """Add an activation."""
        if activation == "identity":
            return x
        name, alpha = name_and_alpha(activation)
        if alpha is not None:
            return self.add(_OF_ALPHA[name](alpha), x)
        return self.add(kinds.Activation(name_of(activation)), x)

    def product(self, equation: str, shape: tuple[int, ...], x: Any, *weights: NDArray[Any]) -> Any:
        """Add a product with weights, whose axes an equation names, and a bias of the shape of a sample after it."""
        bias_axes = equation[-len(shape) :] if len(weights) > 1 else None
        return self.add(kinds.EinsumDense(equation, shape, bias_axes=bias_axes), x, weights)

    def scaled(self, x: Any, factors: NDArray[Any]) -> Any:
        """Add learned factors of the features."""
        axes = "bhwf"[: len(x.shape) - 1] + "f"
        return self.product(f"{axes},f->{axes}", tuple(x.shape[1:]), x, factors)

    def through(self, layers: Sequence[Layer], x: Any) -> Any:
        """Add layers in a row; those that are frozen stay so."""
        for layer in layers:
            begin = len(self.weights)
            x = layers_of(layer, self, x)
            if not layer.trainable:
                for made, _ in self.weights[begin:]:
                    made.trainable = False
        return x

    def rescaled(self, x: Any, factors: NDArray[Any], shifts: NDArray[Any]) -> Any:
        """Add factors and shifts of the features."""
        return self.add(kinds.Rescaling(np.atleast_1d(factors).tolist(), np.atleast_1d(shifts).tolist()), x)


def name_of(activation: str) -> str:
    """Return Keras's name of an activation."""
    return _NAMES.get(activation, activation)


@singledispatch
def layers_of(layer: Any, made: Made, x: Any) -> Any:
    """Add what a layer in its place in a network is in Keras; each kind of layer registers its function."""
    raise ValueError(f"{layer!r} has no layer in Keras")
