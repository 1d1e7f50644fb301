"""Layers that work in training alone, which files of ONNX leave out and other packages have."""

from __future__ import annotations

from .node import Node, converts
from .value import Value

# The name of an operator that only `chainrule.importing` writes.
DROPOUT = "chainrule.Dropout"


@converts(DROPOUT)
def _(node: Node, value: Value) -> Value:
    return value.settled().then("Dropout", {}, {"rate": node.get("rate", 0.0), "spatial": node.get("spatial", False)})
