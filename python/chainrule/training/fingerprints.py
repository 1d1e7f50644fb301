"""Hashes of what a fit is trained on, so that a fit is resumed with the same data only."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..border import Batches

# Bytes up to which every sample is hashed, and how many samples are hashed of larger data.
WHOLE = 1 << 28
SAMPLED = 4096


def fingerprint(X: Any, data: Batches) -> str:
    """Return a hash of samples, targets and weights, by their values: types and containers do not matter.

    Data of more than a quarter of a gigabyte are hashed by samples that are evenly spaced.
    """
    digest = hashlib.blake2b(digest_size=16)
    if hasattr(X, "tocsr"):
        rows = X.tocsr()
        for values in (rows.data, rows.indices, rows.indptr):
            _add(digest, values)
    else:
        _add(digest, np.asarray(X))
    _add(digest, data.y)
    if data.weights is not None:
        _add(digest, data.weights)
    return digest.hexdigest()


def joined(hashes: Sequence[str | None]) -> str | None:
    """Return one hash for those of the ranks' own samples, in their order; a single one stays as it is."""
    first, *others = hashes
    if not others or first is None:
        return first
    return hashlib.blake2b("".join(map(str, hashes)).encode(), digest_size=16).hexdigest()


def digest_of(*arrays: np.ndarray[Any, Any]) -> str:
    """Return a hash of all bytes of some arrays."""
    digest = hashlib.blake2b(digest_size=16)
    for array in arrays:
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def _add(digest: Any, values: np.ndarray[Any, Any]) -> None:
    digest.update(str(values.size).encode())
    if values.nbytes > WHOLE:
        values = values[np.linspace(0, len(values) - 1, SAMPLED).astype(np.int64)]
    for begin in range(0, len(values), SAMPLED):
        digest.update(np.ascontiguousarray(values[begin : begin + SAMPLED], dtype=np.float64).data)
