"""A learned factor for each feature."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from .. import _core
from .base import AffineMap, Shape
from .learning import Factor, LearningLayer
from .parameter import Parameter
from .weighted import filled

__all__ = ["Scale"]


class Scale(LearningLayer):
    """Each feature times a factor that is learned: z = x ∘ s.

    The features are the last axis; the steps of a sequence and the pixels of an image share their factors. As first
    layer it learns how much each column of a table counts (Holzmüller, Grinsztajn and Steinwart 2024).

    Parameters
    ----------
    factors : float or array (features,)
        Initial factors.
    rate_factor, decay_factor : float or mapping of str to float
        What the optimiser's steps and its weight decay are multiplied by, >= 0. The default decay factor is 0. May be
        set at any time.
    trainable : bool
        False: training leaves the factors as they are. May be set at any time.

    Examples
    --------
    >>> import chainrule as cr
    >>> net = cr.Network([cr.Input(3), Scale(2.0), cr.Dense(1, weights=1.0)], seed=0)
    >>> net.predict([[1, 2, 3]]).tolist()
    [[12.0]]
    """

    works_step_by_step = True
    preserves_steps = True

    factors = Parameter("A copy of the factors, (features,); assign to set them.")

    def __init__(
        self,
        factors: float | ArrayLike = 1.0,
        *,
        rate_factor: Factor = 1.0,
        decay_factor: Factor | None = None,
        trainable: bool = True,
    ) -> None:
        super().__init__(rate_factor=rate_factor, decay_factor=decay_factor, trainable=trainable)
        self._initial_factors = factors

    def parameter_shapes(self, shape: Shape) -> dict[str, Shape]:
        return {"factors": shape[-1:]}

    def core_settings(self, shape: Shape) -> _core.ScaleSettings:
        return _core.ScaleSettings(features=shape[-1])

    def initialize(self, seed: int) -> None:
        self.factors = filled(self._initial_factors, self.place.input_shape[-1:])

    def affine_map(self) -> AffineMap:
        return AffineMap(self.factors.astype(np.float64), np.zeros(len(self.factors)))
