"""What is called while a network trains: callbacks of the package, or any function of (network, epoch, metrics)."""

from __future__ import annotations

import csv
import math
import os
from collections.abc import Callable, Iterable, Mapping
from os import PathLike
from pathlib import Path
from typing import Any, TypeAlias

from .._checks import checked_integer, checked_number
from ..files import safetensors
from ..model import Model

__all__ = ["CSVLog", "Callback", "EarlyStopping", "ReduceOnPlateau", "SaveModel"]


class Callback:
    """Base class: override what is needed. Callbacks are called in the order of the list.

    Any function of (network, epoch, metrics) serves as a callback too, as `on_epoch_end`.
    """

    def on_train_begin(self, network: Any) -> None:
        """Before the first epoch."""

    def on_epoch_end(self, network: Any, epoch: int, metrics: Mapping[str, float]) -> bool | None:
        """After an epoch (from 1) with its metrics; True stops the training."""
        return None

    def on_train_end(self, network: Any) -> None:
        """After the last epoch, also when training ends by an error or Ctrl-C."""

    def state(self) -> dict[str, Any]:
        """Return what a checkpoint keeps of the callback: numbers, strings, lists, None; and arrays."""
        return {}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over the state of a fit that is resumed, after `on_train_begin`."""


# What `fit` takes as a callback.
CallbackLike: TypeAlias = Callback | Callable[[Any, int, Mapping[str, float]], Any]


def as_callbacks(callbacks: Iterable[CallbackLike]) -> list[Callback]:
    """Return callbacks as objects; a function becomes one."""
    return [c if isinstance(c, Callback) else _FunctionCallback(c) for c in callbacks]


class _FunctionCallback(Callback):
    def __init__(self, function: Callable[[Any, int, Mapping[str, float]], Any]) -> None:
        if not callable(function):
            raise TypeError(f"callbacks must be Callback objects or functions, got {function!r}")
        self.function = function

    def on_epoch_end(self, network: Any, epoch: int, metrics: Mapping[str, float]) -> bool | None:
        return self.function(network, epoch, metrics) is True


class _Monitor(Callback):
    """Watches one metric: lower is better, higher for accuracy."""

    def __init__(self, monitor: str | None, min_delta: float = 0.0) -> None:
        self.monitor = monitor
        self.min_delta = checked_number(min_delta, "min_delta", lowest=0)
        self.best = math.inf

    def on_train_begin(self, network: Model) -> None:
        self.best = math.inf

    def state(self) -> dict[str, Any]:
        return {"best": self.best}

    def restore(self, state: Mapping[str, Any]) -> None:
        self.best = float(state["best"])

    def _improved(self, metrics: Mapping[str, float]) -> bool:
        name = self.monitor or ("val_loss" if "val_loss" in metrics else "loss")
        if name not in metrics:
            raise ValueError(f"monitor must be one of {', '.join(metrics)}; got {name!r}")
        value = -metrics[name] if name.endswith("accuracy") else metrics[name]
        if value < self.best - self.min_delta:
            self.best = value
            return True
        return False


class EarlyStopping(_Monitor):
    """Stop when a metric has not improved for some epochs, and restore the best weights.

    Parameters
    ----------
    monitor : str, optional
        "loss", "val_loss", "accuracy", "val_accuracy", …; default "val_loss" if it exists, else "loss".
    patience : int
        Epochs without improvement before it stops, >= 1.
    min_delta : float
        What counts as an improvement, >= 0.
    restore_best : bool
        Whether the network gets the weights of its best epoch.
    """

    def __init__(
        self, monitor: str | None = None, patience: int = 3, min_delta: float = 0.0, restore_best: bool = True
    ) -> None:
        super().__init__(monitor, min_delta)
        self.patience = checked_integer(patience, "patience", lowest=1)
        self.restore_best = restore_best
        self.best_epoch = 0
        self._parameters: Any = None

    def on_train_begin(self, network: Model) -> None:
        super().on_train_begin(network)
        self.best_epoch = 0
        self._parameters = None

    def state(self) -> dict[str, Any]:
        kept = {} if self._parameters is None else {"parameters": self._parameters}
        return {**super().state(), "best_epoch": self.best_epoch, **kept}

    def restore(self, state: Mapping[str, Any]) -> None:
        super().restore(state)
        self.best_epoch = int(state["best_epoch"])
        self._parameters = state.get("parameters")

    def on_epoch_end(self, network: Model, epoch: int, metrics: Mapping[str, float]) -> bool | None:
        if self._improved(metrics):
            self.best_epoch = epoch
            self._parameters = network.parameters if self.restore_best else None
        return epoch - self.best_epoch >= self.patience

    def on_train_end(self, network: Model) -> None:
        if self._parameters is not None:
            network.parameters = self._parameters
            self._parameters = None


class SaveModel(_Monitor):
    """Save the network after every epoch, or only after those in which a metric improved.

    Parameters
    ----------
    path : str or path
        The file, written atomically each time.
    monitor : str, optional
        The metric to improve; without, every epoch is saved.
    """

    def __init__(self, path: str | PathLike[str], monitor: str | None = None) -> None:
        super().__init__(monitor)
        self.path = Path(path)

    def on_epoch_end(self, network: Model, epoch: int, metrics: Mapping[str, float]) -> bool | None:
        if self.monitor is None or self._improved(metrics):
            safetensors.write(self.path, *network.describe())
        return None


class ReduceOnPlateau(_Monitor):
    """Multiply the learning rate by a factor when a metric has not improved for some epochs.

    Parameters
    ----------
    monitor : str, optional
        As for `EarlyStopping`.
    factor : float
        In (0, 1).
    patience : int
        Epochs without improvement before each reduction, >= 1.
    """

    def __init__(
        self, monitor: str | None = None, factor: float = 0.5, patience: int = 3, min_delta: float = 0.0
    ) -> None:
        super().__init__(monitor, min_delta)
        self.factor = checked_number(factor, "factor", lowest=0, highest=1, open_lowest=True, open_highest=True)
        self.patience = checked_integer(patience, "patience", lowest=1)
        self._since = 0

    def on_train_begin(self, network: Model) -> None:
        super().on_train_begin(network)
        self._since = 0

    def state(self) -> dict[str, Any]:
        return {**super().state(), "since": self._since}

    def restore(self, state: Mapping[str, Any]) -> None:
        super().restore(state)
        self._since = int(state["since"])

    def on_epoch_end(self, network: Model, epoch: int, metrics: Mapping[str, float]) -> bool | None:
        self._since = 0 if self._improved(metrics) else self._since + 1
        if self._since >= self.patience:
            network.rate_factor *= self.factor
            self._since = 0
        return None


class CSVLog(Callback):
    """Write a line per epoch into a CSV file, with a header at its start.

    Parameters
    ----------
    path : str or path
        The file; an existing one is replaced.
    """

    def __init__(self, path: str | PathLike[str]) -> None:
        self.path = Path(path)
        self._names: list[str] = []

    def on_train_begin(self, network: Model) -> None:
        self._names = []

    def state(self) -> dict[str, Any]:
        return {"names": self._names, "length": self.path.stat().st_size if self._names else 0}

    def restore(self, state: Mapping[str, Any]) -> None:
        # Epochs after the checkpoint are trained and logged again.
        if state["names"] and self.path.exists():
            self._names = list(state["names"])
            os.truncate(self.path, state["length"])

    def on_epoch_end(self, network: Model, epoch: int, metrics: Mapping[str, float]) -> bool | None:
        first = not self._names
        self._names = self._names or list(metrics)
        with self.path.open("w" if first else "a", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            if first:
                writer.writerow(["epoch", *self._names])
            writer.writerow([epoch, *(metrics[name] for name in self._names)])
        return None
