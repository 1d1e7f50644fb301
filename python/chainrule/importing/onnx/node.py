"""An operator of a file as converters see it, which names what they do not understand."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .value import Value


class LayoutError(ValueError):
    """The axes do not come in the order that the operator needs."""


@dataclass
class Node:
    """An operator with its operands, of which some are constant, and its attributes.

    Attributes
    ----------
    name, op : str
    inputs, outputs : list of str
        "" is an operand that is not given, or a result that no node or output reads.
    attributes : dict
    constants : mapping of str to array
        Of the whole file.
    version : int
        Of the operators that the file has.
    reads_integers : bool
        Whether an operand is an input of whole numbers.
    result : int
        The place of the result that is asked for.
    label : str
        What errors call it, where it is no node of a file.
    """

    name: str
    op: str
    inputs: list[str]
    outputs: list[str]
    attributes: dict[str, Any]
    constants: Mapping[str, NDArray[Any]]
    version: int = 20
    reads_integers: bool = False
    result: int = 0
    label: str = ""
    _asked: set[str] = field(default_factory=set)

    def __str__(self) -> str:
        return self.label or f"node {self.name!r} ({self.op})"

    @property
    def moving(self) -> list[str]:
        """The operands that depend on the samples, each once."""
        return list(dict.fromkeys(name for name in self.inputs if name and name not in self.constants))

    def has(self, place: int) -> bool:
        """Tell whether an operand is given."""
        return place < len(self.inputs) and self.inputs[place] != ""

    def constant(self, place: int, what: str) -> NDArray[Any]:
        """Return an operand that must be a constant."""
        if not self.has(place) or self.inputs[place] not in self.constants:
            raise ValueError(f"{self} must have constant {what}")
        return np.asarray(self.constants[self.inputs[place]])

    def numbers(self, place: int, attribute: str) -> list[int] | None:
        """Return whole numbers that are an operand, or an attribute as in older versions; None where there are none."""
        if self.has(place):
            return [int(number) for number in np.atleast_1d(self.constant(place, attribute))]
        given = self.get(attribute, None)
        return None if given is None else [int(number) for number in given]

    def get(self, attribute: str, default: Any) -> Any:
        """Return an attribute."""
        self._asked.add(attribute)
        return self.attributes.get(attribute, default)

    def must(self, attribute: str, *allowed: Any, default: Any = None) -> None:
        """Refuse an attribute that is neither missing nor one of these."""
        value = self.get(attribute, default)
        if value is not None and not any(np.array_equal(value, each) for each in allowed):
            raise self.refused(attribute, value)

    def refused(self, attribute: str, value: Any) -> ValueError:
        """Return the error for an attribute that no layer here has."""
        return ValueError(f"{self} has {attribute}={value!r}, which no layer here does")

    def misplaced(self, attribute: str, value: Any) -> LayoutError:
        """Return the error for an attribute that no layer here has with the axes in this order."""
        return LayoutError(str(self.refused(attribute, value)))

    def check_attributes(self) -> None:
        """Refuse attributes that the reader of this operator has not asked for."""
        for name in self.attributes.keys() - self._asked:
            raise self.refused(name, self.attributes[name])


def check_features(node: Node, value: Value, count: int) -> None:
    """Refuse constants for another number of features, or channels, than samples have."""
    if value.shape[-1] != count:
        raise ValueError(f"{node} reads {count} features, got samples of {value.file_sample}")


def check_axes(node: Node, value: Value, count: int) -> None:
    """Refuse samples that have not this number of axes."""
    if len(value.axes) != count + 1:
        raise ValueError(f"{node} reads samples of {count} axes, got samples of {value.file_sample}")


# Appends layers to a value, and returns what the first results of the node then are.
Converter: TypeAlias = Callable[[Node, Value], Value]
CONVERTERS: dict[str, Converter] = {}
# How many results of an operator its converter knows, the first ones.
RESULTS: dict[str, float] = {}


def converts(*ops: str, results: float = 1) -> Callable[[Converter], Converter]:
    """Register a function that converts nodes of these operators, with one operand that depends on the samples."""

    def register(function: Converter) -> Converter:
        CONVERTERS.update(dict.fromkeys(ops, function))
        RESULTS.update(dict.fromkeys(ops, results))
        return function

    return register
