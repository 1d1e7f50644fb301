"""Which parameters of modules PyTorch does not train: those without `requires_grad`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..layers.base import Arrays
from ..network import Network
from .torch_graph import Reader


def freeze(network: Network, image: Callable[[Reader], Network]) -> None:
    """Let parameters stay as they are in training that PyTorch would not train.

    `image` returns the network of the same modules with what a function reads in place of their parameters.
    """
    images = [image(read) for read in (_nothing, _all, _trained)]
    for leaves in zip(network.leaves, *(each.leaves for each in images), strict=True):
        layer: Any = leaves[0]
        learns = _learns(layer, *(leaf.parameter_arrays() for leaf in leaves[1:]))
        if not learns or all(learns.values()):
            continue
        if any(learns.values()) or layer.statistic_arrays():
            # PyTorch continues to update the statistics of such a layer.
            layer.rate_factor = layer.decay_factor = {name: 0.0 for name, does in learns.items() if not does}
        else:
            layer.trainable = False


def _nothing(parameter: Any) -> NDArray[np.float64]:
    return np.zeros(tuple(parameter.shape))


def _all(parameter: Any) -> NDArray[np.float64]:
    return np.ones(tuple(parameter.shape))


def _trained(parameter: Any) -> NDArray[np.float64]:
    return np.full(tuple(parameter.shape), float(parameter.requires_grad))


def _learns(layer: Any, nothing: Arrays, given: Arrays, trained: Arrays) -> dict[str, bool]:
    """Return whether the parameters of a layer learn, by their public names; {} for one without any."""
    if not nothing:
        return {}
    learns: dict[str, bool] = {}
    for name, public in layer.public_names(layer.place.input_shape).items():
        # What no parameter is read for, such as a factor of 1 that a module lacks, learns here.
        is_free = bool((given[name] == nothing[name]).all())
        learns[public] = learns.get(public, False) or is_free or bool((trained[name] != nothing[name]).any())
    return learns
