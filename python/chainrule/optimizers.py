"""The optimisers' settings. The arithmetic is in the core, the formulas with their sources in docs/formulas.md."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from . import _core
from ._checks import checked_flag, checked_name, checked_number
from .schedules import Schedule, rates_from

__all__ = ["SGD", "Adadelta", "Adagrad", "Adam", "AdamW", "DeltaBarDelta", "IRprop", "Nadam", "Optimizer", "RMSprop"]

# Every optimiser by its name, filled in as the classes are defined.
OPTIMIZERS: dict[str, type[Optimizer]] = {}


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

    # The name by which `fit` knows the optimiser, and the core's rule of its updates.
    name: ClassVar[str]
    rule: ClassVar[str]
    # The settings that can be a schedule.
    scheduled: ClassVar[tuple[str, ...]] = ("learning_rate",)
    # Whether each step needs the gradient of all samples.
    needs_full_batch: ClassVar[bool] = False
    learning_rate: float | Schedule = 0.01
    clip_norm: float | None = field(default=None, kw_only=True)
    clip_value: float | None = field(default=None, kw_only=True)

    def __init_subclass__(cls) -> None:
        if "name" in vars(cls):
            OPTIMIZERS.setdefault(cls.name, cls)

    def __post_init__(self) -> None:
        for f in dataclasses.fields(self):
            value = getattr(self, f.name)
            if f.name in ("clip_norm", "clip_value"):
                if value is not None:
                    checked_number(value, f.name, lowest=0, open_lowest=True)
            elif isinstance(f.default, bool):
                checked_flag(value, f.name)
            elif not (f.name in self.scheduled and isinstance(value, Schedule)):
                checked_number(value, f.name, lowest=0, **f.metadata)

    def rates(self, first_step: int, count: int) -> NDArray[np.float64]:
        """Return the learning rates of `count` steps from `first_step` on."""
        return rates_from(self.learning_rate, first_step, count)

    def weight_decays(self, first_step: int, count: int) -> NDArray[np.float64] | None:
        """Return the weight decays of `count` steps from `first_step` on; None if they do not differ."""
        return None

    def check_precision(self, dtype: str) -> None:
        """Refuse an epsilon that is zero in this precision, where 0 / 0 would follow.

        Raises
        ------
        ValueError
            Naming the smallest that is not.
        """
        epsilon = getattr(self, "epsilon", 1.0)
        smallest = float(np.finfo(dtype).tiny)
        if epsilon < smallest:
            raise ValueError(f"epsilon must be at least {smallest:.2g} in {dtype}, got {epsilon:g}")

    def core_optimizer(self, step: int = 0) -> _core.Optimizer:
        """Return the settings of a step as the core takes them, but the rate; an epoch's steps have their own."""
        settings = {f.name: getattr(self, f.name) for f in dataclasses.fields(self) if f.name != "learning_rate"}
        if (decays := self.weight_decays(step, 1)) is not None:
            settings["weight_decay"] = float(decays[0])
        return _core.Optimizer(self.rule, **{name: value for name, value in settings.items() if value is not None})


@dataclass(frozen=True)
class SGD(Optimizer):
    """Stochastic gradient descent, with momentum (Polyak 1964) or Nesterov's (Sutskever et al. 2013) if asked.

    Parameters
    ----------
    learning_rate, clip_norm, clip_value
        As for `Optimizer`.
    momentum : float
        Share of the last step that the next one repeats, in [0, 1).
    nesterov : bool
        Whether the gradient counts as after that repetition.

    Examples
    --------
    >>> SGD(0.3, momentum=0.9)
    SGD(learning_rate=0.3, clip_norm=None, clip_value=None, momentum=0.9, nesterov=False)
    """

    name: ClassVar[str] = "sgd"
    rule: ClassVar[str] = "sgd"
    momentum: float = _decay(0.0)
    nesterov: bool = False


@dataclass(frozen=True)
class Adagrad(Optimizer):
    """A rate for each weight that shrinks with its gradients so far (Duchi et al. 2011).

    Parameters
    ----------
    learning_rate, clip_norm, clip_value
        As for `Optimizer`.
    epsilon : float
        Added to the root of the sum of squares, > 0.
    """

    name: ClassVar[str] = "adagrad"
    rule: ClassVar[str] = "adagrad"
    epsilon: float = _positive(1e-8)


@dataclass(frozen=True)
class Adadelta(Optimizer):
    """Adagrad that forgets, with a rate that it computes itself (Zeiler 2012).

    Parameters
    ----------
    learning_rate : float or Schedule
        Factor of the computed rate, >= 0.
    clip_norm, clip_value
        As for `Optimizer`.
    rho : float
        Share of the old in the running averages, in [0, 1).
    epsilon : float
        Added to the averages, > 0; the size of the first steps follows from it.
    """

    name: ClassVar[str] = "adadelta"
    rule: ClassVar[str] = "adadelta"
    learning_rate: float | Schedule = 1.0
    rho: float = _decay(0.95)
    epsilon: float = _positive(1e-6)


