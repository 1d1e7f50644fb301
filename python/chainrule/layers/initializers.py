"""Initial weights. By default they follow the depth of the network; docs/formulas.md gives the distributions."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from .. import _exact
from .._checks import checked_name, checked_number

__all__ = ["Normal", "Orthogonal", "Uniform"]


@dataclass(frozen=True)
class Normal:
    """Normal numbers of mean 0 and standard deviation `scale`."""

    scale: float = 0.01

    def __post_init__(self) -> None:
        checked_number(self.scale, "scale", lowest=0)


@dataclass(frozen=True)
class Uniform:
    """Uniform numbers in [−scale, scale)."""

    scale: float = 0.05

    def __post_init__(self) -> None:
        checked_number(self.scale, "scale", lowest=0)


@dataclass(frozen=True)
class Orthogonal:
    """Orthonormal columns (or rows, where there are fewer inputs than units) times `gain` (Saxe et al. 2014)."""

    gain: float = 1.0

    def __post_init__(self) -> None:
        checked_number(self.gain, "gain", lowest=0)


# Name to distribution and the variance times the number of connections that it is scaled by: Glorot and Bengio 2010
# over the mean of inputs and outputs, He et al. 2015 and LeCun et al. 1998 over the inputs.
_SCALED = {
    "glorot_normal": ("normal", 1.0, "mean"),
    "glorot_uniform": ("uniform", 1.0, "mean"),
    "he_normal": ("normal", 2.0, "inputs"),
    "he_uniform": ("uniform", 2.0, "inputs"),
    "lecun_normal": ("normal", 1.0, "inputs"),
    "lecun_uniform": ("uniform", 1.0, "inputs"),
}
_PLAIN: dict[str, type[Normal] | type[Uniform] | type[Orthogonal]] = {
    "normal": Normal,
    "uniform": Uniform,
    "orthogonal": Orthogonal,
}
INITIALIZERS = (*_SCALED, *_PLAIN)


# The default is PyTorch's in networks of so many layers with weights, or fewer.
_SHALLOW = 5


def default_initializer(inputs: int, layers: int) -> Uniform:
    """Return the initial weights and biases of a layer in a network of so many layers with weights.

    PyTorch's, uniform in ±1/√inputs, learn best in a few layers, but the signal would vanish in many: the variance c /
    inputs has c = 1/3 in up to five layers, and nears 1 as c = (1/3)^((5 / layers)²) in more. See docs/defaults.md.
    """
    if layers <= _SHALLOW:
        return Uniform(1 / math.sqrt(inputs))
    share = float(_exact.exp(np.asarray(_exact.log(1 / 3) * (_SHALLOW / layers) ** 2)))
    return Uniform(math.sqrt(3.0 * share / inputs))


def distribution(initializer: Normal | Uniform | Orthogonal | str, inputs: int, outputs: int) -> tuple[str, float]:
    """Return the core's name of the distribution and its scale for a layer of that shape."""
    if isinstance(initializer, str):
        name = checked_name(initializer, "weights", INITIALIZERS)
        if name in _SCALED:
            kind, variance, over = _SCALED[name]
            fan = (inputs + outputs) / 2 if over == "mean" else inputs
            return kind, math.sqrt((3.0 if kind == "uniform" else 1.0) * variance / fan)
        initializer = _PLAIN[name]()
    if isinstance(initializer, Orthogonal):
        return "orthogonal", float(initializer.gain)
    return ("normal" if isinstance(initializer, Normal) else "uniform"), float(initializer.scale)
