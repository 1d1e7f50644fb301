"""How large the inputs of training were, so that a prediction of inputs in other units can be warned of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._checks import checked_number
from .arrays import root_mean_square, unit_of
from .errors import warn

# How many times larger or smaller inputs must be: half of the hundred that units often differ by, as samples vary.
FACTOR = 50
# Number of samples that are looked at, and the least that tell small inputs from a sample that happens to be small.
LOOKED_AT, LEAST = 256, 8


@dataclass
class InputRange:
    """Absolute values of the inputs that a network was trained on, which are zero before.

    Attributes
    ----------
    typical : float
        The largest root mean square of any batch.
    largest : float
        The largest of all.
    """

    typical: float = 0.0
    largest: float = 0.0
    _calls: int = 0

    @classmethod
    def of_config(cls, config: Mapping[str, Any] | None) -> InputRange:
        """Return the range that `config` told of another; None is that of a network that was not trained."""
        numbers = {"typical": 0.0, "largest": 0.0} if config is None else config
        typical, largest = (checked_number(numbers[name], name, lowest=0) for name in ("typical", "largest"))
        return cls(typical, largest)

    def config(self) -> dict[str, float]:
        """Return the description that files keep."""
        return {"typical": self.typical, "largest": self.largest}

    @classmethod
    def of(cls, X: Any) -> InputRange:
        """Return the range of samples; those that are sparse are not looked at."""
        if not isinstance(X, np.ndarray):
            return cls()
        values = _looked_at(X)
        return cls(float(root_mean_square(values)), float(values.max()))

    def join(self, other: InputRange) -> None:
        """Take the range of samples of training into account."""
        self.typical = max(self.typical, other.typical)
        self.largest = max(self.largest, other.largest)

    def is_due(self) -> bool:
        """Tell whether a prediction should be looked at: the first ones, and then ever fewer."""
        self._calls += 1
        return self._calls & (self._calls - 1) == 0

    def compare(self, X: Any) -> None:
        """Warn, once, if samples are in quite another range than those of training."""
        if self.typical == 0 or not isinstance(X, np.ndarray):
            return
        values = _looked_at(X)
        size = float(root_mean_square(values))
        is_large = size > max(self.largest, FACTOR * self.typical)
        is_small = len(X) >= LEAST and 0 < size < self.typical / FACTOR
        if is_large or is_small:
            warn(
                f"X has a root mean square of {size:.2g}, and the samples of training had one of {self.typical:.2g}: "
                "scale X as in training"
            )
            self.typical = self.largest = 0.0


def _looked_at(X: NDArray[Any]) -> NDArray[np.float64]:
    """Return absolute values of some samples."""
    return np.abs(X[:: -(-len(X) // LOOKED_AT)].astype(np.float64)) * unit_of(X)
