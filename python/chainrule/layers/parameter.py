"""Attributes of layers that are arrays of the core: parameters and statistics."""

from __future__ import annotations

from typing import Any

from numpy.typing import ArrayLike

from ..arrays import read_only
from .base import Layer


class Parameter:
    """An attribute of a layer that is one of its parameters: a copy when read, set when assigned, None if it has none.

    `stored_as` is the name among the layer's parameters, if it is another.
    """

    def __init__(self, doc: str, stored_as: str | None = None) -> None:
        self.__doc__ = doc
        self._stored_as = stored_as

    def __set_name__(self, owner: type[Layer], name: str) -> None:
        self._name = self._stored_as or name

    def __get__(self, layer: Layer | None, owner: type[Layer]) -> Any:
        if layer is None:
            return self
        array = layer.parameter_arrays().get(self._name)
        return None if array is None else read_only(array)

    def __set__(self, layer: Layer, values: ArrayLike) -> None:
        layer.set_parameter(self._name, values)


class Statistic(Parameter):
    """An attribute of a layer that is one of its statistics: a copy when read, set when assigned."""

    def __get__(self, layer: Layer | None, owner: type[Layer]) -> Any:
        return self if layer is None else read_only(layer.statistic_arrays()[self._name])

    def __set__(self, layer: Layer, values: ArrayLike) -> None:
        layer.set_statistic(self._name, values)
