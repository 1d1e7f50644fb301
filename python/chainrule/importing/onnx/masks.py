"""Padding that `chainrule.exporting.onnx` has written: reordered steps are put back, and masks become layers."""

from __future__ import annotations

from collections.abc import Mapping

from .node import Node, converts
from .value import Value

_RECURRENT = ("RNN", "LSTM", "GRU")


def with_masks(nodes: list[Node]) -> list[Node]:
    """Return the nodes with `Masking` where lengths of samples are computed, and without what reorders steps."""
    made_by = {name: node for node in nodes for name in node.outputs}
    counts = [made_by.get(node.inputs[4]) for node in nodes if node.op in _RECURRENT and _has_lengths(node)]
    steps = [count.inputs[0] for count in counts if count is not None and count.op == "ReduceSum"]
    for node in nodes:
        if node.op in _RECURRENT and _has_lengths(node) and _reads_reordered(node, made_by, steps):
            node.inputs[4] = ""
    for node in nodes:
        if node.op == "GatherElements" and _reordered_by(node, made_by) in steps:
            node.op, node.inputs, node.attributes = "Identity", node.inputs[:1], {}
    for mask in dict.fromkeys(made_by[name].inputs[0] for name in steps):
        nodes = _masked(nodes, made_by, made_by[mask])
    return nodes


def _has_lengths(node: Node) -> bool:
    return node.has(4) and node.inputs[4] not in node.constants


def _reads_reordered(node: Node, made_by: Mapping[str, Node], steps: list[str]) -> bool:
    """Tell whether a recurrent operator reads steps in the order that goes with its lengths."""
    turned = made_by.get(node.inputs[0])
    gathered = None if turned is None or turned.op != "Transpose" else made_by.get(turned.inputs[0])
    lengths = made_by.get(node.inputs[4])
    if gathered is None or gathered.op != "GatherElements" or lengths is None or lengths.op != "ReduceSum":
        return False
    return _reordered_by(gathered, made_by) == lengths.inputs[0] and lengths.inputs[0] in steps


def _reordered_by(node: Node, made_by: Mapping[str, Node]) -> str | None:
    """Return what says by whether it is a step where each step goes, or comes back from."""
    name = node.inputs[1]
    for op in ("Expand", "Unsqueeze", "TopK"):
        if name not in made_by or made_by[name].op != op:
            return None
        name = made_by[name].inputs[0]
    return made_by[name].inputs[0] if name in made_by and made_by[name].op == "TopK" else name


def _masked(nodes: list[Node], made_by: Mapping[str, Node], mask: Node) -> list[Node]:
    """Return the nodes with a layer that marks the padding of a mask."""
    is_of_tokens = mask.op == "Not"
    equal = mask if is_of_tokens else made_by[made_by[made_by[mask.inputs[0]].inputs[0]].inputs[0]]
    equal = made_by[equal.inputs[0]]
    if equal.op != "Equal":
        raise ValueError(f"{mask} is a mask of a kind that no layer here has")
    read = equal.inputs[0]
    if is_of_tokens:
        for node in nodes:
            if node.op == "Gather" and read in node.inputs:
                node.attributes["mask_zero"] = 1
        return nodes
    value = equal.constant(1, "padding").item()
    marked = Node(f"{equal.name}/mask", "Masking", [read], [f"{read}/masked"], {"value": value}, equal.constants)
    for node in nodes:
        if node is not equal:
            node.inputs = [f"{read}/masked" if name == read else name for name in node.inputs]
    place = next((i + 1 for i, node in enumerate(nodes) if read in node.outputs), 0)
    return [*nodes[:place], marked, *nodes[place:]]


@converts("Masking")
def _(node: Node, value: Value) -> Value:
    return value.settled().then("Masking", {}, {"value": node.get("value", 0.0)})
