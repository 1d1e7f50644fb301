"""Recurrent layers in modules of PyTorch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import singledispatch
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from ...layers.bidirectional import Bidirectional
from ...layers.recurrent import GRU, LSTM, Recurrent, SimpleRNN
from . import modules
from .row import Row, give, modules_of


@dataclass(frozen=True)
class _Cell:
    """A module, and the places here of its gates."""

    kind: Any
    gates: list[int]
    options: dict[str, Any]


@singledispatch
def _cell(layer: Any) -> _Cell:
    raise ValueError(f"{layer!r} has no module in PyTorch")


@_cell.register
def _(layer: SimpleRNN) -> _Cell:
    if layer.activation not in ("tanh", "relu"):
        raise _refused(layer, "activation", layer.activation)
    return _Cell(nn.RNN, [0], {"nonlinearity": layer.activation})


@_cell.register
def _(layer: LSTM) -> _Cell:
    if layer.peepholes:
        raise _refused(layer, "peepholes", True)
    return _Cell(nn.LSTM, [0, 1, 2, 3], {})


@_cell.register
def _(layer: GRU) -> _Cell:
    if not layer.reset_after:
        raise _refused(layer, "reset_after", False)
    # r, z, n from z, r, h.
    return _Cell(nn.GRU, [1, 0, 2], {})


def _refused(layer: Recurrent, setting: str, value: Any) -> ValueError:
    return ValueError(f"{layer!r} has {setting}={value!r}, which no module of PyTorch has")


@modules_of.register
def _(layer: Recurrent, row: Row) -> None:
    _add(layer, [layer], row)


@modules_of.register
def _(layer: Bidirectional, row: Row) -> None:
    _add(layer, [layer.ahead, layer.back], row)


def _add(layer: Recurrent | Bidirectional, halves: Sequence[Recurrent], row: Row) -> None:
    if layer.place.mask_source is not None:
        raise ValueError(f"{layer!r} skips padding, for which PyTorch has no module")
    steps, features = layer.place.input_shape
    ahead = halves[0]
    cell = _cell(ahead)
    if cell.kind is not nn.RNN and ahead.activation != "tanh":
        raise _refused(ahead, "activation", ahead.activation)
    row.put(False, (steps, features))
    options = {**cell.options, "batch_first": True, "bidirectional": len(halves) == 2}
    inner = cell.kind(features, ahead.units, **options)
    for half, end in zip(halves, ("", "_reverse"), strict=False):
        arrays = _arrays(half, cell)
        give(inner, **{f"{name}_l0{end}": values for name, values in arrays.items()})
    row.add(modules.Recurrent(inner, ahead.return_sequences))


def _arrays(half: Recurrent, cell: _Cell) -> dict[str, NDArray[Any]]:
    arrays = half.parameter_arrays()

    def ordered(values: NDArray[Any]) -> NDArray[Any]:
        gates = np.split(values, len(cell.gates), axis=-1)
        return np.ascontiguousarray(np.concatenate([gates[gate] for gate in cell.gates], axis=-1).T)

    return {
        "weight_ih": ordered(arrays["input_weights"]),
        "weight_hh": ordered(arrays["recurrent_weights"]),
        "bias_ih": ordered(arrays["bias"]),
        # Both are added, but for the candidate of a GRU.
        "bias_hh": ordered(arrays.get("recurrent_bias", np.zeros_like(arrays["bias"]))),
    }
