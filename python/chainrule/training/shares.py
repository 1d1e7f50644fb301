"""What can be shared out among ranks with the bytes of one process, and what all of them must agree on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..border import Batches
from ..losses import Loss
from ..model import Model
from .fingerprints import digest_of
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


def agreed(model: Model, settings: Mapping[str, Any], epochs: int) -> dict[str, Any]:
    """Return what must be the same on all ranks: the settings of a fit, and the network that it begins with."""
    snapshot = model.snapshot()
    return {
        **settings,
        "epochs": epochs,
        "seed": model.seed,
        "the number of epochs so far": model.epochs,
        "the number of steps so far": model.core.optimizer_steps,
        "parameters": digest_of(snapshot.parameters, snapshot.statistics),
        "the state of the optimizer": digest_of(*model.core.optimizer_state().values()),
    }
