"""The samples that decide when a fit stops."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import train_test_split

Array = NDArray[Any]


def split(labels: Array, stratifies: bool, fraction: float, random_state: np.random.RandomState) -> tuple[Array, Array]:
    """Return the positions of the samples to train with, and of those that decide when to stop.

    Classes have the same share of both if `stratifies`, or if one would not be trained otherwise; a class with a single
    sample is trained.
    """
    positions = np.arange(len(labels))
    _, number, counts = np.unique(labels, return_inverse=True, return_counts=True)
    several = positions[counts[number] > 1]

    def parts(stratify: Array | None) -> list[Array]:
        made: list[Array] = train_test_split(several, random_state=random_state, test_size=fraction, stratify=stratify)
        return made

    train, held = parts(labels[several] if stratifies and len(counts) > 1 else None)
    if len(held) < 2:
        raise ValueError("The validation set is too small. Increase 'validation_fraction' or the size of your dataset.")
    if np.count_nonzero(counts > 1) > len(np.unique(labels[train])):
        train, held = parts(labels[several])
    return np.concatenate([train, positions[counts[number] < 2]]), held
