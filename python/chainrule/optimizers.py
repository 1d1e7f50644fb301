"""The optimisers' settings. The arithmetic is in the core, the formulas with their sources in docs/formulas.md."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from . import _core
from ._checks import checked_flag, checked_name, checked_number
from .schedules import Schedule, rates_at


def _decay(default: float) -> float:
    return field(default=default, metadata={"highest": 1.0, "open_highest": True})


def _positive(default: float) -> float:
    return field(default=default, metadata={"open_lowest": True})


@dataclass(frozen=True)
class Optimizer:
    """What all optimisers share.

    Parameters
    ----------
    learning_rate : float or Schedule
        Number >= 0, or a schedule over the steps.
    clip_norm : float, optional
        Longest that the whole gradient may be; it is scaled down beyond that.
    clip_value : float, optional
        Largest magnitude of an element of the gradient.
    """

    rule: ClassVar[str]
    learning_rate: float | Schedule = 0.01
    clip_norm: float | None = field(default=None, kw_only=True)
    clip_value: float | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        if not isinstance(self.learning_rate, Schedule):
            checked_number(self.learning_rate, "learning_rate", lowest=0)
        for f in dataclasses.fields(self):
            value = getattr(self, f.name)
            if f.name in ("clip_norm", "clip_value"):
                if value is not None:
                    checked_number(value, f.name, lowest=0, open_lowest=True)
            elif isinstance(f.default, bool):
                checked_flag(value, f.name)
            elif f.name != "learning_rate":
                checked_number(value, f.name, lowest=0, **f.metadata)

    def rates(self, first_step: int, count: int) -> NDArray[np.float64]:
        """Return the learning rates of `count` steps from `first_step` on."""
        return rates_at(self.learning_rate, np.arange(first_step, first_step + count, dtype=np.float64))

    def _core(self) -> _core.Optimizer:
        settings = {f.name: getattr(self, f.name) for f in dataclasses.fields(self) if f.name != "learning_rate"}
        return _core.Optimizer(self.rule, {name: float(value or 0.0) for name, value in settings.items()})


@dataclass(frozen=True)
class SGD(Optimizer):
    """Stochastic gradient descent, with momentum (Polyak 1964) or Nesterov's (Sutskever et al. 2013) if asked.

    Examples
    --------
    >>> SGD(0.3, momentum=0.9)
    SGD(learning_rate=0.3, clip_norm=None, clip_value=None, momentum=0.9, nesterov=False)
    """

    rule: ClassVar[str] = "sgd"
    momentum: float = _decay(0.0)
    nesterov: bool = False


@dataclass(frozen=True)
class Adagrad(Optimizer):
    """A rate for each weight that shrinks with its gradients so far (Duchi et al. 2011)."""

    rule: ClassVar[str] = "adagrad"
    epsilon: float = _positive(1e-8)


@dataclass(frozen=True)
class Adadelta(Optimizer):
    """Adagrad that forgets, with a rate of its own making (Zeiler 2012)."""

    rule: ClassVar[str] = "adadelta"
    learning_rate: float | Schedule = 1.0
    rho: float = _decay(0.95)
    epsilon: float = _positive(1e-6)


@dataclass(frozen=True)
class RMSprop(Optimizer):
    """The gradient over its root mean square (Hinton, Tieleman 2012)."""

    rule: ClassVar[str] = "rmsprop"
    learning_rate: float | Schedule = 0.001
    rho: float = _decay(0.9)
    epsilon: float = _positive(1e-8)


@dataclass(frozen=True)
class Adam(Optimizer):
    """Averages of gradient and square, put right for their start (Kingma and Ba 2015)."""

    rule: ClassVar[str] = "adam"
    learning_rate: float | Schedule = 0.001
    beta1: float = _decay(0.9)
    beta2: float = _decay(0.999)
    epsilon: float = _positive(1e-8)


@dataclass(frozen=True)
class AdamW(Adam):
    """Adam with decoupled weight decay, which never touches biases (Loshchilov and Hutter 2019)."""

    weight_decay: float = 0.01


@dataclass(frozen=True)
class Nadam(Adam):
    """Adam with Nesterov's look ahead (Dozat 2016)."""

    rule: ClassVar[str] = "nadam"


@dataclass(frozen=True)
class DeltaBarDelta(Optimizer):
    """A gain for each weight: it grows while the gradient keeps its sign, and shrinks when that turns (Jacobs 1988).

    Parameters
    ----------
    increase, decrease : float
        Added to a gain; share taken from it.
    smoothing : float
        Of the past gradients' average, in [0, 1).
    momentum : float
        In [0, 1).
    min_gain, max_gain : float
        Bounds of the gains.
    """

    rule: ClassVar[str] = "delta_bar_delta"
    increase: float = 0.05
    decrease: float = _decay(0.05)
    smoothing: float = _decay(0.7)
    momentum: float = _decay(0.0)
    min_gain: float = 0.01
    max_gain: float = 100.0


@dataclass(frozen=True)
class IRprop(Optimizer):
    """iRprop−: a step size for each weight, and of the gradient the sign alone (Igel and Hüsken 2000).

    For full batches only. The learning rate is the step size that all weights begin with.
    """

    rule: ClassVar[str] = "irprop"
    learning_rate: float | Schedule = 0.0125
    increase: float = 1.2
    decrease: float = 0.5
    min_step: float = 1e-6
    max_step: float = 50.0


OPTIMIZERS: dict[str, type[Optimizer]] = {
    "sgd": SGD,
    "adagrad": Adagrad,
    "adadelta": Adadelta,
    "rmsprop": RMSprop,
    "adam": Adam,
    "adamw": AdamW,
    "nadam": Nadam,
    "delta_bar_delta": DeltaBarDelta,
    "irprop": IRprop,
}


def as_optimizer(optimizer: Optimizer | str) -> Optimizer:
    """Return the optimiser of that name with its defaults, or the optimiser itself."""
    if isinstance(optimizer, Optimizer):
        return optimizer
    return OPTIMIZERS[checked_name(optimizer, "optimizer", OPTIMIZERS)]()
