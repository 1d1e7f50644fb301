"""Loss and metric of outputs that no single network has, such as the mean of several."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import _exact
from ..border import Batches
from ..layers.activation import Activation
from ..layers.base import Layer
from ..layers.input import Input
from ..losses import Loss
from ..network import Network

# The smallest probability that is told from zero, whose logarithm is finite.
_TINY = np.finfo(np.float64).tiny


def judged(outputs: NDArray[Any], data: Batches, loss: Loss, activation: str) -> tuple[float, float]:
    """Return mean loss and mean metric of outputs (samples, ...), which an activation has made, for checked targets.

    A network without parameters has these outputs: it is given their pre-activations, of which the core computes some
    losses. They are rounded once more.
    """
    made_by, z = _pre_activations(outputs.astype(np.float64), loss, activation)
    rows = z.reshape(len(z), -1)
    layers: list[Input | Layer] = [Input(*outputs.shape[1:]), Activation(made_by)]
    network = Network(layers, dtype="float64", seed=0)
    return network.core_of(rows).evaluate(rows, data.y, data.weights, loss.core_loss())


def _pre_activations(outputs: NDArray[np.float64], loss: Loss, activation: str) -> tuple[str, NDArray[np.float64]]:
    """Return an activation that the loss allows, and what it makes the outputs of."""
    if loss.activations is None or "identity" in loss.activations:
        return "identity", outputs
    log = _exact.log(np.maximum(outputs, _TINY))
    if "exp" in loss.activations:
        return "exp", log
    return activation, log if activation == "softmax" else log - _exact.log(np.maximum(1 - outputs, _TINY))
