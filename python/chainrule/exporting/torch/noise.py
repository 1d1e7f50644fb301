"""Layers that draw random numbers in training."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from ...layers.noise import Dropout, GaussianNoise, Sampling
from .row import Row, modules_of


class Noise(nn.Module):  # type: ignore[misc]  # PyTorch has no types here
    """Normal noise that is added in training."""

    def __init__(self, deviation: float) -> None:
        super().__init__()
        self.deviation = deviation

    def forward(self, x: Any) -> Any:
        """Return x + deviation · normal, or x."""
        return x + self.deviation * torch.randn_like(x) if self.training else x


class Sample(nn.Module):  # type: ignore[misc]
    """A sample of a normal distribution in training, and its mean in prediction.

    Attributes
    ----------
    divergence : tensor
        kl · ½ Σ μ² + e^s − s − 1 of each sample of the last call, (samples,), which is to be added to the loss.
    """

    def __init__(self, kl: float) -> None:
        super().__init__()
        self.kl = kl
        self.divergence = None

    def forward(self, x: Any) -> Any:
        """Return μ + e^(s/2) · normal of inputs (μ, s), or μ."""
        mean, log_variance = x.chunk(2, dim=1)
        self.divergence = self.kl * 0.5 * (mean**2 + log_variance.exp() - log_variance - 1).sum(dim=1)
        return mean + (log_variance / 2).exp() * torch.randn_like(mean) if self.training else mean


@modules_of.register
def _(layer: Dropout, row: Row) -> None:
    rate = layer.rate
    if not isinstance(rate, float):
        raise ValueError(f"{layer!r} has a rate that changes, for which PyTorch has no module")
    if layer.spatial:
        row.put(True, layer.place.input_shape)
    kinds = {2: nn.Dropout1d, 3: nn.Dropout2d} if layer.spatial else {}
    row.add(kinds.get(len(layer.place.input_shape), nn.Dropout)(rate))


@modules_of.register
def _(layer: GaussianNoise, row: Row) -> None:
    row.add(Noise(layer.deviation))


@modules_of.register
def _(layer: Sampling, row: Row) -> None:
    row.settle()
    row.add(Sample(layer.kl))
