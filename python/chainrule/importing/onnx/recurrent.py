"""Recurrent operators."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...activations import ACTIVATIONS
from .activation import of_alpha
from .moves import arranged, in_a_row
from .node import LayoutError, Node, check_features, converts
from .value import Value

_NAMES = {
    "Affine": "identity",
    "Sigmoid": "sigmoid",
    "Tanh": "tanh",
    "Relu": "relu",
    "LeakyRelu": "leaky_relu",
    "Elu": "elu",
    "Softplus": "softplus",
    "Softsign": "softsign",
    "HardSigmoid": "hard_sigmoid",
}
# α and β of those that have them, if a file has none, and what they must be where no activation here takes any.
_USUAL = {"Affine": (1.0, 0.0), "LeakyRelu": (0.01,), "Elu": (1.0,), "HardSigmoid": (0.2, 0.5)}
_NUMBERS = {"Affine": (1.0, 0.0), "HardSigmoid": (1 / 6, 0.5)}


@dataclass(frozen=True)
class _Kind:
    """A recurrent layer here, and the places that ONNX's gates have in it."""

    layer: str
    gates: list[int]
    usual: list[str]


_KINDS = {
    "RNN": _Kind("SimpleRNN", [0], ["Tanh"]),
    "LSTM": _Kind("LSTM", [0, 3, 1, 2], ["Sigmoid", "Tanh", "Tanh"]),
    "GRU": _Kind("GRU", [0, 1, 2], ["Sigmoid", "Tanh"]),
}


@converts(*_KINDS, results=3)
def _(node: Node, value: Value) -> Value:
    samples_first = node.get("layout", 0) == 1
    if value.axes != ((0, 1, 2) if samples_first else (1, 0, 2)):
        raise LayoutError(f"{node} must read (steps, samples, features), or (samples, steps, features) in layout 1")
    kind = _KINDS[node.op]
    direction = node.get("direction", "forward")
    node.must("direction", "forward", "reverse", "bidirectional")
    directions = 2 if direction == "bidirectional" else 1
    check_features(node, value, node.constant(1, "weights").shape[2])
    node.must("input_forget", 0)
    _check_start(node)
    every = bool(node.outputs[0])
    if sum(map(bool, node.outputs)) != 1:
        raise ValueError(f"{node} must have one result that is read, of {node.outputs}")
    if not every and not node.outputs[1]:
        raise ValueError(f"{node} gives its cell away, which no layer here does")
    units = node.constant(2, "recurrent weights").shape[2]
    node.must("hidden_size", units)
    settings = {"units": units, "activation": _activation(node, kind, directions), "return_sequences": every}
    settings["stateful"] = bool(node.get("stateful", 0))
    if node.op == "GRU":
        settings["reset_after"] = bool(node.get("linear_before_reset", 0))
    if node.op == "LSTM":
        settings["peepholes"] = node.has(7)
    arrays = [_arrays(node, kind, number, settings) for number in range(directions)]
    value = value.settled()
    if direction == "reverse":
        after = _result(_from_the_end(node, value).settled(), kind.layer, arrays, settings)
        after = _from_the_end(node, after) if every else after
    else:
        after = _result(value, kind.layer, arrays, settings)
    if not samples_first:
        return after
    return replace(after, axes=(0, 1, 2, 3) if every else (0, 1, 2))


def _from_the_end(node: Node, value: Value) -> Value:
    """Return a sequence with its last step first."""
    sizes: Any = value.shape
    if None in sizes:
        raise ValueError(f"{node} needs to know the number of steps, which it reads from the end")
    places = np.arange(math.prod(sizes)).reshape(sizes[0], -1)[::-1].ravel()
    return arranged(in_a_row(value), places, sizes, value.axes)


def _result(value: Value, layer: str, arrays: Sequence[dict[str, Any]], settings: dict[str, Any]) -> Value:
    """Return the value after the layer: in the file (steps, directions, samples, units), or without steps."""
    directions, units, every = len(arrays), settings["units"], settings["return_sequences"]
    steps = value.shape[:1] if every else ()
    shape = (*steps, directions * units)
    if directions == 1:
        after = value.then(layer, arrays[0], settings, shape)
    else:
        inner = {"type": layer, "trainable": True, **settings}
        both = {f"{i}.{name}": array for i, of_one in enumerate(arrays) for name, array in of_one.items()}
        after = value.then("Bidirectional", both, {"layer": inner}, shape)
    axes = (1, 2, 0, 3) if every else (1, 0, 2)
    return replace(after, shape=(*steps, directions, units), axes=axes)


def _check_start(node: Node) -> None:
    """Refuse initial states that are not zero, and lengths of samples."""
    if node.has(4):
        raise ValueError(f"{node} has sequence_lens, which is not read here")
    for place, name in ((5, "initial_h"), (6, "initial_c")):
        if node.op != "LSTM" and place == 6:
            continue
        if node.has(place) and node.constant(place, name).any():
            raise ValueError(f"{node} has {name} other than zero, which no layer here does")


def _activation(node: Node, kind: _Kind, directions: int) -> str:
    """Return the one activation that a layer here can choose."""
    names = [_as_text(name) for name in node.get("activations", kind.usual * directions)]
    lists = [iter(node.get(f"activation_{letter}", [])) for letter in ("alpha", "beta")]
    here = []
    for name in names:
        given = [next(numbers, usual) for numbers, usual in zip(lists, _USUAL.get(name, ()), strict=False)]
        if name not in _NAMES or not np.allclose(given, _NUMBERS.get(name, given), atol=1e-6):
            raise node.refused("activations", names)
        chosen = _NAMES[name]
        here.append(chosen if ACTIVATIONS[chosen].alpha is None else of_alpha(node, chosen, given[0]))
    of_one = here[: len(kind.usual)]
    chosen = of_one[-1]
    expected = [*(["sigmoid"] if len(of_one) > 1 else []), *[chosen] * max(len(of_one) - 1, 1)]
    if here != expected * directions:
        raise node.refused("activations", names)
    return chosen


def _as_text(name: Any) -> str:
    return name.decode() if isinstance(name, bytes) else str(name)


def _arrays(node: Node, kind: _Kind, direction: int, settings: dict[str, Any]) -> dict[str, NDArray[Any]]:
    """Return the parameters of a direction by their names here."""
    places = np.argsort(kind.gates)

    def ordered(rows: NDArray[Any]) -> NDArray[Any]:
        gates = np.split(rows.astype(np.float64), len(places))
        return np.concatenate([gates[place] for place in places]).T

    columns = len(places) * settings["units"]
    both = node.constant(3, "biases")[direction] if node.has(3) else np.zeros(2 * columns)
    bias, recurrent = ordered(both[:columns]), ordered(both[columns:])
    arrays = {
        "input_weights": ordered(node.constant(1, "weights")[direction]),
        "recurrent_weights": ordered(node.constant(2, "recurrent weights")[direction]),
    }
    if settings.get("reset_after"):
        arrays |= {"bias": bias, "recurrent_bias": recurrent}
    else:
        arrays["bias"] = bias + recurrent
    if settings.get("peepholes"):
        arrays["peepholes"] = node.constant(7, "peepholes")[direction].reshape(3, -1)[[0, 2, 1]]
    return arrays
