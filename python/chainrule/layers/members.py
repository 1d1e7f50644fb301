"""Layers of members that are trained side by side: a sample is (members, features)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .. import _core
from .._checks import checked_integer, checked_name
from ..activations import checked_activation
from .base import Layer, Shape
from .learning import Factor
from .parameter import Parameter
from .weighted import Initial, WeightedLayer, checked_initial, filled, is_drawn

__all__ = ["BatchEnsemble", "Repeat", "SeparateDense"]

# The initial factors of inputs that are drawn.
_DRAWN = ("normal", "signs")


class Repeat(Layer):
    """Every member has the same features: (features,) becomes (members, features).

    It is the beginning of an ensemble of networks that learn side by side, `BatchEnsemble` or `SeparateDense`.

    Parameters
    ----------
    members : int
        Number of members, >= 1.

    Examples
    --------
    >>> import chainrule as cr
    >>> cr.Network([cr.Input(2), Repeat(3)], seed=0).predict([[1, 2]]).tolist()
    [[[1.0, 2.0], [1.0, 2.0], [1.0, 2.0]]]
    """

    settings = ("members",)

    def __init__(self, members: int, *, trainable: bool = True) -> None:
        super().__init__(trainable=trainable)
        self.members = checked_integer(members, "members", lowest=1, highest=2**31)

    def output_shape(self, shape: Shape) -> Shape:
        if len(shape) != 1:
            raise ValueError(f"Repeat takes features in a row, got samples of shape {shape}; put a Flatten in between")
        return (self.members, *shape)

    def core_settings(self, shape: Shape) -> _core.LayerSettings:
        return _core.RepeatSettings(members=self.members)


class MemberLayer(WeightedLayer, abstract=True):
    """What layers of members with weights have in common; use one of its kinds."""

    takes_mixed = False
    settings = ("units", "activation")
    size_settings = ("units",)

    bias = Parameter("A copy of the bias, (members, units); assign to set it.")

    def __init__(self, units: int, activation: str, weights: Initial, bias: ArrayLike | None, **learning: Any) -> None:
        super().__init__(**learning)
        self.units = checked_integer(units, "units", lowest=1, highest=2**31)
        self.activation = checked_activation(activation)
        self._initial_weights = checked_initial(weights, "weights")
        self._initial_bias = bias

    @property
    def draws_bias(self) -> bool:  # type: ignore[override]
        return self._initial_bias is None

    def output_shape(self, shape: Shape) -> Shape:
        if len(shape) != 2:
            raise ValueError(
                f"{type(self).__name__} takes samples of shape (members, features), got {shape}; put a Repeat before it"
            )
        return (shape[0], self.units)

    def _start_bias(self, shape: Shape) -> None:
        self.bias = filled(0.0 if self._initial_bias is None else self._initial_bias, shape)

    def _core_options(self, shape: Shape) -> dict[str, Any]:
        return {
            "members": shape[0],
            "units": self.units,
            "activation": self.activation,
            "l1": self._l1,
            "l2": self._l2,
        }


class BatchEnsemble(MemberLayer):
    """A fully connected layer of members with the same weights, each with factors and a bias of its own.

    Member i computes f(((xᵢ ∘ rᵢ) W) ∘ sᵢ + bᵢ), with factors r of its inputs and s of its outputs (Wen, Tran and Ba
    2020). Members differ in the beginning if the factors of the first such layer are drawn, and stay different; the
    other layers begin with factors of 1 (TabM: Gorishniy, Kotelnikov and Babenko 2024). The loss is the mean of the
    members' losses where targets are repeated for them, and a prediction is the mean of theirs.

    Parameters
    ----------
    units : int
        Number of outputs of each member, >= 1.
    activation : str
        One of `chainrule.activations.ACTIVATIONS`; "softmax" on the last layer only, taken at each member.
    factors : str, float or array (members, inputs)
        Initial factors of the inputs: "signs", at random 1 or −1; "normal", drawn from the standard normal; or numbers.
    weights : str, Normal, Uniform, Orthogonal, float or array (inputs, units), optional
        Initial weights; by default as those of `Dense`.
    bias : float or array (members, units), optional
        Initial bias, by default 0.
    l1, l2 : float
        Penalty l1 ‖W‖₁ + ½ l2 ‖W‖², on the weights alone. May be set at any time.
    rate_factor, decay_factor : float or mapping of str to float
        What the optimiser's steps and its weight decay are multiplied by, >= 0: of all parameters, or of those named.
        By default, weights have a decay factor of 1, and other parameters 0. May be set at any time.
    trainable : bool
        False: training leaves the layer as it is. May be set at any time.

    Raises
    ------
    ValueError
        For samples of another shape than (members, features).

    Examples
    --------
    >>> import numpy as np, chainrule as cr
    >>> first = BatchEnsemble(16, "tanh", factors="signs")
    >>> layers = [cr.Repeat(8), first, BatchEnsemble(16, "tanh"), cr.SeparateDense(1)]
    >>> net = cr.Network([cr.Input(2), *layers], seed=0)
    >>> X = np.random.default_rng(0).uniform(-1, 1, (400, 2))
    >>> y = X[:, :1] * X[:, 1:]
    >>> targets = np.repeat(y[:, None], 8, axis=1)
    >>> history = net.fit(X, targets, epochs=200, optimizer=cr.Adam(0.01), loss="mse", verbose=0)
    >>> float(np.abs(net.predict(X).mean(axis=1) - y).mean()) < 0.02
    True
    """

    # Members share their units' weights.
    unit_axes = (-1,)

    weights = Parameter("A copy of the weights, (inputs, units); assign to set them.")
    input_factors = Parameter("A copy of the factors of the inputs, (members, inputs); assign to set them.")
    output_factors = Parameter("A copy of the factors of the outputs, (members, units); assign to set them.")

    def __init__(
        self,
        units: int,
        activation: str = "identity",
        *,
        factors: str | float | ArrayLike = 1.0,
        weights: Initial = None,
        bias: float | ArrayLike | None = None,
        l1: float = 0.0,
        l2: float = 0.0,
        rate_factor: Factor = 1.0,
        decay_factor: Factor | None = None,
        trainable: bool = True,
    ) -> None:
        learning = {"rate_factor": rate_factor, "decay_factor": decay_factor, "trainable": trainable}
        super().__init__(units, activation, weights, bias, l1=l1, l2=l2, **learning)
        self._initial_factors = checked_name(factors, "factors", _DRAWN) if isinstance(factors, str) else factors

    def parameter_shapes(self, shape: Shape) -> dict[str, Shape]:
        members, features = shape
        of_units = (members, self.units)
        return {
            "weights": (features, self.units),
            "input_factors": (members, features),
            "output_factors": of_units,
            "bias": of_units,
        }

    def core_settings(self, shape: Shape) -> _core.LayerSettings:
        return _core.BatchEnsembleSettings(**self._core_options(shape))

    def initialize(self, seed: int) -> None:
        shapes = self.parameter_shapes(self.place.input_shape)
        features, units = shapes["weights"]
        initial = self._initial(self._initial_weights, (features, units), seed)
        self.weights = filled(initial, (features, units))
        self.input_factors = self._starting_factors(shapes["input_factors"], seed)
        self.output_factors = np.ones(shapes["output_factors"])
        self._start_bias(shapes["bias"])

    def _starting_factors(self, shape: Shape, seed: int) -> ArrayLike:
        if not isinstance(self._initial_factors, str):
            return filled(self._initial_factors, shape)
        members, features = shape
        drawn = _core.initial_weights("normal", members, features, 1.0, seed, self.place.index, 1)
        return drawn if self._initial_factors == "normal" else np.where(drawn < 0, -1.0, 1.0)


class SeparateDense(MemberLayer):
    """A fully connected layer of members with weights of their own: member i computes f(xᵢ Wᵢ + bᵢ).

    Parameters
    ----------
    units : int
        Number of outputs of each member, >= 1.
    activation : str
        One of `chainrule.activations.ACTIVATIONS`; "softmax" on the last layer only, taken at each member.
    weights : str, Normal, Uniform, Orthogonal, float or array (members, inputs, units), optional
        Initial weights, drawn for each member; by default as those of `Dense`.
    bias : float or array (members, units), optional
        Initial bias, by default 0.
    l1, l2, rate_factor, decay_factor, trainable
        As for `BatchEnsemble`.

    Raises
    ------
    ValueError
        For samples of another shape than (members, features).

    Examples
    --------
    >>> import chainrule as cr
    >>> net = cr.Network([cr.Input(4), cr.Repeat(3), SeparateDense(2)], seed=0)
    >>> net.layers[2].weights.shape, net.predict([[1, 2, 3, 4]]).shape
    ((3, 4, 2), (1, 3, 2))
    """

    unit_axes = (-3, -1)

    weights = Parameter("A copy of the weights, (members, inputs, units); assign to set them.")

    def __init__(
        self,
        units: int,
        activation: str = "identity",
        *,
        weights: Initial = None,
        bias: float | ArrayLike | None = None,
        l1: float = 0.0,
        l2: float = 0.0,
        rate_factor: Factor = 1.0,
        decay_factor: Factor | None = None,
        trainable: bool = True,
    ) -> None:
        learning = {"rate_factor": rate_factor, "decay_factor": decay_factor, "trainable": trainable}
        super().__init__(units, activation, weights, bias, l1=l1, l2=l2, **learning)

    def parameter_shapes(self, shape: Shape) -> dict[str, Shape]:
        return {"weights": (*shape, self.units), "bias": (shape[0], self.units)}

    def core_settings(self, shape: Shape) -> _core.LayerSettings:
        return _core.SeparateDenseSettings(**self._core_options(shape))

    def initialize(self, seed: int) -> None:
        members, features = self.place.input_shape
        shape, initial = (features, self.units), self._initial_weights
        if is_drawn(initial):
            self.weights = np.stack([self._initial(initial, shape, seed, m) for m in range(members)])
        else:
            self.weights = filled(initial, (members, *shape))  # type: ignore[arg-type]  # numbers
        self._start_bias((members, self.units))
