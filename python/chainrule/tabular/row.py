"""One row at a time, in microseconds: no DataFrame is made, and the networks need no lock and no memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..inference import Predictor
from ..network import Network
from .encoding import Encoding

__all__ = ["RowPredictor"]


class RowPredictor:
    """Predicts single rows, as `predict` does for a table of that row alone; `row_predictor` of an estimator makes it.

    It is a copy: fitting the estimator again does not change it. Any number of threads may share it,
    and it can be pickled.
    """

    def __init__(
        self,
        encoding: Encoding,
        columns: Sequence[str],
        networks: Sequence[Network],
        conclude: Callable[[NDArray[np.float64]], Any],
    ) -> None:
        """Keep what turns a row into features, these into the networks' outputs, and those into the prediction."""
        self._encoding = encoding
        self._columns = tuple(columns)
        self._places = [self._columns.index(column.name) for column in encoding.columns]
        self._networks = list(networks)
        self._predictors = [Predictor(_unchecked(network)) for network in networks]
        self._conclude = conclude

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._encoding, self._columns, self._networks, self._conclude)

    def __repr__(self) -> str:
        return f"RowPredictor(columns={list(self._columns)}, networks={len(self._predictors)})"

    def __call__(self, row: Sequence[Any] | Mapping[str, Any]) -> Any:
        """Return the prediction for a row: its values in the order of the columns, or by their names.

        Raises
        ------
        ValueError, TypeError
            For a row of another length or with other names, and for values that the table could not have.
        """
        values = self._by_place(row)
        x = self._encoding.encode_row([values[place] for place in self._places])
        return self._conclude(np.array([predict(x) for predict in self._predictors], dtype=np.float64))

    def _by_place(self, row: Sequence[Any] | Mapping[str, Any]) -> Sequence[Any]:
        if type(row) is not list and type(row) is not tuple:
            if isinstance(row, Mapping) or (hasattr(row, "to_dict") and hasattr(row, "index")):
                return self._by_name(row)
            is_text = isinstance(row, (str, bytes, bytearray))
            if is_text or getattr(row, "ndim", 1) != 1 or not hasattr(row, "__getitem__"):
                raise TypeError(f"row must be a sequence of values, or a mapping of names to them, got {row!r}")
        if len(row) != len(self._columns):
            raise ValueError(f"row must have {len(self._columns)} values, for {list(self._columns)}, got {row!r}")
        return row

    def _by_name(self, row: Any) -> Sequence[Any]:
        """Return the values of a mapping, or of a Series of pandas, in the order of the columns."""
        if getattr(row, "ndim", 1) != 1:
            raise TypeError(f"row must be one row, got a table of shape {row.shape}")
        named = {str(name): value for name, value in row.items()}
        if named.keys() != set(self._columns):
            raise ValueError(f"row must have the columns {list(self._columns)}, got {list(named)}")
        return [named[name] for name in self._columns]


def _unchecked(network: Network) -> Network:
    """Return a copy that does not look whether codes are some, as those of an encoded row always are."""
    twin = network.rebuilt(lambda *_: None)
    twin.border = replace(twin.border, vocabulary=None)
    return twin
