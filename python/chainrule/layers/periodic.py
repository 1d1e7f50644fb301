"""An embedding of numbers by cosines, whose frequencies are learned."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from .. import _core
from .._checks import checked_integer, checked_number
from .base import Shape
from .learning import Factor, LearningLayer
from .parameter import Parameter

__all__ = ["Periodic"]


class Periodic(LearningLayer):
    """Each feature, followed by mixtures of its cosines: a function of one number that bends where it must.

    Of each feature x are made ``size`` features: x itself, and e_j = b_j + Σ_k w_kj cos(2π (f_k x + p_k)) for j = 1 …
    size − 1. Frequencies, phases, weights and biases are learned, for each feature separately: the embedding PBLD of
    Holzmüller, Grinsztajn and Steinwart (2024), after Gorishniy, Rubachev and Babenko (2022). Samples come in the order
    of the mixtures: all x, then all e_1, and so on. Features should be of size 1.

    Parameters
    ----------
    size : int
        Number of features that are made of each, 2 to 8.
    waves : int
        Number of cosines of each feature, >= 1.
    deviation : float
        Standard deviation of the initial frequencies, in periods per unit of x, > 0.
    rate_factor, decay_factor : float or mapping of str to float
        What the optimiser's steps and its weight decay are multiplied by, >= 0. The default decay factor is 0, but of
        `weights`. May be set at any time.
    trainable : bool
        False: training leaves the layer as it is. May be set at any time.

    Examples
    --------
    >>> import chainrule as cr
    >>> net = cr.Network([cr.Input(3), cr.Periodic(4), cr.Dense(32, "relu"), cr.Dense(1)], seed=0)
    >>> net.layers[1].output_shape((3,))
    (12,)
    """

    takes_mixed = False
    settings = ("size", "waves", "deviation")
    size_settings = ("size", "waves")

    frequencies = Parameter("A copy of the frequencies, (waves, features), in periods per unit; assign to set them.")
    phases = Parameter("A copy of the phases, (waves, features), in periods; assign to set them.")
    weights = Parameter("A copy of the weights of the cosines, (waves, size − 1, features); assign to set them.")
    bias = Parameter("A copy of the biases, (size − 1, features); assign to set them.")

    def __init__(
        self,
        size: int = 4,
        *,
        waves: int = 16,
        deviation: float = 0.1,
        rate_factor: Factor = 1.0,
        decay_factor: Factor | None = None,
        trainable: bool = True,
    ) -> None:
        super().__init__(rate_factor=rate_factor, decay_factor=decay_factor, trainable=trainable)
        self.size = checked_integer(size, "size", lowest=2, highest=8)
        self.waves = checked_integer(waves, "waves", lowest=1, highest=2**16)
        self.deviation = checked_number(deviation, "deviation", lowest=0, open_lowest=True)

    def output_shape(self, shape: Shape) -> Shape:
        if len(shape) > 1:
            raise ValueError(f"Periodic takes features in a row, got {shape}; put a Flatten in between")
        return (shape[0] * self.size,)

    def parameter_shapes(self, shape: Shape) -> dict[str, Shape]:
        waves = (self.waves, shape[0])
        mixed = (self.size - 1, shape[0])
        return {"frequencies": waves, "phases": waves, "weights": (self.waves, *mixed), "bias": mixed}

    def core_settings(self, shape: Shape) -> _core.LayerSettings:
        return _core.PeriodicSettings(waves=self.waves, mixed=self.size - 1)

    def initialize(self, seed: int) -> None:
        """Draw frequencies, phases over a whole period, and weights and biases as of a layer of `waves` inputs."""
        shapes = list(self.parameter_shapes(self.place.input_shape).values())
        bound = 1 / math.sqrt(self.waves)

        def drawn(part: int, kind: str, scale: float) -> NDArray[np.float64]:
            rows = math.prod(shapes[part][:-1])
            values = _core.initial_weights(kind, rows, shapes[part][-1], scale, seed, self.place.index, part)
            return values.reshape(shapes[part])

        self.frequencies = drawn(0, "normal", self.deviation)
        self.phases = drawn(1, "uniform", 0.5)
        self.weights = drawn(2, "uniform", bound)
        self.bias = drawn(3, "uniform", bound)
