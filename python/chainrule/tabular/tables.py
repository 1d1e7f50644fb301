"""Tables of any library as columns of two kinds: numbers, and categories."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, TypeAlias

import narwhals as nw
import numpy as np
from numpy.typing import NDArray

Numbers: TypeAlias = NDArray[np.float64]
# Numbers, with NaN where a value is missing; or strings as objects, with None there.
Values: TypeAlias = NDArray[Any]


@dataclass(frozen=True)
class Table:
    """Columns by name, each numbers or labels."""

    columns: dict[str, Values]
    rows: int

    def renamed(self, names: Sequence[str]) -> Table:
        """Return the same columns, in the same order, by other names."""
        return Table(dict(zip(names, self.columns.values(), strict=True)), self.rows)


def read_table(X: Any) -> Table:
    """Return the columns of a DataFrame, or of a two-dimensional array, whose columns are named by their number.

    Raises
    ------
    TypeError
        For a column of dates or durations, or of values that are neither numbers nor names.
    """
    frame = nw.from_native(X, eager_only=True, pass_through=True)
    if isinstance(frame, nw.DataFrame):
        columns = zip(frame.columns, frame.iter_columns(), strict=True)
        return Table({str(name): _of_series(str(name), series) for name, series in columns}, len(frame))
    array = np.asarray(X)
    return Table({str(i): _of_values(str(i), column) for i, column in enumerate(array.T)}, len(array))


def _of_series(name: str, series: nw.Series[Any]) -> Values:
    dtype = series.dtype
    if dtype.is_temporal():
        raise TypeError(f"column {name!r} must be of numbers or categories, got {dtype}: {_OF_DATES}")
    if dtype.is_numeric() and not dtype.is_decimal():
        return _checked(name, series.cast(nw.Float64).to_numpy().astype(np.float64))
    if dtype.is_nested():
        raise TypeError(f"column {name!r} must be of numbers or categories, got {dtype}")
    values = np.empty(len(series), dtype=object)
    values[:] = series.to_list()
    if dtype in (nw.Categorical, nw.Enum):
        return _names(name, [None if _is_missing(value) else value for value in values])
    return _of_values(name, values)


_OF_DATES = "make numbers of it, such as the days since a date, the month, or the hour"


def _of_values(name: str, values: NDArray[Any]) -> Values:
    if values.dtype.kind in "mM":
        raise TypeError(f"column {name!r} must be of numbers or categories, got {values.dtype}: {_OF_DATES}")
    if values.dtype.kind == "c":
        raise TypeError(f"column {name!r} must be of numbers or categories, got {values.dtype}")
    if values.dtype.kind in "iuf":
        return _checked(name, values.astype(np.float64))
    if values.dtype.kind == "b":
        return np.array([str(value) for value in values.tolist()], dtype=object)
    return _of_objects(name, [None if _is_missing(value) else value for value in values.tolist()])


def read_value(name: str, value: Any) -> float | str | None:
    """Return a single value as a number, the name of a category, or None where it is missing; errors as `read_table`.

    The usual kinds come first, as this is what the prediction of a row spends its time with.
    """
    kind = type(value)
    if kind is str:
        return str(value)
    if kind is float and math.isfinite(value):
        return float(value)
    if kind is bool or kind is np.bool_:
        return str(value)
    (read,) = _of_values(name, np.array([value], dtype=object) if kind is not int else np.array([_as_float(value)]))
    return None if read is None or read != read else read if isinstance(read, str) else float(read)


_NUMBERS = (int, float, np.integer, np.floating, Decimal)
_DATES = ("date", "datetime", "time", "timedelta", "Timestamp", "Timedelta", "Period", "datetime64", "timedelta64")


def _as_float(value: Any) -> float:
    """Return a number as float; one that is too large is infinite."""
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def _is_missing(value: Any) -> bool:
    """Tell whether a value is None, NaN, or the missing value of pandas, none of which equals itself."""
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(value, (float, Decimal)) and value != value


def _of_objects(name: str, values: list[Any]) -> Values:
    """Return numbers if all values are, and their names otherwise."""
    given = [value for value in values if value is not None]
    if given and all(isinstance(value, _NUMBERS) and not isinstance(value, bool) for value in given):
        return _checked(name, np.array([np.nan if value is None else _as_float(value) for value in values]))
    return _names(name, values)


def _names(name: str, values: list[Any]) -> Values:
    """Return the names of categories, which may be numbers."""
    for value in (value for value in values if value is not None):
        if type(value).__name__ in _DATES:
            raise TypeError(f"column {name!r} must be of numbers or categories, got {value!r}: {_OF_DATES}")
        if isinstance(value, (list, tuple, dict, set, np.ndarray, complex, np.complexfloating)):
            raise TypeError(f"column {name!r} must be of numbers or categories, got {value!r}")
    labels = np.empty(len(values), dtype=object)
    labels[:] = [None if value is None else _name_of(value) for value in values]
    return labels


def _name_of(value: Any) -> str:
    """Return the name of a category: that of a number is the same in a column of numbers and among strings."""
    if isinstance(value, _NUMBERS) and not isinstance(value, bool):
        return name_of_number(value) if math.isfinite(_as_float(value)) else str(value)
    return str(value)


def name_of_number(value: Any) -> str:
    """Return the name of a finite number, which is that of an integer where it is one."""
    return str(int(value) if value == int(value) else value)


def _checked(name: str, values: Numbers) -> Numbers:
    if np.isinf(values).any():
        raise ValueError(f"column {name!r} must be finite or missing, got {values[np.isinf(values)][0]}")
    return values
