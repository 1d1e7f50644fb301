"""Layers of several operators with branches, which are recognised by how these are wired."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeAlias

import numpy as np

from .activation import activated
from .node import Node
from .value import Value

# What nodes make of a value, by their wiring: each operator with its operands, which are numbers of nodes, x, or c for
# a constant.
Wired: TypeAlias = Callable[[Sequence[Node], Value], Value]


def wiring_of(nodes: Sequence[Node], begin: str) -> str:
    """Return the wiring of nodes that depend on a value."""
    numbers = {name: str(i) for i, node in enumerate(nodes) for name in node.outputs if name} | {begin: "x"}
    return "; ".join(" ".join([node.op, *(numbers.get(name, "c") for name in node.inputs)]) for node in nodes)


def _periodic(nodes: Sequence[Node], value: Value) -> Value:
    frequencies, phases, weights, bias = (nodes[i].constant(1, "numbers") for i in (1, 2, 8, 10))
    size = weights.shape[1] + 1
    arrays = {"frequencies": frequencies, "phases": phases, "weights": weights, "bias": bias}
    (features,) = value.shape
    assert features is not None
    return value.then("Periodic", arrays, {"size": size, "waves": len(weights)}, (features * size,))


def _piecewise_linear(nodes: Sequence[Node], value: Value) -> Value:
    begins, widths, _, high, vectors, slopes, bias = (nodes[i].constant(1, "numbers") for i in (0, 1, 2, 3, 5, 7, 8))
    bins = [int(np.argmax(of_one > 1)) + 1 for of_one in high]
    edges = [
        np.append(of_one[:count], of_one[count - 1] + width[count - 1])
        for of_one, width, count in zip(begins, widths, bins, strict=True)
    ]
    weights = np.concatenate([of_one[:count] for of_one, count in zip(vectors, bins, strict=True)])
    arrays = {"weights": weights, "slopes": slopes, "bias": bias, "edges": np.concatenate(edges)}
    features, units = slopes.shape
    row = replace(value, shape=(features,), axes=(0, 1)).settled()
    after = row.then("PiecewiseLinear", arrays, {"units": units, "bins": bins}, (features * units,))
    return replace(after, shape=(features, units), axes=(0, 1, 2))


def _softsign(nodes: Sequence[Node], value: Value) -> Value:
    if not (nodes[1].constant(1, "number") == 1).all():
        raise ValueError(f"{nodes[1]} must add 1, as softsign does")
    return activated(value, "softsign")


# Those that `chainrule.exporting.onnx` writes, and PyTorch.
WIRINGS: dict[str, Wired] = {
    "Abs x; Add 0 c; Div x 1": _softsign,
    "Unsqueeze x c; Mul 0 c; Add 1 c; Round 2; Sub 2 3; Mul 4 c; Cos 5; Unsqueeze 6 c; Mul 7 c; ReduceSum 8 c; "
    "Add 9 c; Reshape 10 c; Concat x 11": _periodic,
    "Sub x c; Div 0 c; Max 1 c; Min 2 c; Unsqueeze 3 c; MatMul 4 c; Squeeze 5 c; Mul x c; Add 7 c; "
    "Add 8 6": _piecewise_linear,
}
