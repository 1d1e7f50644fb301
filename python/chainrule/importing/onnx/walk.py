"""The way from the input of a file to its output, through sums and concatenations of branches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

from ...layers.base import Part
from .activation import activated
from .affine import CHANGE, finished
from .node import CONVERTERS, RESULTS, Node
from .value import Value
from .wiring import WIRINGS, wiring_of


class Walk:
    """All operators of a file, in the order in which they are computed.

    Attributes
    ----------
    reached : int
        The place of the operator that has been read last.
    """

    def __init__(self, nodes: Sequence[Node]) -> None:
        """Keep the operators that depend on the samples."""
        self._nodes = [node for node in nodes if any(node.outputs)]
        self._made_by = {name: node for node in self._nodes for name in node.outputs if name}
        self.reached = 0

    @cached_property
    def _before(self) -> dict[str, list[str]]:
        """For each value those that every way to it leads through, itself last."""
        known: dict[str, list[str]] = {}
        for node in self._nodes:
            ways = [known.get(name, [name]) for name in node.moving]
            common = [name for name in ways[0] if all(name in way for way in ways[1:])] if ways else []
            known |= {name: [*common, name] for name in node.outputs if name}
        return known

    def between(self, begin: str, end: str, start: Value) -> Value:
        """Return what a value becomes that is made of another, `start`, by the operators in between."""
        way: list[Node] = []
        forks: list[str] = []
        while end != begin:
            if end not in self._made_by:
                raise ValueError(f"value {end!r} does not depend on the input alone")
            node = self._made_by[end]
            way.append(replace(node, result=node.outputs.index(end)))
            end = self._fork(node)
            forks.append(end)
        value = start
        for node, fork in zip(reversed(way), reversed(forks), strict=True):
            value = self._after(node, fork, value)
        return value

    def _fork(self, node: Node) -> str:
        """Return the last value that all operands of a node depend on through it alone."""
        ways = [self._before.get(name, [name]) for name in node.moving]
        if not ways:
            raise ValueError(f"{node} does not depend on the samples")
        common = [name for name in ways[0] if all(name in way for way in ways[1:])]
        return common[-1]

    def _after(self, node: Node, fork: str, value: Value) -> Value:
        self.reached = self._place(node)
        if node.moving == [fork] and len([name for name in node.inputs if name == fork]) == 1:
            if node.op not in CONVERTERS:
                raise ValueError(f"{node} has no layer here")
            if node.result >= RESULTS[node.op]:
                raise ValueError(
                    f"{node} is asked for its result {node.outputs[node.result]!r}, which no layer here gives"
                )
            after = CONVERTERS[node.op](node, value)
            node.check_attributes()
            return after
        inner = self._inside(fork, node)
        if (wired := WIRINGS.get(wiring_of(inner, fork))) is not None:
            return wired(inner, value)
        if node.op not in _JOINS:
            raise ValueError(f"{node} of several values has no layer here")
        base = value.settled()
        start = replace(base, parts=())
        branches = [self.between(fork, name, start) for name in node.inputs]
        joined = _JOINS[node.op](node, base, branches)
        node.check_attributes()
        return joined

    def _place(self, node: Node) -> int:
        """Return the place of a node, whichever of its results is asked for."""
        return next(place for place, each in enumerate(self._nodes) if each.outputs is node.outputs)

    def _inside(self, begin: str, last: Node) -> list[Node]:
        """Return the nodes between a value and a node that every way from there leads to, and that node."""
        needed, inner = set(last.inputs), [last]
        for node in reversed(self._nodes[: self._place(last)]):
            if needed.intersection(node.outputs) - {begin} and begin in self._before[next(filter(None, node.outputs))]:
                needed.update(node.inputs)
                inner.append(node)
        return inner[::-1]


def _settled(node: Node, branches: Sequence[Value]) -> list[Value]:
    settled = [finished(branch.settled()) for branch in branches]
    if any(branch.axes != settled[0].axes for branch in settled):
        raise ValueError(f"{node} joins branches whose axes are in different orders")
    return settled


def _configs(branch: Value) -> list[dict[str, Any]]:
    return [part.config for part in branch.parts]


def _arrays(branches: Sequence[Value]) -> dict[str, Any]:
    parts = [part for branch in branches for part in branch.parts]
    return {f"{i}.{name}": array for i, part in enumerate(parts) for name, array in part.arrays.items()}


def _sum(node: Node, value: Value, branches: Sequence[Value]) -> Value:
    settled = _settled(node, branches)
    for branch in settled:
        if len(branch.parts) == 1 and branch.parts[0].config["type"] == CHANGE and branch.parts[0].arrays:
            mixed = Part({**branch.parts[0].config, "type": "MixedActivation"}, branch.parts[0].arrays)
            return replace(branch, parts=(*value.parts, mixed))
    if any(branch.shape != settled[0].shape for branch in settled):
        shapes = ", ".join(str(branch.shape) for branch in settled)
        raise ValueError(f"{node} adds branches that end in the shapes {shapes}; a layer here adds those of one shape")
    through = [branch for branch in settled if branch.parts]
    if len(settled) == 2 and len(through) == 1:
        part = _part("Residual", {"layers": _configs(through[0])}, through)
    else:
        part = _part("Add", {"branches": [_configs(branch) for branch in settled]}, settled)
    return replace(settled[0], parts=(*value.parts, part))


def _concatenation(node: Node, value: Value, branches: Sequence[Value]) -> Value:
    settled = _settled(node, branches)
    axis, first = node.get("axis", 1), settled[0]
    if first.axes[axis] != len(first.axes) - 1:
        raise node.misplaced("axis", axis)
    widths = [branch.shape[-1] for branch in settled]
    shape = (*first.shape[:-1], sum(width for width in widths if width is not None))
    kinds = [_column_kind(branch) for branch in settled]
    if all(kinds) and any(layer["type"] in _OF_CODES for kind in kinds if kind for layer in kind["layers"]):
        part = _part("Columns", {"columns": kinds}, settled)
    else:
        part = _part("Concatenate", {"branches": [_configs(branch) for branch in settled]}, settled)
    return replace(first, parts=(*value.parts, part), shape=shape, real=shape)


# Layers that read codes, which only `Columns` may have in branches.
_OF_CODES = ("OneHot", "Embedding")


def _column_kind(branch: Value) -> dict[str, Any] | None:
    """Return the description of a branch as a kind of `Columns`, if it can be one."""
    if not branch.parts or branch.parts[0].config["type"] != "Select":
        return None
    layers = _configs(branch)[1:]
    ends_flat = bool(layers) and layers[-1]["type"] == "Flatten"
    return {"count": len(branch.parts[0].config["features"]), "layers": layers[: len(layers) - ends_flat]}


def _difference(node: Node, value: Value, branches: Sequence[Value]) -> Value:
    function, plain = branches
    if plain.parts or len(function.parts) != 1 or function.parts[0].config["type"] != "Activation":
        raise ValueError(f"{node} subtracts values, which no layer here does but one that mixes an activation")
    return value.then(CHANGE, {}, {"function": function.parts[0].config["activation"]})


def _product(node: Node, value: Value, branches: Sequence[Value]) -> Value:
    kinds = sorted(str([part.config.get("activation") for part in branch.parts]) for branch in branches)
    if kinds != ["['sigmoid']", "[]"] or any(branch.parts and branch.parts[0].arrays for branch in branches):
        raise ValueError(f"{node} multiplies two values, which no layer here does but silu, z times its sigmoid")
    return activated(value, "silu")


def _part(kind: str, settings: dict[str, Any], branches: Sequence[Value]) -> Part:
    return Part({"type": kind, **settings}, _arrays(branches))


_JOINS = {"Add": _sum, "Sum": _sum, "Concat": _concatenation, "Mul": _product, "Sub": _difference}
