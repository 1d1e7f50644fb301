"""An activation as a layer."""

from __future__ import annotations

import math

from .. import _core
from ..activations import checked_activation
from .base import Layer, Part, Shape

__all__ = ["Activation"]


class Activation(Layer):
    """An activation alone: a = f(x).

    Parameters
    ----------
    activation : str
        One of `chainrule.activations.ACTIVATIONS`, of which "leaky_relu(0.2)" and "elu(1.5)" have an α of their own;
        "softmax" on the last layer only, over the last axis: of a sequence at each step, of an image at each pixel.

    Examples
    --------
    >>> import chainrule as cr
    >>> cr.Network([cr.Input(2), cr.Dense(8, "identity"), Activation("tanh"), cr.Dense(1, "identity")], seed=0)
    Network([2, 8, 8, 1], 33 parameters, float32, seed=0)
    >>> cr.Network([cr.Input(1), Activation("leaky_relu(0.25)")], seed=0).predict([[-4], [4]]).tolist()
    [[-1.0], [4.0]]
    """

    settings = ("activation",)
    works_step_by_step = True
    preserves_steps = True

    def __init__(self, activation: str, *, trainable: bool = True) -> None:
        super().__init__(trainable=trainable)
        self.activation = checked_activation(activation)

    def core_settings(self, shape: Shape) -> _core.LayerSettings:
        return _core.ActivationSettings(activation=self.activation, places=math.prod(shape[:-1]))

    def fold_into(self, before: Part) -> bool:
        if not before.is_affine:
            return False
        before.config["activation"] = self.activation
        return True
