"""What is called while a network trains: callbacks of the package, or any function of (network, epoch, metrics)."""

from __future__ import annotations

import csv
import math
import os
from collections.abc import Callable, Iterable, Mapping
from os import PathLike
from pathlib import Path
from typing import Any, TypeAlias

from .._checks import checked_flag, checked_integer, checked_name, checked_number
from ..files import safetensors
from ..model import Model
from ..snapshot import Snapshot

__all__ = ["CSVLog", "Callback", "EarlyStopping", "ReduceOnPlateau", "SaveModel"]


class Callback:
    """Base class: override what is needed. Callbacks are called in the order of the list.

    Any function of (network, epoch, metrics) serves as a callback too, as `on_epoch_end`. What a callback adds to
    `metrics` is in the network's history, and can be monitored by the callbacks after it.

    Attributes
    ----------
    listens : bool
        Whether it is called after each epoch; else it is only asked whether it wants to stop, and that some times a
        second if no callback listens and there are no validation data, no metrics and no progress to show.
    destination : path or None
        The file or folder that it writes, if there is one: two fits at the same time must not write the same.
    """

    listens = True
    destination: Path | None = None

    def wants_to_stop(self) -> bool:
        """Tell whether training stops after the last epoch that has ended; for a callback that does not listen."""
        return False

    def on_train_begin(self, network: Any) -> None:
        """Before the first epoch."""

    def on_epoch_end(self, network: Any, epoch: int, metrics: dict[str, float]) -> bool | None:
        """After an epoch (from 1) with its metrics; True stops the training."""
        return None

    def on_train_end(self, network: Any) -> None:
        """After the last epoch, also when training ends by an error or Ctrl-C."""

    def settings(self) -> dict[str, Any]:
        """Return what must be the same when a fit is resumed: numbers, strings, lists, None."""
        return {}

    def state(self) -> dict[str, Any]:
        """Return what a checkpoint keeps of the callback: numbers, strings, lists, None; and arrays."""
        return {}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over the state of a fit that is resumed, after `on_train_begin`."""


# What `fit` takes as a callback.
CallbackLike: TypeAlias = Callback | Callable[[Any, int, dict[str, float]], Any]


def as_callbacks(callbacks: Iterable[CallbackLike] | CallbackLike) -> list[Callback]:
    """Return callbacks as objects; a function becomes one, and a single callback a list."""
    single = isinstance(callbacks, Callback) or callable(callbacks) or not isinstance(callbacks, Iterable)
    given: list[Any] = [callbacks] if single else list(callbacks)  # type: ignore[arg-type]
    return [c if isinstance(c, Callback) else _FunctionCallback(c) for c in given]


class _FunctionCallback(Callback):
    def __init__(self, function: Callable[[Any, int, dict[str, float]], Any]) -> None:
        if isinstance(function, type):
            name = function.__qualname__
            raise TypeError(f"callbacks must be objects, got the class {name}; write {name}(...)")
        if not callable(function):
            raise TypeError(f"callbacks must be Callback objects or functions, got {function!r}")
        self.function = function

    def on_epoch_end(self, network: Any, epoch: int, metrics: dict[str, float]) -> bool | None:
        return self.function(network, epoch, metrics) is True


def monitored(monitor: str | None, metrics: Mapping[str, float]) -> str:
    """Return the metric that is asked for, by default "val_loss" where there is one; ValueError for none of these."""
    name = monitor or ("val_loss" if "val_loss" in metrics else "loss")
    if name not in metrics:
        raise ValueError(f"monitor must be one of {', '.join(metrics)}; got {name!r}")
    return name


class _Monitor(Callback):
    """Watches one metric.

    `mode` says whether it shall become small or large; the package's own metrics need none.
    """

    def __init__(self, monitor: str | None, min_delta: float = 0.0, mode: str | None = None) -> None:
        self.monitor = monitor
        self.mode = None if mode is None else checked_name(mode, "mode", ("min", "max"))
        self.min_delta = checked_number(min_delta, "min_delta", lowest=0)
        self.best = math.inf

    def on_train_begin(self, network: Model) -> None:
        self.best = math.inf

    def settings(self) -> dict[str, Any]:
        return {"monitor": self.monitor, "mode": self.mode, "min_delta": self.min_delta}

    def state(self) -> dict[str, Any]:
        return {"best": self.best}

    def restore(self, state: Mapping[str, Any]) -> None:
        self.best = float(state["best"])

    def _improved(self, metrics: Mapping[str, float]) -> bool:
        name = monitored(self.monitor, metrics)
        value = -metrics[name] if (self.mode or _mode_of(name)) == "max" else metrics[name]
        if self._is_better(value):
            self.best = value
            return True
        return False

    def _is_better(self, value: float) -> bool:
        """Tell whether a value, the smaller the better, counts as an improvement; NaN never does."""
        return value < self.best - self.min_delta


# In which direction the package's metrics become better.
_MODES = {"loss": "min", "mae": "min", "rmse": "min", "learning_rate": "min", "accuracy": "max", "r2": "max"}


def is_known(metric: str) -> bool:
    """Tell whether the direction of a metric is known, as it is one of the package's."""
    return metric.removeprefix("val_").partition("[")[0] in _MODES


