"""What a network reads of a table: numbers of size 1, made of each column as training showed it.

Numbers are centred and scaled robustly, and large ones are bent to at most 3 (Holzmüller, Grinsztajn and Steinwart
2024, section 3). A category becomes flags, one number of ±1 if there are only two, or a code if there are many.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, ClassVar, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .rows import weighted_quantile
from .tables import Numbers, Table, Values, name_of_number, read_value

# Numbers do not become larger than this.
_LARGEST = 3.0
# Squares of what is farther from the median, in units of the spread, may overflow; it is bent to the same.
_FARTHEST = 1e100
# Columns of a smaller spread are scaled by that of this one.
_SMALLEST = float(np.finfo(np.float64).tiny)
# A category that a row has, as robust scaling makes it of 0 and 1.
_PRESENT = 2.0
# The most categories of a column that have a flag each; more have a code, and the rarest of very many count as unseen.
_MOST_FLAGS, _MOST_CATEGORIES = 8, 256

# What is made of a column: numbers of any value, flags and codes. Each is (rows, features), or () where there are none.
Features: TypeAlias = tuple[Any, Any, Any]


@dataclass(frozen=True)
class NumberColumn:
    """A column of numbers: (x − median) · factor, bent smoothly; the median where it is missing.

    The factor is 1 / (interquartile range), or 2 / range where half of the values are equal. `missing` tells whether
    training had missing values, which then are a feature too.
    """

    name: str
    median: float
    factor: float
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
        with np.errstate(over="ignore"):
            scaled = (np.where(is_missing, self.median, values) - self.median) * self.factor
        scaled = np.clip(scaled, -_FARTHEST, _FARTHEST)
        flags = is_missing[:, None] * _PRESENT if self.missing else ()
        return bent(scaled)[:, None], flags, ()

    def encode_value(self, value: Any) -> Features:
        """Return the features of one value, as tuples."""
        value = read_value(self.name, value)
        if isinstance(value, str):
            raise TypeError(f"column {self.name!r} must be of numbers, as it was in training, got {value!r}")
        scaled = 0.0 if value is None else (value - self.median) * self.factor
        if not -_FARTHEST <= scaled <= _FARTHEST:
            scaled = math.copysign(_FARTHEST, scaled)
        third = scaled / _LARGEST
        flags = (_PRESENT if value is None else 0.0,) if self.missing else ()
        return (scaled / math.sqrt(1.0 + third * third),), flags, ()


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


Column = NumberColumn | CategoryColumn
_KINDS: dict[str, Any] = {"number": NumberColumn, "category": CategoryColumn, "code": CodeColumn}


@dataclass(frozen=True)
class Encoding:
    """The columns that vary, in the order of the table; of the features, numbers come first, then flags, then codes."""

    columns: tuple[Column, ...]

    @property
    def numbers(self) -> int:
        """Number of features that are numbers of any value."""
        return sum(column.numbers for column in self.columns)

    @property
    def codes(self) -> list[int]:
        """Number of codes of each feature that is one."""
        return [column.codes for column in self.columns if column.codes]

    @classmethod
    def learned(cls, table: Table, weights: Numbers) -> Encoding:
        """Return the encoding of the columns that vary; a row counts as often as its weight says."""
        used = weights > 0
        found = [_learned(name, values[used], weights[used]) for name, values in table.columns.items()]
        return cls(tuple(column for column in found if column is not None))

    def encode(self, table: Table) -> NDArray[np.float32]:
        """Return (rows, features); a table without any column that varies has one feature of zeros."""
        parts = [column.encode(table.columns[column.name]) for column in self.columns]
        everything = [part for group in zip(*parts, strict=True) for part in group if len(part)]
        if not everything:
            return np.zeros((table.rows, 1), np.float32)
        return np.concatenate(everything, axis=1).astype(np.float32)

    def encode_row(self, values: Sequence[Any]) -> NDArray[np.float32]:
        """Return the features of one row, from its values in the order of `columns`."""
        numbers: list[float] = []
        flags: list[float] = []
        codes: list[float] = []
        for column, value in zip(self.columns, values, strict=True):
            more_numbers, more_flags, more_codes = column.encode_value(value)
            numbers += more_numbers
            flags += more_flags
            codes += more_codes
        return np.array(numbers + flags + codes or [0.0], dtype=np.float32)

    def config(self) -> list[dict[str, Any]]:
        """Return the columns as values that JSON can hold."""
        names = {kind: name for name, kind in _KINDS.items()}
        return [{"kind": names[type(column)], **asdict(column)} for column in self.columns]

    @classmethod
    def from_config(cls, config: list[dict[str, Any]]) -> Encoding:
        """Return the encoding that `config` described."""
        columns = []
        for entry in config:
            settings = {key: tuple(v) if isinstance(v, list) else v for key, v in entry.items() if key != "kind"}
            columns.append(_KINDS[entry["kind"]](**settings))
        return cls(tuple(columns))


def bent(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return x / √(1 + (x / 3)²), which is nearly x for small x and never larger than 3."""
    return np.asarray(x / np.sqrt(1.0 + (x / _LARGEST) ** 2))


def _learned(name: str, values: Values, weights: Numbers) -> Column | None:
    if values.dtype == object:
        categories = _frequent(values, weights)
        varies = len(categories) > 1 or (len(categories) == 1 and any(label is None for label in values))
        kind = CodeColumn if len(categories) > _MOST_FLAGS else CategoryColumn
        return kind(name, categories) if varies else None
    known = ~np.isnan(values)
    missing = not known.all()
    if not known.any() or (values[known].min() == values[known].max() and not missing):
        return None
    low, median, high = (weighted_quantile(values[known], weights[known], share) for share in (0.25, 0.5, 0.75))
    # Half of it, as the whole may overflow.
    half = high / 2 - low / 2 if high > low else values[known].max() / 4 - values[known].min() / 4
    factor = 0.5 / max(float(half), _SMALLEST) if half > 0 else 0.0
    return NumberColumn(name, median, factor, missing)


def _frequent(values: Values, weights: Numbers) -> tuple[str, ...]:
    """Return the names of the categories of the largest weights, in ascending order."""
    sums: dict[str, float] = {}
    for label, weight in zip(values, weights, strict=True):
        if label is not None:
            sums[label] = sums.get(label, 0.0) + float(weight)
    chosen = sorted(sums, key=lambda label: (-sums[label], label))[:_MOST_CATEGORIES]
    return tuple(sorted(chosen))


def _first(values: Values) -> Any:
    return next((value for value in values if value is not None), None)
