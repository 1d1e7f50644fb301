"""Schedules of learning rates and the like: functions of the optimiser's step, counted from 0."""

from __future__ import annotations

import dataclasses
import functools
import itertools
import re
from abc import ABC, abstractmethod
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import _exact
from ._checks import checked_integer, checked_number

__all__ = [
    "CosineDecay",
    "Coslog",
    "ExponentialDecay",
    "FlatCosine",
    "InverseTimeDecay",
    "PiecewiseConstant",
    "Schedule",
    "StepDecay",
    "Warmup",
]

Rates = NDArray[np.float64]

# Rates are computed for so many steps at a time.
_BLOCK = 512

# Every schedule by the name of its class, filled in as the classes are defined.
SCHEDULES: dict[str, type[Schedule]] = {}


class Schedule(ABC):
    """A learning rate, or another number, that changes with the step; call it with step numbers to see its rates.

    Rates are computed from exact operations only, so that they are the same bytes on every machine.
    """

    def __init_subclass__(cls) -> None:
        SCHEDULES.setdefault(cls.__name__, cls)

    @property
    def end(self) -> int | None:
        """The step from which on the rate stays as it is, if there is one."""
        return None

    @property
    def follows_fit(self) -> bool:
        """Whether a length is given in epochs, or is that of the fit."""
        values = [getattr(self, field.name) for field in dataclasses.fields(self)]  # type: ignore[arg-type]
        nested = any(isinstance(value, Schedule) and value.follows_fit for value in values)
        return nested or any(isinstance(value, str) for value in values) or getattr(self, "steps", 1) is None

    def resolved(self, steps_per_epoch: int, steps: int) -> Schedule:
        """Return the same schedule with all lengths in steps, for a fit of so many."""
        lengths: dict[str, Any] = {}
        for field in dataclasses.fields(self):  # type: ignore[arg-type]
            value = getattr(self, field.name)
            if isinstance(value, Schedule) and value.follows_fit:
                lengths[field.name] = value.resolved(steps_per_epoch, steps)
            elif field.name == "steps" and value is None:
                lengths[field.name] = max(steps, 1)
            elif isinstance(value, str):
                lengths[field.name] = _epochs_of(value, field.name) * steps_per_epoch
        return dataclasses.replace(self, **lengths)  # type: ignore[type-var]

    def __call__(self, steps: ArrayLike) -> Rates:
        """Return the rates at the given steps (integers from 0), as float64 of the same shape."""
        with np.errstate(over="ignore"):
            return self._rates(np.asarray(steps, dtype=np.float64))

    @abstractmethod
    def _rates(self, k: Rates) -> Rates: ...


@dataclass(frozen=True)
class StepDecay(Schedule):
    """rate * factor^floor(k / every): a staircase.

    Parameters
    ----------
    rate : float
        Rate at the first step, > 0.
    every : int or str
        Steps between two changes, >= 1; or like "10 epochs".
    factor : float
        What the rate is multiplied by at each change, in (0, 1].

    Examples
    --------
    >>> StepDecay(0.4, every=10)([0, 9, 10, 20]).tolist()
    [0.4, 0.4, 0.2, 0.1]
    """

    rate: float
    every: int | str
    factor: float = 0.5

    def __post_init__(self) -> None:
        checked_number(self.rate, "rate", lowest=0, open_lowest=True)
        _checked_length(self.every, "every")
        checked_number(self.factor, "factor", lowest=0, highest=1, open_lowest=True)

    def _rates(self, k: Rates) -> Rates:
        stairs = np.floor(k / _steps(self.every))
        rates = np.full_like(k, self.rate)
        # Multiplied stair by stair: a library's power differs between machines. Past 1100 halvings nothing is left.
        for stair in range(1, min(int(stairs.max(initial=0)), 2000) + 1):
            rates[stairs >= stair] *= self.factor
        return rates


