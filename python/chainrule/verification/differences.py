"""Central differences of the reference's loss, compared with the core's gradient."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import reference
from ..losses import Loss
from ..model import Model
from .kinks import crosses_zero, sides_of
from .report import Line, compare
from .scales import Array, scales_of
from .twins import counterparts, reference_loss, reference_of

TOLERANCE = 1e-7
# Parameters of a layer that differences are taken of; each needs four forward passes for a step.
SAMPLED = 50
# Steps by which a parameter of about 1 is moved. The first one suits inputs of about 1; larger inputs bend the loss
# more, and need smaller ones.
STEPS = [3e-4 / 16**i for i in range(4)]


@dataclass(frozen=True)
class Objective:
    """The mean loss of a batch, with penalties, as a function of the parameters of a reference network."""

    net: reference.Network
    X: NDArray[Any]
    y: NDArray[Any]
    weights: Array
    loss: Loss

    def value(self) -> float:
        """Return the objective for the parameters that the network has now."""
        mean, _ = self.net.evaluate(self.X, self.y, reference_loss(self.loss), self.weights)
        return float(mean + sum(layer.penalty() for layer in self.net.layers))

    def sides(self) -> list[NDArray[np.int64]]:
        """Return the sides of kinks of the samples that have a weight."""
        counted = self.weights.reshape(len(self.weights), -1).any(axis=1)
        return [side[counted] for side in sides_of(self.net, self.X, self.y, self.loss)]

    def derivative(self, start: Array, index: int, gradient: float, allowed: float) -> float | None:
        """Return the difference by the first step that suits a parameter; None if all steps have a kink in between.

        That is a step by which the difference is the gradient, or that of the step before, up to the allowed error.
        """
        found = None
        for step in STEPS:
            difference, kink = self.difference(start, index, step * max(1.0, abs(float(start[index]))))
            if kink:
                continue
            is_settled = found is not None and abs(difference - found) <= allowed
            found = difference
            if is_settled or abs(difference - gradient) <= allowed:
                break
        return found

    def difference(self, start: Array, index: int, h: float) -> tuple[float, bool]:
        """Return (E(−2h) − 8E(−h) + 8E(h) − E(2h)) / 12h of a parameter, and whether a kink is in between."""
        values, kink = {}, False
        self.net.parameters = start
        sides = self.sides()
        for offset in (-2, -1, 1, 2):
            moved = start.copy()
            moved[index] += offset * h
            self.net.parameters = moved
            kink |= any(not np.array_equal(a, b) for a, b in zip(sides, self.sides(), strict=True))
            kink |= crosses_zero(self.net, start[index], moved[index])
            values[offset] = self.value()
        self.net.parameters = start
        # In pairs, so that equal values give zero.
        return (values[-2] - values[2] + 8 * (values[1] - values[-1])) / (12 * h), kink


def compare_with_differences(
    network: Model, X: NDArray[Any], y: NDArray[Any], weights: Array, loss: Loss
) -> Iterator[Line]:
    """Compare the core's gradient with central differences, for a sample of each layer's parameters."""
    network.core.loss_and_gradient(X, y, weights, loss.core_loss())
    gradient = network.core.gradients().astype(np.float64)
    net = reference_of(network)
    net.loss_and_gradient(X, y, reference_loss(loss), weights)
    scales = dict(zip(map(id, net.layers), scales_of(net, y, weights, loss).gradients, strict=True))
    objective = Objective(net, X, y, weights, loss)
    begin = 0
    for layer in counterparts(net, network):
        learning, size = _learning_parameters(layer.twin)
        if layer.twin.trainable and learning.size > 0:
            chosen = begin + np.random.default_rng(layer.number - 1).permutation(learning)[:SAMPLED]
            line = _compare_layer(objective, chosen, gradient, max(scales[id(layer.twin)].values()))
            yield dataclasses.replace(line, stage=f"gradient, layer {layer.number}")
        begin += size


def _learning_parameters(layer: reference.Layer) -> tuple[NDArray[np.int64], int]:
    """Return the indices of a layer's parameters without those of frozen layers in a block, and the number of all."""
    learns = [np.full(part.size, leaf.trainable) for leaf in layer.leaves() for part in leaf.parameters.values()]
    all_parameters = np.concatenate(learns) if learns else np.empty(0, dtype=bool)
    return np.flatnonzero(all_parameters), all_parameters.size


def _compare_layer(objective: Objective, chosen: NDArray[np.int64], gradient: Array, scale: float) -> Line:
    start = objective.net.parameters
    expected, got, kept = [], [], []
    for index in map(int, chosen):
        difference = objective.derivative(start, index, gradient[index], 0.1 * TOLERANCE * scale)
        if difference is not None:
            expected.append(difference)
            got.append(gradient[index])
            kept.append(index)
    kinks = len(chosen) - len(kept)
    line = compare("gradient", "differences", np.array(got), np.array(expected), TOLERANCE, scale=scale, kinks=kinks)
    where = f"parameter {kept[int(line.where.strip('[]'))]}" if kept else "nowhere"
    return dataclasses.replace(line, where=where)
