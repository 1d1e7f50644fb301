"""An activation of which each feature learns its share."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import activations
from .activations import Array
from .base import Layer, Margin, rounding_scale

__all__ = ["MixedActivation"]


class MixedActivation(Layer):
    """z = x + s (f(x) − x), with one share s for each feature of the last axis; not penalised."""

    preserves_steps = True

    def __init__(self, function: str, shares: Array, **learning: Any) -> None:
        super().__init__({"shares": shares}, **learning)
        self.function = function

    def _forward(self, x: Array) -> Array:
        return np.asarray(x + self.parameters["shares"] * (activations.value(self.function, x) - x))

    def _backward(self, deltas: Array) -> Array:
        """Store ∂E/∂s = Σ δ (f(x) − x), and return ∂E/∂x = δ + s (δ f'(x) − δ)."""
        x = self.inputs
        by_share = deltas * (activations.value(self.function, x) - x)
        self._keep(shares=by_share.sum(axis=tuple(range(deltas.ndim - 1))))
        through = deltas * activations.derivative(self.function, x)
        return np.asarray(deltas + self.parameters["shares"] * (through - deltas))

    def sides(self) -> list[NDArray[np.int64]]:
        return [*super().sides(), activations.sides(self.function, self.inputs)]

    def margins(self) -> list[Margin]:
        kinks = activations.kinks(self.function)
        own = [(np.abs(self.inputs - kink), rounding_scale(self.inputs)) for kink in kinks]
        return [*super().margins(), *own]
