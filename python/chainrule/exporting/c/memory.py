"""Where values are while they are needed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .program import Statement, Value


@dataclass(frozen=True)
class Layout:
    """The place of each value in one piece of memory, and how many numbers this has.

    Attributes
    ----------
    begins : dict of Value to int
        In the order of the values' first use.
    size : int
    """

    begins: dict[Value, int]
    size: int


def laid_out(statements: Sequence[Statement], result: Value) -> Layout:
    """Return a layout in which values that are needed at the same time do not overlap; the result is elsewhere.

    A value is needed from the first statement that has it to the last one.
    """
    last = {value: number for number, statement in enumerate(statements) for value in statement.values}
    begins: dict[Value, int] = {}
    held: dict[Value, tuple[int, int]] = {}
    size = 0
    for number, statement in enumerate(statements):
        for value in statement.values:
            if value in begins or value is result or value.is_given:
                continue
            begin = _gap(sorted(held.values()), value.size)
            begins[value] = begin
            held[value] = (begin, begin + value.size)
            size = max(size, begin + value.size)
        held = {value: place for value, place in held.items() if last[value] > number}
    return Layout(begins, size)


def _gap(taken: Sequence[tuple[int, int]], size: int) -> int:
    """Return where so many numbers fit in between what is taken, or after it."""
    begin = 0
    for first, end in taken:
        if first - begin >= size:
            break
        begin = max(begin, end)
    return begin
