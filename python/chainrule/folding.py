"""A network folded for prediction: normalisations and activations go into the layers in front of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from . import _state
from .composite import Composite
from .images import Conv1D, Conv2D, Conv2DTranspose
from .layers import Activation, Dense, Layer
from .noise import Dropout, GaussianNoise
from .normalisation import BatchNorm

if TYPE_CHECKING:
    from .network import Network


def folded(network: Network) -> Network:
    """Return the network of `Network.folded`."""

    def change(description: dict[str, Any], arrays: _state.Tensors) -> None:
        parts = _folded(network._stack)
        description["layers"][1:] = [part.config for part in parts]
        arrays.clear()
        arrays.update({f"layers.{name}": values for name, values in _numbered(parts).items()})

    return _state.changed(network, change)


@dataclass
class _Part:
    """A layer as values: its description, and its arrays by name."""

    config: dict[str, Any]
    arrays: _state.Tensors


def _folded(layers: Sequence[Layer]) -> list[_Part]:
    """Return layers in a row that predict the same."""
    predicting = [layer for layer in layers if not isinstance(layer, (Dropout, GaussianNoise))]
    parts: list[_Part] = []
    # A row must keep a layer, even if it does nothing.
    for layer in predicting or layers:
        if not (parts and _take_in(parts[-1], layer)):
            parts.append(_part(layer))
    return parts


def _part(layer: Layer) -> _Part:
    if not isinstance(layer, Composite):
        return _Part(layer._config(), layer._parameters() | layer._statistics())
    branches = [_folded(branch) for branch in layer._branches]
    config = layer._config_of([[part.config for part in branch] for branch in branches])
    return _Part(config, _numbered([part for branch in branches for part in branch]))


def _numbered(parts: Sequence[_Part]) -> _state.Tensors:
    return {f"{i}.{name}": values for i, part in enumerate(parts) for name, values in part.arrays.items()}


def _take_in(part: _Part, behind: Layer) -> bool:
    """Make a part the same with the layer behind it, if it can be."""
    kinds = (Conv1D, Conv2D, Conv2DTranspose, Dense)
    if part.config["type"] not in {kind.__name__ for kind in kinds} or part.config["activation"] != "identity":
        return False
    if isinstance(behind, BatchNorm):
        _normalise(part, behind)
        return True
    # Softmax is of features in a row.
    if isinstance(behind, Activation) and (behind.activation != "softmax" or len(behind._input_shape) == 1):
        part.config["activation"] = behind.activation
        return True
    return False


def _normalise(part: _Part, norm: BatchNorm) -> None:
    """γ (x W + b − μ) / √(σ² + ε) + β = x (W s) + (b − μ) s + β, with s = γ / √(σ² + ε)."""
    gamma, beta, mean, variance = (
        values.astype(np.float64) for values in (norm.gamma, norm.beta, norm.running_mean, norm.running_variance)
    )
    scale = gamma / np.sqrt(variance + norm.epsilon)
    # The weights of a transposed convolution have the outputs in front of the inputs.
    of_weights = scale[:, None] if part.config["type"] == Conv2DTranspose.__name__ else scale
    part.arrays = {
        "weights": part.arrays["weights"] * of_weights,
        "bias": (part.arrays["bias"] - mean) * scale + beta,
    }
