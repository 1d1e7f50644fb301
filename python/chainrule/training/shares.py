"""What can be shared out among ranks with the bytes of one process."""

from __future__ import annotations

from collections.abc import Sequence

from ..border import Border
from ..communicators import check_blocks
from ..losses import Loss
from ..metrics import Metric
from ..model import Model
from .given import Given, Samples
from .streams import Stream

# Batches that come one by one have no samples that could be shared out.
_NO_ARRAY = "X must be an array with a communicator, as ranks share out the samples of each batch"


def check_own_samples(border: Border, given: Given) -> None:
    """Refuse what would need the samples of all ranks, if each has its own; ValueError with the reason."""
    if given.y is None:
        raise ValueError(_NO_ARRAY)
    if given.validation_split:
        raise ValueError(
            f"validation_split must be 0 with data='local', got {given.validation_split!r}: give each rank "
            "validation_data of its own"
        )
    if isinstance(border.target_scale, str):
        raise ValueError("target_scale must be (mean, std) with data='local', got 'auto', as no rank has all targets")


def check_shares(model: Model, samples: Samples, loss: Loss, batch_size: int, metrics: Sequence[Metric]) -> None:
    """Refuse what cannot be shared out among ranks; ValueError with the reason."""
    if isinstance(samples.data, Stream):
        raise ValueError(_NO_ARRAY)
    if loss.needs_check:
        raise ValueError(
            f"loss must be no function with a communicator, got {loss!r}: what it computes from a whole batch may "
            "differ in its last bits from what it computes from shares"
        )
    for leaf in model.leaves:
        if leaf.in_core and leaf.place.core.needs_whole_batch(leaf.place.index):
            raise ValueError(
                f"communicator must be None for {leaf!r}, which computes with all samples of a batch together, while "
                "each rank has some of them"
            )
    if samples.of_ranks:
        check_blocks(samples.of_ranks, batch_size, model.numbers.precision)
        if metrics:
            names = [metric.name for metric in metrics]
            raise ValueError(f"metrics must be () with data='local', got {names}: they need all samples in one place")
