"""Folds of a cross-validation."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def dealt(order: NDArray[np.int64], folds: int, random: np.random.Generator) -> NDArray[np.int64]:
    """Return the fold of each sample, (samples,); neighbours in this order are in different folds."""
    fold = np.empty(len(order), dtype=np.int64)
    for begin in range(0, len(order), folds):
        run = order[begin : begin + folds]
        fold[run] = random.permutation(folds)[: len(run)]
    return fold
