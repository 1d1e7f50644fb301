"""Snapshots: what a network must get back to predict as it did before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Snapshot:
    """Parameters, and the statistics that training gathers next to them, such as the running means of `BatchNorm`.

    Attributes
    ----------
    parameters, statistics : array
        Flat, in the order of the layers.
    """

    parameters: NDArray[Any]
    statistics: NDArray[Any]
    __hash__ = None  # type: ignore[assignment]  # arrays can be changed

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Snapshot):
            return NotImplemented
        return np.array_equal(self.parameters, other.parameters) and np.array_equal(self.statistics, other.statistics)

    def arrays(self, prefix: str) -> dict[str, NDArray[Any]]:
        """Return the arrays by names with this prefix, for a file."""
        return {f"{prefix}_parameters": self.parameters, f"{prefix}_statistics": self.statistics}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Any], prefix: str) -> Snapshot:
        """Return the snapshot whose arrays have names with this prefix; KeyError where there are none."""
        return cls(arrays[f"{prefix}_parameters"], arrays[f"{prefix}_statistics"])
