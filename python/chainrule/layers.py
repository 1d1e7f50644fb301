"""The layers: what the user says of them, and the view of their parameters once they are in a network."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import _core, reference
from ._arrays import as_parameters
from ._checks import checked_flag, checked_integer, checked_name, checked_number
from .initializers import INITIALIZERS, Normal, Orthogonal, Uniform, default_initializer, distribution

if TYPE_CHECKING:
    from .network import Network

Shape = tuple[int, ...]
# What initial weights may be given as.
Initial = Normal | Uniform | Orthogonal | str | float | ArrayLike | None

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
    *shape : int
        Number of features, each >= 1; or (height, width, channels) of images, (steps, features) of sequences.

    Examples
    --------
    >>> Input(784), Input(28, 28, 1).size
    (Input(784), 784)
    """

    def __init__(self, *shape: int) -> None:
        if not shape:
            raise TypeError("shape must have at least one number, got none")
        self.shape = tuple(checked_integer(size, "shape", lowest=1, highest=2**31) for size in shape)
        self.size = checked_integer(math.prod(self.shape), "size of shape", lowest=1, highest=2**31)

    def _config(self) -> dict[str, Any]:
        return {"type": "Input", "shape": list(self.shape)}

    def __repr__(self) -> str:
        return f"Input({', '.join(map(str, self.shape))})"