@dataclass(frozen=True)
class ExponentialDecay(Schedule):
    """rate * factor^(k / every): as StepDecay, without the stairs.

    Parameters
    ----------
    rate : float
        Rate at the first step, > 0.
    every : int or str
        Steps in which the rate is multiplied by `factor` once, >= 1; or like "10 epochs".
    factor : float
        In (0, 1].

    Examples
    --------
    >>> ExponentialDecay(0.4, every=10, factor=0.25)([0, 5, 10]).round(12).tolist()
    [0.4, 0.2, 0.1]
    """

    rate: float
    every: int | str
    factor: float

    def __post_init__(self) -> None:
        checked_number(self.rate, "rate", lowest=0, open_lowest=True)
        _checked_length(self.every, "every")
        checked_number(self.factor, "factor", lowest=0, highest=1, open_lowest=True)

    def _rates(self, k: Rates) -> Rates:
        return self.rate * _exact.exp(np.maximum(_exact.log(self.factor) * k / _steps(self.every), -700.0))


@dataclass(frozen=True)
class InverseTimeDecay(Schedule):
    """rate / (1 + k / every): the 1/t of stochastic approximation (Robbins and Monro 1951).

    Parameters
    ----------
    rate : float
        Rate at the first step, > 0.
    every : float
        Steps after which the rate has halved, > 0.

    Examples
    --------
    >>> InverseTimeDecay(0.4, every=10)([0, 10, 30]).tolist()
    [0.4, 0.2, 0.1]
    """

    rate: float
    every: float

    def __post_init__(self) -> None:
        checked_number(self.rate, "rate", lowest=0, open_lowest=True)
        checked_number(self.every, "every", lowest=0, open_lowest=True)

    def _rates(self, k: Rates) -> Rates:
        return self.rate / (1.0 + k / self.every)


@dataclass(frozen=True)
class CosineDecay(Schedule):
    """Half a cosine from rate down to minimum, repeated with restarts (SGDR, Loshchilov and Hutter 2017).

    Parameters
    ----------
    rate : float
        Rate at the first step, > 0.
    steps : int or str, optional
        Length of the (first) period, >= 1; or like "10 epochs". By default that of the fit.
    minimum : float
        Rate at the end, in [0, rate].
    restart_factor : int, optional
        With it, a new period follows each one, so many times as long as the one before; without it, the rate stays
        at the minimum.

    Examples
    --------
    >>> CosineDecay(0.2, steps=100)([0, 50, 100, 150]).round(12).tolist()
    [0.2, 0.1, 0.0, 0.0]
    """

    rate: float
    steps: int | str | None = None
    minimum: float = 0.0
    restart_factor: int | None = None

    def __post_init__(self) -> None:
        checked_number(self.rate, "rate", lowest=0, open_lowest=True)
        if self.steps is not None:
            _checked_length(self.steps, "steps")
        checked_number(self.minimum, "minimum", lowest=0, highest=self.rate)
        if self.restart_factor is not None:
            checked_integer(self.restart_factor, "restart_factor", lowest=1)

    @property
    def end(self) -> int | None:
        """The end of the cosine, if there are no restarts."""
        return _steps(self.steps) if self.restart_factor is None else None

    def _rates(self, k: Rates) -> Rates:
        begin, length = self._periods(k)
        part = np.minimum((k - begin) / length, 1.0)
        return self.minimum + 0.5 * (self.rate - self.minimum) * (1.0 + _exact.cos_pi(part))

    def _periods(self, k: Rates) -> tuple[Rates, Rates]:
        begin, length = np.zeros_like(k), np.full_like(k, _steps(self.steps))
        if self.restart_factor == 1:
            begin = np.floor(k / _steps(self.steps)) * _steps(self.steps)
        elif self.restart_factor is not None:
            while bool((over := k >= begin + length).any()):
                begin = np.where(over, begin + length, begin)
                length = np.where(over, length * self.restart_factor, length)
        return begin, length


