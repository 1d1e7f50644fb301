"""A layer that reads a sequence from both ends."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any

from .. import _core
from .base import Layer, Place, Shape
from .recurrent import Recurrent
from .weighted import WeightedLayer

__all__ = ["Bidirectional"]


class Bidirectional(WeightedLayer):
    """A recurrent layer that reads each sequence from both ends, outputs side by side (Schuster and Paliwal 1997).

    Parameters
    ----------
    layer : SimpleRNN, LSTM or GRU
        What each direction is; the two draw different initial weights. Its penalties, factors and `trainable` hold for
        both.

    Attributes
    ----------
    ahead, back : SimpleRNN, LSTM or GRU
        The two directions, whose parameters can be read and set.

    Raises
    ------
    TypeError
        For another kind of layer.
    ValueError
        For one that is stateful, or in a network already.

    Examples
    --------
    >>> import chainrule as cr
    >>> net = cr.Network([cr.Input(10, 3), Bidirectional(cr.LSTM(8)), cr.Dense(1, "sigmoid")], seed=0)
    >>> net.layers[1], net.layers[1].back.bias.shape
    (Bidirectional(LSTM(8)), (32,))
    """

    step_remedy = ", which reads back from the end; use the layer itself, in one direction"
    reads_padding = True

    def __init__(self, layer: Recurrent) -> None:
        if not (isinstance(layer, Layer) and layer.reads_in_order):
            raise TypeError(f"layer must be a SimpleRNN, LSTM or GRU, got {layer!r}")
        if layer.stateful:
            raise ValueError(f"layer must not be stateful, as it reads each sample from its end too; got {layer!r}")
        if layer.is_placed:
            raise ValueError(f"layer must not be in a network yet, got {layer!r}, which is")
        super().__init__(**layer.learning())
        self.ahead, self.back = copy.copy(layer), copy.copy(layer)
        self.back._first_part = 2 * len(layer._gates)

    @property
    def layer(self) -> Recurrent:
        """A layer like either direction."""
        layer = copy.copy(self.ahead)
        layer._place = None
        return layer

    @property
    def preserves_steps(self) -> bool:  # type: ignore[override]
        return self.ahead.preserves_steps

    def output_shape(self, shape: Shape) -> Shape:
        *steps, units = self.ahead.output_shape(shape)
        return (*steps, 2 * units)

    def parameter_shapes(self, shape: Shape) -> dict[str, Shape]:
        of_one = self.ahead.parameter_shapes(shape)
        return {f"{direction}.{name}": part for direction in (0, 1) for name, part in of_one.items()}

    def public_names(self, shape: Shape) -> dict[str, str]:
        of_one = self.ahead.public_names(shape)
        return {f"{direction}.{name}": public for direction in (0, 1) for name, public in of_one.items()}

    def core_settings(self, shape: Shape) -> _core.LayerSettings:
        return self.ahead.core_settings(shape, directions=2)

    def enter(self, place: Place) -> int:
        self.ahead._place = self.back._place = place
        self.back._begin = sum(map(math.prod, self.ahead.parameter_shapes(place.input_shape).values()))
        return super().enter(place)

    def initialize(self, seed: int) -> None:
        self.ahead.initialize(seed)
        self.back.initialize(seed)

    def _penalties_changed(self) -> None:
        for half in (self.ahead, self.back):
            half._l1, half._l2 = self._l1, self._l2
        super()._penalties_changed()

    def _give_factors(self, place: Place) -> None:
        super()._give_factors(place)
        for half in (self.ahead, self.back):
            half._rate_factor, half._decay_factor = self._rate_factor, self._decay_factor

    def _set_trainable(self, value: bool) -> None:
        super()._set_trainable(value)
        self.ahead._trainable = self.back._trainable = self._trainable

    def reference_arguments(self) -> dict[str, Any]:
        return {"ahead": self.ahead, "back": self.back}

    @classmethod
    def from_config(cls, config: dict[str, Any], make: Callable[[Any], Layer]) -> Layer:
        layer = make(config["layer"])
        if not layer.reads_in_order:
            raise ValueError(f"a bidirectional layer must be of a recurrent one, got {layer!r}")
        return cls(layer)  # type: ignore[arg-type]

    def config(self) -> dict[str, Any]:
        return {"type": "Bidirectional", "layer": self.layer.config()}

    def __repr__(self) -> str:
        return f"Bidirectional({self.layer!r})"
