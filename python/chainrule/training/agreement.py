"""What all ranks of a fit must agree on, before the first one sends anything to the others."""

from __future__ import annotations

import os
from typing import Any

from ..model import Model
from .fingerprints import digest_of
from .plan import Plan


def agreed(model: Model, plan: Plan) -> dict[str, Any]:
    """Return what must be the same on all ranks, by name: the network, the arguments of the fit, and the data.

    What the network is comes first, as what it computes follows from it.
    """
    labels, checkpoints, snapshot = plan.border.classes, plan.checkpoints, model.snapshot()
    layers = [layer.config() for layer in model.layers]
    return {
        "the number of layers": len(layers),
        **{f"{name} of layers[{i}]": value for i, layer in enumerate(layers) for name, value in layer.items()},
        "dtype": model.dtype,
        "precision": model.numbers.precision,
        "seed": model.seed,
        "target_scale": plan.border.unit_config(),
        "the labels": None if labels is None else labels.tolist(),
        **checkpoints.settings,
        "epochs": plan.epochs,
        "checkpoint": None if checkpoints.path is None else os.fspath(checkpoints.path),
        "checkpoint_every": f"{checkpoints.interval.amount} {checkpoints.interval.unit}",
        "resume": plan.resumed is not None,
        "the number of epochs so far": model.epochs,
        "the number of steps so far": model.core.optimizer_steps,
        "rate_factor": model.rate_factor,
        "parameters": digest_of(snapshot.parameters, snapshot.statistics),
        "the state of the optimizer": digest_of(*model.core.optimizer_state().values()),
    }
