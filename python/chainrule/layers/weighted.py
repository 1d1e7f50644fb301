"""What layers with weights have in common: penalties, and initial values."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import _core
from .._checks import checked_flag, checked_name, checked_number
from .base import Shape
from .initializers import INITIALIZERS, Normal, Orthogonal, Uniform, default_initializer, distribution
from .learning import LearningLayer
from .parameter import Parameter

# What initial weights may be given as.
Initial: TypeAlias = Normal | Uniform | Orthogonal | str | float | ArrayLike | None


class WeightedLayer(LearningLayer, abstract=True):
    """A layer with weights, which can be penalised.

    Parameters
    ----------
    l1, l2 : float
        Penalty l1 ‖W‖₁ + ½ l2 ‖W‖², never on a bias. May be set at any time.
    learning
        As for `LearningLayer`.
    """

    has_weights = True
    learning_settings = ("l1", "l2", *LearningLayer.learning_settings)

    _initial_weights: Initial

    def __init__(self, *, l1: float = 0.0, l2: float = 0.0, **learning: Any) -> None:
        super().__init__(**learning)
        self._l1 = checked_number(l1, "l1", lowest=0)
        self._l2 = checked_number(l2, "l2", lowest=0)

    @property
    def takes_weights_from_data(self) -> bool:  # type: ignore[override]
        return bool(self.unit_axes) and self._initial_weights is None and self._inherited is None and self.trainable

    @property
    def l1(self) -> float:
        """Weight of the penalty ‖W‖₁."""
        return self._l1

    @l1.setter
    def l1(self, value: float) -> None:
        self._l1 = checked_number(value, "l1", lowest=0)
        self._penalties_changed()

    @property
    def l2(self) -> float:
        """Weight of the penalty ½ ‖W‖²."""
        return self._l2

    @l2.setter
    def l2(self, value: float) -> None:
        self._l2 = checked_number(value, "l2", lowest=0)
        self._penalties_changed()

    def reference_arguments(self) -> dict[str, Any]:
        return {**super().reference_arguments(), "l1": self._l1, "l2": self._l2}

    def _penalties_changed(self) -> None:
        if self._place is not None:
            self._place.core.set_penalties(self._place.index, self._l1, self._l2)

    def _initial(
        self,
        initial: Initial,
        shape: tuple[int, int],
        seed: int,
        part: int = 0,
        fans: tuple[int, int] | None = None,
    ) -> NDArray[Any]:
        """Return initial weights of (inputs, outputs); `fans` are the numbers of connections, if they are others.

        `part` numbers the arrays of a layer, so that each is drawn from a different stream.
        """
        inputs, outputs = fans or shape
        chosen = default_initializer(inputs, self.place.layers) if initial is None else initial
        if not is_drawn(chosen):
            return np.asarray(chosen)
        kind, scale = distribution(chosen, inputs, outputs)  # type: ignore[arg-type]
        return _core.initial_weights(kind, *shape, scale, seed, self.place.index, part)


class BiasedLayer(WeightedLayer, abstract=True):
    """A layer whose pre-activations are a linear map of the inputs plus a bias, which it may go without.

    Parameters
    ----------
    bias : float or array (units,), optional
        Initial bias; drawn as the weights if neither is given, and zero where weights are.
    use_bias : bool
        False: the layer has no bias.
    learning
        As for `WeightedLayer`.
    """

    bias = Parameter("A copy of the bias, (units,); assign to set it. None without a bias.")

    def __init__(self, *, bias: float | ArrayLike | None, use_bias: bool, **learning: Any) -> None:
        super().__init__(**learning)
        self.use_bias = checked_flag(use_bias, "use_bias")
        if not use_bias and bias is not None and np.any(np.asarray(bias) != 0):
            raise ValueError(f"bias must be 0 with use_bias=False, got {bias!r}")
        self._initial_bias = bias

    @property
    def unit_axes(self) -> tuple[int, ...]:  # type: ignore[override]
        return () if self.output_axis is None else (self.output_axis,)

    @property
    def draws_bias(self) -> bool:  # type: ignore[override]
        return self.use_bias and self._initial_bias is None

    def reference_arguments(self) -> dict[str, Any]:
        arguments = {"bias": None, **super().reference_arguments()}
        del arguments["use_bias"]
        return arguments

    def _with_bias(self, weights: Shape, units: int) -> dict[str, Shape]:
        """Return the shapes of the parameters."""
        return {"weights": weights, "bias": (units,)} if self.use_bias else {"weights": weights}

    def _start_bias(self, units: int, inputs: int, seed: int) -> None:
        """Set the initial bias of a layer whose outputs are made of so many inputs each."""
        if not self.use_bias:
            return
        if self._initial_bias is None and self._initial_weights is None:
            self.bias = self._initial(None, (1, units), seed, part=1, fans=(inputs, units))[0]
        else:
            self.bias = filled(0.0 if self._initial_bias is None else self._initial_bias, (units,))


def is_drawn(initial: Initial) -> bool:
    """Tell whether initial weights are drawn from a distribution, by default or by name, and not given as numbers."""
    return initial is None or isinstance(initial, (str, Normal, Uniform, Orthogonal))


def checked_initial(initial: Initial, argument: str) -> Initial:
    """Return what initial weights are given as; a name must be known."""
    return checked_name(initial, argument, INITIALIZERS) if isinstance(initial, str) else initial


def filled(values: ArrayLike, shape: Shape) -> ArrayLike:
    """Return the values, or for a number an array of the shape that is full of it."""
    return np.full(shape, values) if np.ndim(values) == 0 else values
