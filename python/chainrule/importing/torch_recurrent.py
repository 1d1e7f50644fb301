"""Recurrent modules of PyTorch in operators of ONNX: gates come in another order, and a module may have layers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .onnx.training import DROPOUT
from .torch_graph import ModuleGraph
from .torch_modules import must


@dataclass(frozen=True)
class _Kind:
    """An operator, and the places in PyTorch of its gates."""

    op: str
    gates: list[int]


RECURRENT = {"RNN": _Kind("RNN", [0]), "LSTM": _Kind("LSTM", [0, 3, 1, 2]), "GRU": _Kind("GRU", [1, 0, 2])}


def recurrent(kind: _Kind, module: Any, graph: ModuleGraph, x: str, is_last: bool) -> str:
    """Add the layers of a module; return its outputs at all steps, or its state in the end."""
    must(module, proj_size=0)
    # Steps come first in ONNX.
    x = graph.add("Transpose", x, perm=[1, 0, 2]) if module.batch_first else x
    directions = 2 if module.bidirectional else 1
    for layer in range(module.num_layers):
        ends = is_last and layer == module.num_layers - 1
        x = _layer(kind, module, graph, x, layer, ends)
        if ends:
            turned = graph.add("Transpose", x, perm=[1, 0, 2])
            return graph.add("Reshape", turned, [0, directions * module.hidden_size])
        turned = graph.add("Transpose", x, perm=[0, 2, 1, 3])
        x = graph.add("Reshape", turned, [0, 0, directions * module.hidden_size])
        if module.dropout and layer < module.num_layers - 1:
            x = graph.add(DROPOUT, x, rate=float(module.dropout))
    return graph.add("Transpose", x, perm=[1, 0, 2]) if module.batch_first else x


def _layer(kind: _Kind, module: Any, graph: ModuleGraph, x: str, layer: int, ends: bool) -> str:
    directions = ["", "_reverse"] if module.bidirectional else [""]
    options: dict[str, Any] = {"hidden_size": module.hidden_size}
    options["direction"] = "bidirectional" if module.bidirectional else "forward"
    if kind.op == "GRU":
        options["linear_before_reset"] = 1
    if kind.op == "RNN":
        options["activations"] = [module.nonlinearity.capitalize()] * len(directions)

    def stacked(name: str) -> NDArray[np.float64]:
        return np.stack([_ordered(kind, module, graph, f"{name}_l{layer}{direction}") for direction in directions])

    operands = [stacked("weight_ih"), stacked("weight_hh")]
    if module.bias:
        operands.append(np.concatenate([stacked("bias_ih"), stacked("bias_hh")], axis=1))
    return next(filter(None, graph.add_node(kind.op, x, *operands, results=(not ends, ends), **options)))


def _ordered(kind: _Kind, module: Any, graph: ModuleGraph, name: str) -> NDArray[np.float64]:
    gates = np.split(graph.array(getattr(module, name)), len(kind.gates))
    return np.concatenate([gates[gate] for gate in kind.gates])
