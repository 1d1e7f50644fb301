"""A network folded for prediction: normalisations and activations are merged into the layers next to them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np

from ..files.description import Tensors
from ..layers.base import AffineMap, Layer, Part
from ..layers.composite import numbered
from ..layers.rescaling import Rescale
from ..model import Model
from ..target_scale import TargetScale

_Model = TypeVar("_Model", bound=Model)


def folded(model: _Model) -> _Model:
    """Return the network of `Network.folded`."""

    def change(description: dict[str, Any], arrays: Tensors) -> None:
        parts = _folded(model.stack)
        if (scale := model.border.scale_of_targets) is not None:
            _merge_units(parts, scale, model.shapes[-1][-1])
            description["target_scale"] = None
        description["layers"][1:] = [part.config for part in parts]
        arrays.clear()
        arrays.update({f"layers.{name}": values for name, values in numbered([p.arrays for p in parts]).items()})

    return model.rebuilt(change)


def _merge_units(parts: list[Part], scale: TargetScale, width: int) -> None:
    """Let the last layer give its outputs, of this width, in the units of the targets."""
    factors, shifts = (np.tile(values, width // len(values)) for values in (scale.std, scale.mean))
    if parts[-1].is_affine:
        parts[-1].change_outputs(AffineMap(factors, shifts))
    else:
        parts.append(Part(Rescale().config(), {"factor": factors, "offset": shifts}))


def _folded(layers: Sequence[Layer]) -> list[Part]:
    """Return layers in a row that predict the same."""
    parts: list[Part] = []
    # The layer that the last part is, as long as nothing was folded into it.
    alone: Layer | None = None
    # A row must keep a layer, even if it does nothing.
    for layer in [layer for layer in layers if not layer.only_in_training] or layers:
        if parts and layer.fold_into(parts[-1]):
            alone = None
            continue
        part = layer.folded_part(_folded)
        absorbs = alone is not None and alone.fold_ahead(part)
        parts[len(parts) - absorbs :] = [part]
        alone = None if absorbs else layer
    return parts
