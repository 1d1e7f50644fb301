"""Convolutions (cross-correlations, as usual in the field) over one and two axes, and the transposed convolution."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .activations import Array
from .base import WeightedLayer, weights_and_bias
from .windows import Padding, Windows, per_axis

__all__ = ["Conv1D", "Conv2D", "Conv2DTranspose"]


class Convolution(WeightedLayer, abstract=True):
    """z[o] = b + Σₖ x[o·stride + k·dilation − padding] W[k], a = f(z); weights (*kernel, channels / groups, filters).

    With groups, channels and filters are divided into as many blocks, and each block of filters reads one of channels.
    In mixed precision, a channel with a filter of its own is multiplied in float32.
    """

    def __init__(
        self,
        weights: Array,
        bias: Array | None,
        activation: str = "identity",
        strides: int | Sequence[int] = 1,
        padding: Padding = "valid",
        dilation: int | Sequence[int] = 1,
        groups: int = 1,
        **learning: Any,
    ) -> None:
        super().__init__(weights_and_bias(weights, bias), activation, **learning)
        *self.kernel, self.group_channels, self.filters = self.weights.shape
        self.strides = per_axis(strides, len(self.kernel))
        self.padding = padding
        self.dilation = per_axis(dilation, len(self.kernel))
        self.groups = groups

    @property
    def preserves_steps(self) -> bool:  # type: ignore[override]
        return self.activations.shape[1:-1] == self.inputs.shape[1:-1]

    def _group_weights(self, position: tuple[int, ...]) -> Array:
        """Return W[k] as (channels of a group, groups, filters of a group)."""
        return np.reshape(self.rounded(self.weights[position]), (self.group_channels, self.groups, -1))

    def _grouped(self, values: Array) -> Array:
        """Return factors as (samples and places, groups, channels of a group)."""
        return self.rounded(values).reshape(-1, self.groups, values.shape[-1] // self.groups)

    def rounded(self, values: Array) -> Array:
        each_channel = self.groups > 1 and self.groups == self.filters and self.group_channels == 1
        return values if each_channel else super().rounded(values)

    def _forward(self, x: Array) -> Array:
        self.windows = Windows(x.shape[1:-1], self.kernel, self.strides, self.padding, self.dilation)
        padded = self.windows.pad(x)
        z = np.zeros((len(x), *self.windows.outputs, self.filters))
        for k, places in self.windows:
            z += np.einsum("ngc,cgf->ngf", self._grouped(padded[places]), self._group_weights(k)).reshape(z.shape)
        return np.asarray(z + self.bias)

    def _backward(self, deltas: Array) -> Array:
        """Store ∂E/∂W[k] = Σ xᵀδ over the places that k meets, and ∂E/∂b = Σ δ; ∂E/∂x gets δ W[k]ᵀ at these places."""
        padded = self.windows.pad(self.inputs)
        weight_gradient, padded_gradient = np.zeros_like(self.weights), np.zeros_like(padded)
        grouped = self._grouped(deltas)
        for k, places in self.windows:
            x = padded[places]
            weight_gradient[k] = np.einsum("ngc,ngf->cgf", self._grouped(x), grouped).reshape(self.group_channels, -1)
            padded_gradient[places] += np.einsum("ngf,cgf->ngc", grouped, self._group_weights(k)).reshape(x.shape)
        self._keep(weights=weight_gradient, bias=deltas.reshape(-1, self.filters).sum(axis=0))
        return self.windows.crop(padded_gradient)


class Conv1D(Convolution):
    """The convolution of signals (samples, steps, channels)."""


class Conv2D(Convolution):
    """The convolution of images (samples, height, width, channels)."""


class Conv2DTranspose(WeightedLayer):
    """z = b + Σ W[k] x[o] at the places o·stride + k − padding: the transpose of the convolution from z to x.

    Weights (height, width, filters, channels). "same" makes n·stride outputs, "valid" n·stride + max(kernel − stride,
    0) (Dumoulin and Visin 2016).
    """

    unit_axis = -2

    def __init__(
        self,
        weights: Array,
        bias: Array | None,
        activation: str = "identity",
        strides: int | Sequence[int] = 1,
        padding: str = "valid",
        **learning: Any,
    ) -> None:
        super().__init__(weights_and_bias(weights, bias), activation, **learning)
        *self.kernel, self.filters, _ = self.weights.shape
        self.strides = per_axis(strides, len(self.kernel))
        self.padding = padding

    def _forward(self, x: Array) -> Array:
        sizes = [
            n * s + (max(k - s, 0) if self.padding == "valid" else 0)
            for n, k, s in zip(x.shape[1:-1], self.kernel, self.strides, strict=True)
        ]
        self.windows = Windows(sizes, self.kernel, self.strides, self.padding)
        padded = np.zeros((len(x), *self.windows.sizes, self.filters))
        for k, places in self.windows:
            padded[places] += self.multiply(x, self.weights[k].T)
        return self.windows.crop(padded) + self.bias

    def _backward(self, deltas: Array) -> Array:
        """Store ∂E/∂W[k] = Σ δᵀx over the places that k meets, and ∂E/∂b = Σ δ; return ∂E/∂x = Σₖ δ W[k]."""
        weight_gradient, x_gradient = np.zeros_like(self.weights), np.zeros_like(self.inputs)
        padded = self.windows.pad(deltas)
        for k, places in self.windows:
            weight_gradient[k] = np.einsum("shwf,shwc->fc", self.rounded(padded[places]), self.rounded(self.inputs))
            x_gradient += self.multiply(padded[places], self.weights[k])
        self._keep(weights=weight_gradient, bias=deltas.sum(axis=(0, 1, 2)))
        return x_gradient