@dataclass(frozen=True)
class Coslog(Schedule):
    """Cycles from 0 up to rate and back to 0, each twice as long as the one before (Holzmüller et al. 2024).

    The rate at the share t of the length is rate * ½ (1 − cos(2π log2(1 + (2^cycles − 1) t))), which
    begins at 0 and so needs no `Warmup`.

    Parameters
    ----------
    rate : float
        Rate in the middle of each cycle, >= 0.
    cycles : int
        Number of cycles, 1 to 50.
    steps : int or str, optional
        Length of all cycles, >= 1; or like "10 epochs". By default that of the fit. After it, the rate is 0.

    Examples
    --------
    >>> Coslog(0.2, cycles=2, steps=300)([0, 100, 200, 300]).round(4).tolist()
    [0.0, 0.0, 0.1861, 0.0]
    """

    rate: float
    cycles: int = 4
    steps: int | str | None = None

    def __post_init__(self) -> None:
        checked_number(self.rate, "rate", lowest=0)
        checked_integer(self.cycles, "cycles", lowest=1, highest=50)
        if self.steps is not None:
            _checked_length(self.steps, "steps")

    @property
    def end(self) -> int | None:
        """The end of the last cycle."""
        return _steps(self.steps)

    def _rates(self, k: Rates) -> Rates:
        part = np.minimum(k / _steps(self.steps), 1.0)
        in_cycle = _exact.log2_of_mantissa(1.0 + (2.0**self.cycles - 1.0) * part)
        # ½ (1 − cos 2πu) is cos² π(u − ½), which is never below 0.
        return self.rate * _exact.cos_pi(np.abs(in_cycle - 0.5)) ** 2


@dataclass(frozen=True)
class FlatCosine(Schedule):
    """The same rate for a share of the length, then half a cosine down to minimum.

    Parameters
    ----------
    rate : float
        Rate of the first share, >= 0.
    steps : int or str, optional
        Length of both, >= 1; or like "10 epochs". By default that of the fit. After it, the rate is the minimum.
    flat : float
        Share of the length in which the rate stays, in [0, 1).
    minimum : float
        Rate at the end, in [0, rate].

    Examples
    --------
    >>> FlatCosine(0.2, steps=100)([0, 50, 75, 100]).round(12).tolist()
    [0.2, 0.2, 0.1, 0.0]
    """

    rate: float
    steps: int | str | None = None
    flat: float = 0.5
    minimum: float = 0.0

    def __post_init__(self) -> None:
        checked_number(self.rate, "rate", lowest=0)
        if self.steps is not None:
            _checked_length(self.steps, "steps")
        checked_number(self.flat, "flat", lowest=0, highest=1, open_highest=True)
        checked_number(self.minimum, "minimum", lowest=0, highest=self.rate)

    @property
    def end(self) -> int | None:
        """The end of the cosine."""
        return _steps(self.steps)

    def _rates(self, k: Rates) -> Rates:
        part = np.minimum((k / _steps(self.steps) - self.flat) / (1.0 - self.flat), 1.0)
        # ½ (1 + cos πu) is cos² ½πu, which is never below 0.
        falling = self.minimum + (self.rate - self.minimum) * _exact.cos_pi(0.5 * np.maximum(part, 0.0)) ** 2
        return np.where(part > 0, falling, self.rate)


@dataclass(frozen=True)
class PiecewiseConstant(Schedule):
    """One rate up to each boundary and one after the last.

    Parameters
    ----------
    boundaries : sequence of int
        Steps at which the rate changes, ascending.
    rates : sequence of float
        One more than boundaries, each >= 0.

    Examples
    --------
    >>> PiecewiseConstant([100], [0.1, 0.01])([99, 100]).tolist()
    [0.1, 0.01]
    """

    boundaries: tuple[int, ...]
    rates: tuple[float, ...]

    def __post_init__(self) -> None:
        boundaries = tuple(checked_integer(b, "boundaries", lowest=1) for b in self.boundaries)
        rates = tuple(checked_number(r, "rates", lowest=0) for r in self.rates)
        if any(a >= b for a, b in itertools.pairwise(boundaries)):
            raise ValueError(f"boundaries must be ascending, got {boundaries}")
        if len(rates) != len(boundaries) + 1:
            raise ValueError(f"rates must be one more than boundaries, got {len(rates)} and {len(boundaries)}")
        object.__setattr__(self, "boundaries", boundaries)
        object.__setattr__(self, "rates", rates)

    def _rates(self, k: Rates) -> Rates:
        return np.asarray(self.rates)[np.searchsorted(np.asarray(self.boundaries), k, side="right")]


