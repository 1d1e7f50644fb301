"""Steps that are padding, wherever they are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...layers.masking import Masking
from .graph import Graph, nodes_of

_INT32 = np.dtype(np.int32)


@nodes_of.register
def _(layer: Masking, graph: Graph, x: str) -> str:
    differs = graph.add("Not", graph.add("Equal", x, np.float64(layer.value)))
    any_differs = graph.add("ReduceMax", graph.add("Cast", differs, to=_INT32), [2], keepdims=0)
    graph.masks[layer.place.index] = graph.add("Cast", any_differs, to=np.dtype(np.bool_))
    return x


@dataclass(frozen=True)
class Order:
    """Steps in another order, (samples, steps) each: those that are none of padding come first.

    Attributes
    ----------
    lengths : str
        How many these are, (samples,).
    there, back : str
        Which step comes at each place, and at which place each step comes.
    """

    lengths: str
    there: str
    back: str


def order_of(graph: Graph, mask: str) -> Order:
    """Return the order of steps for operators that know padding at the end alone."""
    steps = graph.add("Cast", mask, to=_INT32)
    count = graph.add("Shape", mask, start=1)
    lengths = graph.add("ReduceSum", steps, [1], keepdims=0)
    # TopK leaves equal numbers in their order.
    there = _largest(graph, steps, count, largest=1)
    return Order(lengths, there, _largest(graph, there, count, largest=0))


def reordered(graph: Graph, x: str, places: str) -> str:
    """Return (samples, steps, features) with the steps in another order."""
    wide = graph.add("Expand", graph.add("Unsqueeze", places, [2]), graph.add("Shape", x))
    return graph.add("GatherElements", x, wide, axis=1)


def _largest(graph: Graph, values: str, count: str, largest: int) -> str:
    _, places = graph.add_node("TopK", values, count, results=(True, True), axis=1, largest=largest)
    return places
