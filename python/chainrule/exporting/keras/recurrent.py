"""Recurrent layers in Keras, whose gates come in the order that they have here."""

from __future__ import annotations

from functools import singledispatch
from typing import Any

import numpy as np
from keras import layers as kinds
from numpy.typing import NDArray

from ...layers.bidirectional import Bidirectional
from ...layers.recurrent import GRU, LSTM, Recurrent, SimpleRNN
from .made import Made, layers_of, name_of


@singledispatch
def _kind(layer: Any) -> tuple[Any, dict[str, Any]]:
    """Return the kind of a layer in Keras, with the options that only it has."""
    raise ValueError(f"{layer!r} has no layer in Keras")


@_kind.register
def _(layer: SimpleRNN) -> tuple[Any, dict[str, Any]]:
    return kinds.SimpleRNN, {}


@_kind.register
def _(layer: LSTM) -> tuple[Any, dict[str, Any]]:
    if layer.peepholes:
        raise ValueError(f"{layer!r} has peepholes, which no layer of Keras has")
    return kinds.LSTM, {}


@_kind.register
def _(layer: GRU) -> tuple[Any, dict[str, Any]]:
    return kinds.GRU, {"reset_after": layer.reset_after}


def _made(layer: Recurrent) -> Any:
    if "(" in layer.activation or layer.activation == "leaky_relu":
        raise ValueError(f"{layer!r} has the activation {layer.activation!r}, whose α in Keras's layers is another")
    kind, options = _kind(layer)
    # Keras begins with a state of zeros, as prediction here, unless it is asked to keep it.
    return kind(
        layer.units,
        activation=name_of(layer.activation),
        return_sequences=layer.return_sequences,
        dropout=layer.dropout,
        recurrent_dropout=layer.recurrent_dropout,
        zero_output_for_mask=layer.return_sequences,
        **options,
    )


def _weights(layer: Recurrent) -> list[NDArray[Any]]:
    arrays = layer.parameter_arrays()
    bias = arrays["bias"]
    both = np.stack([bias, arrays["recurrent_bias"]]) if "recurrent_bias" in arrays else bias
    return [arrays["input_weights"], arrays["recurrent_weights"], both]


def _check_mask(layer: Recurrent | Bidirectional, x: Any) -> None:
    """Refuse a mask that a layer in between does not pass on in Keras, as convolutions and pools do not."""
    if layer.place.mask_source is not None and getattr(x, "_keras_mask", None) is None:
        raise ValueError(f"{layer!r} skips padding here, of which Keras's layers before it do not tell it")


@layers_of.register
def _(layer: Recurrent, made: Made, x: Any) -> Any:
    _check_mask(layer, x)
    return made.add(_made(layer), x, _weights(layer))


@layers_of.register
def _(layer: Bidirectional, made: Made, x: Any) -> Any:
    _check_mask(layer, x)
    return made.add(kinds.Bidirectional(_made(layer.ahead)), x, _weights(layer.ahead) + _weights(layer.back))
