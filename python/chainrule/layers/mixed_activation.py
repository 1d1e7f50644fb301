"""An activation of which each feature learns its share."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from .. import _core
from ..activations import checked_activation
from .base import Shape
from .learning import Factor, LearningLayer
from .parameter import Parameter
from .weighted import filled

__all__ = ["MixedActivation"]


class MixedActivation(LearningLayer):
    """An activation that is mixed with the identity: z = x + s (f(x) − x), with a share s that each feature learns.

    With "relu" it is He et al.'s PReLU (2015) of slope 1 − s; with "selu" or "mish" it is the parametric activation of
    Holzmüller, Grinsztajn and Steinwart (2024). The features are the last axis; steps and pixels have the same shares.

    Parameters
    ----------
    function : str
        One of `chainrule.activations.ACTIVATIONS`, but softmax.
    shares : float or array (features,)
        Initial shares: 1 is the activation alone, 0 the identity.
    rate_factor, decay_factor : float or mapping of str to float
        What the optimiser's steps and its weight decay are multiplied by, >= 0. The default decay factor is 0. May be
        set at any time.
    trainable : bool
        False: training leaves the shares as they are. May be set at any time.

    Examples
    --------
    >>> import chainrule as cr
    >>> net = cr.Network([cr.Input(2), MixedActivation("relu", [1.0, 0.75])], seed=0)
    >>> net.predict([[-1, -1]]).tolist()
    [[0.0, -0.25]]
    """

    settings = ("function",)
    works_step_by_step = True
    preserves_steps = True

    shares = Parameter("A copy of the shares, (features,); assign to set them.")

    def __init__(
        self,
        function: str,
        shares: float | ArrayLike = 1.0,
        *,
        rate_factor: Factor = 1.0,
        decay_factor: Factor | None = None,
        trainable: bool = True,
    ) -> None:
        super().__init__(rate_factor=rate_factor, decay_factor=decay_factor, trainable=trainable)
        self.function = checked_activation(function)
        if self.function == "softmax":
            raise ValueError("function must work on each number alone, got 'softmax'")
        self._initial_shares = shares

    def parameter_shapes(self, shape: Shape) -> dict[str, Shape]:
        return {"shares": shape[-1:]}

    def core_settings(self, shape: Shape) -> _core.LayerSettings:
        return _core.MixedActivationSettings(features=shape[-1], activation=self.function)

    def initialize(self, seed: int) -> None:
        self.shares = np.asarray(filled(self._initial_shares, self.place.input_shape[-1:]))
