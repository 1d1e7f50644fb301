"""Layers that draw random numbers in training; in prediction they pass their inputs on, or their mean."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import _core
from .._checks import checked_flag, checked_number
from .._settings import from_config, to_config
from ..schedules import SCHEDULES, Schedule, values_from
from .base import Layer, Shape

__all__ = ["Dropout", "GaussianNoise", "Sampling"]


class Dropout(Layer):
    """Values are dropped at random in training, and the others made larger, so that the mean stays.

    z = x m / (1 − rate), with m = 0 with probability rate, else 1 (Srivastava et al. 2014). What is drawn
    depends on the network's seed, the epoch and the sample's place in it, and on nothing else.

    Parameters
    ----------
    rate : float or Schedule
        Share that is dropped, 0 <= rate < 1. A schedule counts the steps of the optimiser, as that of a learning rate
        does; outside of `Network.fit`, one that follows the fit stays at its first value.
    spatial : bool
        Whether whole channels of images or sequences are dropped (Tompson et al. 2015).

    Examples
    --------
    >>> import chainrule as cr
    >>> net = cr.Network([cr.Input(4), cr.Dense(32, "relu"), cr.Dropout(0.5), cr.Dense(2, "softmax")], seed=0)
    >>> Dropout(cr.CosineDecay(0.15))
    Dropout(CosineDecay(rate=0.15, steps=None, minimum=0.0, restart_factor=None))
    """

    settings = ("rate", "spatial")
    only_in_training = True
    works_step_by_step = True
    draws = True
    preserves_steps = True

    def __init__(self, rate: float | Schedule, *, spatial: bool = False, trainable: bool = True) -> None:
        super().__init__(trainable=trainable)
        self.rate = rate if isinstance(rate, Schedule) else _checked_rate(rate)
        self.spatial = checked_flag(spatial, "spatial")
        # Those of the steps of an epoch.
        self._rates = self._first_rates()

    @property
    def schedule(self) -> Schedule | None:  # type: ignore[override]
        return self.rate if isinstance(self.rate, Schedule) else None

    def _first_rates(self) -> list[float]:
        first = values_from(self.rate, 0, 1).tolist() if isinstance(self.rate, Schedule) else [self.rate]
        return [_checked_rate(rate) for rate in first]

    def core_settings(self, shape: Shape) -> _core.LayerSettings:
        self._rates = self._first_rates()
        return _core.DropoutSettings(rate=self._rates[0], group=shape[-1] if self.spatial else math.prod(shape))

    def follow(self, values: NDArray[np.float64]) -> None:
        for value in (values.min(), values.max()):
            _checked_rate(float(value))
        super().follow(values)
        self._rates = values.tolist()

    def reference_arguments(self) -> dict[str, Any]:
        return {**super().reference_arguments(), "rate": self._rates}

    def config(self) -> dict[str, Any]:
        return {**super().config(), "rate": to_config(self.rate)}

    @classmethod
    def from_config(cls, config: dict[str, Any], make: Callable[[Any], Layer]) -> Layer:
        return super().from_config({**config, "rate": from_config(config["rate"], SCHEDULES)}, make)


def _checked_rate(rate: float) -> float:
    return checked_number(rate, "rate", lowest=0, highest=1, open_highest=True)


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

    settings = ("deviation",)
    only_in_training = True
    works_step_by_step = True
    draws = True
    preserves_steps = True

    def __init__(self, deviation: float, *, trainable: bool = True) -> None:
        super().__init__(trainable=trainable)
        self.deviation = checked_number(deviation, "deviation", lowest=0)

    def core_settings(self, shape: Shape) -> _core.LayerSettings:
        return _core.GaussianNoiseSettings(deviation=self.deviation)


class Sampling(Layer):
    """A sample of a normal distribution in training, and its mean in prediction: the code of a variational autoencoder.

    Inputs are m means μ, followed by m log variances s; outputs are z = μ + e^(s/2) · normal. The layer adds the
    divergence from the standard normal, kl · ½ Σ μ² + e^s − s − 1, to the loss of each sample, in training and
    evaluation alike (Kingma and Welling 2014, equation 10 and appendix B). Below `fit`, in `forward`
    and `backward`, the error is the user's own, without the divergence.

    Parameters
    ----------
    kl : float
        Weight of the divergence, >= 0; above 1 the code is disentangled more strongly (Higgins et al. 2017).

    Raises
    ------
    ValueError
        When its inputs are not an even number of features in a row.

    Examples
    --------
    >>> import numpy as np, chainrule as cr
    >>> encoder = [cr.Dense(32, "tanh"), cr.Dense(2 * 2, "identity")]
    >>> decoder = [cr.Dense(32, "tanh"), cr.Dense(8, "sigmoid")]
    >>> net = cr.Network([cr.Input(8), *encoder, cr.Sampling(0.1), *decoder], seed=0)
    >>> X = np.eye(8)
    >>> history = net.fit(X, X, epochs=500, optimizer=cr.Adam(0.01), loss="cross_entropy", verbose=0)
    >>> net.predict_classes(X).tolist()
    [0, 1, 2, 3, 4, 5, 6, 7]
    """

    settings = ("kl",)
    draws = True

    def __init__(self, kl: float = 1.0, *, trainable: bool = True) -> None:
        super().__init__(trainable=trainable)
        self.kl = checked_number(kl, "kl", lowest=0)

    def output_shape(self, shape: Shape) -> Shape:
        if len(shape) > 1 or shape[0] % 2 != 0:
            raise ValueError(f"Sampling takes an even number of features in a row, got samples of shape {shape}")
        return (shape[0] // 2,)

    def core_settings(self, shape: Shape) -> _core.LayerSettings:
        return _core.SamplingSettings(kl=self.kl)
