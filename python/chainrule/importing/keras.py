"""Networks from models of Keras, whose layers have their features last, as here."""

from __future__ import annotations

from typing import Any

from ..layers.base import Part
from ..network import Network
from .build import built
from .keras_layers import READERS


def from_keras(model: Any) -> Network:
    """Return the network of a model of Keras 3, on any backend, with its weights and moving statistics.

    Parameters
    ----------
    model : keras.Model
        Layers in a row: a `Sequential`, or a functional model of one input, one output, and no branches.

    Returns
    -------
    Network
        Of float64 if the weights are, else of float32.

    Raises
    ------
    TypeError
        For what is no model of Keras.
    ValueError
        For a layer, or a setting of it, that no layer here has, and for branches.

    Examples
    --------
    >>> import chainrule as cr, keras  # doctest: +SKIP
    >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, "softmax")])  # doctest: +SKIP
    >>> cr.from_keras(model)  # doctest: +SKIP
    Network([4, 3], 15 parameters, float32, seed=0)
    """
    if not hasattr(model, "layers") or not hasattr(model, "call"):
        raise TypeError(f"model must be a keras.Model, got {model!r}")
    if not _is_of_keras(type(model).call):
        raise ValueError(f"model, {type(model).__name__}, has a call of its own, which cannot be read")
    if not getattr(model, "inputs", None):
        raise ValueError("model must know the shape of its samples: begin it with a keras.Input, or call it once")
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        raise ValueError(f"model must have one input and one output, got {len(model.inputs)} and {len(model.outputs)}")
    value = model.inputs[0]
    parts: list[Part] = []
    trainable: list[bool] = []
    for layer in _in_a_row(model):
        # After a mask, it comes with the values.
        has_mask = isinstance(layer.input, list)
        if (layer.input[0] if has_mask else layer.input) is not value:
            raise ValueError(f"layers must be in a row, and {layer.name!r} does not read what the one before it makes")
        kind = type(layer).__name__
        if kind not in READERS or not _is_of_keras(type(layer)):
            raise ValueError(f"layer {layer.name!r}, {kind}, has no layer here")
        read = READERS[kind](layer)
        _check_mask(layer, parts + read, has_mask)
        parts += read
        trainable += [bool(layer.trainable)] * len(read)
        value = layer.output
    is_double = any(str(weight.dtype) == "float64" for weight in model.weights)
    network = built(tuple(model.inputs[0].shape[1:]), parts, "float64" if is_double else "float32")
    for made, learns in zip(network.stack, trainable, strict=False):
        made.trainable = made.trainable and learns
    return network


def _is_of_keras(defined: Any) -> bool:
    """Tell whether a class or a method is Keras's, and not the user's of the same name."""
    return str(defined.__module__).partition(".")[0] == "keras"


def _check_mask(layer: Any, parts: list[Part], has_mask: bool) -> None:
    """Refuse padding that a recurrent layer reads in Keras, where a layer in between has dropped the mask."""
    marks = [part for part in parts if part.config["type"] == "Masking" or part.config.get("mask_zero")]
    if hasattr(layer, "return_sequences") and marks and not has_mask:
        raise ValueError(f"layer {layer.name!r} reads padding, as one before it drops the mask; here it would skip it")


def _in_a_row(model: Any) -> list[Any]:
    return [layer for layer in model.layers if type(layer).__name__ != "InputLayer"]
