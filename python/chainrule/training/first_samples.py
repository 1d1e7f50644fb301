"""Warnings from a quick look at the first samples before a network is trained: what will keep it from learning."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..activations import traits_of
from ..arrays import are_labels, root_mean_square, unit_of
from ..border import Batches
from ..diagnose import WARNED, are_large, flows, statistics, with_spread
from ..errors import warn
from ..losses import Loss
from ..model import Model

# Number of samples that are looked at; fewer than the least say nothing about a layer.
LOOKED_AT, LEAST = 32, 8
# Root mean squares that new weights, which suit numbers of about 1, need many steps of a usual size to make up for.
SMALL, LARGE = 0.01, 50.0


def warn_of_first_samples(network: Model, data: Batches, loss: Loss) -> None:
    """Warn of samples and targets that do not suit the network.

    Sparse samples are not looked at, only their targets.
    """
    _warn_of_labels(network, data, loss)
    if len(data) < LEAST:
        return
    looked_at = slice(None, None, -(-len(data) // LOOKED_AT))
    if _is_for_numbers(loss) and not are_labels(data.y):
        _warn_of_targets(network, data.y[looked_at])
    if isinstance(data.X, np.ndarray) and not _warn_of_layers(network, data.X[looked_at], loss):
        _warn_of_inputs(network, data.X[looked_at])


def _is_for_numbers(loss: Loss) -> bool:
    return loss.is_of_differences and not loss.takes_any_targets


def _warn_of_labels(network: Model, data: Batches, loss: Loss) -> None:
    """Say which output goes with labels."""
    activation, classes = network.border.activation, network.shapes[-1][-1]
    if not are_labels(data.y) or classes == 1:
        return
    if loss.from_pre_activations and activation == "sigmoid":
        warn(
            f"y holds one class a sample, but the {classes} sigmoid outputs are independent of one another: "
            "use output 'softmax' for classes that exclude one another; if they do not, give y as rows of 0 and 1"
        )
    if _is_for_numbers(loss) and activation not in ("softmax", "sigmoid"):
        warn(
            f"y holds labels of classes, but the outputs are of activation {activation!r}, and the loss {loss.name!r} "
            "is for numbers: use activation 'softmax' in the last layer; for numbers, give y as rows of them"
        )


def _warn_of_targets(network: Model, rows: NDArray[Any]) -> None:
    """Say what to do with targets that the outputs cannot reach, or only after long training."""
    activation = network.border.activation
    low, high = traits_of(activation).reach
    least, most = float(rows.min()), float(rows.max())
    if least < low or most > high:
        warn(
            f"y is between {least:.4g} and {most:.4g}, and outputs of activation {activation!r} are between {low:.4g} "
            f"and {high:.4g}: use activation 'identity' in the last layer for targets of any size"
        )
        return
    mean, spread = statistics(rows)
    if _is_far_from_one(float(np.hypot(mean, spread))) and network.border.target_scale is None:
        warn(
            f"y is {with_spread(mean, spread)}, and new weights give outputs of about 1, so that training will take "
            "long: scale y to mean 0 and spread 1, or pass target_scale='auto' to a Network"
        )


def _warn_of_layers(network: Model, X: NDArray[Any], loss: Loss) -> bool:
    """Warn of the first layer that will hardly learn, if there is one."""
    for number, (layer, _, flow) in enumerate(flows(network, X, loss), start=1):
        if (found := flow.finding(WARNED)) is not None:
            inputs = statistics(X)
            size = f", with inputs of {with_spread(*inputs)}" if are_large(inputs) else ""
            what = f"{found.trouble}{size}; try {found.advice(inputs)}"
            warn(f"layer {number} ({layer.output_activation}) will hardly learn: {what}")
            return True
    return False


def _warn_of_inputs(network: Model, X: NDArray[Any]) -> None:
    """Say what to do with a feature whose size does not suit new weights."""
    if network.border.vocabulary is not None or _takes_any_scale(network):
        return
    sizes = root_mean_square(X, axis=0) * unit_of(X)
    size = float(sizes.max())
    if not _is_far_from_one(size):
        return
    place = np.unravel_index(int(sizes.argmax()), network.border.input_shape)
    of_pixels = "say cr.Input(..., scale=1 / 255), or " if _are_pixels(X) else ""
    warn(
        f"X[:, {', '.join(map(str, place))}] has a root mean square of {size:.2g}, and new weights suit inputs of "
        f"about 1: {of_pixels}scale X to mean 0 and spread 1, or begin with cr.Normalization.from_data(X)"
    )


def _are_pixels(X: NDArray[Any]) -> bool:
    return bool(X.min() >= 0 and X.max() <= 255 and (np.round(X) == X).all())


def _takes_any_scale(network: Model) -> bool:
    """Tell whether a layer scales the inputs before the first weights."""
    for layer in network.computing:
        if layer.takes_any_scale or layer.parameter_count:
            return layer.takes_any_scale
    return False


def _is_far_from_one(size: float) -> bool:
    return size > LARGE or 0 < size < SMALL
