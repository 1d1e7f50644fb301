"""The activations that layers know by name, and what generic code asks of each; docs/formulas.md has the formulas.

A name may have the factor α of its formula in parentheses, as "leaky_relu(0.2)" has.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

from ._checks import checked_name, checked_number
from .elsewhere import ACTIVATION_NAMES


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
    alpha : float, optional
        The usual α of an activation that has one, by which its outputs below zero are multiplied.
    """

    flat: tuple[float, float] | None = None
    reach: tuple[float, float] = (-math.inf, math.inf)
    alpha: float | None = None


ACTIVATIONS: dict[str, ActivationTraits] = {
    "identity": ActivationTraits(),
    "sigmoid": ActivationTraits(flat=(0.0067, 0.9933), reach=(0, 1)),
    "tanh": ActivationTraits(flat=(-0.9866, 0.9866), reach=(-1, 1)),
    "relu": ActivationTraits(flat=(0.0, math.inf), reach=(0, math.inf)),
    "leaky_relu": ActivationTraits(alpha=0.01),
    "elu": ActivationTraits(flat=(-0.97, math.inf), reach=(-1, math.inf), alpha=1.0),
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


# With α in these bounds, f of any usual z is a float32 number that is neither zero nor infinite.
SMALLEST_ALPHA, LARGEST_ALPHA = 1e-6, 1e6

Returned = TypeVar("Returned")


def checked_activation(activation: object, known: Collection[str] = tuple(ACTIVATIONS)) -> str:
    """Return the name of an activation, with α if it is not the usual one, as `with_alpha` does.

    Raises
    ------
    ValueError
        For a name that is not known, with those that are like it, or the one for that of another package; for a name
        with an α that it does not have, or that is neither 0 nor in [1e-6, 1e6].
    """
    text = activation if isinstance(activation, str) else ""
    name, opened, rest = text.partition("(")
    if name in ACTIVATION_NAMES and name not in known:
        raise ValueError(f"unknown activation {activation!r}; use {ACTIVATION_NAMES[name]!r}")
    if not opened:
        return checked_name(activation, "activation", known)
    checked_name(name, "activation", known)
    if name not in ACTIVATIONS or ACTIVATIONS[name].alpha is None:
        having = " and ".join(f"'{name}(…)'" for name, traits in ACTIVATIONS.items() if traits.alpha is not None)
        raise ValueError(f"unknown activation {activation!r}; only {having} take a number")
    number = _number_before_end(rest)
    if number is None:
        raise ValueError(f"activation must have a number in its parentheses, got {activation!r}")
    return with_alpha(name, number)


def _number_before_end(text: str) -> float | None:
    """Return the number before the closing parenthesis; None where either is missing."""
    try:
        return float(text.removesuffix(")")) if text.endswith(")") else None
    except ValueError:
        return None


def with_alpha(name: str, alpha: float) -> str:
    """Return the name of an activation with this α, which is left out where it is the usual one; with 0 it is "relu".

    Raises
    ------
    ValueError
        For an α outside [1e-6, 1e6] other than 0.
    """
    if alpha == 0:
        return "relu"
    number = checked_number(alpha, f"α of {name!r}", lowest=SMALLEST_ALPHA, highest=LARGEST_ALPHA)
    return name if number == ACTIVATIONS[name].alpha else f"{name}({number!r})"


def name_and_alpha(activation: str) -> tuple[str, float | None]:
    """Return the name alone, and α; None for an activation that has none."""
    name, opened, rest = activation.partition("(")
    return name, float(rest[:-1]) if opened else ACTIVATIONS[name].alpha


def function_of(table: Mapping[str, Callable[..., Returned]], activation: str) -> Callable[..., Returned]:
    """Return a table's function for the name of an activation; it is given α, by this name, if the activation has one.

    Raises
    ------
    KeyError
        When the table does not have the name.
    """
    name, alpha = name_and_alpha(activation)
    return table[name] if alpha is None else partial(table[name], alpha=alpha)


def traits_of(activation: str) -> ActivationTraits:
    """Return what generic code asks of an activation, whose outputs below zero grow with α."""
    name, alpha = name_and_alpha(activation)
    traits = ACTIVATIONS[name]
    if traits.alpha is None or alpha is None:
        return traits
    factor = alpha / traits.alpha
    flat = None if traits.flat is None else (factor * traits.flat[0], traits.flat[1])
    return replace(traits, flat=flat, reach=(factor * traits.reach[0], traits.reach[1]), alpha=alpha)
