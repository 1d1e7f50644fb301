"""A graph as plain values: nodes of ONNX with the names of what they read and write, and constants."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import singledispatch
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

# What a node reads: the name of a value, "" for none, or numbers that become a constant.
Operand: TypeAlias = "str | NDArray[Any] | list[int] | float"


@dataclass(frozen=True)
class Node:
    """An operator with its operands, results and attributes by name."""

    op: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: dict[str, Any]


@dataclass(frozen=True)
class State:
    """What a layer remembers: its value after a call, and its shape after the number of samples."""

    after: str
    shape: tuple[int, ...]


@dataclass
class Graph:
    """Nodes in the order in which they are computed.

    Attributes
    ----------
    dtype : str
        Of all numbers that are no codes or sizes.
    nodes : list of Node
    constants : dict of str to array
    masks : dict of int to str
        By the core's number of the layer that marks padding: which steps are none, (samples, steps).
    scope : str
        What the names of the nodes' results begin with.
    by_step : bool
        Whether samples are single steps, after which layers remember what they need of them.
    states : dict of str to State
        By name: that of the value before this call, an input of the file.
    """

    dtype: str
    by_step: bool = False
    nodes: list[Node] = field(default_factory=list)
    constants: dict[str, NDArray[Any]] = field(default_factory=dict)
    masks: dict[int, str] = field(default_factory=dict)
    scope: str = ""
    states: dict[str, State] = field(default_factory=dict)

    def state_name(self, name: str) -> str:
        """Return the name of a state of the layer that the nodes are of, as `Stepper.state` has it."""
        numbers = [part.partition("_")[0] for part in self.scope.split("/")]
        return ".".join([*numbers, name])

    def add(self, op: str, *operands: Operand, **attributes: Any) -> str:
        """Add a node, and return the name of its result."""
        return self.add_node(op, *operands, results=(True,), **attributes)[0]

    def add_node(self, op: str, *operands: Operand, results: tuple[bool, ...], **attributes: Any) -> tuple[str, ...]:
        """Add a node with several results, of which those that are not wanted have the name ""."""
        inputs = tuple(self._operand(operand) for operand in operands)
        stem = f"{self.scope}/{op}_{len(self.nodes)}"
        outputs = tuple(f"{stem}_{i}" if i else stem if wanted else "" for i, wanted in enumerate(results))
        outputs = tuple(name if wanted else "" for name, wanted in zip(outputs, results, strict=True))
        self.nodes.append(Node(op, inputs, outputs, attributes))
        return outputs

    def transposed(self, x: str, *axes: int) -> str:
        """Return x with its axes in another order; what was turned around before is taken as it was."""
        for node in self.nodes:
            before = node.attributes["perm"] if node.op == "Transpose" and node.outputs == (x,) else []
            if before and [before[axis] for axis in axes] == list(range(len(axes))):
                return node.inputs[0]
        return self.add("Transpose", x, perm=list(axes))

    def exact(self, values: Any) -> str:
        """Return numbers as a constant of float64, whatever the other ones are."""
        name = f"{self.scope}/constant_{len(self.constants)}"
        self.constants[name] = np.asarray(values, np.float64)
        return name

    def codes(self, x: str) -> str:
        """Return codes or tokens as integers."""
        return self.add("Cast", x, to=np.dtype(np.int64))

    def finish(self, results: Mapping[str, str]) -> None:
        """Give results the names of outputs, and leave out what they do not need."""
        made = {output for node in self.nodes for output in node.outputs}
        renamed = {result if result in made else self.add("Identity", result): name for name, result in results.items()}
        needed, kept = set(renamed), []
        for node in reversed(self.nodes):
            if needed.intersection(node.outputs):
                needed.update(node.inputs)
                kept.append(node)
        self.nodes = [
            Node(
                node.op,
                tuple(renamed.get(each, each) for each in node.inputs),
                tuple(renamed.get(each, each) for each in node.outputs),
                node.attributes,
            )
            for node in reversed(kept)
        ]
        self.constants = {each: values for each, values in self.constants.items() if each in needed}

    def _operand(self, operand: Operand) -> str:
        if isinstance(operand, str):
            return operand
        values = np.asarray(operand)
        if values.dtype.kind == "U":
            values = values.astype(object)
        if values.dtype.kind == "f":
            with np.errstate(over="ignore"):
                values = values.astype(self.dtype)
        name = f"{self.scope}/constant_{len(self.constants)}"
        self.constants[name] = values
        return name


@singledispatch
def nodes_of(layer: Any, graph: Graph, x: str) -> str:
    """Add the nodes of a layer that reads x, in its place in a network; return the name of what it makes of it.

    Each kind of layer registers its function.
    """
    raise ValueError(f"{layer!r} has no form in ONNX")
