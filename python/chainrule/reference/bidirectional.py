"""A layer that reads a sequence from both ends."""

from __future__ import annotations

import numpy as np

from .activations import Array
from .composite import Composite
from .recurrent import Recurrent

__all__ = ["Bidirectional"]


class Bidirectional(Composite):
    """Two layers, concatenated along the last axis: `ahead` reads from the first step, `back` from the last."""

    def __init__(self, ahead: Recurrent, back: Recurrent) -> None:
        super().__init__([ahead, back])
        self.ahead = ahead
        self.back = back
        back.direction = 1

    def _forward(self, x: Array) -> Array:
        self.ahead.is_step = self.is_step
        self.back.is_step = None if self.is_step is None else self.is_step[:, ::-1]
        ahead, back = self.ahead.forward(x), self.back.forward(x[:, ::-1])
        return np.concatenate([ahead, back[:, ::-1] if self.back.return_sequences else back], axis=-1)

    def _backward(self, deltas: Array) -> Array:
        ahead, back = np.split(deltas, [self.ahead.units], axis=-1)
        back = back[:, ::-1] if self.back.return_sequences else back
        return self.ahead.backward(ahead) + self.back.backward(back)[:, ::-1]