class Layer:
    """What all layers have in common; use one of its kinds."""

    activation: str = "identity"
    # Arguments of the constructor that say what the layer is, which are attributes too.
    _settings: tuple[str, ...] = ()
    # Where its parameters begin among those of the core's layer, of which it may be a part.
    _begin = 0
    # Whether the steps of a sequence are the same behind it, so that samples end where they ended in front of it.
    _keeps_steps = False

    def __init__(self, *, trainable: bool = True) -> None:
        self._trainable = checked_flag(trainable, "trainable")
        self._network: Network | None = None
        self._index: int | None = None
        self._input_shape: Shape = ()
        # The core's layer that tells where samples end, if one does.
        self._padding: int | None = None
        # The core's name of it.
        self._kind = type(self).__name__

    # --- what it makes of a shape; a kind of layer says so

    def _output_shape(self, shape: Shape) -> Shape:
        """Return the shape of a sample behind the layer; ValueError if it cannot take one of this shape."""
        return shape

    def _parameter_shapes(self, shape: Shape) -> dict[str, Shape]:
        """Return the parameters' names and shapes, in the order in which the core has them, for such inputs."""
        return {}

    def _statistic_shapes(self, shape: Shape) -> dict[str, Shape]:
        """Return the same of what training gathers and no gradient changes."""
        return {}

    def _numbers(self, shape: Shape) -> dict[str, float] | None:
        """Return what the core is told of the layer; None: only the shape changes, which the core does not see."""
        return None

    def _initialize(self, seed: int) -> None:
        """Set the initial parameters."""

    def _reference(self, parameters: dict[str, Any]) -> reference.Layer:
        """Return the reference's layer of the same settings with these parameters."""
        raise NotImplementedError

    # --- in a network

    @property
    def trainable(self) -> bool:
        """Whether training changes the layer."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self._trainable = checked_flag(value, "trainable")
        if self._network is not None and self._index is not None:
            self._network._core.set_trainable(self._index, self._trainable)

    @property
    def parameter_count(self) -> int:
        """Number of parameters."""
        self._owner()
        return sum(math.prod(shape) for shape in self._parameter_shapes(self._input_shape).values())

    def _owner(self) -> Network:
        if self._network is None:
            raise RuntimeError(f"{self!r} is not in a network yet, so it has no parameters")
        return self._network

    def _leaves(self) -> list[Layer]:
        """Return this layer, or those that it is made of."""
        return [self]

    def _size_in_core(self, shape: Shape) -> int:
        """Return how many layers of the core it is."""
        return int(self._numbers(shape) is not None)

    def _enter(self, network: Network, index: int, shape: Shape, padding: int | None) -> int:
        """Take a place in a network, and tell how many layers of the core it is, from its number `index` on.

        `padding` is the number of the layer of the core that tells where samples of this shape end, if one does.
        """
        self._network, self._input_shape, self._padding = network, shape, padding
        numbers = self._numbers(shape)
        if numbers is None:
            return 0
        self._index = index
        distance = 0 if padding is None else index - padding
        network._core.add_layer(self._kind, self.activation, {**numbers, "padding": distance})
        network._core.set_trainable(index, self._trainable)
        return 1

    def _padding_behind(self) -> int | None:
        """Return the layer of the core that tells where samples end behind this one, if one does."""
        return self._padding if self._keeps_steps else None

    def _parameters(self) -> dict[str, NDArray[Any]]:
        """Return copies of all parameters by name."""
        core = self._owner()._core
        return {} if self._index is None else self._by_name(core.layer_parameters(self._index))

    def _statistics(self) -> dict[str, NDArray[Any]]:
        """Return copies of all statistics by name."""
        core = self._owner()._core
        shapes = self._statistic_shapes(self._input_shape)
        return {} if self._index is None else cut(core.layer_statistics(self._index), shapes)

    def _by_name(self, flat: NDArray[Any]) -> dict[str, NDArray[Any]]:
        """Cut what is laid out as the layer's parameters into arrays."""
        return cut(flat[self._begin :], self._parameter_shapes(self._input_shape))

    def _set_parameter(self, name: str, values: ArrayLike) -> None:
        net = self._owner()
        assert self._index is not None  # it has parameters
        flat = net._core.layer_parameters(self._index)
        part = self._by_name(flat)[name]
        part[...] = as_parameters(values, part.shape, net.dtype, name)
        net._core.set_layer_parameters(self._index, flat)  # type: ignore[arg-type]

    def _set_statistic(self, name: str, values: ArrayLike) -> None:
        net = self._owner()
        assert self._index is not None  # it has statistics
        flat = net._core.layer_statistics(self._index)
        part = cut(flat, self._statistic_shapes(self._input_shape))[name]
        part[...] = as_parameters(values, part.shape, net.dtype, name)
        net._core.set_layer_statistics(self._index, flat)  # type: ignore[arg-type]

    # --- as values and text

    def _config(self) -> dict[str, Any]:
        return {
            "type": type(self).__name__,
            **{name: getattr(self, name) for name in self._settings},
            "trainable": self._trainable,
        }

    @classmethod
    def _from_config(cls, config: dict[str, Any], make: Callable[[Any], Layer]) -> Layer:
        """Return the layer that `_config` described; `make` does so for a layer within it."""
        return cls(**{name: value for name, value in config.items() if name != "type"})

    def __repr__(self) -> str:
        arguments = []
        for name, parameter in inspect.signature(type(self)).parameters.items():
            if name not in (*self._settings, "trainable"):
                continue
            value = getattr(self, name)
            if parameter.default is parameter.empty and parameter.kind is parameter.POSITIONAL_OR_KEYWORD:
                arguments.append(repr(value))
            elif value != parameter.default:
                arguments.append(f"{name}={value!r}")
        return f"{type(self).__name__}({', '.join(arguments)})"


class Parameter:
    """An attribute of a layer that is one of its parameters: a copy when read, set when assigned."""

    def __init__(self, doc: str) -> None:
        self.__doc__ = doc

    def __set_name__(self, owner: type[Layer], name: str) -> None:
        self._name = name

    def __get__(self, layer: Layer | None, owner: type[Layer]) -> Any:
        return self if layer is None else layer._parameters()[self._name]

    def __set__(self, layer: Layer, values: ArrayLike) -> None:
        layer._set_parameter(self._name, values)


class Statistic(Parameter):
    """The same of what training gathers and no gradient changes."""

    def __get__(self, layer: Layer | None, owner: type[Layer]) -> Any:
        return self if layer is None else layer._statistics()[self._name]

    def __set__(self, layer: Layer, values: ArrayLike) -> None:
        layer._set_statistic(self._name, values)


