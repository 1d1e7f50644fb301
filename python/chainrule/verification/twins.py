"""Twins of a network and of its settings: the same in NumPy, or in another precision."""

from __future__ import annotations

import dataclasses
from typing import Any, TypeVar

from .. import reference
from ..layers.base import Layer
from ..losses import Loss
from ..model import Model
from ..optimizers import Optimizer

_Model = TypeVar("_Model", bound=Model)


def in_float64(network: _Model) -> _Model:
    """Return a copy of the network in float64, whose factors are not rounded, without the optimiser's state."""
    return network.rebuilt(lambda description, _: description.update(dtype="float64", precision="full"))


def reference_of(network: Model) -> reference.Network:
    """Return the reference network with the same layers and parameters; it takes and returns samples as rows."""
    layers: list[reference.Layer] = [_twin(layer) for layer in network.stack]
    for leaf in (leaf for layer in layers for leaf in layer.leaves()):
        leaf.mixed = network.numbers.precision == "mixed"
    if len(network.shapes[0]) > 1:
        layers.insert(0, reference.Reshape(network.shapes[0]))
    return reference.Network(layers)


def counterparts(net: reference.Network, network: Model) -> list[Counterpart]:
    """Return the layers that the core has too, each with its twin in the reference."""
    begin = len(net.layers) - len(network.stack)
    return [
        Counterpart(number, layer.place.index, twin)
        for number, (layer, twin) in enumerate(zip(network.stack, net.layers[begin:], strict=True), start=1)
        if layer.in_core
    ]


@dataclasses.dataclass(frozen=True)
class Counterpart:
    """A layer in the core and in the reference.

    Attributes
    ----------
    number : int
        Number of the layer in the network, from 1.
    index : int
        The core's number of it; of a block, that of its end.
    twin : reference.Layer
        The layer of the reference.
    """

    number: int
    index: int
    twin: reference.Layer


def reference_loss(loss: Loss) -> reference.losses.Loss:
    """Return the reference's loss with the same settings."""
    return loss.reference()


def reference_optimizer(optimizer: Optimizer) -> reference.optimizers.Optimizer:
    """Return the reference's optimiser with the same settings in the first step, without state."""
    settings = _fields(optimizer)
    del settings["learning_rate"]
    if (decays := optimizer.weight_decays(0, 1)) is not None:
        settings["weight_decay"] = float(decays[0])
    return reference.optimizers.OPTIMIZERS[optimizer.name](**settings)


def _twin(layer: Layer) -> reference.Layer:
    arguments = {name: _as_reference(value) for name, value in layer.reference_arguments().items()}
    twin = reference.LAYERS[type(layer).__name__](**arguments)
    twin.rate_factors, decays = layer.learning_factors(layer.place.input_shape)
    twin.decay_factors = {name: factor for name, factor in decays.items() if factor is not None}
    return twin


def _as_reference(value: Any) -> Any:
    """Return an argument of a layer as the reference takes it; a block is made of layers, or of lists of layers."""
    if isinstance(value, Layer):
        return _twin(value)
    return [_as_reference(item) for item in value] if isinstance(value, list) else value


def _fields(settings: Any) -> dict[str, Any]:
    return {field.name: getattr(settings, field.name) for field in dataclasses.fields(settings)}
