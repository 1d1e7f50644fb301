"""Layers for sequences: recurrent ones, in one direction or both, vectors for words, and samples of any length."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import reference
from ._checks import checked_flag, checked_integer, checked_number
from .initializers import Normal, Orthogonal, Uniform
from .layers import Initial, Layer, Parameter, Shape, WeightedLayer, checked_initial, filled

if TYPE_CHECKING:
    from .network import Network


class Recurrent(WeightedLayer):
    """What recurrent layers have in common; use one of its kinds."""

    _settings: tuple[str, ...] = ("units", "return_sequences", "stateful", "recurrent_dropout", "l1", "l2")
    _gates: tuple[str, ...]
    # Of the parts of the initial weights that a second direction draws.
    _first_part = 0

    input_weights = Parameter("A copy of the weights of the inputs, (inputs, gates · units); assign to set them.")
    recurrent_weights = Parameter("A copy of the weights of the state, (units, gates · units); assign to set them.")
    bias = Parameter("A copy of the bias, (gates · units,); assign to set it.")

    def __init__(
        self,
        units: int,
        *,
        return_sequences: bool = False,
        stateful: bool = False,
        recurrent_dropout: float = 0.0,
        weights: Initial = None,
        recurrent_weights: Initial = None,
        bias: float | ArrayLike = 0.0,
        l1: float = 0.0,
        l2: float = 0.0,
        trainable: bool = True,
    ) -> None:
        super().__init__(l1=l1, l2=l2, trainable=trainable)
        self.units = checked_integer(units, "units", lowest=1, highest=2**26)
        self.return_sequences = checked_flag(return_sequences, "return_sequences")
        self.stateful = checked_flag(stateful, "stateful")
        self.recurrent_dropout = checked_number(
            recurrent_dropout, "recurrent_dropout", lowest=0, highest=1, open_highest=True
        )
        self._initial_weights = checked_initial(weights, "weights")
        self._initial_recurrent_weights = checked_initial(recurrent_weights, "recurrent_weights")
        self._initial_bias = bias

    def _output_shape(self, shape: Shape) -> Shape:
        if len(shape) != 2:
            raise ValueError(f"{type(self).__name__} takes samples of shape (steps, features), got {shape}")
        return (shape[0], self.units) if self.return_sequences else (self.units,)

    @property
    def _keeps_steps(self) -> bool:  # type: ignore[override]
        return self.return_sequences

    def _parameter_shapes(self, shape: Shape) -> dict[str, Shape]:
        columns = len(self._gates) * self.units
        return {
            "input_weights": (shape[-1], columns),
            "recurrent_weights": (self.units, columns),
            "bias": (columns,),
        }

    def _numbers(self, shape: Shape) -> dict[str, float]:
        return {
            "units": self.units,
            "steps": shape[0],
            "return_sequences": self.return_sequences,
            "directions": 1,
            "stateful": self.stateful,
            "recurrent_dropout": self.recurrent_dropout,
            "l1": self._l1,
            "l2": self._l2,
        }

    def _initialize(self, seed: int) -> None:
        shapes = self._parameter_shapes(self._input_shape)
        chosen = {
            "input_weights": (self._initial_weights, self._first_part),
            "recurrent_weights": (
                "orthogonal" if self._initial_recurrent_weights is None else self._initial_recurrent_weights,
                self._first_part + len(self._gates),
            ),
        }
        for name, (initial, part) in chosen.items():
            self._set_parameter(name, self._gate_by_gate(initial, shapes[name], seed, part))
        self.bias = self._starting_bias(shapes["bias"])

    def _gate_by_gate(self, initial: Initial, shape: Shape, seed: int, part: int) -> ArrayLike:
        """Return initial weights that each gate draws for itself."""
        gates = [self._initial(initial, "tanh", shape[0], self.units, seed, part + i) for i in range(len(self._gates))]
        given = initial is not None and not isinstance(initial, (str, Normal, Uniform, Orthogonal))
        return filled(gates[0], shape) if given else np.hstack(gates)

    def _starting_bias(self, shape: Shape) -> ArrayLike:
        return filled(self._initial_bias, shape)

    def _reference_settings(self, parameters: dict[str, Any]) -> dict[str, Any]:
        return {
            **parameters,
            "return_sequences": self.return_sequences,
            "stateful": self.stateful,
            "recurrent_dropout": self.recurrent_dropout,
            "index": self._index or 0,
            **self._learning(),
        }


class SimpleRNN(Recurrent):
    """A recurrent layer without gates: h(t) = tanh(x(t) W + h(t−1) U + b) (Elman 1990).

    Parameters
    ----------
    units : int
        Length of h, >= 1.
    return_sequences : bool
        Whether the output is h of every step, (steps, units), or of the last, (units,).
    stateful : bool
        Whether a sample goes on, in training, with the state in which the same one of the batch before has ended:
        truncated backpropagation through time (Williams and Peng 1990), as no gradient goes back beyond the batch. An
        epoch begins with the state zero, and so does everything that is not `fit`. A smaller last batch goes on with
        the first samples. Needs arrays in their order, as `chainrule.data.streams` cuts them, and ``shuffle=False``.
    recurrent_dropout : float
        Share of h that is dropped, in training, where it enters the product with U: 0 <= rate < 1. The same units are
        dropped at all steps of a sample, and the others made larger, as by `Dropout` (Gal and Ghahramani 2016).
    weights : str, Normal, Uniform, Orthogonal, float or array (inputs, units), optional
        Initial weights of the inputs, by default "glorot_uniform".
    recurrent_weights : as weights, or array (units, units), optional
        Initial weights of the state, by default "orthogonal".
    bias : float or array (units,)
        Initial bias.
    l1, l2 : float
        Penalty l1 ‖W‖₁ + ½ l2 ‖W‖² on both kinds of weights, never on the bias. May be set at any time.
    trainable : bool
        False: training leaves the layer as it is. May be set at any time.

    Raises
    ------
    ValueError
        When the network is made: for samples that are not (steps, features).

    Examples
    --------
    >>> import chainrule as cr
    >>> cr.Network([cr.Input(10, 3), SimpleRNN(8), cr.Dense(1, "identity")], seed=0)
    Network([(10, 3), 8, 1], 105 parameters, float32, seed=0)
    """

    _gates = ("h",)

    def _reference(self, parameters: dict[str, Any]) -> reference.Layer:
        return reference.SimpleRNN(**self._reference_settings(parameters))


class LSTM(Recurrent):
    """Long short-term memory (Hochreiter and Schmidhuber 1997), with a forget gate (Gers et al. 2000).

    i, f, o = σ(x W + h U + b), g = tanh(x W + h U + b), each with columns of its own, in the order i, f, g, o;
    c ← f c + i g; h ← o tanh c.

    Parameters
    ----------
    units : int
        Length of h and c, >= 1.
    return_sequences : bool
        Whether the output is h of every step, (steps, units), or of the last, (units,).
    peepholes : bool
        Whether the gates see the cell: p c is added to i and f before the step, and to o behind it (Gers and
        Schmidhuber 2000). Peepholes begin at zero.
    stateful : bool
        Whether a sample goes on, in training, with the state in which the same one of the batch before has ended:
        truncated backpropagation through time (Williams and Peng 1990), as no gradient goes back beyond the batch. An
        epoch begins with the state zero, and so does everything that is not `fit`. A smaller last batch goes on with
        the first samples. Needs arrays in their order, as `chainrule.data.streams` cuts them, and ``shuffle=False``.
    recurrent_dropout : float
        Share of h that is dropped, in training, where it enters the product with U: 0 <= rate < 1. The same units are
        dropped at all steps of a sample, and the others made larger, as by `Dropout` (Gal and Ghahramani 2016).
    weights : str, Normal, Uniform, Orthogonal, float or array (inputs, 4 units), optional
        Initial weights of the inputs, by default "glorot_uniform" for each gate.
    recurrent_weights : as weights, or array (units, 4 units), optional
        Initial weights of the state, by default "orthogonal" for each gate.
    bias : float or array (4 units,)
        Initial bias; an array is taken as it is.
    forget_bias : float
        Added to the forget gate's initial bias, so that the cell remembers at first (Jozefowicz et al. 2015).
    l1, l2 : float
        Penalty l1 ‖W‖₁ + ½ l2 ‖W‖² on all weights and peepholes, never on the bias. May be set at any time.
    trainable : bool
        False: training leaves the layer as it is. May be set at any time.

    Raises
    ------
    ValueError
        When the network is made: for samples that are not (steps, features).

    Examples
    --------
    >>> import chainrule as cr
    >>> net = cr.Network([cr.Input(28, 28), LSTM(64), cr.Dense(10, "softmax")], seed=0)
    >>> net.layers[1].recurrent_weights.shape
    (64, 256)
    """

    _settings = ("units", "return_sequences", "peepholes", "stateful", "recurrent_dropout", "l1", "l2")
    _gates = ("i", "f", "g", "o")

    def __init__(
        self,
        units: int,
        *,
        return_sequences: bool = False,
        peepholes: bool = False,
        stateful: bool = False,
        recurrent_dropout: float = 0.0,
        weights: Initial = None,
        recurrent_weights: Initial = None,
        bias: float | ArrayLike = 0.0,
        forget_bias: float = 1.0,
        l1: float = 0.0,
        l2: float = 0.0,
        trainable: bool = True,
    ) -> None:
        super().__init__(
            units,
            return_sequences=return_sequences,
            stateful=stateful,
            recurrent_dropout=recurrent_dropout,
            weights=weights,
            recurrent_weights=recurrent_weights,
            bias=bias,
            l1=l1,
            l2=l2,
            trainable=trainable,
        )
        self.peepholes = checked_flag(peepholes, "peepholes")
        self._forget_bias = checked_number(forget_bias, "forget_bias")

    @property
    def peephole_weights(self) -> NDArray[Any]:
        """A copy of the peepholes of i, f and o, (3, units); assign to set them."""
        return self._parameters()["peepholes"]

    @peephole_weights.setter
    def peephole_weights(self, values: ArrayLike) -> None:
        self._set_parameter("peepholes", values)

    def _parameter_shapes(self, shape: Shape) -> dict[str, Shape]:
        shapes = super()._parameter_shapes(shape)
        return {**shapes, "peepholes": (3, self.units)} if self.peepholes else shapes

    def _numbers(self, shape: Shape) -> dict[str, float]:
        return {**super()._numbers(shape), "peepholes": self.peepholes}

    def _starting_bias(self, shape: Shape) -> ArrayLike:
        bias = super()._starting_bias(shape)
        if np.ndim(self._initial_bias) == 0:
            np.asarray(bias)[self.units : 2 * self.units] += self._forget_bias
        return bias

    def _reference(self, parameters: dict[str, Any]) -> reference.Layer:
        return reference.LSTM(**self._reference_settings(parameters))


class GRU(Recurrent):
    """A gated recurrent unit (Cho et al. 2014).

    z, r = σ(x W + h U + b); h ← z h + (1 − z) ĥ, columns in the order z, r, h. ĥ = tanh(x W + b + r (h U + b′)), where
    the recurrent part has a bias b′ for all three gates; or as in the paper tanh(x W + b + (r h) U).

    Parameters
    ----------
    units : int
        Length of h, >= 1.
    return_sequences : bool
        Whether the output is h of every step, (steps, units), or of the last, (units,).
    reset_after : bool
        Whether r is multiplied after the product with U, as in CuDNN and PyTorch, or before it, as in the paper.
    stateful : bool
        Whether a sample goes on, in training, with the state in which the same one of the batch before has ended:
        truncated backpropagation through time (Williams and Peng 1990), as no gradient goes back beyond the batch. An
        epoch begins with the state zero, and so does everything that is not `fit`. A smaller last batch goes on with
        the first samples. Needs arrays in their order, as `chainrule.data.streams` cuts them, and ``shuffle=False``.
    recurrent_dropout : float
        Share of h that is dropped, in training, where it enters the product with U: 0 <= rate < 1. The same units are
        dropped at all steps of a sample, and the others made larger, as by `Dropout` (Gal and Ghahramani 2016).
    weights : str, Normal, Uniform, Orthogonal, float or array (inputs, 3 units), optional
        Initial weights of the inputs, by default "glorot_uniform" for each gate.
    recurrent_weights : as weights, or array (units, 3 units), optional
        Initial weights of the state, by default "orthogonal" for each gate.
    bias : float or array (3 units,)
        Initial bias; that of the recurrent part begins at zero.
    l1, l2 : float
        Penalty l1 ‖W‖₁ + ½ l2 ‖W‖² on both kinds of weights, never on a bias. May be set at any time.
    trainable : bool
        False: training leaves the layer as it is. May be set at any time.

    Raises
    ------
    ValueError
        When the network is made: for samples that are not (steps, features).

    Examples
    --------
    >>> import chainrule as cr
    >>> cr.Network([cr.Input(10, 3), GRU(8, return_sequences=True), GRU(4), cr.Dense(1, "sigmoid")], seed=0)
    Network([(10, 3), (10, 8), 4, 1], 485 parameters, float32, seed=0)
    """

    _settings = ("units", "return_sequences", "reset_after", "stateful", "recurrent_dropout", "l1", "l2")
    _gates = ("z", "r", "h")

    recurrent_bias = Parameter("A copy of the bias of the recurrent part, (3 units,), with reset_after; assign to set.")

    def __init__(
        self,
        units: int,
        *,
        return_sequences: bool = False,
        reset_after: bool = True,
        stateful: bool = False,
        recurrent_dropout: float = 0.0,
        weights: Initial = None,
        recurrent_weights: Initial = None,
        bias: float | ArrayLike = 0.0,
        l1: float = 0.0,
        l2: float = 0.0,
        trainable: bool = True,
    ) -> None:
        super().__init__(
            units,
            return_sequences=return_sequences,
            stateful=stateful,
            recurrent_dropout=recurrent_dropout,
            weights=weights,
            recurrent_weights=recurrent_weights,
            bias=bias,
            l1=l1,
            l2=l2,
            trainable=trainable,
        )
        self.reset_after = checked_flag(reset_after, "reset_after")

    def _parameter_shapes(self, shape: Shape) -> dict[str, Shape]:
        shapes = super()._parameter_shapes(shape)
        return {**shapes, "recurrent_bias": shapes["bias"]} if self.reset_after else shapes

    def _numbers(self, shape: Shape) -> dict[str, float]:
        return {**super()._numbers(shape), "reset_after": self.reset_after}

    def _reference(self, parameters: dict[str, Any]) -> reference.Layer:
        return reference.GRU(**self._reference_settings(parameters), reset_after=self.reset_after)


class Bidirectional(WeightedLayer):
    """Two readings of a sequence side by side, from its first step and from its last (Schuster and Paliwal 1997).

    Parameters
    ----------
    layer : SimpleRNN, LSTM or GRU
        What each direction is; both draw initial weights of their own. Its penalties and `trainable` hold for both.

    Attributes
    ----------
    ahead, back : SimpleRNN, LSTM or GRU
        The two directions, whose parameters can be read and set.

    Raises
    ------
    TypeError
        For another kind of layer.
    ValueError
        For one that is stateful, or in a network already.

    Examples
    --------
    >>> import chainrule as cr
    >>> net = cr.Network([cr.Input(10, 3), Bidirectional(LSTM(8)), cr.Dense(1, "sigmoid")], seed=0)
    >>> net.layers[1], net.layers[1].back.bias.shape
    (Bidirectional(LSTM(8)), (32,))
    """

    def __init__(self, layer: Recurrent) -> None:
        if not isinstance(layer, Recurrent):
            raise TypeError(f"layer must be a SimpleRNN, LSTM or GRU, got {layer!r}")
        if layer.stateful:
            raise ValueError(f"layer must not be stateful, as it reads each sample from its end too; got {layer!r}")
        if layer._network is not None:
            raise ValueError(f"layer must not be in a network yet, got {layer!r}, which is")
        super().__init__(l1=layer.l1, l2=layer.l2, trainable=layer.trainable)
        self.ahead, self.back = copy.copy(layer), copy.copy(layer)
        self._kind = type(layer).__name__
        self.back._first_part = 2 * len(layer._gates)

    @property
    def layer(self) -> Recurrent:
        """A layer like either direction."""
        layer = copy.copy(self.ahead)
        layer._network = layer._index = None
        layer._l1, layer._l2, layer._trainable = self._l1, self._l2, self._trainable
        return layer

    def _output_shape(self, shape: Shape) -> Shape:
        *steps, units = self.ahead._output_shape(shape)
        return (*steps, 2 * units)

    def _parameter_shapes(self, shape: Shape) -> dict[str, Shape]:
        of_one = self.ahead._parameter_shapes(shape)
        return {f"{direction}.{name}": part for direction in (0, 1) for name, part in of_one.items()}

    def _numbers(self, shape: Shape) -> dict[str, float]:
        return {**self.ahead._numbers(shape), "directions": 2, "l1": self._l1, "l2": self._l2}

    @property
    def _keeps_steps(self) -> bool:  # type: ignore[override]
        return self.ahead._keeps_steps

    def _enter(self, network: Network, index: int, shape: Shape, padding: int | None) -> int:
        entered = super()._enter(network, index, shape, padding)
        for half in (self.ahead, self.back):
            half._network, half._index, half._input_shape = network, index, shape
        self.back._begin = sum(map(math.prod, self.ahead._parameter_shapes(shape).values()))
        return entered

    def _initialize(self, seed: int) -> None:
        self.ahead._initialize(seed)
        self.back._initialize(seed)

    def _reference(self, parameters: dict[str, Any]) -> reference.Layer:
        layer = self.layer
        layer._index = self._index
        halves = [
            layer._reference({name[2:]: values for name, values in parameters.items() if name[0] == direction})
            for direction in "01"
        ]
        return reference.Bidirectional(*halves)  # type: ignore[arg-type]

    @classmethod
    def _from_config(cls, config: dict[str, Any], make: Callable[[Any], Layer]) -> Layer:
        layer = make(config["layer"])
        if not isinstance(layer, Recurrent):
            raise ValueError(f"a bidirectional layer must be of a recurrent one, got {layer!r}")
        return cls(layer)

    def _config(self) -> dict[str, Any]:
        return {"type": "Bidirectional", "layer": self.layer._config()}

    def __repr__(self) -> str:
        return f"Bidirectional({self.layer!r})"


class Masking(Layer):
    """Samples of different lengths in one batch: what is behind a sample's end is padding.

    A sample ends with its last step that has any feature different from the padding's value; one that has none is
    empty. The layer passes samples on as they are, and tells recurrent layers behind it where they end: their last
    output is that of a sample's last step (of an empty one the state that it begins with), their sequences of outputs
    are zero behind it, as those of PyTorch's `pad_packed_sequence`, and no gradient comes from there. `Bidirectional`
    reads back from a sample's end. This holds behind layers that keep the steps, too: `Dense`, `Activation`, `Dropout`,
    `GaussianNoise`, `LayerNorm`, recurrent layers with `return_sequences`, and blocks of these.

    Parameters
    ----------
    value : float
        Of all features of a step of padding.

    Raises
    ------
    ValueError
        When the network is made: for samples that are not (steps, features), and where no recurrent layer asks where
        samples end.

    Examples
    --------
    >>> import numpy as np, chainrule as cr
    >>> net = cr.Network([cr.Input(5, 1), cr.Masking(), cr.GRU(4), cr.Dense(1, "identity")], seed=0)
    >>> short = cr.Network([cr.Input(2, 1), cr.GRU(4), cr.Dense(1, "identity")], seed=0)
    >>> short.parameters = net.parameters
    >>> padded = net.predict(np.array([[[0.5], [0.25], [0], [0], [0]]]))
    >>> np.array_equal(padded, short.predict(np.array([[[0.5], [0.25]]])))
    True
    """

    _settings = ("value",)

    def __init__(self, value: float = 0.0, *, trainable: bool = True) -> None:
        super().__init__(trainable=trainable)
        self.value = checked_number(value, "value")

    def _output_shape(self, shape: Shape) -> Shape:
        if len(shape) != 2:
            raise ValueError(f"Masking takes samples of shape (steps, features), got {shape}")
        return shape

    def _numbers(self, shape: Shape) -> dict[str, float]:
        return {"steps": shape[0], "value": self.value}

    def _padding_behind(self) -> int | None:
        return self._index

    def _reference(self, parameters: dict[str, Any]) -> reference.Layer:
        return reference.Masking(self.value)


def check_padding(network: Network) -> None:
    """Refuse a network that is told where samples end, but does not ask."""
    asked = {leaf._padding for leaf in network._leaves if isinstance(leaf, (Recurrent, Bidirectional))}
    for leaf in network._leaves:
        if (isinstance(leaf, Masking) or getattr(leaf, "mask_zero", False)) and leaf._padding_behind() not in asked:
            raise ValueError(
                f"{leaf!r} must have a recurrent layer behind it, and none but layers that keep the steps in between"
            )


class Embedding(WeightedLayer):
    """Vectors for the words of a vocabulary: z = W[x]. The first layer; samples are (steps,) whole numbers.

    Parameters
    ----------
    vocabulary : int
        Number of words, 1 to 2²⁴; samples hold numbers below it.
    units : int
        Length of a vector, >= 1.
    mask_zero : bool
        Whether the word 0 is padding, so that a sample ends with its last other word: see `Masking`.
    weights : str, Normal, Uniform, float or array (vocabulary, units), optional
        Initial vectors, by default uniform in [−0.05, 0.05).
    l1, l2 : float
        Penalty l1 ‖W‖₁ + ½ l2 ‖W‖². May be set at any time.
    trainable : bool
        False: training leaves the layer as it is. May be set at any time.

    Raises
    ------
    ValueError
        When the network is made: for samples that are not (steps,), behind other layers, and with `mask_zero` where no
        recurrent layer asks where samples end. When it is used, before anything is changed: for what is no word.

    Examples
    --------
    >>> import chainrule as cr
    >>> net = cr.Network([cr.Input(6), Embedding(100, 8), LSTM(16), cr.Dense(1, "sigmoid")], seed=0)
    >>> net.predict([[1, 2, 3, 4, 5, 99]]).shape
    (1, 1)
    """

    _settings = ("vocabulary", "units", "mask_zero", "l1", "l2")

    weights = Parameter("A copy of the vectors, (vocabulary, units); assign to set them.")

    def __init__(
        self,
        vocabulary: int,
        units: int,
        *,
        mask_zero: bool = False,
        weights: Initial = None,
        l1: float = 0.0,
        l2: float = 0.0,
        trainable: bool = True,
    ) -> None:
        super().__init__(l1=l1, l2=l2, trainable=trainable)
        self.vocabulary = checked_integer(vocabulary, "vocabulary", lowest=1, highest=2**24)
        self.units = checked_integer(units, "units", lowest=1, highest=2**26)
        self.mask_zero = checked_flag(mask_zero, "mask_zero")
        self._initial_weights = checked_initial("uniform" if weights is None else weights, "weights")

    def _output_shape(self, shape: Shape) -> Shape:
        if len(shape) != 1:
            raise ValueError(f"Embedding takes samples of shape (steps,), got {shape}")
        return (shape[0], self.units)

    def _parameter_shapes(self, shape: Shape) -> dict[str, Shape]:
        return {"weights": (self.vocabulary, self.units)}

    def _numbers(self, shape: Shape) -> dict[str, float]:
        return {"vocabulary": self.vocabulary, "units": self.units, "l1": self._l1, "l2": self._l2}

    def _enter(self, network: Network, index: int, shape: Shape, padding: int | None) -> int:
        if network.layers[1] is not self:
            raise ValueError("Embedding must be the first layer behind the Input")
        if self.mask_zero:
            network._core.add_layer("Masking", "identity", {"steps": shape[0], "value": 0})
        return self.mask_zero + super()._enter(network, index + self.mask_zero, shape, index)

    def _padding_behind(self) -> int | None:
        return self._padding if self.mask_zero else None

    def _initialize(self, seed: int) -> None:
        shape = (self.vocabulary, self.units)
        self.weights = filled(self._initial(self._initial_weights, "identity", *shape, seed), shape)

    def _reference(self, parameters: dict[str, Any]) -> reference.Layer:
        return reference.Embedding(**parameters, mask_zero=self.mask_zero, **self._learning())
