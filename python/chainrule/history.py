"""What training went through: a list of numbers for each metric."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any


def shown(metrics: Mapping[str, float]) -> str:
    """Return metrics as text, such as "loss=0.25, accuracy=0.9"."""
    return ", ".join(f"{name}={value:.4g}" for name, value in metrics.items())


class History(Mapping[str, list[float]]):
    """Metric name to its values, one per epoch.

    Attributes
    ----------
    restored_epoch : int
        The epoch whose network was restored after the last: the best one, by ``fit(keep="best")`` or by
        `EarlyStopping`; 0 for none.

    Examples
    --------
    >>> history = History()
    >>> history.append({"loss": 0.5}); history.append({"loss": 0.25})
    >>> history["loss"]
    [0.5, 0.25]
    >>> history
    History(2 epochs: loss=0.25)
    """

    def __init__(self, values: Mapping[str, list[float]] | None = None) -> None:
        self._values: dict[str, list[float]] = {name: list(v) for name, v in (values or {}).items()}
        self.restored_epoch = 0

    def append(self, metrics: Mapping[str, float]) -> None:
        """Add one epoch; a metric that was not there before begins with NaN."""
        self.restored_epoch = 0
        if new := metrics.keys() - self._values.keys():
            before = [math.nan] * self.epochs
            self._values.update({name: list(before) for name in metrics if name in new})
        for name, values in self._values.items():
            values.append(float(metrics.get(name, math.nan)))

    def amend(self, metrics: Mapping[str, float]) -> None:
        """Add metrics to the last epoch, such as those that a callback computes."""
        for name in metrics.keys() - self._values.keys():
            self._values[name] = [math.nan] * self.epochs
        for name, value in metrics.items():
            self._values[name][-1] = float(value)

    @property
    def epochs(self) -> int:
        """Number of epochs."""
        return max((len(values) for values in self._values.values()), default=0)

    def __getitem__(self, name: str) -> list[float]:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        restored = f", restored epoch {self.restored_epoch}" if self.restored_epoch else ""
        last = {name: values[self.restored_epoch - 1] for name, values in self._values.items()}
        return f"History({self.epochs} epochs{restored}: {shown(last)})"

    def to_frame(self) -> Any:
        """Return a pandas DataFrame, a row per epoch (needs the extra `pandas`)."""
        try:
            import pandas
        except ImportError as error:
            raise ImportError('to_frame needs pandas: pip install "chainrule[pandas]"') from error
        return pandas.DataFrame(self._values, index=pandas.RangeIndex(1, self.epochs + 1, name="epoch"))

    def plot(self, axes: Any = None) -> Any:
        """Draw loss and metric by epoch (needs the extra `plot`): see `chainrule.plot.learning_curves`."""
        from .plot.curves import learning_curves

        return learning_curves(self, axes)
