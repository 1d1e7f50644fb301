"""Initial weights by name."""

from __future__ import annotations

import math

import numpy as np

from . import random
from .activations import Array


def scale_of(name: str, n_in: int, n_out: int) -> float:
    """Return the bound of a uniform, or the standard deviation of a normal distribution."""
    return {
        "glorot_uniform": math.sqrt(6 / (n_in + n_out)),
        "glorot_normal": math.sqrt(2 / (n_in + n_out)),
        "he_uniform": math.sqrt(6 / n_in),
        "he_normal": math.sqrt(2 / n_in),
        "lecun_uniform": math.sqrt(3 / n_in),
        "lecun_normal": math.sqrt(1 / n_in),
        "normal": 0.01,
        "uniform": 0.05,
        "orthogonal": 1.0,
    }[name]


def default_scale(n_in: int, layers: int) -> float:
    """Return the bound of the uniform default, of weights and biases, in a network of so many layers with weights."""
    return math.sqrt(3 * (1 / 3) ** min(1, (5 / layers) ** 2) / n_in)


def weights(name: str, n_in: int, n_out: int, seed: int, layer: int, scale: float | None = None) -> Array:
    """Return the initial weights (n_in, n_out) of a layer."""
    scale = scale_of(name, n_in, n_out) if scale is None else scale
    raw = random.words(seed, random.WEIGHTS, layer, 0, n_in * n_out)
    if name.endswith("uniform"):
        return scale * (2 * random.uniform(raw) - 1).reshape(n_in, n_out)
    normals = random.normal(raw).reshape(n_in, n_out)
    if name != "orthogonal":
        return scale * normals
    q, r = np.linalg.qr(normals if n_in >= n_out else normals.T)
    q = q * np.sign(np.diag(r))
    return scale * (q if n_in >= n_out else q.T)