class WeightedLayer(Layer):
    """A layer with weights, which can be penalised.

    Parameters
    ----------
    l1, l2 : float
        Penalty l1 ‖W‖₁ + ½ l2 ‖W‖², never on a bias. May be set at any time.
    trainable : bool
        False: training leaves the layer as it is. May be set at any time.
    """

    def __init__(self, *, l1: float = 0.0, l2: float = 0.0, trainable: bool = True) -> None:
        super().__init__(trainable=trainable)
        self._l1 = checked_number(l1, "l1", lowest=0)
        self._l2 = checked_number(l2, "l2", lowest=0)

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

    def _penalties_changed(self) -> None:
        if self._network is not None:
            assert self._index is not None  # it has weights
            self._network._core.set_penalties(self._index, self._l1, self._l2)

    def _learning(self) -> dict[str, Any]:
        return {"l1": self._l1, "l2": self._l2, "trainable": self._trainable}

    def _initial(
        self,
        initial: Initial,
        activation: str,
        rows: int,
        columns: int,
        seed: int,
        part: int = 0,
        fans: tuple[int, int] | None = None,
    ) -> NDArray[Any]:
        """Return initial weights, (rows, columns) where they are drawn: of that many inputs and outputs, or `fans`."""
        chosen = default_initializer(activation) if initial is None else initial
        if isinstance(chosen, (str, Normal, Uniform, Orthogonal)):
            kind, scale = distribution(chosen, *(fans or (rows, columns)))
            return _core.initial_weights(kind, rows, columns, scale, seed, self._index or 0, part)
        return np.asarray(chosen)


