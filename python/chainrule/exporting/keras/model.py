"""The model of a network."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from ...model import Model
from . import features, layers, members, places, recurrent
from .made import Made

__all__ = ["features", "layers", "members", "places", "recurrent"]


def model_of(model: Model) -> Any:
    """Return a functional model that predicts what a network does."""
    made = Made()
    inputs = keras.Input(model.shown_shapes[0])
    x = inputs
    if model.border.scale != 1.0:
        x = made.rescaled(x, np.array(model.border.scale), np.zeros(1))
    x = made.through(model.stack, x)
    if (scale := model.border.scale_of_targets) is not None:
        copies = model.shapes[-1][-1] // len(scale.mean)
        x = made.rescaled(x, np.tile(scale.std, copies), np.tile(scale.mean, copies))
    whole = keras.Model(inputs, x)
    for layer, weights in made.weights:
        if weights:
            layer.set_weights(weights)
    return whole
