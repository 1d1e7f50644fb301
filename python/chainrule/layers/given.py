"""Layers as a user gives them to a network: as sizes, or one by one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .._checks import checked_integer
from .base import Layer
from .dense import Dense
from .input import Input


def as_layers(
    layers: Sequence[int] | Sequence[Input | Layer], activation: str, output: str, **options: Any
) -> tuple[Input, list[Layer]]:
    """Return the input and the layers after it; layers of another network are copied.

    Raises
    ------
    ValueError, TypeError
        For what is neither sizes nor an `Input` and layers, and for layers that cannot be in one network.
    """
    items: list[Any] = list(layers)
    numbers = items[1:] if items and isinstance(items[0], Input) else items
    if numbers and all(not isinstance(item, (Input, Layer)) for item in numbers):
        sizes = [checked_integer(size, "layers", lowest=1, highest=2**31) for size in numbers]
        first, *units = items[:1] + sizes if len(sizes) < len(items) else [Input(sizes[0]), *sizes[1:]]
        activations = [activation] * (len(units) - 1) + [output]
        items = [first, *(Dense(count, f, **options) for count, f in zip(units, activations, strict=False))]
    elif options["weights"] is not None or options["l1"] or options["l2"] or options["max_norm"] is not None:
        raise ValueError("weights, l1, l2 and max_norm go with a list of sizes; give them to the layers instead")
    if len(items) < 2 or not isinstance(items[0], Input):
        raise ValueError(f"layers must be sizes, or an Input and at least one layer after it; got {layers!r}")
    for item in items[1:]:
        if not isinstance(item, Layer):
            raise TypeError(f"layers must be Input and layers, or sizes; got {item!r}")
    rest = [item.copy() if any(leaf.is_placed for leaf in item.leaves()) else item for item in items[1:]]
    _check_row(rest)
    return items[0], rest


def _check_row(layers: Sequence[Layer]) -> None:
    """Refuse a layer that is in two places, and softmax before the end."""
    leaves = [leaf for layer in layers for leaf in layer.leaves()]
    for i, leaf in enumerate(leaves):
        if any(leaf is other for other in leaves[:i]):
            raise ValueError(f"{leaf!r} is twice in the network; a layer belongs to one place, so add a copy of it")
    if any(layer.activation == "softmax" for layer in layers[:-1]):
        raise ValueError("activation 'softmax' must be on the last layer")
