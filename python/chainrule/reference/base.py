"""The base class of layers, which send values forward and deltas back, and functions for layers in a row."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from . import activations
from .activations import Array
from .precision import bfloat16

# Every kind of layer by its name, filled in as the classes are defined.
LAYERS: dict[str, type[Layer]] = {}
# Distances from a kink, and the scale of their rounding errors: a value closer than these may be on either side.
Margin: TypeAlias = tuple[Array, float]


class Layer(ABC):
    """z = g(x; parameters), a = f(z); values between layers are (samples, …, features).

    The arrays in `parameters` and `gradients` are written in place and never replaced, because a composite shares the
    arrays of its parts.
    """

    # The parameters that are penalised, decayed and limited in norm; others, such as biases, are not.
    weight_names: tuple[str, ...] = ()
    # The axis of the weights along which the units are.
    unit_axis = -1
    activation: str = "identity"
    l1: float = 0.0
    l2: float = 0.0
    max_norm: float | None = None
    trainable: bool = True
    # Factors of an optimiser's rate and weight decay by the names of parameters. Without one, the rate's is 1, and the
    # decay's is 1 for weights and 0 for the others.
    rate_factors: Mapping[str, float] = {}
    decay_factors: Mapping[str, float] = {}
    # Whether the factors of products are rounded to bfloat16.
    mixed: bool = False
    training: bool = False
    step: int = 0
    # Whether a step is one, and not padding, (samples, steps); None if all of them are.
    is_step: NDArray[np.bool_] | None = None
    # Whether step t of the outputs belongs to step t of the inputs.
    preserves_steps: bool = False

    def __init_subclass__(cls, *, abstract: bool = False, **options: Any) -> None:
        super().__init_subclass__(**options)
        if not abstract:
            LAYERS.setdefault(cls.__name__, cls)

    def __init__(
        self,
        parameters: Mapping[str, Array] | None = None,
        activation: str = "identity",
        l1: float = 0.0,
        l2: float = 0.0,
        max_norm: float | None = None,
        trainable: bool = True,
    ) -> None:
        self.parameters = {name: np.array(values, dtype=np.float64) for name, values in (parameters or {}).items()}
        self.gradients = {name: np.zeros_like(values) for name, values in self.parameters.items()}
        self.activation = activation
        self.l1 = l1
        self.l2 = l2
        self.max_norm = max_norm
        self.trainable = trainable

    def leaves(self) -> list[Layer]:
        """Return this layer, or the parts that it is made of."""
        return [self]

    @property
    def is_step_after(self) -> NDArray[np.bool_] | None:
        """Whether a step of the last outputs is one, and not padding, (samples, steps); None if all of them are."""
        return self.is_step if self.preserves_steps else None

    def set_draw(self, seed: int, epoch: int, first_place: int, step: int = 0) -> None:
        """Set the key of the next forward's random numbers, and its step in the epoch.

        Its samples are at first_place, … in the epoch's order.
        """
        self.draw = seed, epoch, first_place
        self.step = step

    # --- values forward, deltas backward

    def forward(self, x: Array) -> Array:
        """Return a, and store what backward needs."""
        self.inputs = x
        self.pre_activations = self._forward(x)
        self.activations = activations.value(self.activation, self.pre_activations)
        return self.activations

    def backward(self, deltas: Array) -> Array:
        """Store the gradients of the parameters, and return ∂E/∂x, from δ = ∂E/∂z."""
        self.deltas = deltas
        return self._backward(deltas)

    def take_magnitudes(self) -> None:
        """Make the inputs and parameters positive, so that `backward` adds up the magnitudes of what cancels."""
        self.inputs = np.abs(self.inputs)
        self.trainable = True
        for values in self.parameters.values():
            values[...] = np.abs(values)

    def multiply(self, a: Array, b: Array) -> Array:
        """Return the matrix product a b, of factors in the layer's precision."""
        return np.asarray(self.rounded(a) @ self.rounded(b))

    def rounded(self, values: Array) -> Array:
        """Return factors of products, which mixed precision rounds."""
        return bfloat16(values) if self.mixed else values

    @abstractmethod
    def _forward(self, x: Array) -> Array:
        """Return z."""

    @abstractmethod
    def _backward(self, deltas: Array) -> Array:
        """Store the gradients of the parameters, and return ∂E/∂x."""

    def _keep(self, **gradients: Array) -> None:
        for name, gradient in gradients.items():
            if name in self.gradients:
                self.gradients[name][...] = gradient if self.trainable else 0.0

    def own_loss(self, shares: Array) -> Array | float:
        """Return what the layer adds to the loss of each sample of the last forward, (samples,).

        The next backward adds its gradient, with `shares` as the samples' weights in the mean of the batch.
        """
        return 0.0

    # --- kinks, where derivatives cannot be compared

    def sides(self) -> list[NDArray[np.int64]]:
        """Return the side of each kink on which the values of the last forward are."""
        return [activations.sides(self.activation, self.pre_activations)]

    def margins(self) -> list[Margin]:
        """Return the distances of the last forward's values from each kink, with the scale of their rounding errors."""
        scale = rounding_scale(self.pre_activations)
        return [(np.abs(self.pre_activations - kink), scale) for kink in activations.kinks(self.activation)]

    # --- regularisation

    def factors_of(self, name: str) -> tuple[float, float]:
        """Return the factors of the rate and of the weight decay of a parameter."""
        decay = self.decay_factors.get(name, float(name in self.weight_names))
        return self.rate_factors.get(name, 1.0), decay

    def penalty(self) -> float:
        """Return ½ l2 ‖W‖² + l1 ‖W‖₁."""
        weights = [self.parameters[name] for name in self.weight_names]
        return float(sum(0.5 * self.l2 * (w**2).sum() + self.l1 * np.abs(w).sum() for w in weights))

    def add_penalty_gradient(self) -> None:
        """Add l2 W + l1 sign(W)."""
        if self.trainable:
            for name in self.weight_names:
                w = self.parameters[name]
                self.gradients[name] += self.l2 * w + self.l1 * np.sign(w)

    def limit_norm(self) -> None:
        """Scale each unit's incoming weights to a norm of at most max_norm, separately in each array of weights."""
        if self.max_norm is not None and self.trainable:
            for name in self.weight_names:
                w = self.parameters[name]
                others = tuple(axis for axis in range(w.ndim) if axis != self.unit_axis % w.ndim)
                norms = np.sqrt((w**2).sum(axis=others, keepdims=True))
                w *= np.where(norms > self.max_norm, self.max_norm / np.maximum(norms, 1e-300), 1.0)


