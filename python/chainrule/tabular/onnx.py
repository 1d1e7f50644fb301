"""Estimators for tables as files of ONNX: each column is an input, and what is made of it is part of the graph."""

from __future__ import annotations

from collections.abc import Sequence
from functools import singledispatch
from os import PathLike
from typing import Any

import numpy as np

from ..exporting.onnx.composite import through
from ..exporting.onnx.graph import Graph
from ..exporting.onnx.model import Output, write
from ..network import Network
from .encoding import Encoding
from .features import CategoryColumn, CodeColumn, NumberColumn, RankedColumn, ScaledColumn, bent

# Numbers are bent to 3 long before, and their squares are finite in float32.
_FARTHEST = 1e15
_FLOAT32, _FLOAT64 = np.dtype(np.float32), np.dtype(np.float64)


def table_graph(encoding: Encoding, networks: Sequence[Network]) -> tuple[Graph, list[str]]:
    """Return a graph that reads columns, and the names of what each network makes of them."""
    if not encoding.columns:
        raise ValueError("no column varied in training, so that a file would have no input")
    graph = Graph("float32")
    groups: list[list[str]] = [[], [], []]
    for column in encoding.columns:
        graph.scope = f"column {column.name}"
        for group, names in zip(groups, features_of(column, graph), strict=True):
            group += names
    graph.scope = "features"
    features = graph.add("Concat", *(name for group in groups for name in group), axis=1)
    ends = []
    for number, network in enumerate(networks):
        graph.scope = f"network {number}"
        ends.append(through(network.stack, graph, features, 1))
    graph.scope = "outputs"
    return graph, ends


def write_table(path: str | PathLike[str], encoding: Encoding, graph: Graph, outputs: dict[str, Output]) -> None:
    """Write a file whose inputs are the columns, (N, 1) each: float64, or strings.

    Raises
    ------
    ValueError
        For a column without a name, or with that of an output.
    """
    finish(encoding, graph, outputs)
    kinds = {column.name: _FLOAT64 if column.numbers else np.dtype(object) for column in encoding.columns}
    write(path, graph, {name: (dtype, [1]) for name, dtype in kinds.items()}, outputs)


def finish(encoding: Encoding, graph: Graph, outputs: dict[str, Output]) -> None:
    """Give outputs their names; ValueError for a column without a name, or with that of an output."""
    for column in encoding.columns:
        if not column.name or column.name in outputs:
            raise ValueError(f"columns must have names other than {', '.join(outputs)}, got {column.name!r}")
    graph.finish({name: output.value for name, output in outputs.items()})


@singledispatch
def features_of(column: Any, graph: Graph) -> tuple[list[str], list[str], list[str]]:
    """Add what a column becomes; return the names of its numbers, flags and codes, (samples, features) each."""
    raise TypeError(f"{column!r} is no column")


@features_of.register
def _(column: NumberColumn, graph: Graph) -> tuple[list[str], list[str], list[str]]:
    is_missing = graph.add("IsNaN", column.name)
    known = graph.add("Where", is_missing, graph.exact([[column.median]]), column.name)
    present = [graph.add("Mul", graph.add("Cast", is_missing, to=_FLOAT32), 2.0)] if column.missing else []
    return [_feature(column, graph, known)], present, []


@singledispatch
def _feature(column: Any, graph: Graph, known: str) -> str:
    """Add what becomes of numbers of float64 of which none is missing; return the name of the feature."""
    raise TypeError(f"{column!r} is no column of numbers")


@_feature.register
def _(column: ScaledColumn, graph: Graph, known: str) -> str:
    median, factor = (graph.exact([[number]]) for number in (column.median, column.factor))
    scaled = graph.add("Mul", graph.add("Sub", known, median), factor)
    x = graph.add("Cast", graph.add("Clip", scaled, *map(graph.exact, (-_FARTHEST, _FARTHEST))), to=_FLOAT32)
    third = graph.add("Div", x, 3.0)
    root = graph.add("Sqrt", graph.add("Add", graph.add("Mul", third, third), 1.0))
    return graph.add("Div", x, root)


@_feature.register
def _(column: RankedColumn, graph: Graph, known: str) -> str:
    # Each line goes on as far as the next knot: what x has of it adds to the score of the first knot.
    knots, slopes = np.array([column.knots]), np.array(column.slopes)[:, None]
    lengths = np.diff(knots, append=knots[:, -1:])
    passed = graph.add("Max", graph.add("Sub", known, graph.exact(knots)), graph.exact([[0.0]]))
    risen = graph.add("MatMul", graph.add("Min", passed, graph.exact(lengths)), graph.exact(slopes))
    return graph.add("Cast", graph.add("Add", risen, graph.exact([[column.scores[0]]])), to=_FLOAT32)


def _flags(column: CategoryColumn, graph: Graph) -> str:
    return graph.add("Cast", graph.add("Equal", column.name, np.array([column.categories])), to=_FLOAT32)


@features_of.register
def _(column: CategoryColumn, graph: Graph) -> tuple[list[str], list[str], list[str]]:
    flags = _flags(column, graph)
    if len(column.categories) == 2:
        return [], [graph.add("MatMul", flags, np.array([[-1.0], [1.0]]))], []
    return [], [graph.add("Mul", flags, bent(np.array(2.0)))], []


@features_of.register
def _(column: CodeColumn, graph: Graph) -> tuple[list[str], list[str], list[str]]:
    codes = np.arange(1.0, 1.0 + len(column.categories))[:, None]
    return [], [], [graph.add("MatMul", _flags(column, graph), codes)]


def mean_in_units(graph: Graph, ends: Sequence[str], mean: float, scale: float, bounds: tuple[float, float]) -> str:
    """Return the mean of what networks predict in the targets' units and within their range, (samples, 1)."""
    inside = []
    for z in ends:
        exact = graph.add("Cast", z, to=_FLOAT64)
        scaled = graph.add("Add", graph.add("Mul", exact, graph.exact(scale)), graph.exact(mean))
        inside.append(graph.add("Clip", scaled, *map(graph.exact, bounds)))
    return graph.add("Div", graph.add("Sum", *inside), graph.exact(float(len(inside))))