@dataclass(frozen=True)
class RMSprop(Optimizer):
    """The gradient over its root mean square (Hinton, Tieleman 2012).

    Parameters
    ----------
    learning_rate, clip_norm, clip_value
        As for `Optimizer`.
    rho : float
        Share of the old in the running average of squares, in [0, 1).
    epsilon : float
        Added to the root of that average, > 0.
    """

    name: ClassVar[str] = "rmsprop"
    rule: ClassVar[str] = "rmsprop"
    learning_rate: float | Schedule = 0.001
    rho: float = _decay(0.9)
    epsilon: float = _positive(1e-8)


@dataclass(frozen=True)
class Adam(Optimizer):
    """Running averages of gradient and squared gradient, with bias correction (Kingma and Ba 2015).

    Parameters
    ----------
    learning_rate, clip_norm, clip_value
        As for `Optimizer`.
    beta1, beta2 : float
        Shares of the old in the averages of the gradient and of its square, in [0, 1).
    epsilon : float
        Added to the root of the average of squares, > 0.
    """

    name: ClassVar[str] = "adam"
    rule: ClassVar[str] = "adam"
    learning_rate: float | Schedule = 0.001
    beta1: float = _decay(0.9)
    beta2: float = _decay(0.999)
    epsilon: float = _positive(1e-8)


@dataclass(frozen=True)
class AdamW(Adam):
    """Adam with decoupled weight decay, which never touches biases (Loshchilov and Hutter 2019).

    Parameters
    ----------
    learning_rate, clip_norm, clip_value, beta1, beta2, epsilon
        As for `Adam`.
    weight_decay : float or Schedule
        Share of each weight that a step takes away, times the learning rate; >= 0.
    """

    name: ClassVar[str] = "adamw"
    scheduled: ClassVar[tuple[str, ...]] = ("learning_rate", "weight_decay")
    weight_decay: float | Schedule = 0.01

    def weight_decays(self, first_step: int, count: int) -> NDArray[np.float64] | None:
        """Return those of a schedule."""
        if not isinstance(self.weight_decay, Schedule):
            return None
        return rates_from(self.weight_decay, first_step, count)


@dataclass(frozen=True)
class Nadam(Adam):
    """Adam with Nesterov's look-ahead (Dozat 2016).

    Parameters
    ----------
    learning_rate, clip_norm, clip_value, beta1, beta2, epsilon
        As for `Adam`.
    """

    name: ClassVar[str] = "nadam"
    rule: ClassVar[str] = "nadam"


@dataclass(frozen=True)
class DeltaBarDelta(Optimizer):
    """A gain for each weight: it grows while the gradient keeps its sign, and shrinks when that turns (Jacobs 1988).

    Parameters
    ----------
    learning_rate, clip_norm, clip_value
        As for `Optimizer`.
    increase, decrease : float
        Added to a gain; share taken from it.
    smoothing : float
        Of the past gradients' average, in [0, 1).
    momentum : float
        In [0, 1).
    min_gain, max_gain : float
        Bounds of the gains.
    """

    name: ClassVar[str] = "delta_bar_delta"
    rule: ClassVar[str] = "delta_bar_delta"
    increase: float = 0.05
    decrease: float = _decay(0.05)
    smoothing: float = _decay(0.7)
    momentum: float = _decay(0.0)
    min_gain: float = 0.01
    max_gain: float = 100.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.min_gain > self.max_gain:
            raise ValueError(f"min_gain must be at most max_gain {self.max_gain:g}, got {self.min_gain:g}")


@dataclass(frozen=True)
class IRprop(Optimizer):
    """iRprop−: a step size for each weight, and only the sign of the gradient (Igel and Hüsken 2000).

    For full batches only.

    Parameters
    ----------
    learning_rate : float or Schedule
        Step size that all weights start with.
    clip_norm, clip_value
        As for `Optimizer`.
    increase, decrease : float
        Factors of a step size after a gradient of the same and of the other sign.
    min_step, max_step : float
        Bounds of the step sizes.
    """

    name: ClassVar[str] = "irprop"
    rule: ClassVar[str] = "irprop"
    needs_full_batch: ClassVar[bool] = True
    learning_rate: float | Schedule = 0.0125
    increase: float = 1.2
    decrease: float = 0.5
    min_step: float = 1e-6
    max_step: float = 50.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.min_step > self.max_step:
            raise ValueError(f"min_step must be at most max_step {self.max_step:g}, got {self.min_step:g}")


def as_optimizer(optimizer: Optimizer | str) -> Optimizer:
    """Return the optimiser of that name with its defaults, or the optimiser itself."""
    if isinstance(optimizer, Optimizer):
        return optimizer
    return OPTIMIZERS[checked_name(optimizer, "optimizer", OPTIMIZERS)]()
