"""States in files: inputs before a call and outputs after it, of `stateful` layers, and zeros for any samples."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .node import Node

_RECURRENT = ("RNN", "LSTM", "GRU")
# Where recurrent operators take a state from.
_PLACES = (5, 6)


def without_zeros(nodes: Sequence[Node]) -> list[Node]:
    """Return the nodes with no initial state where it is zeros for any number of samples, as PyTorch writes it."""
    zeros: set[str] = set()
    for node in nodes:
        if _makes_zeros(node, zeros):
            zeros.update(node.outputs)
        elif node.op in _RECURRENT:
            node.inputs = ["" if i in _PLACES and name in zeros else name for i, name in enumerate(node.inputs)]
    return list(nodes)


def _makes_zeros(node: Node, zeros: set[str]) -> bool:
    if node.op == "ConstantOfShape":
        from onnx import numpy_helper

        return "value" not in node.attributes or not numpy_helper.to_array(node.attributes["value"]).any()
    first = node.inputs[0] if node.op in ("Expand", "Slice") else ""
    return first in zeros or (first in node.constants and not np.any(node.constants[first]))


def states_of(inputs: Sequence[str], outputs: Sequence[str]) -> list[str]:
    """Return the inputs that are states: each comes back as an output."""
    return [name for name in inputs if f"{name}.next" in outputs]


def without_states(nodes: Sequence[Node], states: Sequence[str], end: str) -> list[Node]:
    """Return the nodes that make an output, with layers that are `stateful` in place of operands that are states."""
    given = set(states)
    needed, kept = {end}, []
    for node in nodes:
        if node.op == "Unsqueeze" and node.inputs[0] in states:
            given.add(node.outputs[0])
        elif node.op == "Where" and node.inputs[2] in states:
            node.op, node.inputs = "Identity", [node.inputs[1]]
        elif node.op in _RECURRENT and given.intersection(node.inputs):
            node.inputs = ["" if i in _PLACES and name in given else name for i, name in enumerate(node.inputs)]
            node.attributes["stateful"] = 1
    for node in reversed(nodes):
        if needed.intersection(node.outputs):
            needed.update(node.inputs)
            kept.append(node)
    return kept[::-1]
