"""Steps that are padding, so that samples of different lengths can be in one batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .. import _core
from .._checks import checked_number
from .base import Layer, Shape

__all__ = ["Masking"]


class Masking(Layer):
    """Samples of different lengths in one batch: steps whose features all have the padding's value are padding.

    Padding may be anywhere: after a sample, before it as Keras's `pad_sequences` puts it, or in between. The layer
    passes samples on unchanged, and tells the recurrent layers after it which steps to skip: a recurrent layer carries
    its state on over padding, in both directions, and returns the output of a sample's last step that is none (for a
    sample without such a step its initial state). In sequences of outputs padded steps are zero; no gradient comes
    from there, and in a loss at each step they count for nothing. Layers that preserve the steps may stand in between:
    `Dense`, `Activation`, `Dropout`, `GaussianNoise`, `LayerNorm`, recurrent layers with `return_sequences`,
    convolutions and pools that have as many steps after them as before, and blocks of these. Convolutions and pools
    read padded steps as they are; so do global pools, after which there is no mask.

    Parameters
    ----------
    value : float
        Value that every feature of a padding step has.

    Raises
    ------
    ValueError
        When the network is made: for samples that are not (steps, features), and if no recurrent layer reads the mask.
        Where the network has an output at each step, layers in front of the mask may only change shapes.

    Examples
    --------
    >>> import numpy as np, chainrule as cr
    >>> net = cr.Network([cr.Input(5, 1), cr.Masking(), cr.GRU(4), cr.Dense(1, "identity")], seed=0)
    >>> short = cr.Network([cr.Input(2, 1), cr.GRU(4), cr.Dense(1, "identity")], seed=0)
    >>> short.parameters = net.parameters
    >>> after = net.predict(np.array([[[0.5], [0.25], [0], [0], [0]]]))
    >>> before = net.predict(np.array([[[0], [0], [0], [0.5], [0.25]]]))
    >>> alone = short.predict(np.array([[[0.5], [0.25]]]))
    >>> np.array_equal(after, alone), np.array_equal(before, alone)
    (True, True)
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


@dataclass(frozen=True)
class Padding:
    """Which steps of a sample are padding: of so many steps those whose values all are `value`."""

    steps: int
    value: float


def padding_of_outputs(layers: Sequence[Layer]) -> Padding | None:
    """Return what tells the padding of samples, if the outputs of these layers have a step for each of their steps."""
    source = layers[-1].mask_source_after
    for number, layer in enumerate(layers):
        if source is None or not layer.marks_padding or layer.mask_source_after != source:
            continue
        for other in layers[:number]:
            if other.in_core:
                raise ValueError(
                    f"{layer!r} must stand before {other!r}, as padding is found in the samples where the network has "
                    f"an output at each step"
                )
        return Padding(layer.place.input_shape[0], layer.padding_value)
    return None


def check_masks(leaves: Sequence[Layer]) -> None:
    """Refuse a mask that no layer reads."""
    read = {leaf.place.mask_source for leaf in leaves if leaf.reads_padding}
    for leaf in leaves:
        if leaf.marks_padding and leaf.mask_source_after not in read:
            raise ValueError(
                f"{leaf!r} must have a recurrent layer after it, and only layers that preserve the steps in between, "
                f"such as a Conv1D with padding 'same' or 'causal'"
            )
