"""A program as plain values: functions of C, constants, and the calls that make outputs of a sample."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import singledispatch
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...reference.precision import bfloat16
from .function import Function, harmless
from .stored import Stored


@dataclass(frozen=True)
class Constant:
    """An array in the program; its text is its name.

    Attributes
    ----------
    name : str
    asked : str
        The name without a number that tells it from others.
    type : str
        Of its elements in C.
    values : array
    """

    name: str
    asked: str
    type: str
    values: NDArray[Any]

    def __str__(self) -> str:
        return self.name


@dataclass(eq=False)
class Value:
    """Numbers that are computed, of a size that is known; the text is the name.

    Attributes
    ----------
    is_given : bool
        Whether it is the caller's, and must not change.
    """

    name: str
    size: int
    is_given: bool = False

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class Statement:
    """Lines of C, and the values that they read or write."""

    lines: tuple[str, ...]
    values: tuple[Value, ...]


@dataclass
class Unit:
    """What a file has once, for all routines in it.

    Attributes
    ----------
    dtype : str
        Of inputs, outputs and all numbers in between.
    stored : Stored
        The form of weights.
    instead : mapping of Function to Function
        Functions that take the place of others.
    rounds_factors : bool
        Whether the weights of products are rounded to bfloat16.
    functions : list of Function
        In the order of their definition.
    constants : list of Constant
    """

    dtype: str
    stored: Stored
    instead: Mapping[Function, Function] = field(default_factory=dict)
    rounds_factors: bool = False
    functions: list[Function] = field(default_factory=list)
    constants: list[Constant] = field(default_factory=list)

    def use(self, function: Function) -> None:
        """Define a function, after those that it calls."""
        function = self.instead.get(function, function)
        if function not in self.functions:
            for needed in (*function.needs, *(self.stored.needs if "WEIGHT(" in function.text else ())):
                self.use(needed)
            self.functions.append(function)

    def constant(self, name: str, type_name: str, values: NDArray[Any]) -> Constant:
        """Return an array of the file, which another routine may have too: the one of this name with these values."""
        alike = [other for other in self.constants if other.asked == name]
        for other in alike:
            if np.array_equal(other.values, values):
                return other
        own = f"{name}_{len(alike) + 1}" if alike else name
        self.constants.append(Constant(own, name, type_name, values))
        return self.constants[-1]


@dataclass
class Routine:
    """The calls that make outputs of a sample, or of a step of one.

    Attributes
    ----------
    unit : Unit
    carries : bool
        Whether it reads steps one by one, and carries what layers remember of the steps before.
    states : dict of str to int
        What is carried, with its size.
    masks : dict of int to Value
        By the core's number of the layer that marks padding: how many steps are none, then which.
    scope : str
        What names of values and constants begin with.
    """

    unit: Unit
    carries: bool = False
    statements: list[Statement] = field(default_factory=list)
    states: dict[str, int] = field(default_factory=dict)
    masks: dict[int, Value] = field(default_factory=dict)
    scope: str = ""
    _taken: Counter[str] = field(default_factory=Counter)
    _kept: list[Value] = field(default_factory=list)

    def use(self, *functions: Function) -> None:
        """Define functions that lines call."""
        for function in functions:
            self.unit.use(function)

    def run(self, *lines: str, values: Sequence[Value] = ()) -> None:
        """Add lines that read or write these values."""
        self.statements.append(Statement(lines, tuple(values)))

    def remark(self, text: str) -> None:
        """Add a comment."""
        self.run(f"/* {harmless(text)} */")

    def value(self, size: int, role: str = "") -> Value:
        """Return memory for so many numbers."""
        return Value(self._name(role), size)

    def changeable(self, x: Value) -> Value:
        """Return x, or a copy of it if it is the caller's, or if another layer reads it later."""
        if not x.is_given and x not in self._kept:
            return x
        copied = self.value(x.size)
        self.use(COPY)
        self.run(f"copy({x}, {x.size}, {copied});", values=[x, copied])
        return copied

    @contextmanager
    def keeping(self, x: Value) -> Iterator[None]:
        """Keep x unchanged within the block."""
        self._kept.append(x)
        yield
        self._kept.pop()

    def carried(self, role: str, size: int) -> Value:
        """Return what is remembered of the steps before: zeros, where a sample is read as a whole."""
        if self.carries:
            name = f"{self.scope}_{role}"
            self.states[name] = size
            return Value(f"state->{name}", size, is_given=True)
        value = self.value(size, role)
        self.zero(value)
        return value

    def zero(self, value: Value) -> None:
        """Set all of a value to zero."""
        self.use(CLEAR)
        self.run(f"clear({value}, {value.size});", values=[value])

    def numbers(self, role: str, values: Any) -> Constant:
        """Return a constant of the network's numbers; ValueError for those that are not finite."""
        return self._constant(role, "real", self._finite(role, values))

    def exact(self, role: str, values: Any) -> Constant:
        """Return a constant of double precision, whatever the network's numbers are."""
        return self._constant(role, "double", np.asarray(values, np.float64))

    def whole(self, role: str, values: Any) -> Constant:
        """Return a constant of sizes, counts or indices."""
        return self._constant(role, "uint32_t", np.asarray(values, np.uint32))

    def factors(self, role: str, values: NDArray[Any]) -> Weights:
        """Return weights (..., columns) that are multiplied by values, in the form in which they are stored."""
        return self.weights(role, bfloat16(values) if self.unit.rounds_factors else values)

    def weights(self, role: str, values: Any) -> Weights:
        """Return weights (..., columns) in the form in which they are stored."""
        elements, scales = self.unit.stored.encode(self._finite(role, values))
        stored = self._constant(role, self.unit.stored.type, elements)
        return Weights(stored, self._constant(f"{role}_scales", "real", scales) if scales.size else None)

    def _finite(self, role: str, values: Any) -> NDArray[Any]:
        array = np.asarray(values, self.unit.dtype)
        if not np.isfinite(array).all():
            raise ValueError(f"its {role} are not finite")
        return array

    def _constant(self, role: str, type_name: str, values: NDArray[Any]) -> Constant:
        return self.unit.constant(f"{self.scope}_{role}", type_name, values)

    def _name(self, role: str) -> str:
        stem = f"{self.scope}_{role}" if role else self.scope
        self._taken[stem] += 1
        return stem if self._taken[stem] == 1 else f"{stem}_{self._taken[stem]}"


@dataclass(frozen=True)
class Weights:
    """Weights as arguments of a call, all or those from an offset on, whose first column is the given one."""

    stored: Constant
    scales: Constant | None

    def __str__(self) -> str:
        return self.part(0, 0)

    def part(self, offset: int, column: int) -> str:
        """Return those from an offset on."""
        first = f"{self.stored} + {offset}" if offset else f"{self.stored}"
        if self.scales is None:
            return first
        return f"{first}, {self.scales} + {column}" if column else f"{first}, {self.scales}"


COPY = Function("""
/* y = x */
static void copy(const real *x, size_t count, real *y) {
  for (size_t k = 0; k < count; ++k) y[k] = x[k];
}
""")

CLEAR = Function("""
static void clear(real *x, size_t count) {
  for (size_t k = 0; k < count; ++k) x[k] = 0;
}
""")


@singledispatch
def code_of(layer: Any, routine: Routine, x: Value) -> Value:
    """Add the calls of a layer that reads x, in its place in a network; return what it makes of it.

    Each kind of layer registers its function.
    """
    raise ValueError(f"{layer!r} has no form in C")
