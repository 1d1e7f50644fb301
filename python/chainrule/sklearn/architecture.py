"""The network of scikit-learn's multilayer perceptron, with the initial weights that scikit-learn draws."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._checks import checked_integer, checked_name
from ..activations import ACTIVATIONS
from ..layers.dense import Dense
from ..layers.input import Input

Array = NDArray[Any]

HIDDEN_ACTIVATIONS = {"logistic", *ACTIVATIONS} - {"softmax"}
SKLEARN_NAMES = {"sigmoid": "logistic"}
_OUR_NAMES = {theirs: ours for ours, theirs in SKLEARN_NAMES.items()}


@dataclass(frozen=True)
class Hidden:
    """Units and activation of each hidden layer."""

    units: list[int]
    activations: list[str]
    # The scale of weights after no hidden layer follows the activation that is given all the same.
    given: Any

    @classmethod
    def checked(cls, sizes: Any, activation: str | Sequence[str]) -> Hidden:
        """Return the hidden layers that an estimator's parameters mean."""
        units = [checked_integer(size, "hidden_layer_sizes", lowest=1) for size in np.atleast_1d(sizes)]
        names = [activation] * len(units) if isinstance(activation, str) else list(activation)
        if len(names) != len(units):
            raise ValueError(f"activation must be a name, or one for each of {len(units)} hidden layers; got {names!r}")
        checked = [checked_name(name, "activation", HIDDEN_ACTIVATIONS) for name in names]
        return cls(units, [_OUR_NAMES.get(name, name) for name in checked], activation)


def initial_layers(
    inputs: int, hidden: Hidden, outputs: int, output_activation: str, random_state: np.random.RandomState
) -> list[Input | Dense]:
    """Return the layers with weights and bias drawn as scikit-learn does, layer by layer."""
    layers: list[Input | Dense] = [Input(inputs)]
    before = inputs
    # The scale of the last layer's weights follows the activation below it.
    last = hidden.activations[-1] if hidden.activations else hidden.given
    units, activations = [*hidden.units, outputs], [*hidden.activations, output_activation]
    for count, activation, scale_of in zip(units, activations, [*hidden.activations, last], strict=True):
        bound = limit(before, count, scale_of)
        weights = random_state.uniform(-bound, bound, (before, count))
        bias = random_state.uniform(-bound, bound, count)
        layers.append(Dense(count, activation, weights=weights, bias=bias))
        before = count
    return layers


def limit(inputs: int, units: int, activation: str) -> float:
    """Return the largest initial weight (Glorot and Bengio 2010) of a layer with this activation."""
    return math.sqrt((2.0 if activation in ("sigmoid", "logistic") else 6.0) / (inputs + units))
