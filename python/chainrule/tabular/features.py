"""What a network reads of a column: a number of size 1, flags or a code, for each kind of column.

Numbers are centred and scaled robustly, and large ones are bent to at most 3 (Holzmüller, Grinsztajn and Steinwart
2024, section 3); those whose quartiles are equal are ranked. A category becomes flags, one number of ±1 if there are
only two, or a code if there are many.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any, ClassVar, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .tables import Numbers, Values, name_of_number, read_value

# Numbers do not become larger than this.
_LARGEST = 3.0
# Squares of what is farther from the median, in units of the spread, may overflow; it is bent to the same.
_FARTHEST = 1e100
# A category that a row has, as robust scaling makes it of 0 and 1.
_PRESENT = 2.0

# What is made of a column: numbers of any value, flags and codes. Each is (rows, features), or () where there are none.
Features: TypeAlias = tuple[Any, Any, Any]


@dataclass(frozen=True)
class NumberColumn:
    """A column of numbers, of which each kind makes one feature; the median stands for a value that is missing.

    `missing` tells whether training had missing values, which then are a feature too.
    """

    name: str
    median: float
    missing: bool

    # Number of features that are numbers, and of the codes that a feature may have, if it is one.
    numbers: ClassVar[int] = 1
    codes: ClassVar[int] = 0

    def encode(self, values: Values) -> Features:
        """Return the features of each row."""
        if values.dtype == object and all(value is None for value in values):
            values = np.full(len(values), np.nan)
        if values.dtype == object:
            raise TypeError(f"column {self.name!r} must be of numbers, as it was in training, got {_first(values)!r}")
        is_missing = np.isnan(values)
        flags = is_missing[:, None] * _PRESENT if self.missing else ()
        return self.features(np.where(is_missing, self.median, values))[:, None], flags, ()

    def encode_value(self, value: Any) -> Features:
        """Return the features of one value, as tuples."""
        value = read_value(self.name, value)
        if isinstance(value, str):
            raise TypeError(f"column {self.name!r} must be of numbers, as it was in training, got {value!r}")
        flags = (_PRESENT if value is None else 0.0,) if self.missing else ()
        return (self.feature(self.median if value is None else value),), flags, ()

    def features(self, values: Numbers) -> Numbers:
        """Return what becomes of numbers of which none is missing."""
        raise NotImplementedError

    def feature(self, value: float) -> float:
        """Return what becomes of one number: the same bytes as `features`, sooner."""
        raise NotImplementedError


@dataclass(frozen=True)
class ScaledColumn(NumberColumn):
    """Numbers that become (x − median) · factor, bent smoothly; the factor is 1 / (interquartile range)."""

    factor: float

    def features(self, values: Numbers) -> Numbers:
        """Return what becomes of numbers."""
        with np.errstate(over="ignore"):
            scaled = (values - self.median) * self.factor
        return bent(np.clip(scaled, -_FARTHEST, _FARTHEST))

    def feature(self, value: float) -> float:
        """Return what becomes of one number."""
        scaled = (value - self.median) * self.factor
        if not -_FARTHEST <= scaled <= _FARTHEST:
            scaled = math.copysign(_FARTHEST, scaled)
        third = scaled / _LARGEST
        return scaled / math.sqrt(1.0 + third * third)


@dataclass(frozen=True)
class RankedColumn(NumberColumn):
    """Numbers whose quartiles are equal, such as counts that are mostly 0, so that there is no range to scale by.

    They become the score that a normal distribution gives to their rank among those of training, in units of its
    interquartile range: `scores` at `knots`, in between a line, and outside of them what the nearest has.
    """

    knots: tuple[float, ...]
    scores: tuple[float, ...]

    @cached_property
    def slopes(self) -> tuple[float, ...]:
        """The slope of the line from each knot to the next, 0 from the last."""
        pairs = zip(pairwise(self.scores), pairwise(self.knots), strict=True)
        return (*((above - score) / (end - begin) for (score, above), (begin, end) in pairs), 0.0)

    def features(self, values: Numbers) -> Numbers:
        """Return the scores of numbers."""
        knots, scores, slopes = map(np.array, (self.knots, self.scores, self.slopes))
        x = np.clip(values, knots[0], knots[-1])
        place = np.searchsorted(knots, x, side="right") - 1
        return np.asarray(scores[place] + (x - knots[place]) * slopes[place])

    def feature(self, value: float) -> float:
        """Return the score of a number."""
        x = min(max(value, self.knots[0]), self.knots[-1])
        place = bisect_right(self.knots, x) - 1
        return self.scores[place] + (x - self.knots[place]) * self.slopes[place]


@dataclass(frozen=True)
class CategoryColumn:
    """A column of categories: a flag for each, or ±1 if there are two; all zero where it is missing or unseen."""

    name: str
    categories: tuple[str, ...]
    numbers: ClassVar[int] = 0

    @property
    def codes(self) -> int:
        """Number of codes that the feature may have, if it is one."""
        return 0

    def encode(self, values: Values) -> Features:
        """Return the features of each row."""
        flags = (self._places(values)[:, None] == np.arange(len(self.categories))).astype(np.float64)
        if len(self.categories) == 2:
            flags = flags[:, 1:] - flags[:, :1]
        else:
            flags *= bent(np.array(_PRESENT))
        return (), flags, ()

    def encode_value(self, value: Any) -> Features:
        """Return the features of one value, as tuples."""
        value = read_value(self.name, value)
        label = self._label(value) if isinstance(value, float) else value
        return self._features.get(label, self._features[None])

    def _places(self, values: Values) -> NDArray[np.int64]:
        """Return for each value its place among the categories, −1 where it is missing or unseen."""
        labels = values if values.dtype == object else [None if x != x else self._label(x) for x in values]
        places: dict[str | None, int] = {category: i for i, category in enumerate(self.categories)}
        return np.array([places.get(label, -1) for label in labels], dtype=np.int64)

    def _label(self, value: float) -> str:
        """Return the name of a number: that of a truth value, if the column had those in training."""
        name = name_of_number(value)
        if name not in self._known and str(value) in self._known:
            return str(value)
        return {"0": "False", "1": "True"}.get(name, name) if {"False", "True"}.issuperset(self.categories) else name

    @cached_property
    def _known(self) -> frozenset[str]:
        return frozenset(self.categories)

    @cached_property
    def _features(self) -> dict[str | None, Features]:
        """The features of each category, and those of any other."""
        known: list[str | None] = [*self.categories, None]
        _, flags, codes = self.encode(np.array(known, dtype=object))
        rows = [map(tuple, group.tolist()) if len(group) else [()] * len(known) for group in (flags, codes)]
        return {label: ((), *of_label) for label, *of_label in zip(known, *rows, strict=True)}


class CodeColumn(CategoryColumn):
    """A column of many categories: a code for each, for which the network learns a vector; 0 is missing or unseen."""

    @property
    def codes(self) -> int:
        """Number of codes that the feature may have."""
        return len(self.categories) + 1

    def encode(self, values: Values) -> Features:
        """Return the features of each row."""
        return (), (), self._places(values)[:, None] + 1


def bent(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return x / √(1 + (x / 3)²), which is nearly x for small x and never larger than 3."""
    return np.asarray(x / np.sqrt(1.0 + (x / _LARGEST) ** 2))


def _first(values: Values) -> Any:
    return next((value for value in values if value is not None), None)
