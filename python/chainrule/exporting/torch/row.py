"""Modules in a row, and how their samples are arranged."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import singledispatch
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from ...layers.base import Layer, Shape
from .modules import Permute, Select


@dataclass
class Row:
    """Modules, and what of their outputs differs from the network's.

    Attributes
    ----------
    modules : list of torch.nn.Module
    is_first : bool or None
        Whether channels come first; None as long as no module has asked, which decides for the samples.
    asked : bool or None
        What the first module that asked has decided.
    order : array, optional
        For each feature in a row the place of it here, where they differ.
    """

    modules: list[Any] = field(default_factory=list)
    is_first: bool | None = None
    asked: bool | None = None
    order: NDArray[np.int64] | None = None

    def add(self, *modules: Any) -> None:
        """Add modules."""
        self.modules += modules

    def put(self, is_first: bool, shape: Shape) -> None:
        """Have channels first or last, in samples of this shape here."""
        if len(shape) < 2 or self.is_first is is_first:
            return
        if self.is_first is not None:
            axes = len(shape) - 1
            order = (axes + 1, *range(1, axes + 1)) if is_first else (*range(2, axes + 2), 1)
            self.add(Permute(0, *order))
        elif self.asked is None:
            self.asked = is_first
        self.is_first = is_first

    def flatten(self, shape: Shape) -> None:
        """Have all values in a row."""
        if len(shape) < 2:
            return
        if self.asked is None:
            self.asked = bool(self.is_first)
        if self.is_first:
            axes = len(shape) - 1
            self.order = np.arange(math.prod(shape)).reshape(shape).transpose(axes, *range(axes)).ravel()
        self.add(nn.Flatten())
        self.is_first = None

    def settle(self) -> None:
        """Have features in the order of the network."""
        if self.order is not None:
            self.add(Select(np.argsort(self.order).tolist()))
            self.order = None

    def features(self, values: Any, shape: Shape) -> Any:
        """Return a number for each feature, as modules need it for samples of this shape here."""
        array = tensor(values if self.order is None else np.asarray(values)[self.order])
        return array.reshape(-1, *(1,) * (len(shape) - 1)) if self.is_first else array

    def through(self, layers: Sequence[Layer]) -> None:
        """Add the modules of layers in a row; those of frozen layers do not learn."""
        for layer in layers:
            begin = len(self.modules)
            modules_of(layer, self)
            if not layer.trainable:
                for module in self.modules[begin:]:
                    module.requires_grad_(False)

    def branch(self) -> Row:
        """Return a row that begins where this one is."""
        return replace(self, modules=[])

    def sequential(self) -> Any:
        """Return the modules as one."""
        return nn.Sequential(*self.modules)


def tensor(values: Any) -> Any:
    """Return numbers as a tensor."""
    return torch.tensor(np.asarray(values))


def give(module: Any, **arrays: Any) -> Any:
    """Return a module with these parameters and buffers."""
    for name, values in arrays.items():
        getattr(module, name).data = tensor(values)
    return module


@singledispatch
def modules_of(layer: Any, row: Row) -> None:
    """Add the modules of a layer in its place in a network; each kind of layer registers its function."""
    raise ValueError(f"{layer!r} has no module in PyTorch")