class Dense(WeightedLayer):
    """A fully connected layer: a = f(x W + b), of features in a row, or of those of each step of a sequence.

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

    _settings = ("units", "activation", "l1", "l2", "max_norm")
    _keeps_steps = True

    weights = Parameter("A copy of the weights, (inputs, units); assign to set them.")
    bias = Parameter("A copy of the bias, (units,); assign to set it.")

    def __init__(
        self,
        units: int,
        activation: str = "relu",
        *,
        weights: Initial = None,
        bias: float | ArrayLike = 0.0,
        l1: float = 0.0,
        l2: float = 0.0,
        max_norm: float | None = None,
        trainable: bool = True,
    ) -> None:
        super().__init__(l1=l1, l2=l2, trainable=trainable)
        self.units = checked_integer(units, "units", lowest=1, highest=2**31)
        self.activation = checked_name(activation, "activation", ACTIVATIONS)
        self.max_norm = None if max_norm is None else checked_number(max_norm, "max_norm", lowest=0, open_lowest=True)
        self._initial_weights = checked_initial(weights, "weights")
        self._initial_bias = bias

    def _output_shape(self, shape: Shape) -> Shape:
        if len(shape) > 2:
            raise ValueError(f"Dense takes features in a row, got samples of shape {shape}; put a Flatten in between")
        if len(shape) == 2 and (self.activation == "softmax" or self.max_norm is not None):
            raise ValueError(
                f"Dense takes features in a row with softmax or max_norm, got samples of shape {shape}; "
                "put a Flatten in between"
            )
        return (*shape[:-1], self.units)

    def _parameter_shapes(self, shape: Shape) -> dict[str, Shape]:
        return {"weights": (shape[-1], self.units), "bias": (self.units,)}

    def _numbers(self, shape: Shape) -> dict[str, float]:
        numbers = {"units": self.units, "l1": self._l1, "l2": self._l2}
        self._kind = "Dense" if len(shape) == 1 else "StepwiseDense"
        return {**numbers, "max_norm": self.max_norm or 0.0} if len(shape) == 1 else {**numbers, "steps": shape[0]}

    def _initialize(self, seed: int) -> None:
        rows, columns = self._parameter_shapes(self._input_shape)["weights"]
        self.weights = filled(
            self._initial(self._initial_weights, self.activation, rows, columns, seed), (rows, columns)
        )
        self.bias = filled(self._initial_bias, (self.units,))

    def _reference(self, parameters: dict[str, Any]) -> reference.Layer:
        return reference.Dense(**parameters, activation=self.activation, max_norm=self.max_norm, **self._learning())

    def __repr__(self) -> str:
        defaults = {"l1": 0.0, "l2": 0.0, "max_norm": None, "trainable": True}
        extra = "".join(f", {name}={getattr(self, name)!r}" for name, d in defaults.items() if getattr(self, name) != d)
        return f"Dense({self.units}, activation={self.activation!r}{extra})"


class Activation(Layer):
    """An activation alone: a = f(x).

    Parameters
    ----------
    activation : str
        One of `ACTIVATIONS`; "softmax" on the last layer only.

    Examples
    --------
    >>> import chainrule as cr
    >>> cr.Network([Input(2), Dense(8, "identity"), Activation("tanh"), Dense(1, "identity")], seed=0)
    Network([2, 8, 8, 1], 33 parameters, float32, seed=0)
    """

    _settings = ("activation",)
    _keeps_steps = True

    def __init__(self, activation: str, *, trainable: bool = True) -> None:
        super().__init__(trainable=trainable)
        self.activation = checked_name(activation, "activation", ACTIVATIONS)

    def _numbers(self, shape: Shape) -> dict[str, float]:
        return {}

    def _reference(self, parameters: dict[str, Any]) -> reference.Layer:
        return reference.Activation(self.activation)


class Reshape(Layer):
    """The same values in another shape, read row by row.

    Parameters
    ----------
    shape : tuple of int
        Of a sample.

    Examples
    --------
    >>> Reshape((4, 4, 1))
    Reshape((4, 4, 1))
    """

    _settings = ("shape",)

    def __init__(self, shape: Sequence[int], *, trainable: bool = True) -> None:
        super().__init__(trainable=trainable)
        self.shape = tuple(checked_integer(size, "shape", lowest=1, highest=2**31) for size in shape)

    def _output_shape(self, shape: Shape) -> Shape:
        if math.prod(self.shape) != math.prod(shape):
            raise ValueError(f"shape must have as many values as {shape}, got {self.shape}")
        return self.shape

    def _reference(self, parameters: dict[str, Any]) -> reference.Layer:
        return reference.Reshape(self.shape)


class Flatten(Layer):
    """All values of a sample in a row: what stands between images or sequences and `Dense`.

    Examples
    --------
    >>> import chainrule as cr
    >>> cr.Network([Input(4, 4, 1), Flatten(), Dense(2, "softmax")], seed=0).predict(np.zeros((1, 4, 4, 1)))
    array([[0.5, 0.5]], dtype=float32)
    """

    def _output_shape(self, shape: Shape) -> Shape:
        return (math.prod(shape),)

    def _reference(self, parameters: dict[str, Any]) -> reference.Layer:
        return reference.Flatten()


def shapes_through(first: Input, rest: Sequence[Layer]) -> list[Shape]:
    """Return the shape of a sample in front of the first layer, and behind each; ValueError for one that cannot be."""
    return shapes_behind(first.shape, rest)


def shapes_behind(shape: Shape, layers: Sequence[Layer]) -> list[Shape]:
    """Return this shape, and that behind each layer."""
    shapes = [shape]
    for layer in layers:
        shapes.append(layer._output_shape(shapes[-1]))
        checked_integer(math.prod(shapes[-1]), f"size of the output of {layer!r}", lowest=1, highest=2**31)
    return shapes


def enter(layers: Sequence[Layer], network: Network, index: int, shape: Shape, padding: int | None = None) -> int:
    """Give layers in a row their places in a network, and return the core's number behind them (see `Layer._enter`)."""
    for layer, inputs in zip(layers, shapes_behind(shape, layers), strict=False):
        index += layer._enter(network, index, inputs, padding)
        padding = layer._padding_behind()
    return index


def cut(flat: NDArray[Any], shapes: Mapping[str, Shape]) -> dict[str, NDArray[Any]]:
    """Cut an array into views of these shapes, one behind the other."""
    parts, begin = {}, 0
    for name, shape in shapes.items():
        size = math.prod(shape)
        parts[name] = flat[begin : begin + size].reshape(shape)
        begin += size
    return parts


def checked_initial(initial: Initial, argument: str) -> Initial:
    """Return what initial weights are given as; a name must be known."""
    return checked_name(initial, argument, INITIALIZERS) if isinstance(initial, str) else initial


def filled(values: ArrayLike, shape: Shape) -> ArrayLike:
    """Return values, or an array of that shape full of one."""
    return np.full(shape, values) if np.ndim(values) == 0 else values
