"""The optimisers, each as in its paper; parameters, gradient and state are flat arrays."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

import numpy as np

from .activations import Array

# Every optimiser by its name, filled in as the classes are defined.
OPTIMIZERS: dict[str, type[Optimizer]] = {}


class Optimizer(ABC):
    """An optimiser, which clips the gradient and then changes the parameters by a rule."""

    name: ClassVar[str]
    weight_decay: float = 0.0
    # Whether the rule has step sizes of its own, for which the rate is only the start.
    has_steps: ClassVar[bool] = False

    def __init_subclass__(cls) -> None:
        OPTIMIZERS.setdefault(cls.name, cls)

    def __init__(self, *, clip_norm: float | None = None, clip_value: float | None = None) -> None:
        self.clip_norm = clip_norm
        self.clip_value = clip_value
        self.steps = 0
        self.state: dict[str, Array] = {}

    def update(self, w: Array, g: Array, rate: float, decay_factors: Array, rate_factors: Array | float = 1.0) -> Array:
        """Return the new parameters; the factors are those of each parameter, of its weight decay and of its rate."""
        if self.clip_value is not None:
            g = np.clip(g, -self.clip_value, self.clip_value)
        if self.clip_norm is not None:
            # Scaled before it is squared, as the square of a large number is infinite.
            largest = max(float(np.abs(g).max()), 1e-300)
            norm = largest * float(np.sqrt(((g / largest) ** 2).sum()))
            g = g * (self.clip_norm / norm) if norm > self.clip_norm else g
        if self.steps == 0:
            self.start(w, rate)
        self.steps += 1
        decayed = w - rate * self.weight_decay * decay_factors * w
        return self.rule(decayed, g, (1.0 if self.has_steps else rate) * rate_factors)

    def start(self, w: Array, rate: float) -> None:
        """Set the state before the first step, which is zero unless overridden."""
        for name in self.slots:
            self.state[name] = np.zeros_like(w)

    slots: tuple[str, ...] = ()

    @abstractmethod
    def rule(self, w: Array, g: Array, rate: Array | float) -> Array:
        """Return the new parameters, and change the state."""


class SGD(Optimizer):
    """v ← μv − ηg; w ← w + v, with Nesterov w + μv − ηg."""

    name = "sgd"

    slots = ("velocity",)

    def __init__(
        self,
        momentum: float = 0.0,
        nesterov: bool = False,
        *,
        clip_norm: float | None = None,
        clip_value: float | None = None,
    ) -> None:
        super().__init__(clip_norm=clip_norm, clip_value=clip_value)
        self.momentum = momentum
        self.nesterov = nesterov

    def rule(self, w: Array, g: Array, rate: Array | float) -> Array:
        v = self.state["velocity"] = self.momentum * self.state["velocity"] - rate * g
        return w + self.momentum * v - rate * g if self.nesterov else w + v


class Adagrad(Optimizer):
    """s ← s + g²; w ← w − ηg/(√s + ε)."""

    name = "adagrad"

    slots = ("square_sum",)

    def __init__(
        self, epsilon: float = 1e-8, *, clip_norm: float | None = None, clip_value: float | None = None
    ) -> None:
        super().__init__(clip_norm=clip_norm, clip_value=clip_value)
        self.epsilon = epsilon

    def rule(self, w: Array, g: Array, rate: Array | float) -> Array:
        s = self.state["square_sum"] = self.state["square_sum"] + g**2
        return w - rate * g / (np.sqrt(s) + self.epsilon)


class Adadelta(Optimizer):
    """s ← ρs + (1−ρ)g²; Δ = g √(u+ε)/√(s+ε); u ← ρu + (1−ρ)Δ²; w ← w − ηΔ."""

    name = "adadelta"

    slots = ("square_mean", "change_mean")

    def __init__(
        self,
        rho: float = 0.95,
        epsilon: float = 1e-6,
        *,
        clip_norm: float | None = None,
        clip_value: float | None = None,
    ) -> None:
        super().__init__(clip_norm=clip_norm, clip_value=clip_value)
        self.rho = rho
        self.epsilon = epsilon

    def rule(self, w: Array, g: Array, rate: Array | float) -> Array:
        s = self.state["square_mean"] = self.rho * self.state["square_mean"] + (1 - self.rho) * g**2
        u = self.state["change_mean"]
        change = g * np.sqrt(u + self.epsilon) / np.sqrt(s + self.epsilon)
        self.state["change_mean"] = self.rho * u + (1 - self.rho) * change**2
        return w - rate * change


class RMSprop(Optimizer):
    """s ← ρs + (1−ρ)g²; w ← w − ηg/(√s + ε)."""

    name = "rmsprop"

    slots = ("square_mean",)

    def __init__(
        self,
        rho: float = 0.9,
        epsilon: float = 1e-8,
        *,
        clip_norm: float | None = None,
        clip_value: float | None = None,
    ) -> None:
        super().__init__(clip_norm=clip_norm, clip_value=clip_value)
        self.rho = rho
        self.epsilon = epsilon

    def rule(self, w: Array, g: Array, rate: Array | float) -> Array:
        s = self.state["square_mean"] = self.rho * self.state["square_mean"] + (1 - self.rho) * g**2
        return w - rate * g / (np.sqrt(s) + self.epsilon)


class Adam(Optimizer):
    """m ← β1 m + (1−β1)g; v ← β2 v + (1−β2)g²; w ← w − η m̂/(√v̂ + ε)."""

    name = "adam"

    slots = ("m", "v")

    def __init__(
        self,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-8,
        *,
        clip_norm: float | None = None,
        clip_value: float | None = None,
    ) -> None:
        super().__init__(clip_norm=clip_norm, clip_value=clip_value)
        self.beta1 = beta1
        self.beta2 = beta2
        self.epsilon = epsilon

    def rule(self, w: Array, g: Array, rate: Array | float) -> Array:
        m = self.state["m"] = self.beta1 * self.state["m"] + (1 - self.beta1) * g
        v = self.state["v"] = self.beta2 * self.state["v"] + (1 - self.beta2) * g**2
        v_hat = v / (1 - self.beta2**self.steps)
        return w - rate * self.corrected(m, g) / (np.sqrt(v_hat) + self.epsilon)

    def corrected(self, m: Array, g: Array) -> Array:
        """Return m̂ = m/(1 − β1ᵗ)."""
        return m / (1 - self.beta1**self.steps)


class AdamW(Adam):
    """w ← w − ηλw, with a factor for each parameter which is 0 for biases, then Adam."""

    name = "adamw"

    def __init__(
        self,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-8,
        weight_decay: float = 0.01,
        *,
        clip_norm: float | None = None,
        clip_value: float | None = None,
    ) -> None:
        super().__init__(beta1, beta2, epsilon, clip_norm=clip_norm, clip_value=clip_value)
        self.weight_decay = weight_decay


class Nadam(Adam):
    """Adam with m̂ = β1 m/(1 − β1ᵗ⁺¹) + (1 − β1) g/(1 − β1ᵗ) (Dozat 2016)."""

    name = "nadam"

    def corrected(self, m: Array, g: Array) -> Array:
        ahead = self.beta1 * m / (1 - self.beta1 ** (self.steps + 1))
        return ahead + (1 - self.beta1) * g / (1 - self.beta1**self.steps)


class DeltaBarDelta(Optimizer):
    """Gains per weight, which grow while the gradient has the sign of its running average (Jacobs 1988)."""

    name = "delta_bar_delta"

    slots = ("gain", "gradient_mean", "velocity")

    def __init__(
        self,
        increase: float = 0.05,
        decrease: float = 0.05,
        smoothing: float = 0.7,
        momentum: float = 0.0,
        min_gain: float = 0.01,
        max_gain: float = 100.0,
        *,
        clip_norm: float | None = None,
        clip_value: float | None = None,
    ) -> None:
        super().__init__(clip_norm=clip_norm, clip_value=clip_value)
        self.increase = increase
        self.decrease = decrease
        self.smoothing = smoothing
        self.momentum = momentum
        self.min_gain = min_gain
        self.max_gain = max_gain

    def start(self, w: Array, rate: float) -> None:
        super().start(w, rate)
        self.state["gain"] = np.ones_like(w)

    def rule(self, w: Array, g: Array, rate: Array | float) -> Array:
        gain, mean = self.state["gain"], self.state["gradient_mean"]
        grown = np.minimum(gain + self.increase, self.max_gain)
        shrunk = np.maximum(gain * (1 - self.decrease), self.min_gain)
        gain = np.where(mean * g > 0, grown, np.where(mean * g < 0, shrunk, gain))
        velocity = self.momentum * self.state["velocity"] - rate * gain * g
        mean = (1 - self.smoothing) * g + self.smoothing * mean
        self.state = {"gain": gain, "gradient_mean": mean, "velocity": velocity}
        return w + velocity


class IRprop(Optimizer):
    """Step sizes per weight; only the sign of the gradient counts (iRprop−, Igel and Hüsken 2000)."""

    name = "irprop"
    has_steps = True

    slots = ("step", "gradient")

    def __init__(
        self,
        increase: float = 1.2,
        decrease: float = 0.5,
        min_step: float = 1e-6,
        max_step: float = 50.0,
        *,
        clip_norm: float | None = None,
        clip_value: float | None = None,
    ) -> None:
        super().__init__(clip_norm=clip_norm, clip_value=clip_value)
        self.increase = increase
        self.decrease = decrease
        self.min_step = min_step
        self.max_step = max_step

    def start(self, w: Array, rate: float) -> None:
        super().start(w, rate)
        self.state["step"] = np.full_like(w, rate)

    def rule(self, w: Array, g: Array, rate: Array | float) -> Array:
        step, before = self.state["step"], self.state["gradient"]
        agreement = np.sign(before) * np.sign(g)
        grown = np.minimum(step * self.increase, self.max_step)
        shrunk = np.maximum(step * self.decrease, self.min_step)
        step = np.where(agreement > 0, grown, np.where(agreement < 0, shrunk, step))
        g = np.where(agreement < 0, 0.0, g)
        self.state = {"step": step, "gradient": g}
        return w - rate * np.sign(g) * step
