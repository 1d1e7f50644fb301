"""The activations that layers know by name, and what generic code asks of each; docs/formulas.md has the formulas."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ._checks import checked_name


@dataclass(frozen=True)
class ActivationTraits:
    """What diagnosis needs to know of an activation.

    Attributes
    ----------
    flat : (float, float) or None
        Outputs at and beyond which the slope is below 3 % of the steepest; the upper one is infinite where only one
        end is flat. None where no end is flat, or where an output does not tell: gelu, silu and mish bend back to zero.
    reach : (float, float)
        Bounds of the outputs.
    """

    flat: tuple[float, float] | None = None
    reach: tuple[float, float] = (-math.inf, math.inf)


ACTIVATIONS: dict[str, ActivationTraits] = {
    "identity": ActivationTraits(),
    "sigmoid": ActivationTraits(flat=(0.0067, 0.9933), reach=(0, 1)),
    "tanh": ActivationTraits(flat=(-0.9866, 0.9866), reach=(-1, 1)),
    "relu": ActivationTraits(flat=(0.0, math.inf), reach=(0, math.inf)),
    "leaky_relu": ActivationTraits(),
    "elu": ActivationTraits(flat=(-0.97, math.inf), reach=(-1, math.inf)),
    "selu": ActivationTraits(flat=(-1.71, math.inf), reach=(-1.7581, math.inf)),
    "softplus": ActivationTraits(flat=(0.03, math.inf), reach=(0, math.inf)),
    "softsign": ActivationTraits(flat=(-5 / 6, 5 / 6), reach=(-1, 1)),
    "gelu": ActivationTraits(reach=(-0.17, math.inf)),
    "silu": ActivationTraits(reach=(-0.2785, math.inf)),
    "mish": ActivationTraits(reach=(-0.3089, math.inf)),
    "hard_sigmoid": ActivationTraits(flat=(0.0, 1.0), reach=(0, 1)),
    "exp": ActivationTraits(reach=(0, math.inf)),
    "softmax": ActivationTraits(reach=(0, 1)),
}


def checked_activation(name: object) -> str:
    """Return the name of an activation; ValueError that suggests close names for any other."""
    return checked_name(name, "activation", ACTIVATIONS)
