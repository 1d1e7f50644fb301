"""The activations f(z) and their derivatives f'(z), as tables from a name to a function.

"leaky_relu(0.2)" is "leaky_relu" with α = 0.2.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

# Klambauer et al. 2017, Self-Normalizing Neural Networks.
SELU_LAMBDA = 1.0507009873554804934193349852946
SELU_ALPHA = 1.6732632423543772848170429916717

_erfc = np.vectorize(math.erfc, otypes=[np.float64])


def sigmoid(z: Array) -> Array:
    """Return 1 / (1 + e^−z)."""
    return np.exp(-np.logaddexp(0.0, -z))


def softplus(z: Array) -> Array:
    """Return log(1 + e^z)."""
    return np.logaddexp(0.0, z)


def normal_cdf(z: Array) -> Array:
    """Return Φ(z)."""
    return 0.5 * np.asarray(_erfc(-z / math.sqrt(2.0)))


def normal_pdf(z: Array) -> Array:
    """Return φ(z)."""
    return np.asarray(np.exp(-0.5 * z * z) / math.sqrt(2.0 * math.pi))


def softmax(z: Array) -> Array:
    """Return e^zᵢ / Σ e^zⱼ along the last axis."""
    e = np.exp(z - z.max(axis=-1, keepdims=True))
    return np.asarray(e / e.sum(axis=-1, keepdims=True))


def _exp_negative(z: Array) -> Array:
    return np.exp(np.minimum(z, 0.0))


ACTIVATIONS: dict[str, Callable[..., Array]] = {
    "identity": lambda z: z,
    "sigmoid": sigmoid,
    "tanh": np.tanh,
    "relu": lambda z: np.maximum(z, 0.0),
    "leaky_relu": lambda z, alpha=0.01: np.where(z > 0, z, alpha * z),
    "elu": lambda z, alpha=1.0: np.where(z > 0, z, alpha * np.expm1(np.minimum(z, 0.0))),
    "selu": lambda z: SELU_LAMBDA * np.where(z > 0, z, SELU_ALPHA * np.expm1(np.minimum(z, 0.0))),
    "softplus": softplus,
    "softsign": lambda z: z / (1.0 + np.abs(z)),
    "gelu": lambda z: z * normal_cdf(z),
    "silu": lambda z: z * sigmoid(z),
    "mish": lambda z: z * np.tanh(softplus(z)),
    "hard_sigmoid": lambda z: np.clip(z / 6.0 + 0.5, 0.0, 1.0),
    "exp": np.exp,
    "softmax": softmax,
}

DERIVATIVES: dict[str, Callable[..., Array]] = {
    "identity": np.ones_like,
    "sigmoid": lambda z: sigmoid(z) * (1.0 - sigmoid(z)),
    "tanh": lambda z: 1.0 - np.tanh(z) ** 2,
    "relu": lambda z: np.where(z > 0, 1.0, 0.0),
    "leaky_relu": lambda z, alpha=0.01: np.where(z > 0, 1.0, alpha),
    "elu": lambda z, alpha=1.0: np.where(z > 0, 1.0, alpha * _exp_negative(z)),
    "selu": lambda z: SELU_LAMBDA * np.where(z > 0, 1.0, SELU_ALPHA * _exp_negative(z)),
    "softplus": sigmoid,
    "softsign": lambda z: 1.0 / (1.0 + np.abs(z)) ** 2,
    "gelu": lambda z: normal_cdf(z) + z * normal_pdf(z),
    "silu": lambda z: sigmoid(z) * (1.0 + z * (1.0 - sigmoid(z))),
    "mish": lambda z: np.tanh(softplus(z)) + z * sigmoid(z) * (1.0 - np.tanh(softplus(z)) ** 2),
    "hard_sigmoid": lambda z: np.where((z > -3.0) & (z < 3.0), 1.0 / 6.0, 0.0),
    "exp": np.exp,
}

# Pre-activations at which the slope jumps.
KINKS: dict[str, tuple[float, ...]] = {
    "relu": (0.0,),
    "leaky_relu": (0.0,),
    "elu": (0.0,),
    "selu": (0.0,),
    "hard_sigmoid": (-3.0, 3.0),
}


def value(activation: str, z: Array) -> Array:
    """Return f(z)."""
    name, factors = _parsed(activation)
    return ACTIVATIONS[name](z, **factors)


def derivative(activation: str, z: Array) -> Array:
    """Return f'(z) of an activation of single numbers."""
    name, factors = _parsed(activation)
    return DERIVATIVES[name](z, **factors)


def kinks(activation: str) -> tuple[float, ...]:
    """Return the pre-activations at which the slope jumps."""
    return KINKS.get(_parsed(activation)[0], ())


def _parsed(activation: str) -> tuple[str, dict[str, float]]:
    name, _, alpha = activation.rstrip(")").partition("(")
    return name, {"alpha": float(alpha)} if alpha else {}


def sides(activation: str, z: Array) -> NDArray[np.int64]:
    """Return how many kinks are below each value."""
    return sum((np.asarray(z > kink, dtype=np.int64) for kink in kinks(activation)), np.zeros(z.shape, int))


def delta(activation: str, z: Array, gradient: Array) -> Array:
    """Return ∂E/∂z from ∂E/∂a; softmax couples the outputs of a row."""
    if activation == "softmax":
        a = softmax(z)
        return np.asarray(a * (gradient - (gradient * a).sum(axis=-1, keepdims=True)))
    return gradient * derivative(activation, z)
