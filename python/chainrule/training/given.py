"""What a fit is given, checked: the samples that it trains on, and those that are held back for validation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import _core
from .._checks import checked_number
from ..arrays import are_labels, as_array, with_rows
from ..border import Batches, Border
from ..losses import Loss
from .fingerprints import fingerprint, joined
from .ranks import Ranks, refuse_differences
from .streams import Stream

# The epoch whose order chooses the samples that are held back; no fit gets so far.
_SPLIT = 2**63
_NO_COUNTS = np.zeros(0, np.int64)


@dataclass(frozen=True)
class Given:
    """Samples, targets and weights as `Network.fit` is given them."""

    X: Any
    y: ArrayLike | None
    sample_weight: ArrayLike | None
    class_weight: Mapping[Any, float] | str | None
    validation_data: Any
    validation_split: float


@dataclass(frozen=True)
class Samples:
    """The samples of a fit: what it trains on, and what is held back for validation."""

    data: Batches | Stream
    validation: Batches | None
    # How many of them each rank has of its own; nothing if all ranks have the same ones.
    of_ranks: tuple[int, ...] = ()
    held_of_ranks: tuple[int, ...] = ()

    @property
    def count(self) -> int | None:
        """Samples per epoch, those of all ranks; None for a stream."""
        if isinstance(self.data, Stream):
            return None
        return sum(self.of_ranks) if self.of_ranks else len(self.data)

    def hashes(self, given: Given, ranks: Ranks) -> dict[str, str | None]:
        """Return hashes of the arrays that all ranks were given, as far as these are known before the fit."""
        of_data = fingerprint(given.X, self.data) if isinstance(self.data, Batches) else None
        of_held = None if self.validation is None else fingerprint(given.validation_data[0], self.validation)
        parts = ranks.of_parts((of_data, of_held))
        names = ("X, y and weights", "validation_data")
        return {name: joined([hashes[i] for hashes in parts]) for i, name in enumerate(names)}


def held_back(given: Given, seed: int) -> Given:
    """Hold samples back for validation, chosen by the network's seed, if a share of them is asked for."""
    share = checked_number(given.validation_split, "validation_split", lowest=0, highest=1, open_highest=True)
    if share == 0:
        return given
    if given.validation_data is not None:
        raise ValueError(f"validation_split must be 0 with validation_data, got {given.validation_split!r}")
    if given.y is None:
        raise ValueError(f"validation_split must be 0 for batches that come one by one, got {given.validation_split!r}")
    X, y = with_rows(given.X), as_array(given.y, "y")
    weights = None if given.sample_weight is None else as_array(given.sample_weight, "sample_weight")
    samples = X.shape[0]
    held = round(share * samples)
    if not 0 < held < samples:
        raise ValueError(f"validation_split must leave samples on both sides, got {share:g} of {samples}")
    order = _core.shuffled_order(samples, seed, _SPLIT)
    train, last = np.sort(order[held:]), np.sort(order[:held])
    of_held = (X[last], y[last]) if weights is None else (X[last], y[last], weights[last])
    kept = None if weights is None else weights[train]
    return replace(given, X=X[train], y=y[train], sample_weight=kept, validation_data=of_held, validation_split=0.0)


def checked(border: Border, given: Given, loss: Loss, ranks: Ranks) -> Samples:
    """Return the samples of a fit; those for training and for validation count by the same weights of classes."""
    if given.y is None:
        stream, of_class = _stream(border, given, loss)
        held = _validation(border, given, loss)
        return Samples(stream, None if held is None else held.weighed(of_class))
    data = border.batches(given.X, given.y, given.sample_weight, loss=loss)
    held = _validation(border, given, loss)
    counts = _NO_COUNTS if given.class_weight is None else border.class_counts(data.y, data.weights, loss)
    parts = ranks.of_parts(_Part(len(data), 0 if held is None else len(held), counts, _kinds(given, data, held)))
    refuse_differences([part.kinds for part in parts])
    of_class = border.class_weights(given.class_weight, np.sum([part.counts for part in parts], axis=0), loss)
    samples = Samples(data.weighed(of_class), None if held is None else held.weighed(of_class))
    if not ranks.have_own_samples:
        return samples
    held_of_ranks = () if held is None else tuple(part.held for part in parts)
    return replace(samples, of_ranks=tuple(part.samples for part in parts), held_of_ranks=held_of_ranks)


@dataclass(frozen=True)
class _Part:
    """What ranks must know of each other's samples."""

    samples: int
    held: int
    # The samples of each class, if classes are weighed.
    counts: NDArray[np.int64]
    kinds: dict[str, str | None]


def _kinds(given: Given, data: Batches, held: Batches | None) -> dict[str, str | None]:
    """Return what must be the same on all ranks, though their samples are not."""
    return {
        "the kind of X, y and weights": _kind(data),
        "the kind of validation_data": None if held is None else _kind(held),
        "class_weight": None if given.class_weight is None else repr(given.class_weight),
    }


def _kind(batches: Batches) -> str:
    """Return what samples must have in common to be in one array."""
    X, y, weights = batches.X, batches.y, batches.weights
    columns = X.columns if isinstance(X, _core.SparseMatrix) else X.shape[1]
    of_y = f"{'labels' if are_labels(y) else 'numbers'} for each of {y[0].size} outputs"
    of_weights = "no weights" if weights is None else f"{weights[0].size} weights for each"
    return f"{'sparse' if batches.is_sparse else 'dense'} samples of {columns} numbers, {of_y}, {of_weights}"


def _validation(border: Border, given: Given, loss: Loss) -> Batches | None:
    held = given.validation_data
    if held is None:
        return None
    if not isinstance(held, (tuple, list)) or len(held) not in (2, 3):
        raise ValueError("validation_data must be (X, y) or (X, y, sample_weight)")
    return border.batches(*held, loss=loss, prefix="validation ")


def _stream(border: Border, given: Given, loss: Loss) -> tuple[Stream, NDArray[np.float64] | None]:
    if isinstance(given.class_weight, str):
        raise ValueError(f"class_weight must be a mapping for batches that come one by one, got {given.class_weight!r}")
    if given.sample_weight is not None:
        raise ValueError("sample_weight must be in the batches if these come one by one")
    of_class = border.class_weights(given.class_weight, _NO_COUNTS, loss)

    def checked_batch(X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Batches:
        batch = border.batches(X, y, sample_weight, loss=loss, may_weigh_nothing=True)
        if of_class is not None and not are_labels(batch.y):
            raise ValueError(f"class_weight needs y as integer labels, got rows of shape {batch.y.shape}")
        return batch.weighed(of_class, may_weigh_nothing=True)

    return Stream(given.X, checked_batch), of_class