def _mode_of(metric: str) -> str:
    """Return the direction of one of the package's metrics; ValueError for another, as it could be either."""
    mode = _MODES.get(metric.removeprefix("val_").partition("[")[0])
    if mode is None:
        raise ValueError(f"mode must be 'min' or 'max' to monitor {metric!r}, got None")
    return mode


class _Restoring(_Monitor):
    """Keeps the network of the best epoch, and restores it when training ends."""

    def __init__(self, monitor: str | None, min_delta: float = 0.0, mode: str | None = None) -> None:
        super().__init__(monitor, min_delta, mode)
        self.best_epoch = 0
        self._best: Snapshot | None = None
        # The best epoch as the history counts, which has the epochs of the fits before.
        self._best_in_history = 0
        self._epochs_before = 0

    def on_train_begin(self, network: Model) -> None:
        super().on_train_begin(network)
        self.best_epoch, self._best, self._best_in_history = 0, None, 0
        self._epochs_before = network.history.epochs

    def state(self) -> dict[str, Any]:
        epochs = {"best_epoch": self.best_epoch, "best_in_history": self._best_in_history}
        return {**super().state(), **epochs, **({} if self._best is None else self._best.arrays("best"))}

    def restore(self, state: Mapping[str, Any]) -> None:
        super().restore(state)
        self.best_epoch = checked_integer(state["best_epoch"], "best_epoch", lowest=0)
        index = state["best_in_history"]
        self._best_in_history = checked_integer(index, "best_in_history", lowest=0, highest=self._epochs_before)
        self._best = Snapshot.from_arrays(state, "best") if "best_parameters" in state else None

    def _watch(self, network: Model, epoch: int, metrics: Mapping[str, float], keep: bool) -> None:
        """Note the epoch if it is the best so far, and keep its network if asked to."""
        if self._improved(metrics):
            self.best_epoch, self._best_in_history = epoch, network.history.epochs
            self._best = network.snapshot() if keep else None

    def on_train_end(self, network: Model) -> None:
        if self._best is not None:
            network.go_back(self._best)
            is_last = self._best_in_history == network.history.epochs
            network.history.restored_epoch = 0 if is_last else self._best_in_history
            self._best = None


class KeepBest(_Restoring):
    """What `fit(keep=...)` adds: restores the network of the best epoch; of equal ones it is the latest."""

    def _is_better(self, value: float) -> bool:
        return value <= self.best

    def on_epoch_end(self, network: Model, epoch: int, metrics: dict[str, float]) -> bool | None:
        self._watch(network, epoch, metrics, keep=True)
        return None


class EarlyStopping(_Restoring):
    """Stop when a metric has not improved for some epochs, and restore the network of the best epoch.

    Parameters
    ----------
    monitor : str, optional
        "loss", "val_loss", "accuracy", "val_accuracy", …, or a metric that a callback before this one adds; default
        "val_loss" if it exists, else "loss".
    patience : int
        Epochs without improvement before it stops, >= 1.
    min_delta : float
        What counts as an improvement, >= 0.
    restore_best : bool
        Whether the network gets the parameters and statistics of its best epoch.
    mode : {"min", "max"}, optional
        Whether the metric shall become small or large; needed for a metric that the package does not know.
    """

    def __init__(
        self,
        monitor: str | None = None,
        patience: int = 3,
        min_delta: float = 0.0,
        restore_best: bool = True,
        mode: str | None = None,
    ) -> None:
        super().__init__(monitor, min_delta, mode)
        self.patience = checked_integer(patience, "patience", lowest=1)
        self.restore_best = checked_flag(restore_best, "restore_best")

    def settings(self) -> dict[str, Any]:
        return {**super().settings(), "patience": self.patience, "restore_best": self.restore_best}

    def on_epoch_end(self, network: Model, epoch: int, metrics: dict[str, float]) -> bool | None:
        self._watch(network, epoch, metrics, keep=self.restore_best)
        return epoch - self.best_epoch >= self.patience


