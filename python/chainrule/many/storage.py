"""Several networks in one file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..files.description import Tensors
from ..network import Network


def described(networks: Sequence[Network]) -> tuple[list[dict[str, Any]], Tensors]:
    """Return the descriptions of networks, and the arrays of all, whose names begin with the network's number."""
    parts = [network.describe() for network in networks]
    arrays = {f"network.{i}.{name}": array for i, (_, own) in enumerate(parts) for name, array in own.items()}
    return [description for description, _ in parts], arrays


def restored(descriptions: Sequence[dict[str, Any]], tensors: Tensors) -> list[Network]:
    """Return networks from what `described` has made of them; ValueError and the like where it is damaged."""
    networks = []
    for i, description in enumerate(descriptions):
        prefix = f"network.{i}."
        own = {name.removeprefix(prefix): array for name, array in tensors.items() if name.startswith(prefix)}
        network = Network.__new__(Network)
        network.restore(description, own)
        networks.append(network)
    return networks
