"""What layers are in modules of PyTorch; images and recurrent layers have files by themselves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from torch import nn

from ...activations import function_of
from ...layers.activation import Activation
from ...layers.base import Layer, Shape
from ...layers.composite import Add, Branched, Concatenate
from ...layers.dense import Dense
from ...layers.embedding import Embedding
from ...layers.mixed_activation import MixedActivation
from ...layers.normalisation import BatchNorm, LayerNorm
from ...layers.rescaling import Rescaling
from ...layers.scale import Scale
from ...layers.selection import Select
from ...layers.shape import Flatten, Reshape
from . import modules
from .row import Row, give, modules_of

_ACTIVATIONS: dict[str, Callable[..., Any]] = {
    "sigmoid": nn.Sigmoid,
    "tanh": nn.Tanh,
    "relu": nn.ReLU,
    "leaky_relu": lambda alpha: nn.LeakyReLU(alpha),
    "elu": lambda alpha: nn.ELU(alpha),
    "selu": nn.SELU,
    "softplus": nn.Softplus,
    "softsign": nn.Softsign,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "mish": nn.Mish,
    "hard_sigmoid": nn.Hardsigmoid,
    "exp": modules.Exp,
}


def activate(activation: str, row: Row, shape: Shape) -> None:
    """Add an activation of samples of this shape here."""
    if activation == "softmax":
        row.settle()
        row.add(nn.Softmax(dim=1 if row.is_first else -1))
    elif activation != "identity":
        row.add(function_of(_ACTIVATIONS, activation)())


@modules_of.register
def _(layer: Activation, row: Row) -> None:
    activate(layer.activation, row, layer.place.input_shape)


@modules_of.register
def _(layer: MixedActivation, row: Row) -> None:
    shares = row.features(layer.shares, layer.place.input_shape)
    row.add(modules.Mixed(function_of(_ACTIVATIONS, layer.function)(), shares))


@modules_of.register
def _(layer: Dense, row: Row) -> None:
    shape = layer.place.input_shape
    row.put(False, shape)
    weights = layer.weights if row.order is None else layer.weights[row.order]
    row.order = None
    linear = nn.Linear(*weights.shape, bias=layer.use_bias)
    row.add(give(linear, weight=weights.T, **({"bias": layer.bias} if layer.use_bias else {})))
    activate(layer.activation, row, layer.output_shape(shape))


@modules_of.register
def _(layer: Flatten, row: Row) -> None:
    row.settle()
    row.flatten(layer.place.input_shape)


@modules_of.register
def _(layer: Reshape, row: Row) -> None:
    row.settle()
    row.put(False, layer.place.input_shape)
    row.flatten(layer.place.input_shape)
    if len(layer.shape) > 1:
        row.add(nn.Unflatten(1, layer.shape))
        row.is_first = False


@modules_of.register
def _(layer: Embedding, row: Row) -> None:
    if layer.mask_zero:
        raise ValueError(f"{layer!r} marks padding, for which PyTorch has no module")
    if row.modules:
        # Among numbers, codes are stored as these; samples of tokens alone are whole numbers.
        row.add(modules.Codes())
    missing = np.zeros((int(layer.zero_is_missing), layer.units), layer.weights.dtype)
    embedding = nn.Embedding(layer.vocabulary, layer.units, padding_idx=0 if layer.zero_is_missing else None)
    row.add(give(embedding, weight=np.concatenate([missing, layer.weights])))
    row.is_first = False


@modules_of.register
def _(layer: Select, row: Row) -> None:
    row.settle()
    row.put(False, layer.place.input_shape)
    row.add(modules.Select(layer.chosen(layer.place.input_shape)))


@modules_of.register
def _(layer: Rescaling, row: Row) -> None:
    shape = layer.place.input_shape
    affine = layer.affine_map()
    assert affine is not None
    dtype = layer.place.dtype
    values = [row.features(numbers.astype(dtype), shape) for numbers in (affine.factors, affine.shifts)]
    row.add(modules.Affine(*values))


@modules_of.register
def _(layer: Scale, row: Row) -> None:
    row.add(modules.Scale(row.features(layer.factors, layer.place.input_shape)))


@modules_of.register
def _(layer: BatchNorm, row: Row) -> None:
    shape = layer.place.input_shape
    row.put(True, shape)
    kind = nn.BatchNorm2d if len(shape) == 3 else nn.BatchNorm1d
    # There, momentum is the share of the new batch.
    norm = kind(shape[-1], eps=layer.epsilon, momentum=1 - layer.momentum)
    names = {"weight": layer.gamma, "bias": layer.beta}
    names |= {"running_mean": layer.running_mean, "running_var": layer.running_variance}
    row.add(give(norm, **{name: row.features(values, shape).ravel() for name, values in names.items()}))


@modules_of.register
def _(layer: LayerNorm, row: Row) -> None:
    row.settle()
    row.put(False, layer.place.input_shape)
    norm = nn.LayerNorm(layer.place.input_shape[-1], eps=layer.epsilon)
    row.add(give(norm, weight=layer.gamma, bias=layer.beta))


def _through(layers: list[Layer], row: Row, shape: Shape) -> Any:
    """Return the modules of a branch, which ends in the order that it begins with."""
    branch = row.branch()
    branch.through(layers)
    for layer in layers:
        shape = layer.output_shape(shape)
    branch.settle()
    if branch.is_first is not None and row.is_first is not None:
        branch.put(row.is_first, shape)
    return branch


def _branches(layer: Branched, row: Row) -> list[Any]:
    """Return the modules of each branch; the row then is where their ends are."""
    shape = layer.place.input_shape
    row.settle()
    row.put(bool(row.is_first), shape)
    branches = [_through(branch, row, shape) for branch in layer.branches]
    is_image = len(layer.output_shape(shape)) > 1
    for branch in branches:
        if is_image and branch.is_first is None:
            branch.is_first = bool(row.is_first)
    row.is_first = branches[0].is_first if is_image else None
    return [branch.sequential() for branch in branches]


@modules_of.register
def _(layer: Add, row: Row) -> None:
    row.add(modules.Add(_branches(layer, row)))


@modules_of.register
def _(layer: Concatenate, row: Row) -> None:
    branches = _branches(layer, row)
    row.add(modules.Concatenate(branches, 1 if row.is_first else -1))
