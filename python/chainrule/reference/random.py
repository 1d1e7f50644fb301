"""Random words and numbers, from NumPy's Philox with the keys of the core."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from .activations import Array

WEIGHTS, SHUFFLING, INPUT_NOISE, DROPOUT, LAYER_NOISE = 1, 2, 3, 4, 5


def words(seed: int, purpose: int, b: int, c: int, count: int, d: int = 0) -> NDArray[np.uint64]:
    """Return the first words of the stream with this key and counter."""
    key = np.array([seed, purpose], dtype=np.uint64)
    counter = np.array([0, b, c, d], dtype=np.uint64)
    return np.asarray(np.random.Philox(key=key, counter=counter).random_raw(count), dtype=np.uint64)


def sample_words(seed: int, purpose: int, first: int, c: int, samples: int, count: int) -> NDArray[np.uint64]:
    """Return the first words of each sample's stream, (samples, count); their positions start at `first`."""
    return np.stack([words(seed, purpose, first + i, c, count) for i in range(samples)])


def layer_words(draw: tuple[int, int, int], purpose: int, layer: int, samples: int, count: int) -> NDArray[np.uint64]:
    """Return the first words of each sample in a layer; `draw` is seed, epoch, and the first sample's position."""
    seed, epoch, first = draw
    return sample_words(seed, purpose, first, epoch * 4096 + layer, samples, count)


def keeps(
    draw: tuple[int, int, int], layer: int, samples: int, count: int, rate: float, part: int = 0
) -> NDArray[np.bool_]:
    """Return whether dropout keeps a value, with probability 1 − rate, (samples, count).

    Value k has byte k of the words. It is dropped if the byte is below limit = ⌊256 rate⌋, and kept if it is above. The
    values whose byte is the limit have a further word each, in order: they are dropped if its uniform number is below
    256 rate − limit.
    """
    seed, epoch, first = draw
    limit = math.floor(256 * rate)
    of_bytes = -(-count // 8)
    kept = np.empty((samples, count), dtype=np.bool_)
    for i, of_sample in enumerate(kept):
        drawn = words(seed, DROPOUT, first + i, epoch * 4096 + layer, of_bytes + count, part)
        octets = drawn[:of_bytes].astype("<u8").view(np.uint8)[:count]
        ties = octets == limit
        of_sample[...] = octets > limit
        of_sample[ties] = uniform(drawn[of_bytes : of_bytes + ties.sum()]) >= 256 * rate - limit
    return kept


def uniform(raw: NDArray[np.uint64]) -> Array:
    """Return (word >> 11) · 2⁻⁵³, in [0, 1)."""
    return (raw >> np.uint64(11)).astype(np.float64) * 2.0**-53


def normal(raw: NDArray[np.uint64]) -> Array:
    """Return Φ⁻¹(((word >> 12) + ½) · 2⁻⁵²)."""
    inverse = NormalDist().inv_cdf
    middles = ((raw >> np.uint64(12)).astype(np.float64) + 0.5) * 2.0**-52
    return np.array([inverse(float(p)) for p in middles.flat]).reshape(raw.shape)


def order(samples: int, seed: int, epoch: int) -> NDArray[np.int64]:
    """Return the order of an epoch: Fisher–Yates, one word per swap."""
    shuffled = list(range(samples))
    raw = words(seed, SHUFFLING, epoch, 0, max(samples - 1, 0))
    for i, word in zip(range(samples - 1, 0, -1), raw, strict=True):
        j = (int(word) * (i + 1)) >> 64
        shuffled[i], shuffled[j] = shuffled[j], shuffled[i]
    return np.array(shuffled, dtype=np.int64)
