"""Layers that read a sequence step by step: steps come first in ONNX, and gates in another order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import singledispatch
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...activations import name_and_alpha
from ...layers.bidirectional import Bidirectional
from ...layers.recurrent import GRU, LSTM, Recurrent, SimpleRNN
from .graph import Graph, State, nodes_of
from .masking import order_of, reordered

# Names of activations within recurrent operators, with α and β of those that have them; α may be that of the layer.
_ACTIVATIONS: dict[str, tuple[str, float | None, float | None]] = {
    "identity": ("Affine", 1.0, 0.0),
    "sigmoid": ("Sigmoid", None, None),
    "tanh": ("Tanh", None, None),
    "relu": ("Relu", None, None),
    "leaky_relu": ("LeakyRelu", None, None),
    "elu": ("Elu", None, None),
    "softplus": ("Softplus", None, None),
    "softsign": ("Softsign", None, None),
    "hard_sigmoid": ("HardSigmoid", 1 / 6, 0.5),
}


@dataclass(frozen=True)
class Cell:
    """What an operator needs to know of a direction.

    Attributes
    ----------
    op : str
    gates : list of int
        The places here of ONNX's gates.
    activations : list of str
        Of the gates, and where the layer's own is used.
    peepholes : list of array
        None, or (3 · units,).
    options : dict
    """

    op: str
    gates: list[int]
    activations: list[str]
    peepholes: list[NDArray[Any]] = field(default_factory=list)
    options: dict[str, Any] = field(default_factory=dict)


@singledispatch
def cell_of(layer: Any) -> Cell:
    """Return the cell of a recurrent layer; each kind registers its function."""
    raise ValueError(f"{layer!r} has no form in ONNX")


@cell_of.register
def _(layer: SimpleRNN) -> Cell:
    return Cell("RNN", [0], [layer.activation])


@cell_of.register
def _(layer: LSTM) -> Cell:
    # i, o, f, c from i, f, g, o; peepholes of i, o, f from i, f, o.
    peepholes = [layer.peephole_weights[[0, 2, 1]].ravel()] if layer.peepholes else []
    return Cell("LSTM", [0, 3, 1, 2], ["sigmoid", layer.activation, layer.activation], peepholes)


@cell_of.register
def _(layer: GRU) -> Cell:
    options = {"linear_before_reset": int(layer.reset_after)}
    return Cell("GRU", [0, 1, 2], ["sigmoid", layer.activation], options=options)


@nodes_of.register
def _(layer: Recurrent, graph: Graph, x: str) -> str:
    return _read(layer, [layer], graph, x)


@nodes_of.register
def _(layer: Bidirectional, graph: Graph, x: str) -> str:
    return _read(layer, [layer.ahead, layer.back], graph, x)


def _read(layer: Recurrent | Bidirectional, halves: Sequence[Recurrent], graph: Graph, x: str) -> str:
    source = layer.place.mask_source
    order = None if source is None else order_of(graph, graph.masks[source])
    x = x if order is None else reordered(graph, x, order.there)
    cells = [cell_of(half) for half in halves]
    arrays = [_arrays(half, cell) for half, cell in zip(halves, cells, strict=True)]
    operands: list[Any] = [np.stack(of_all) for of_all in zip(*arrays, strict=True)]
    operands.append("" if order is None else order.lengths)
    ahead, every = halves[0], halves[0].return_sequences
    states = _states(layer, graph)
    before = [graph.add("Unsqueeze", name, [0]) for name in states]
    if cells[0].peepholes:
        operands += [*(before or ["", ""]), np.concatenate([cell.peepholes for cell in cells])]
    else:
        operands += before
    options = {**_activations(layer, cells), **cells[0].options, "hidden_size": ahead.units}
    options["direction"] = "forward" if len(halves) == 1 else "bidirectional"
    steps_first = graph.transposed(x, 1, 0, 2)
    wanted = (every, not every or bool(states), *(True for _ in states[1:]))
    outputs = graph.add_node(cells[0].op, steps_first, *operands, results=wanted, **options)
    for name, last in zip(states, outputs[1:], strict=False):
        after = graph.add("Squeeze", last, [0])
        if order is not None:
            # (samples, 1): a sample without steps keeps its state.
            read = graph.add("Unsqueeze", graph.add("Cast", order.lengths, to=np.dtype(bool)), [1])
            after = graph.add("Where", read, after, name)
        graph.states[name] = State(after, (ahead.units,))
    if states and not every:
        return graph.add("Identity", graph.states[states[0]].after)
    if not every:
        # (directions, samples, units)
        return graph.add("Reshape", graph.transposed(outputs[1], 1, 0, 2), [0, len(halves) * ahead.units])
    # (steps, directions, samples, units)
    rows = graph.transposed(outputs[0], 2, 0, 1, 3)
    z = graph.add("Reshape", rows, [0, 0, len(halves) * ahead.units])
    return z if order is None else reordered(graph, z, order.back)


def _states(layer: Recurrent | Bidirectional, graph: Graph) -> list[str]:
    """Return the names of the states that the layer carries from call to call."""
    carried = layer.state_shapes(layer.place.input_shape) if layer.stateful or graph.by_step else {}
    return [graph.state_name(name) for name in carried]


def _arrays(layer: Recurrent, cell: Cell) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Return weights of the inputs and of the state, (gates · units, …), and both biases, in ONNX's order."""
    arrays = layer.parameter_arrays()

    def ordered(values: NDArray[Any]) -> NDArray[Any]:
        gates = np.split(values, len(cell.gates), axis=-1)
        return np.concatenate([gates[gate] for gate in cell.gates], axis=-1).T

    biases = [arrays["bias"], arrays.get("recurrent_bias", np.zeros_like(arrays["bias"]))]
    both = np.concatenate([ordered(bias) for bias in biases])
    return ordered(arrays["input_weights"]), ordered(arrays["recurrent_weights"]), both


def _activations(layer: Recurrent | Bidirectional, cells: Sequence[Cell]) -> dict[str, Any]:
    """Return the attributes that name the activations of all directions."""
    names = [name for cell in cells for name in cell.activations]
    chosen = []
    for activation in names:
        name, own = name_and_alpha(activation)
        if name not in _ACTIVATIONS:
            raise ValueError(f"{layer!r} has no form in ONNX: its recurrent operators have no activation {name!r}")
        theirs, alpha, beta = _ACTIVATIONS[name]
        chosen.append((theirs, alpha if own is None else own, beta))
    attributes: dict[str, Any] = {"activations": [name for name, _, _ in chosen]}
    # Activations take them from the lists in their order.
    alphas = [alpha for _, alpha, _ in chosen if alpha is not None]
    betas = [beta for _, _, beta in chosen if beta is not None]
    attributes |= {"activation_alpha": alphas} if alphas else {}
    return attributes | ({"activation_beta": betas} if betas else {})
