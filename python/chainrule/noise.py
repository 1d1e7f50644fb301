"""Layers that disturb what goes through them in training, and pass it on in prediction."""

from __future__ import annotations

import math
from typing import Any

from . import reference
from ._checks import checked_flag, checked_number
from .layers import Layer, Shape


class Dropout(Layer):
    """Values are dropped at random in training, and the others made larger, so that the mean stays.

    z = x m / (1 − rate), with m = 0 where a uniform number is below rate, else 1 (Srivastava et al. 2014). What is
    drawn depends on the network's seed, the epoch and the sample's place in it, and on nothing else.

    Parameters
    ----------
    rate : float
        Share that is dropped, 0 <= rate < 1.
    spatial : bool
        Whether whole channels of images or sequences are dropped (Tompson et al. 2015).

    Examples
    --------
    >>> import chainrule as cr
    >>> net = cr.Network([cr.Input(4), cr.Dense(32), cr.Dropout(0.5), cr.Dense(2, "softmax")], seed=0)
    """

    _settings = ("rate", "spatial")
    _keeps_steps = True

    def __init__(self, rate: float, *, spatial: bool = False, trainable: bool = True) -> None:
        super().__init__(trainable=trainable)
        self.rate = checked_number(rate, "rate", lowest=0, highest=1, open_highest=True)
        self.spatial = checked_flag(spatial, "spatial")

    def _numbers(self, shape: Shape) -> dict[str, float]:
        return {"rate": self.rate, "group": shape[-1] if self.spatial else math.prod(shape)}

    def _reference(self, parameters: dict[str, Any]) -> reference.Layer:
        return reference.Dropout(self.rate, self._index or 0, self.spatial)


class GaussianNoise(Layer):
    """Normal noise is added in training: z = x + deviation · normal.

    Parameters
    ----------
    deviation : float
        Standard deviation, >= 0.

    Examples
    --------
    >>> GaussianNoise(0.1)
    GaussianNoise(0.1)
    """

    _settings = ("deviation",)
    _keeps_steps = True

    def __init__(self, deviation: float, *, trainable: bool = True) -> None:
        super().__init__(trainable=trainable)
        self.deviation = checked_number(deviation, "deviation", lowest=0)

    def _numbers(self, shape: Shape) -> dict[str, float]:
        return {"deviation": self.deviation}

    def _reference(self, parameters: dict[str, Any]) -> reference.Layer:
        return reference.GaussianNoise(self.deviation, self._index or 0)
