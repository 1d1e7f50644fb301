"""One row at a time, in microseconds: no DataFrame is made, and the networks need no lock and no memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..inference import Predictor
from ..layers.dense import Dense
from ..network import Network
from .encoding import Encoding

__all__ = ["RowPredictor"]


class RowPredictor:
    """Predicts single rows, as `predict` does for a table of that row alone; `row_predictor` of an estimator makes it.

    It is a copy: fitting the estimator again does not change it. Any number of threads may share it.
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
        self._predictors = [Predictor(_without_softmax(network)) for network in networks]
        self._conclude = conclude

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
        if isinstance(row, Mapping):
            if row.keys() != set(self._columns):
                raise ValueError(f"row must have the columns {list(self._columns)}, got {list(row)}")
            return [row[name] for name in self._columns]
        if isinstance(row, str) or len(row) != len(self._columns):
            raise ValueError(f"row must have {len(self._columns)} values, for {list(self._columns)}, got {row!r}")
        return row


def _without_softmax(network: Network) -> Network:
    """Return a copy whose outputs are those before the last activation."""
    layers: list[Any] = list(network.layers)
    last = layers.pop()
    plain = Dense(last.units, "identity", weights=last.weights, bias=last.bias)
    return Network([*layers, plain], dtype=network.dtype, seed=0)
