"""The modules of a network."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from ...model import Model
from . import layers, members, modules, noise, numbers, places, recurrent
from .row import Row, tensor

__all__ = ["layers", "members", "modules", "noise", "numbers", "places", "recurrent"]


def modules_in_a_row(model: Model) -> Any:
    """Return a `Sequential` that predicts what a network does."""
    # Images have their channels first there; the first module that asks decides for signals and sequences.
    axes = len(model.shapes[0])
    row = _row(model, True if axes == 3 else None)
    if axes == 2 and row.asked:
        # Modules before that one have numbers for each channel.
        row = _row(model, True)
    return row.sequential().eval()


def _row(model: Model, is_first: bool | None) -> Row:
    """Return the modules for samples whose channels come first, or come where the first module asks for them."""
    row = Row(is_first=is_first)
    if model.border.scale != 1.0:
        row.add(modules.Affine(tensor(np.array(model.border.scale, model.dtype)), tensor(np.zeros((), model.dtype))))
    # Modules draw weights when they are made, which others replace: PyTorch's random numbers go on as if they had not.
    with torch.random.fork_rng(devices=[]):
        row.through(model.stack)
    row.settle()
    if (scale := model.border.scale_of_targets) is not None:
        shape = model.shapes[-1]
        copies = shape[-1] // len(scale.mean)
        values = [
            row.features(np.tile(numbers, copies).astype(model.dtype), shape) for numbers in (scale.std, scale.mean)
        ]
        row.add(modules.Affine(*values))
    return row
