"""The layers: what the user says of them, and the view of their parameters once they are in a network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._arrays import as_parameters
from ._checks import checked_flag, checked_integer, checked_name, checked_number
from .initializers import INITIALIZERS, Normal, Orthogonal, Uniform, default_initializer, distribution

if TYPE_CHECKING:
    from .network import Network

ACTIVATIONS = (
    "identity",
    "sigmoid",
    "tanh",
    "relu",
    "leaky_relu",
    "elu",
    "selu",
    "softplus",
    "softsign",
    "gelu",
    "silu",
    "hard_sigmoid",
    "exp",
    "softmax",
)


class Input:
    """The shape of a sample; the first entry of a list of layers.

    Parameters
    ----------
    size : int
        Number of features, >= 1.

    Examples
    --------
    >>> Input(784)
    Input(784)
    """

    def __init__(self, size: int) -> None:
        self.size = checked_integer(size, "size", lowest=1, highest=2**31)

    def __repr__(self) -> str:
        return f"Input({self.size})"


class Dense:
    """A fully connected layer: a = f(x W + b).

    Parameters
    ----------
    units : int
        Number of outputs, >= 1.
    activation : str
        One of `ACTIVATIONS`; "softmax" on the last layer only.
    weights : str, Normal, Uniform, Orthogonal, float or array (inputs, units), optional
        Initial weights; the default follows the activation. A number sets them all equal, and equal units stay equal
        for ever, as their gradients are equal too: the symmetry trap.
    bias : float or array (units,)
        Initial bias.
    l1, l2 : float
        Penalty l1 ‖W‖₁ + ½ l2 ‖W‖², never on the bias. May be set at any time.
    max_norm : float, optional
        Longest that the incoming weights of a unit may be after a step (Srivastava et al. 2014).
    trainable : bool
        False: training leaves the layer as it is. May be set at any time.

    Examples
    --------
    >>> Dense(300, activation="sigmoid", l2=1e-4)
    Dense(300, activation='sigmoid', l2=0.0001)
    """

    def __init__(
        self,
        units: int,
        activation: str = "relu",
        *,
        weights: Normal | Uniform | Orthogonal | str | float | ArrayLike | None = None,
        bias: float | ArrayLike = 0.0,
        l1: float = 0.0,
        l2: float = 0.0,
        max_norm: float | None = None,
        trainable: bool = True,
    ) -> None:
        self.units = checked_integer(units, "units", lowest=1, highest=2**31)
        self.activation = checked_name(activation, "activation", ACTIVATIONS)
        if isinstance(weights, str):
            checked_name(weights, "weights", INITIALIZERS)
        self._l1 = checked_number(l1, "l1", lowest=0)
        self._l2 = checked_number(l2, "l2", lowest=0)
        self.max_norm = None if max_norm is None else checked_number(max_norm, "max_norm", lowest=0, open_lowest=True)
        self._trainable = checked_flag(trainable, "trainable")
        self._initial_weights = weights
        self._initial_bias = bias
        self._network: Network | None = None
        self._index = 0

    @property
    def weights(self) -> NDArray[Any]:
        """A copy of the weights, (inputs, units); assign to set them."""
        return self._owner()._core.weights(self._index)

    @weights.setter
    def weights(self, values: ArrayLike) -> None:
        net = self._owner()
        shape = (net._sizes[self._index], self.units)
        net._core.set_weights(self._index, as_parameters(values, shape, net.dtype, "weights"))

    @property
    def bias(self) -> NDArray[Any]:
        """A copy of the bias, (units,); assign to set it."""
        return self._owner()._core.bias(self._index)

    @bias.setter
    def bias(self, values: ArrayLike) -> None:
        net = self._owner()
        net._core.set_bias(self._index, as_parameters(values, (self.units,), net.dtype, "bias"))

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

    @property
    def trainable(self) -> bool:
        """Whether training changes the layer."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self._trainable = checked_flag(value, "trainable")
        if self._network is not None:
            self._network._core.set_trainable(self._index, self._trainable)

    def _penalties_changed(self) -> None:
        if self._network is not None:
            self._network._core.set_penalties(self._index, self._l1, self._l2)

    def _owner(self) -> Network:
        if self._network is None:
            raise RuntimeError(f"{self!r} is not in a network yet, so it has no parameters")
        return self._network

    def _enter(self, network: Network, index: int) -> None:
        self._network = network
        self._index = index
        core = network._core
        core.add_dense(self.units, self.activation, self.l1, self.l2, self.max_norm or 0.0)
        core.set_trainable(index, self._trainable)

    def _initialize(self, seed: int) -> None:
        inputs = self._owner()._sizes[self._index]
        initial = default_initializer(self.activation) if self._initial_weights is None else self._initial_weights
        if isinstance(initial, (str, Normal, Uniform, Orthogonal)):
            kind, scale = distribution(initial, inputs, self.units)
            self._owner()._core.initialize(self._index, kind, scale, seed)
        else:
            self.weights = _filled(initial, (inputs, self.units))
        self.bias = _filled(self._initial_bias, (self.units,))

    def _config(self) -> dict[str, Any]:
        return {
            "type": "Dense",
            "units": self.units,
            "activation": self.activation,
            "l1": self.l1,
            "l2": self.l2,
            "max_norm": self.max_norm,
            "trainable": self._trainable,
        }

    def __repr__(self) -> str:
        defaults = {"l1": 0.0, "l2": 0.0, "max_norm": None, "trainable": True}
        extra = "".join(f", {name}={getattr(self, name)!r}" for name, d in defaults.items() if getattr(self, name) != d)
        return f"Dense({self.units}, activation={self.activation!r}{extra})"


def _filled(values: ArrayLike, shape: tuple[int, ...]) -> ArrayLike:
    return np.full(shape, values) if np.ndim(values) == 0 else values