def rounding_scale(values: Array) -> float:
    """Return the scale of the rounding errors of values: the largest magnitude among them, and at least 1."""
    return max(float(np.abs(values).max()), 1.0)


def forward_through(layers: Sequence[Layer], x: Array, is_step: NDArray[np.bool_] | None = None) -> Array:
    """Return the activations of the last of the layers; `is_step` tells which steps of x are not padding."""
    for layer in layers:
        layer.is_step = is_step
        x, is_step = layer.forward(x), layer.is_step_after
    return x


def backward_through(layers: Sequence[Layer], gradient: Array) -> Array:
    """Return ∂E/∂x of the first of the layers, from ∂E/∂a of the last."""
    for layer in reversed(layers):
        gradient = layer.backward(activations.delta(layer.activation, layer.pre_activations, gradient))
    return gradient


class Entry:
    """An attribute that reads and writes an array in a layer's parameters or gradients."""

    def __init__(self, table: str, name: str) -> None:
        self.table = table
        self.name = name

    def __get__(self, layer: Layer, owner: type[Layer]) -> Array:
        values: Array = getattr(layer, self.table)[self.name]
        return values

    def __set__(self, layer: Layer, values: Array) -> None:
        self.__get__(layer, type(layer))[...] = values


class OptionalEntry(Entry):
    """An entry that is zero in a layer which goes without it."""

    def __get__(self, layer: Layer, owner: type[Layer]) -> Array:
        return np.asarray(getattr(layer, self.table).get(self.name, 0.0))


def weights_and_bias(weights: Array, bias: Array | None) -> dict[str, Array]:
    """Return the parameters of a layer that may go without a bias."""
    return {"weights": weights} if bias is None else {"weights": weights, "bias": bias}


class WeightedLayer(Layer, abstract=True):
    """A layer with weights W and bias b, which may be missing."""

    weight_names = ("weights",)
    weights = Entry("parameters", "weights")
    bias = OptionalEntry("parameters", "bias")
    weight_gradient = Entry("gradients", "weights")
    bias_gradient = OptionalEntry("gradients", "bias")
