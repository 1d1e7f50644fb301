"""Samples of different lengths in one batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .. import _core
from .._checks import checked_number
from .base import Layer, Shape

__all__ = ["Masking"]


class Masking(Layer):
    """Samples of different lengths in one batch: everything after the end of a sample is padding.

    A sample ends with its last step that has any feature different from the padding's value; a sample without such a
    step is empty. The layer passes samples on unchanged, and tells the recurrent layers after it where they end: a
    recurrent layer returns the output of a sample's last step (for an empty sample its initial state), its sequences
    of outputs are zero after that step, as those of PyTorch's `pad_packed_sequence`, and no gradient comes from there.
    `Bidirectional` reads back from a sample's end. Layers that preserve the steps may stand in between: `Dense`,
    `Activation`, `Dropout`, `GaussianNoise`, `LayerNorm`, recurrent layers with `return_sequences`, and blocks of
    these.

    Parameters
    ----------
    value : float
        Value that every feature of a padding step has.

    Raises
    ------
    ValueError
        When the network is made: for samples that are not (steps, features), and if no recurrent layer reads the mask.

    Examples
    --------
    >>> import numpy as np, chainrule as cr
    >>> net = cr.Network([cr.Input(5, 1), cr.Masking(), cr.GRU(4), cr.Dense(1, "identity")], seed=0)
    >>> short = cr.Network([cr.Input(2, 1), cr.GRU(4), cr.Dense(1, "identity")], seed=0)
    >>> short.parameters = net.parameters
    >>> padded = net.predict(np.array([[[0.5], [0.25], [0], [0], [0]]]))
    >>> np.array_equal(padded, short.predict(np.array([[[0.5], [0.25]]])))
    True
    """

    settings = ("value",)
    works_step_by_step = True
    marks_padding = True

    def __init__(self, value: float = 0.0, *, trainable: bool = True) -> None:
        super().__init__(trainable=trainable)
        self.value = checked_number(value, "value")

    def output_shape(self, shape: Shape) -> Shape:
        if len(shape) != 2:
            raise ValueError(f"Masking takes samples of shape (steps, features), got {shape}")
        return shape

    def core_settings(self, shape: Shape) -> _core.LayerSettings:
        return _core.MaskingSettings(steps=shape[0], value=self.value)

    @property
    def padding_value(self) -> float:  # type: ignore[override]
        return self.value

    @property
    def mask_source_after(self) -> int | None:
        return self.place.index

    def step_config(self) -> dict[str, Any]:
        return {"type": "Activation", "activation": "identity"}


def padding_of_outputs(layers: Sequence[Layer]) -> float | None:
    """Return the value of padding in the samples, if the outputs have a step for each step of these."""
    first, last = layers[0], layers[-1]
    reaches = first.marks_padding and last.mask_source_after == first.mask_source_after
    return first.padding_value if reaches else None


def check_masks(leaves: Sequence[Layer]) -> None:
    """Refuse a mask that no layer reads."""
    read = {leaf.place.mask_source for leaf in leaves if leaf.reads_padding}
    for leaf in leaves:
        if leaf.marks_padding and leaf.mask_source_after not in read:
            raise ValueError(
                f"{leaf!r} must have a recurrent layer after it, and only layers that preserve the steps in between"
            )
