"""Layers that work in training alone, which files of ONNX leave out and other packages have."""

from __future__ import annotations

from .node import LayoutError, Node, converts
from .value import Value

# The name of an operator that only `chainrule.importing` writes.
DROPOUT = "chainrule.Dropout"


@converts(DROPOUT)
def _(node: Node, value: Value) -> Value:
    is_spatial = node.get("spatial", False)
    if is_spatial and not value.is_channels_first:
        raise LayoutError(f"{node} must have the channels after the samples")
    return value.settled().then("Dropout", {}, {"rate": node.get("rate", 0.0), "spatial": is_spatial})
