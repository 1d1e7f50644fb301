"""Layers of members side by side, (samples, members, features)."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from ...layers.members import BatchEnsemble, MemberLayer, Repeat, SeparateDense
from .layers import activate
from .row import Row, modules_of, tensor


class Repeated(nn.Module):  # type: ignore[misc]  # PyTorch has no types here
    """The same features for each member."""

    def __init__(self, members: int) -> None:
        super().__init__()
        self.members = members

    def forward(self, x: Any) -> Any:
        """Return (samples, members, features)."""
        return x.unsqueeze(1).expand(-1, self.members, -1)


class SharedLinear(nn.Module):  # type: ignore[misc]
    """A linear map that members share, with factors and a bias of each."""

    def __init__(self, weights: Any, input_factors: Any, output_factors: Any, bias: Any) -> None:
        super().__init__()
        self.weights, self.bias = nn.Parameter(weights), nn.Parameter(bias)
        self.input_factors, self.output_factors = nn.Parameter(input_factors), nn.Parameter(output_factors)

    def forward(self, x: Any) -> Any:
        """Return ((x ∘ r) W) ∘ s + b."""
        return ((x * self.input_factors) @ self.weights) * self.output_factors + self.bias


class SeparateLinear(nn.Module):  # type: ignore[misc]
    """A linear map of each member."""

    def __init__(self, weights: Any, bias: Any) -> None:
        super().__init__()
        self.weights, self.bias = nn.Parameter(weights), nn.Parameter(bias)

    def forward(self, x: Any) -> Any:
        """Return xᵢ Wᵢ + bᵢ of each member i."""
        return torch.einsum("nmi,miu->nmu", x, self.weights) + self.bias


@modules_of.register
def _(layer: Repeat, row: Row) -> None:
    row.settle()
    row.add(Repeated(layer.members))
    row.is_first = False


@modules_of.register
def _(layer: BatchEnsemble, row: Row) -> None:
    arrays = (layer.weights, layer.input_factors, layer.output_factors, layer.bias)
    _add(layer, SharedLinear(*map(tensor, arrays)), row)


@modules_of.register
def _(layer: SeparateDense, row: Row) -> None:
    _add(layer, SeparateLinear(tensor(layer.weights), tensor(layer.bias)), row)


def _add(layer: MemberLayer, module: Any, row: Row) -> None:
    shape = layer.place.input_shape
    row.put(False, shape)
    row.add(module)
    activate(layer.activation, row, layer.output_shape(shape))
