"""What a network reads of a table: the features of each column that varies, as training showed it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .features import CategoryColumn, CodeColumn, RankedColumn, ScaledColumn
from .rows import weighted_quantiles
from .tables import Numbers, Table, Values

# Columns of a smaller spread are scaled by that of this one, and knots are so far apart at least.
_SMALLEST = float(np.finfo(np.float64).tiny)
# Knots are no larger, so that the distance of two is finite.
_LARGEST_KNOT = 8e307
# The most knots of a ranked column but its median, each at one of its values.
_MOST_KNOTS = 33
# Ranks nearer to 0 or 1 have the score of this one.
_LEAST_RANK = 0.001
_NORMAL = NormalDist()
_NORMAL_RANGE = 2 * _NORMAL.inv_cdf(0.75)  # between its quartiles
# The most categories of a column that have a flag each; more have a code, and the rarest of very many count as unseen.
_MOST_FLAGS, _MOST_CATEGORIES = 8, 256

Column = ScaledColumn | RankedColumn | CategoryColumn
_KINDS: dict[str, Any] = {
    "number": ScaledColumn,
    "ranks": RankedColumn,
    "category": CategoryColumn,
    "code": CodeColumn,
}


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
    values, weights = values[known], weights[known]
    low, median, high = weighted_quantiles(values, weights, (0.25, 0.5, 0.75))
    if high == low:
        return RankedColumn(name, median, missing, *_ranked(values, weights, median))
    # Half of it, as the whole may overflow.
    half = high / 2 - low / 2
    return ScaledColumn(name, median, missing, 0.5 / max(half, _SMALLEST))


def _ranked(values: Numbers, weights: Numbers, median: float) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return knots among numbers, and the score of each: that of the middle of the ranks of those that are equal.

    The median, which at least half of the numbers are, is a knot.
    """
    # Rows that are equal but for their weights come in an order that is not that of the table.
    order = np.lexsort((weights, values))
    distinct, first = np.unique(values[order], return_index=True)
    cumulative = np.append(0.0, np.cumsum(weights[order]))
    begins, ends = cumulative[first], cumulative[np.append(first[1:], len(values))]
    spread = np.linspace(0, len(distinct) - 1, _MOST_KNOTS).astype(np.int64)
    knots: dict[float, float] = {}
    for place in np.unique(np.append(spread, np.searchsorted(distinct, median))):
        knot = min(max(float(distinct[place]), -_LARGEST_KNOT), _LARGEST_KNOT)
        if not knots or knot - next(reversed(knots)) >= _SMALLEST:
            knots[knot] = _score((begins[place] / 2 + ends[place] / 2) / ends[-1])
    return tuple(knots), tuple(knots.values())


def _score(rank: float) -> float:
    """Return the place that a normal distribution gives to a rank, in units of its interquartile range.

    It is rounded, as the logarithms of machines differ in their last bits.
    """
    inside = min(max(float(rank), _LEAST_RANK), 1 - _LEAST_RANK)
    return round(_NORMAL.inv_cdf(inside) / _NORMAL_RANGE, 6)


def _frequent(values: Values, weights: Numbers) -> tuple[str, ...]:
    """Return the names of the categories of the largest weights, in ascending order."""
    sums: dict[str, float] = {}
    for label, weight in zip(values, weights, strict=True):
        if label is not None:
            sums[label] = sums.get(label, 0.0) + float(weight)
    chosen = sorted(sums, key=lambda label: (-sums[label], label))[:_MOST_CATEGORIES]
    return tuple(sorted(chosen))
