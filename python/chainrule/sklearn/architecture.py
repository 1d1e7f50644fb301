"""The network of scikit-learn's multilayer perceptron, with the initial weights that scikit-learn draws."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from .._checks import checked_integer, checked_number
from ..activations import ACTIVATIONS, checked_activation
from ..layers.activation import Activation
from ..layers.base import Layer
from ..layers.dense import Dense
from ..layers.input import Input
from ..layers.noise import Dropout
from ..layers.normalisation import BatchNorm
from ..network import Network

Array = NDArray[Any]

HIDDEN_ACTIVATIONS = {"logistic", *ACTIVATIONS} - {"softmax"}
SKLEARN_NAMES = {"sigmoid": "logistic"}
_OUR_NAMES = {theirs: ours for ours, theirs in SKLEARN_NAMES.items()}


@dataclass(frozen=True)
class Hidden:
    """Units, activation and dropped share of each hidden layer, and whether all are normalised by batch."""

    units: list[int]
    activations: list[str]
    dropout: list[float]
    batch_norm: bool
    # The scale of weights after no hidden layer follows the activation that is given all the same.
    given: Any

    @classmethod
    def checked(cls, sizes: Any, activation: str | Sequence[str], dropout: Any, batch_norm: bool) -> Hidden:
        """Return the hidden layers that an estimator's parameters mean."""
        units = [checked_integer(size, "hidden_layer_sizes", lowest=1) for size in np.atleast_1d(sizes)]
        names = [activation] * len(units) if isinstance(activation, str) else list(activation)
        if len(names) != len(units):
            raise ValueError(f"activation must be a name, or one for each of {len(units)} hidden layers; got {names!r}")
        checked = [checked_activation(name, HIDDEN_ACTIVATIONS) for name in names]
        rates = [dropout] * len(units) if np.ndim(dropout) == 0 else list(dropout)
        if len(rates) != len(units):
            raise ValueError(f"dropout must be a number, or one for each of {len(units)} hidden layers; got {rates!r}")
        shares = [checked_number(rate, "dropout", lowest=0, highest=1, open_highest=True) for rate in rates]
        return cls(units, [_OUR_NAMES.get(name, name) for name in checked], shares, batch_norm, activation)


def initial_layers(
    inputs: int, hidden: Hidden, outputs: int, output_activation: str, random_state: np.random.RandomState
) -> list[Input | Layer]:
    """Return the layers with weights and bias drawn as scikit-learn does, layer by layer."""

    def dense(inputs: int, units: int, activation: str, scale_of: str) -> Dense:
        bound = limit(inputs, units, scale_of)
        weights = random_state.uniform(-bound, bound, (inputs, units))
        return Dense(units, activation, weights=weights, bias=random_state.uniform(-bound, bound, units))

    layers: list[Input | Layer] = [Input(inputs)]
    for units, activation, rate in zip(hidden.units, hidden.activations, hidden.dropout, strict=True):
        if hidden.batch_norm:
            layers += [dense(inputs, units, "identity", activation), BatchNorm(), Activation(activation)]
        else:
            layers.append(dense(inputs, units, activation, activation))
        if rate > 0:
            layers.append(Dropout(rate))
        inputs = units
    # The scale of the last layer's weights follows the activation below it.
    last = hidden.activations[-1] if hidden.activations else hidden.given
    return [*layers, dense(inputs, outputs, output_activation, last)]


def set_statistics(network: Network, X: Any, weights: Array | None) -> None:
    """Give layers that normalise the statistics that the samples have in front of them, layer by layer."""
    for index, layer in enumerate(network.stack):
        if layer.statistic_arrays():
            values = network.truncated(index).predict(X)
            mean = np.average(values, axis=0, weights=weights)
            layer.set_statistic("running_mean", mean)
            layer.set_statistic("running_variance", np.average((values - mean) ** 2, axis=0, weights=weights))


def with_more_classes(
    network: Network, places: Array, classes: int, outputs: tuple[int, str], random_state: np.random.RandomState
) -> Network:
    """Return a network with other outputs, which tells the classes that it knew apart as before.

    Parameters
    ----------
    network : Network
        A single output is that of the second class, or of none.
    places : array
        Where the known classes are among all.
    classes : int
        Number of all classes.
    outputs : (int, str)
        Number of outputs from now on, and their activation.
    random_state : RandomState
        Of the weights to classes that are new.
    """
    last = cast(Dense, network.stack[-1])
    bound = limit(last.weights.shape[0], classes, outputs[1])
    logits = random_state.uniform(-bound, bound, (last.weights.shape[0] + 1, classes))
    known = np.vstack([last.weights, last.bias])
    # One logit z says as much as the logits -z/2 and z/2 of two classes.
    logits[:, places] = known if known.shape[1] > 1 else (np.hstack([-known, known]) / 2)[:, : len(places)]
    made = logits if outputs[0] > 1 else logits[:, 1:] - logits[:, :1]
    dense = Dense(*outputs, weights=made[:-1], bias=made[-1])
    layers = [*network.layers[:-1], dense]
    grown = Network(layers, dtype=network.dtype, precision=network.numbers.precision, seed=0)
    grown.history, grown.epochs = network.history, network.epochs
    return grown


def limit(inputs: int, units: int, activation: str) -> float:
    """Return the largest initial weight (Glorot and Bengio 2010) of a layer with this activation."""
    return math.sqrt((2.0 if activation in ("sigmoid", "logistic") else 6.0) / (inputs + units))
