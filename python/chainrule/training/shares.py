"""What can be shared out among ranks with the bytes of one process."""

from __future__ import annotations

from ..border import Batches
from ..losses import Loss
from ..model import Model
from .streams import Stream


def check_shares(model: Model, data: Batches | Stream, loss: Loss) -> None:
    """Refuse what cannot be shared out among ranks; ValueError with the reason."""
    if isinstance(data, Stream):
        raise ValueError("X must be an array with a communicator, as ranks share out the samples of each batch")
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
