"""Channels, which come first in ONNX and last here, and windows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...layers.windows import Window
from .graph import Graph


def channels_first(graph: Graph, x: str, axes: int) -> str:
    """Return (samples, channels, places …) from (samples, places …, channels), with so many axes of places."""
    return graph.transposed(x, 0, axes + 1, *range(1, axes + 1)) if axes else x


def channels_last(graph: Graph, x: str, axes: int) -> str:
    """Return (samples, places …, channels) from (samples, channels, places …)."""
    return graph.transposed(x, 0, *range(2, axes + 2), 1) if axes else x


def window_attributes(moves: Sequence[Window]) -> dict[str, Any]:
    """Return the attributes that convolutions and pools have in common; padding is explicit, first all beginnings."""
    return {
        "kernel_shape": [window.size for window in moves],
        "strides": [window.stride for window in moves],
        "pads": [*(window.before for window in moves), *(window.after for window in moves)],
    }
