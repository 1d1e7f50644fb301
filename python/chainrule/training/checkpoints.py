"""Checkpoints of a fit: how far it has come, with all that it needs to continue as if it had never stopped."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .._checks import checked_flag, checked_integer, checked_number
from ..files import safetensors
from ..model import Model
from ..snapshot import Snapshot
from .callbacks import Callback

# Settings that are hashes of arrays.
_HASHES = ("X, y and weights", "validation_data")
# Prefix of the names of callbacks' arrays in a file.
CALLBACKS = "callbacks."

# Sums of weight, weighted loss and weighted metric over the samples of an epoch.
Totals: TypeAlias = tuple[float, float, float]


@dataclass
class Position:
    """How far a fit has come: whole epochs, and whole steps of the next epoch with sums over their samples.

    `stopped` tells that a callback ended the fit.
    """

    epoch: int = 0
    step: int = 0
    totals: Totals = (0.0, 0.0, 0.0)
    stopped: bool = False

    def next_epoch(self, stopped: bool) -> None:
        """Move to the beginning of the next epoch."""
        self.epoch, self.step, self.totals, self.stopped = self.epoch + 1, 0, (0.0, 0.0, 0.0), stopped


@dataclass
class Unfinished:
    """What a checkpoint keeps next to the network: the position of the fit, its settings, and its callbacks' states."""

    position: Position
    settings: dict[str, Any]
    callbacks: list[dict[str, Any]] = field(default_factory=list)
    # The last epoch's network, where the file holds another one, such as the best.
    last: Snapshot | None = None

    def add_to(self, description: dict[str, Any], tensors: dict[str, NDArray[Any]]) -> None:
        """Add the fit to the description and the arrays of its network."""
        description["fit"], arrays = self.to_config()
        tensors |= {f"{CALLBACKS}{name}": values for name, values in arrays.items()}

    @classmethod
    def taken_from(cls, description: dict[str, Any], tensors: dict[str, NDArray[Any]]) -> Unfinished | None:
        """Take the fit out of a description and arrays, if it is in them; ValueError where it is damaged."""
        names = [name for name in tensors if name.startswith(CALLBACKS)]
        arrays = {name.removeprefix(CALLBACKS): tensors.pop(name) for name in names}
        if "fit" in description:
            return cls.from_config(description["fit"], arrays)
        if arrays:
            raise ValueError(f"arrays of callbacks without a fit: {sorted(arrays)}")
        return None

    def to_config(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Return what JSON can hold, and the arrays by name."""
        arrays = {
            f"{index}.{name}": value
            for index, state in enumerate(self.callbacks)
            for name, value in state.items()
            if isinstance(value, np.ndarray)
        }
        if self.last is not None:
            arrays |= self.last.arrays("last")
        plain = [{n: v for n, v in state.items() if not isinstance(v, np.ndarray)} for state in self.callbacks]
        return {"position": asdict(self.position), "settings": self.settings, "callbacks": plain}, arrays

    @classmethod
    def from_config(cls, config: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Unfinished:
        """Build what `to_config` described; ValueError where it cannot be."""
        stands = config["position"]
        weight, loss, metric = (checked_number(total, "totals") for total in stands["totals"])
        position = Position(
            checked_integer(stands["epoch"], "epoch", lowest=0),
            checked_integer(stands["step"], "step", lowest=0),
            (weight, loss, metric),
            checked_flag(stands["stopped"], "stopped"),
        )
        callbacks = [dict(state) for state in config["callbacks"]]
        last = Snapshot.from_arrays(arrays, "last") if "last_parameters" in arrays else None
        for name, array in arrays.items():
            if name.startswith("last_"):
                continue
            index, _, key = name.partition(".")
            callbacks[checked_integer(int(index), "index of a callback", lowest=0)][key] = array
        settings = dict(config["settings"])
        if len(settings["callbacks"]) != len(callbacks):
            raise ValueError(f"callbacks must be {settings['callbacks']}, got {len(callbacks)} states")
        return cls(position, settings, callbacks, last)

    def check(self, settings: Mapping[str, Any]) -> None:
        """Refuse to resume with other settings than the fit began with.

        Raises
        ------
        ValueError
            Naming the first that differs.
        """
        for name, value in settings.items():
            before = self.settings.get(name)
            if before == value:
                continue
            if name in _HASHES:
                raise ValueError(f"{name} must be the same to resume as when the fit began; got other values")
            raise ValueError(f"{name} must be {before!r} to resume, as when the fit began; got {value!r}")


class Interval:
    """How often: a number of epochs, or "500 steps", "30 seconds", "2 epochs".

    Examples
    --------
    >>> Interval("500 steps").amount, Interval(2).unit
    (500, 'epochs')
    """

    def __init__(self, every: int | str) -> None:
        if isinstance(every, str):
            match = re.fullmatch(r"(\d+) (epoch|step|second)s?", every.strip())
            if match is None:
                raise ValueError(f'checkpoint_every must be epochs, or like "500 steps" or "30 seconds"; got {every!r}')
            self.unit, amount = f"{match[2]}s", int(match[1])
        else:
            self.unit, amount = "epochs", every
        self.amount = checked_integer(amount, "checkpoint_every", lowest=1)


class CheckpointWriter:
    """Writes the checkpoints of a fit when they are due; without a path, it writes none.

    Parameters
    ----------
    path : path, optional
    every : int or str
        As `Interval`.
    settings : dict
        Settings of the fit, which must be the same to resume.
    writes : bool
        Whether this process writes; else it is only told when checkpoints are due.

    Raises
    ------
    FileNotFoundError
        When the folder does not exist.
    """

    def __init__(
        self, path: str | PathLike[str] | None, every: int | str, settings: dict[str, Any], *, writes: bool = True
    ) -> None:
        self.writes = writes
        self.path = None if path is None else Path(path)
        if self.path is not None and writes and not self.path.parent.is_dir():
            raise FileNotFoundError(f"checkpoint must be in a folder that exists, got {self.path}")
        self.interval = Interval(every)
        self.settings = settings
        self.callbacks: Sequence[Callback] = ()
        self._count_anew()

    def begin(self, callbacks: Sequence[Callback]) -> None:
        """Prepare for a fit with these callbacks; partial files of killed processes are removed."""
        self.callbacks = callbacks
        if self.path is not None and self.writes:
            safetensors.remove_unfinished(self.path)

    def _count_anew(self) -> None:
        self.passed = 0
        self.written = time.monotonic()

    def end_of_part(self, step: int, last: int) -> int:
        """Return the step before which the core must come back, at most `last`."""
        if self.path is None or self.interval.unit != "steps":
            return last
        return min(last, step + max(1, self.interval.amount - self.passed))

    @property
    def within_epochs(self) -> bool:
        """Whether there may be one between two steps of an epoch."""
        return self.path is not None and self.interval.unit != "epochs"

    @property
    def is_timed(self) -> bool:
        """Whether the clock decides."""
        return self.path is not None and self.interval.unit == "seconds"

    def is_due(self) -> bool:
        """Whether it is time for a checkpoint."""
        if self.path is None:
            return False
        passed = time.monotonic() - self.written if self.is_timed else self.passed
        return passed >= self.interval.amount

    def count(self, unit: str, number: int) -> None:
        """Count steps or epochs that have passed."""
        if unit == self.interval.unit:
            self.passed += number

    def write_if_due(self, model: Model, position: Position) -> None:
        """Write a checkpoint if it is time for one."""
        if not self.is_due():
            return
        if self.writes:
            self._write(model, Unfinished(position, self.settings, self.states()))
        self._count_anew()

    def write_end(self, model: Model, position: Position, states: list[dict[str, Any]], last: Snapshot) -> None:
        """Write the network that a fit has ended with, and what continues the fit from its last epoch.

        The two differ where a callback restored the best epoch, after it gave its state.
        """
        if self.writes:
            kept = None if model.snapshot() == last else last
            self._write(model, Unfinished(position, self.settings, states, kept))

    def states(self) -> list[dict[str, Any]]:
        """Return the states of the callbacks."""
        return [{"type": type(callback).__name__, **callback.state()} for callback in self.callbacks]

    def _write(self, model: Model, unfinished: Unfinished) -> None:
        assert self.path is not None
        description, tensors = model.describe()
        unfinished.add_to(description, tensors)
        safetensors.write(self.path, description, tensors)
