"""Checks of plain arguments: each error names the argument, what came and what was expected."""

from __future__ import annotations

import difflib
import math
import operator
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, SupportsIndex

from .errors import warn


def checked_name(value: object, argument: str, known: Iterable[str]) -> str:
    """Return value if it is one of the known names; suggest the close ones otherwise."""
    names = sorted(known)
    if not isinstance(value, str):
        raise TypeError(f"{argument} must be a name, one of {', '.join(names)}; got {value!r}")
    if value in names:
        return value
    hint = close_names(value, names) or f"; known: {', '.join(names)}"
    raise ValueError(f"unknown {argument} {value!r}{hint}")


def close_names(name: str, known: Iterable[str]) -> str:
    """Return a hint at the known names that are like this one, if there are any."""
    close = difflib.get_close_matches(name, sorted(known), n=3)
    return f"; did you mean {' or '.join(map(repr, close))}?" if close else ""


def checked_number(
    value: object,
    argument: str,
    *,
    lowest: float = -math.inf,
    highest: float = math.inf,
    open_lowest: bool = False,
    open_highest: bool = False,
) -> float:
    """Return a finite number of the interval as a float."""
    # NumPy takes an array of one number for that number, with a warning in some versions only.
    if isinstance(value, (bool, str)) or not hasattr(value, "__float__") or getattr(value, "ndim", 0) != 0:
        raise TypeError(f"{argument} must be a number, got {value!r}")
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        raise TypeError(f"{argument} must be a number, got {value!r}") from None
    low = number > lowest if open_lowest else number >= lowest
    high = number < highest if open_highest else number <= highest
    if not (math.isfinite(number) and low and high):
        left = "(" if open_lowest or lowest == -math.inf else "["
        right = ")" if open_highest or highest == math.inf else "]"
        raise ValueError(f"{argument} must be finite and in {left}{lowest:g}, {highest:g}{right}, got {value!r}")
    return number


def checked_integer(value: object, argument: str, *, lowest: int, highest: int = 2**63 - 1) -> int:
    """Return an integer of the interval; 3.0 and True are not integers."""
    # Plain integers are told first, as the check of the protocol takes long.
    if type(value) is not int and (isinstance(value, bool) or not isinstance(value, SupportsIndex)):
        raise TypeError(f"{argument} must be an integer, got {value!r}")
    number = operator.index(value)
    if not lowest <= number <= highest:
        upper = "" if highest == 2**63 - 1 and number < lowest else f" and at most {highest}"
        raise ValueError(f"{argument} must be at least {lowest}{upper}, got {number}")
    return number


def checked_flag(value: object, argument: str) -> bool:
    """Return a bool; NumPy's are taken too."""
    if type(value).__name__ not in ("bool", "bool_"):
        raise TypeError(f"{argument} must be True or False, got {value!r}")
    return bool(value)


def check_weighted_labels(class_weight: Mapping[Any, float], labels: Sequence[Any]) -> None:
    """Tell of weights of labels that targets do not have: refuse them if a label has no weight, and warn otherwise.

    The first is a misspelling, and the second happens when rows are split and a rare label is not among them.
    """
    absent = [label for label in class_weight if label not in labels]
    if not absent:
        return
    message = f"class_weight has labels that y does not have: {', '.join(map(repr, absent))}; y has {list(labels)!r}"
    if any(label not in class_weight for label in labels):
        raise ValueError(message)
    warn(message)


def checked_sizes(shape: Sequence[object]) -> tuple[int, ...]:
    """Return a shape of positive integers, given one by one or as a single tuple or list."""
    if len(shape) == 1 and isinstance(shape[0], (tuple, list)):
        shape = shape[0]
    if not shape:
        raise TypeError("shape must have at least one number, got none")
    return tuple(checked_integer(size, "shape", lowest=1, highest=2**31) for size in shape)