class SaveModel(_Monitor):
    """Save the network after every epoch, or only after those in which a metric improved.

    Parameters
    ----------
    path : str or path
        The file, written atomically each time.
    monitor : str, optional
        The metric to improve; without, every epoch is saved. The best value counts for the life of the callback, so
        that a second fit overwrites the file only with something better.
    mode : {"min", "max"}, optional
        As for `EarlyStopping`.
    """

    def __init__(self, path: str | PathLike[str], monitor: str | None = None, mode: str | None = None) -> None:
        super().__init__(monitor, mode=mode)
        self.path = self.destination = Path(path)

    def on_train_begin(self, network: Model) -> None:
        """Keep the best value of the fits before."""

    def on_epoch_end(self, network: Model, epoch: int, metrics: dict[str, float]) -> bool | None:
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
    min_delta : float
        What counts as an improvement, >= 0.
    min_rate : float
        Learning rate below which there is no further reduction, >= 0.
    mode : {"min", "max"}, optional
        As for `EarlyStopping`.
    """

    def __init__(
        self,
        monitor: str | None = None,
        factor: float = 0.5,
        patience: int = 3,
        min_delta: float = 0.0,
        min_rate: float = 0.0,
        mode: str | None = None,
    ) -> None:
        super().__init__(monitor, min_delta, mode)
        self.factor = checked_number(factor, "factor", lowest=0, highest=1, open_lowest=True, open_highest=True)
        self.patience = checked_integer(patience, "patience", lowest=1)
        self.min_rate = checked_number(min_rate, "min_rate", lowest=0)
        self._since = 0

    def on_train_begin(self, network: Model) -> None:
        super().on_train_begin(network)
        self._since = 0

    def settings(self) -> dict[str, Any]:
        own = {"factor": self.factor, "patience": self.patience, "min_rate": self.min_rate}
        return {**super().settings(), **own}

    def state(self) -> dict[str, Any]:
        return {**super().state(), "since": self._since}

    def restore(self, state: Mapping[str, Any]) -> None:
        super().restore(state)
        self._since = int(state["since"])

    def on_epoch_end(self, network: Model, epoch: int, metrics: dict[str, float]) -> bool | None:
        self._since = 0 if self._improved(metrics) else self._since + 1
        if self._since >= self.patience:
            self._since = 0
            rate = metrics["learning_rate"]
            if rate > self.min_rate:
                network.rate_factor *= max(self.factor, self.min_rate / rate)
        return None


class CSVLog(Callback):
    """Write a line per epoch into a CSV file, with a header at its start.

    Parameters
    ----------
    path : str or path
        The file; an existing one is replaced.
    """

    def __init__(self, path: str | PathLike[str]) -> None:
        self.path = self.destination = Path(path)
        self._names: list[str] = []

    def on_train_begin(self, network: Model) -> None:
        self._names = []

    def state(self) -> dict[str, Any]:
        if not self._names:
            return {"names": [], "length": 0}
        # The log must not be shorter on the disk than the checkpoint says.
        with self.path.open("rb") as file:
            os.fsync(file.fileno())
            return {"names": self._names, "length": os.fstat(file.fileno()).st_size}

    def restore(self, state: Mapping[str, Any]) -> None:
        names = [name for name in state["names"] if isinstance(name, str)]
        length = checked_integer(state["length"], "length", lowest=0)
        if names != state["names"]:
            raise ValueError(f"names must be strings, got {state['names']!r}")
        # Epochs after the checkpoint are trained and logged again.
        if names and self.path.exists():
            self._names = names
            os.truncate(self.path, min(length, self.path.stat().st_size))

    def on_epoch_end(self, network: Model, epoch: int, metrics: dict[str, float]) -> bool | None:
        first = not self._names
        self._names = self._names or list(metrics)
        with self.path.open("w" if first else "a", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            if first:
                writer.writerow(["epoch", *self._names])
            writer.writerow([epoch, *(metrics.get(name, math.nan) for name in self._names)])
        return None
