"""States that `chainrule.exporting.onnx` has written: inputs before a call, outputs after it, of `stateful` layers."""

from __future__ import annotations

from collections.abc import Sequence

from .node import Node

_RECURRENT = ("RNN", "LSTM", "GRU")
# Where recurrent operators take a state from.
_PLACES = (5, 6)


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
