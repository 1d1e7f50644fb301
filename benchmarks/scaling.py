"""The growth of chainrule's time with the number of samples and with the width of the network."""

from __future__ import annotations

import dataclasses
from typing import Any

from .peers import Peer
from .runner import measure
from .workload import Training
from .workloads import named

SAMPLES = (6_000, 12_000, 24_000, 36_000, 48_000, 60_000)
WIDTHS = (16, 32, 64, 128, 256, 512, 1024)
WIDTH_SAMPLES = 12_000


def scaling(ours: Peer, epochs: int, samples: int | None = None) -> dict[str, list[dict[str, Any]]]:
    """Return seconds and operations of an epoch of the workload "dense", by samples and by hidden width."""
    (dense,) = named("dense")
    share = min(1.0, (samples or dense.samples) / dense.samples)

    def point(workload: Training, count: int) -> dict[str, Any]:
        run, (result,) = measure(workload, [ours], epochs=epochs, samples=max(1, round(count * share)))
        return {"samples": run.samples, "width": run.sizes[1], "seconds": result.best, "flops": run.flops}

    assert isinstance(dense, Training)
    wider = [dataclasses.replace(dense, sizes=(256, width, width, 8)) for width in WIDTHS]
    return {
        "samples": [point(dense, count) for count in SAMPLES],
        "width": [point(workload, WIDTH_SAMPLES) for workload in wider],
    }
