"""How large the terms are that cancel in each stage: a rounding error is small relative to them, not to the result.

The output and the target of a trained network nearly cancel, and what is left carries the rounding of both. So the
magnitudes of the terms are added up along the way of the deltas (Higham 2002, running error analysis).
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .. import reference
from ..losses import Loss
from .twins import reference_loss

Array: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True)
class Scales:
    """Magnitudes of the terms of each stage.

    Attributes
    ----------
    loss : float
    deltas : list of float
        An entry for each layer of the reference.
    gradients : list of dict
        For each layer of the reference, by the name of the parameter.
    """

    loss: float
    deltas: list[float]
    gradients: list[dict[str, float]]


def scales_of(net: reference.Network, y: NDArray[Any], weights: Array, loss: Loss) -> Scales:
    """Return the scales of a batch that has just gone forward and back through the reference."""
    last = net.layers[-1]
    z, a = net.outputs
    of_reference = reference_loss(loss)
    loss_scale, terms = of_reference.magnitudes(z, a, target_rows(y, net, loss))
    of_steps = weights.reshape(len(weights), -1)
    steps = of_steps.shape[1]
    share = np.repeat(of_steps, terms.shape[1] // steps, axis=1) * steps / weights.sum()
    magnitude = (share * terms).reshape(last.activations.shape)
    if not loss.from_pre_activations and last.activation != "softmax":
        magnitude = magnitude * _slope(last)
    deltas: list[float] = []
    gradients: list[dict[str, float]] = []
    for i, layer in reversed(list(enumerate(net.layers))):
        deltas.insert(0, float(magnitude.max()))
        of_parameters, magnitude = _through(layer, magnitude)
        gradients.insert(0, of_parameters)
        if i > 0:
            magnitude = magnitude * _slope(net.layers[i - 1])
    return Scales(float((share[:, : loss_scale.shape[1]] * loss_scale).sum()), deltas, gradients)


def target_rows(y: NDArray[Any], net: reference.Network, loss: Loss) -> Array:
    """Return the targets as rows, as the loss compares them with the outputs."""
    _, a = net.outputs
    of_reference = reference_loss(loss)
    rows = of_reference.rows(y, a.shape[1])
    return rows if loss.from_pre_activations else of_reference.smoothed(rows, net.layers[-1].activation)


def _through(layer: reference.Layer, deltas: Array) -> tuple[dict[str, float], Array]:
    """Send magnitudes back through a layer: return those of the gradients, and what arrives below."""
    twin = copy.deepcopy(layer)
    for leaf in twin.leaves():
        leaf.take_magnitudes()
    below = np.abs(twin.backward(deltas))
    return {name: float(np.abs(gradient).max()) for name, gradient in twin.gradients.items()}, below


def _slope(layer: reference.Layer) -> Array:
    return np.abs(reference.activations.derivative(layer.activation, layer.pre_activations))