@dataclass(frozen=True)
class Warmup(Schedule):
    """A linear rise to the first rate of another schedule, then that schedule.

    Parameters
    ----------
    steps : int or str
        Length of the rise, >= 1; or like "1 epoch".
    then : Schedule or float
        What follows, not a Warmup again; a number stays.

    Examples
    --------
    >>> Warmup(4, then=0.4)([0, 1, 3, 4]).tolist()
    [0.1, 0.2, 0.4, 0.4]
    """

    steps: int | str
    then: Schedule | float

    def __post_init__(self) -> None:
        _checked_length(self.steps, "steps")
        if isinstance(self.then, Warmup):
            raise ValueError(f"then must not be a Warmup again, got {self.then!r}")
        if not isinstance(self.then, Schedule):
            checked_number(self.then, "then", lowest=0, open_lowest=True)

    @property
    def end(self) -> int | None:
        """The end of what follows the rise."""
        end = self.then.end if isinstance(self.then, Schedule) else None
        return None if end is None else _steps(self.steps) + end

    def _rates(self, k: Rates) -> Rates:
        steps = _steps(self.steps)
        after = rates_at(self.then, np.maximum(k - steps, 0.0))
        rise = rates_at(self.then, np.zeros_like(k)) * (k + 1) / steps
        return np.where(k < steps, rise, after)


def _steps(length: int | str | None) -> int:
    """Return a length in steps; ValueError for one in epochs, which only a fit knows in steps."""
    if length is None or isinstance(length, str):
        raise ValueError(f"a schedule that follows the fit has no rates outside of it, got a length of {length!r}")
    return length


def _epochs_of(length: str, argument: str) -> int:
    """Return the number in "10 epochs"."""
    match = re.fullmatch(r"(\d+) epochs?", length.strip())
    if match is None or int(match[1]) == 0:
        raise ValueError(f'{argument} must be a number of steps, or like "10 epochs"; got {length!r}')
    return int(match[1])


def _checked_length(length: int | str, argument: str) -> None:
    if isinstance(length, str):
        _epochs_of(length, argument)
    else:
        checked_integer(length, argument, lowest=1)


def values_from(schedule: Schedule, first: int, count: int) -> Rates:
    """Return the values of `count` steps from `first` on; those of the first step if only a fit knows the lengths."""
    if schedule.follows_fit:
        return np.full(count, schedule.resolved(1, 1)(0.0))
    return rates_from(schedule, first, count)


def rates_from(rate: Schedule | float, first: int, count: int) -> Rates:
    """Return the rates of `count` steps from `first` on, of a schedule or of a number that stays."""
    if not isinstance(rate, Schedule):
        return np.full(count, rate, dtype=np.float64)
    blocks = range(first // _BLOCK, -(-(first + count) // _BLOCK))
    if len(blocks) > 2 or not _is_known(rate):
        return rate(np.arange(first, first + count))
    rates = np.concatenate([_block(rate, number) for number in blocks])
    begin = first - blocks.start * _BLOCK
    return rates[begin : begin + count]


def _is_known(schedule: Schedule) -> bool:
    """Tell whether later rates can be computed ahead: a schedule of the user's may change, or end with its fit."""
    values = [getattr(schedule, field.name) for field in dataclasses.fields(schedule)]  # type: ignore[arg-type]
    # Arrays of one number, which stand for it, have no hash.
    is_ours = type(schedule).__module__ == __name__ and all(isinstance(value, Hashable) for value in values)
    return is_ours and all(_is_known(value) for value in values if isinstance(value, Schedule))


@functools.lru_cache(maxsize=64)
def _block(schedule: Schedule, number: int) -> Rates:
    """Return the rates of a block of steps: epochs of few steps take most of their time for them otherwise."""
    return schedule(np.arange(number * _BLOCK, (number + 1) * _BLOCK))


def rates_at(rate: Schedule | float, steps: Rates) -> Rates:
    """Return the rates of a schedule, or of a number that stays."""
    return rate(steps) if isinstance(rate, Schedule) else np.full_like(steps, rate)
