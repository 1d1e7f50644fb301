"""Modules that PyTorch does not have."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn
from torch.nn import functional


class Permute(nn.Module):  # type: ignore[misc]  # PyTorch has no types here
    """Axes in another order."""

    def __init__(self, *axes: int) -> None:
        super().__init__()
        self.axes = axes

    def forward(self, x: Any) -> Any:
        """Return x with its axes in that order."""
        return x.permute(self.axes)


class Affine(nn.Module):  # type: ignore[misc]
    """Features times factors plus offsets; both are fixed."""

    def __init__(self, factor: Any, offset: Any) -> None:
        super().__init__()
        self.register_buffer("factor", factor)
        self.register_buffer("offset", offset)

    def forward(self, x: Any) -> Any:
        """Return x · factor + offset."""
        return x * self.factor + self.offset


class Scale(nn.Module):  # type: ignore[misc]
    """Features times learned factors."""

    def __init__(self, factors: Any) -> None:
        super().__init__()
        self.factors = nn.Parameter(factors)

    def forward(self, x: Any) -> Any:
        """Return x · factors."""
        return x * self.factors


class Select(nn.Module):  # type: ignore[misc]
    """Some of the features, on the last axis."""

    def __init__(self, chosen: Sequence[int]) -> None:
        super().__init__()
        self.register_buffer("chosen", torch.tensor(list(chosen)))

    def forward(self, x: Any) -> Any:
        """Return the chosen features."""
        return x[..., self.chosen]


class Exp(nn.Module):  # type: ignore[misc]
    """The exponential function."""

    def forward(self, x: Any) -> Any:
        """Return e^x."""
        return torch.exp(x)


class Codes(nn.Module):  # type: ignore[misc]
    """Codes as whole numbers."""

    def forward(self, x: Any) -> Any:
        """Return x as int64."""
        return x.long()


class Mixed(nn.Module):  # type: ignore[misc]
    """An activation that is mixed with the identity."""

    def __init__(self, function: Any, shares: Any) -> None:
        super().__init__()
        self.function = function
        self.shares = nn.Parameter(shares)

    def forward(self, x: Any) -> Any:
        """Return x + s (f(x) − x)."""
        return x + self.shares * (self.function(x) - x)


class MeanOfPlaces(nn.Module):  # type: ignore[misc]
    """Means over windows, of which padding is no part."""

    def __init__(self, pool: Any, padding: Sequence[int]) -> None:
        super().__init__()
        self.pool = pool
        self.padding = tuple(padding)

    def forward(self, x: Any) -> Any:
        """Return the sum of each window's places over their number."""
        inside = functional.pad(torch.ones_like(x[:1, :1]), self.padding)
        return self.pool(functional.pad(x, self.padding)) / self.pool(inside)


class Recurrent(nn.Module):  # type: ignore[misc]
    """A recurrent module of one layer that returns its outputs at all steps, or its state in the end, and no tuple."""

    def __init__(self, inner: Any, returns_sequences: bool) -> None:
        super().__init__()
        self.inner = inner
        self.returns_sequences = returns_sequences

    def forward(self, x: Any) -> Any:
        """Return (samples, steps, units), or (samples, units)."""
        outputs, state = self.inner(x)
        if self.returns_sequences:
            return outputs
        return torch.cat(list(state[0] if isinstance(state, tuple) else state), dim=-1)


class Add(nn.Module):  # type: ignore[misc]
    """The sum of branches."""

    def __init__(self, branches: Sequence[Any]) -> None:
        super().__init__()
        self.branches = nn.ModuleList(branches)

    def forward(self, x: Any) -> Any:
        """Return the sum of what all branches make of x."""
        return sum(branch(x) for branch in self.branches)


class Concatenate(nn.Module):  # type: ignore[misc]
    """Branches side by side, along an axis."""

    def __init__(self, branches: Sequence[Any], axis: int) -> None:
        super().__init__()
        self.branches = nn.ModuleList(branches)
        self.axis = axis

    def forward(self, x: Any) -> Any:
        """Return what all branches make of x."""
        return torch.cat([branch(x) for branch in self.branches], dim=self.axis)
