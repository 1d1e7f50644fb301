"""Numbers and codes of a row as more features: cosines, piecewise linear functions, flags."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import nn

from ...layers.columns import OneHot
from ...layers.periodic import Periodic
from ...layers.piecewise_linear import PiecewiseLinear
from ..bins import Bins, bins_of
from .row import Row, modules_of, tensor


class Cosines(nn.Module):  # type: ignore[misc]  # PyTorch has no types here
    """Features, and mixtures of the cosines of each."""

    def __init__(self, frequencies: Any, phases: Any, weights: Any, bias: Any) -> None:
        super().__init__()
        self.frequencies, self.phases = nn.Parameter(frequencies), nn.Parameter(phases)
        self.weights, self.bias = nn.Parameter(weights), nn.Parameter(bias)

    def forward(self, x: Any) -> Any:
        """Return x, and b_j + Σ_k w_kj cos(2π (f_k x + p_k)) of each feature, j by j."""
        periods = x.unsqueeze(1) * self.frequencies + self.phases
        # Whole periods change nothing, but their rounding would.
        cosines = torch.cos(2 * math.pi * (periods - periods.round()))
        mixed = torch.einsum("nkf,kjf->njf", cosines, self.weights) + self.bias
        return torch.cat([x, mixed.flatten(1)], dim=1)


class PiecewiseLinears(nn.Module):  # type: ignore[misc]
    """Piecewise linear functions of each feature."""

    def __init__(self, bins: Bins, slopes: Any, bias: Any) -> None:
        super().__init__()
        for name in ("begins", "widths", "low", "high"):
            self.register_buffer(name, tensor(getattr(bins, name).astype(slopes.dtype)))
        self.vectors = nn.Parameter(tensor(bins.vectors.astype(slopes.dtype)))
        self.slopes, self.bias = nn.Parameter(tensor(slopes)), nn.Parameter(tensor(bias))

    def forward(self, x: Any) -> Any:
        """Return b + x s + Σ_k c_k v_k of each feature, feature by feature; c_k is the share of bin k below x."""
        column = x.unsqueeze(-1)
        shares = torch.clamp((column - self.begins) / self.widths, self.low, self.high)
        return (self.bias + column * self.slopes + torch.einsum("nfk,fku->nfu", shares, self.vectors)).flatten(1)


class Flags(nn.Module):  # type: ignore[misc]
    """A flag for each code of each column."""

    def __init__(self, columns: Any, codes: Any, one: Any) -> None:
        super().__init__()
        self.register_buffer("columns", columns)
        self.register_buffer("codes", codes)
        self.register_buffer("one", one)

    def forward(self, x: Any) -> Any:
        """Return 1 where a column has the code of the flag, else 0."""
        return (x[:, self.columns] == self.codes) * self.one


@modules_of.register
def _(layer: Periodic, row: Row) -> None:
    row.settle()
    row.add(Cosines(*(tensor(array) for array in (layer.frequencies, layer.phases, layer.weights, layer.bias))))


@modules_of.register
def _(layer: PiecewiseLinear, row: Row) -> None:
    row.settle()
    row.add(PiecewiseLinears(bins_of(layer, layer.place.dtype), layer.slopes, layer.bias))


@modules_of.register
def _(layer: OneHot, row: Row) -> None:
    codes = [np.arange(layer.zero_is_missing, count) for count in layer.codes]
    columns = np.repeat(np.arange(len(codes)), [len(of_column) for of_column in codes])
    row.add(Flags(tensor(columns), tensor(np.concatenate(codes)), tensor(np.ones((), layer.place.dtype))))
