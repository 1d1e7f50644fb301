"""Layers that read a sequence step by step."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import _core
from .._checks import checked_flag, checked_integer, checked_number
from ..activations import checked_activation
from .base import Arrays, Shape, cut
from .learning import Factor
from .parameter import Parameter
from .weighted import Initial, WeightedLayer, checked_initial, filled, is_drawn

__all__ = ["GRU", "LSTM", "SimpleRNN"]


class Recurrent(WeightedLayer, abstract=True):
    """What recurrent layers have in common; use one of its kinds."""

    size_settings: ClassVar[tuple[str, ...]] = ("units",)
    works_step_by_step = True
    reads_in_order = True
    draws = True
    reads_padding = True
    settings: ClassVar[tuple[str, ...]] = (
        "units",
        "activation",
        "return_sequences",
        "stateful",
        "dropout",
        "recurrent_dropout",
    )
    _gates: ClassVar[tuple[str, ...]]
    _states: ClassVar[tuple[str, ...]] = ("h",)
    # Where the parameters begin among those of the core's layer, and the first of the layer's parts in drawing initial
    # weights: both are 0 but for the second direction of a `Bidirectional`.
    _begin = 0
    _first_part = 0

    weights = Parameter(
        "A copy of the weights of the inputs, (inputs, gates · units); assign to set them.", stored_as="input_weights"
    )
    recurrent_weights = Parameter("A copy of the weights of the state, (units, gates · units); assign to set them.")
    bias = Parameter("A copy of the bias, (gates · units,); assign to set it.")

    def __init__(
        self,
        units: int,
        activation: str = "tanh",
        *,
        return_sequences: bool = False,
        stateful: bool = False,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        weights: Initial = None,
        recurrent_weights: Initial = None,
        bias: float | ArrayLike = 0.0,
        l1: float = 0.0,
        l2: float = 0.0,
        rate_factor: Factor = 1.0,
        decay_factor: Factor | None = None,
        trainable: bool = True,
    ) -> None:
        super().__init__(l1=l1, l2=l2, rate_factor=rate_factor, decay_factor=decay_factor, trainable=trainable)
        self.units = checked_integer(units, "units", lowest=1, highest=2**26)
        self.activation = checked_activation(activation)
        if self.activation == "softmax":
            raise ValueError(
                "activation must be one of a single value in a recurrent layer, got 'softmax'; "
                "for a softmax of the outputs, put a Dense with it after the layer"
            )
        self.return_sequences = checked_flag(return_sequences, "return_sequences")
        self.stateful = checked_flag(stateful, "stateful")
        self.dropout = checked_number(dropout, "dropout", lowest=0, highest=1, open_highest=True)
        self.recurrent_dropout = checked_number(
            recurrent_dropout, "recurrent_dropout", lowest=0, highest=1, open_highest=True
        )
        self._initial_weights = checked_initial("glorot_uniform" if weights is None else weights, "weights")
        self._initial_recurrent_weights = checked_initial(recurrent_weights, "recurrent_weights")
        self._initial_bias = bias

    def output_shape(self, shape: Shape) -> Shape:
        if len(shape) != 2:
            raise ValueError(f"{type(self).__name__} takes samples of shape (steps, features), got {shape}")
        return (shape[0], self.units) if self.return_sequences else (self.units,)

    @property
    def output_activation(self) -> str:
        return "identity"

    @property
    def preserves_steps(self) -> bool:  # type: ignore[override]
        return self.return_sequences

    def parameter_shapes(self, shape: Shape) -> dict[str, Shape]:
        columns = len(self._gates) * self.units
        return {
            "input_weights": (shape[-1], columns),
            "recurrent_weights": (self.units, columns),
            "bias": (columns,),
        }

    def public_names(self, shape: Shape) -> dict[str, str]:
        return {**super().public_names(shape), "input_weights": "weights"}

    def core_cell(self) -> _core.RecurrentCell:
        """Return what a step does in the core."""
        raise NotImplementedError

    def core_settings(self, shape: Shape, directions: int = 1) -> _core.LayerSettings:
        return _core.RecurrentSettings(
            cell=self.core_cell(),
            steps=shape[0],
            units=self.units,
            return_sequences=self.return_sequences,
            directions=directions,
            stateful=self.stateful,
            dropout=self.dropout,
            recurrent_dropout=self.recurrent_dropout,
            l1=self._l1,
            l2=self._l2,
        )

    def initialize(self, seed: int) -> None:
        shapes = self.parameter_shapes(self.place.input_shape)
        chosen = {
            "input_weights": (self._initial_weights, self._first_part),
            "recurrent_weights": (
                "orthogonal" if self._initial_recurrent_weights is None else self._initial_recurrent_weights,
                self._first_part + len(self._gates),
            ),
        }
        for name, (initial, part) in chosen.items():
            self.set_parameter(name, self._gate_by_gate(initial, shapes[name], seed, part))
        self.bias = self._starting_bias(shapes["bias"])

    def _gate_by_gate(self, initial: Initial, shape: Shape, seed: int, part: int) -> ArrayLike:
        """Return initial weights, drawn for each gate separately unless they are given."""
        of_gate = (shape[0], self.units)
        gates = [self._initial(initial, of_gate, seed, part + i) for i in range(len(self._gates))]
        return np.hstack(gates) if is_drawn(initial) else filled(gates[0], shape)

    def _starting_bias(self, shape: Shape) -> ArrayLike:
        return filled(self._initial_bias, shape)

    def named(self, flat: NDArray[Any]) -> Arrays:
        return cut(flat[self._begin :], self.parameter_shapes(self.place.input_shape))

    def ends_sequence(self) -> bool:
        return not self.return_sequences

    def state_shapes(self, shape: Shape) -> dict[str, Shape]:
        return {name: (self.units,) for name in self._states}


class SimpleRNN(Recurrent):
    """A recurrent layer without gates: h(t) = f(x(t) W + h(t−1) U + b) (Elman 1990).

    Parameters
    ----------
    units : int
        Length of h, >= 1.
    activation : str
        f, one of `chainrule.activations.ACTIVATIONS` but "softmax". With one that has no bound, such as "relu", h can
        grow from step to step; `clip_norm` of the optimiser helps.
    return_sequences : bool
        Whether the output is h of every step, (steps, units), or of the last, (units,).
    stateful : bool
        Whether, in training, sample i of a batch starts from the final state of sample i of the batch before:
        truncated backpropagation through time (Williams and Peng 1990), as gradients stop at the batch. The state is
        zero at the start of each epoch, and outside `fit`. A smaller last batch continues the first samples. The
        samples must be in order, as `chainrule.data.streams` cuts them, with ``shuffle=False``.
    dropout : float
        Share of the features that is dropped in training where x enters the product with W, 0 <= rate < 1. The same
        features are dropped at all steps of a sample, and the others scaled up, as in `Dropout` (Gal and Ghahramani
        2016).
    recurrent_dropout : float
        Likewise the share of h that is dropped where h enters the product with U.
    weights : str, Normal, Uniform, Orthogonal, float or array (inputs, units), optional
        Initial weights of the inputs, by default "glorot_uniform".
    recurrent_weights : as weights, or array (units, units), optional
        Initial weights of the state, by default "orthogonal".
    bias : float or array (units,)
        Initial bias.
    l1, l2 : float
        Penalty l1 ‖W‖₁ + ½ l2 ‖W‖² on both kinds of weights, never on the bias. May be set at any time.
    rate_factor, decay_factor : float or mapping of str to float
        What the optimiser's steps and its weight decay are multiplied by, >= 0: of all parameters, or of those named.
        By default, weights have a decay factor of 1, and other parameters 0. May be set at any time.
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

    def core_cell(self) -> _core.RecurrentCell:
        return _core.simple_cell(self.activation)


class LSTM(Recurrent):
    """Long short-term memory (Hochreiter and Schmidhuber 1997), with a forget gate (Gers et al. 2000).

    i, f, o = σ(x W + h U + b), g = φ(x W + h U + b), with the columns of W, U and b in the order i, f, g, o;
    c ← f c + i g; h ← o φ(c).

    Parameters
    ----------
    units : int
        Length of h and c, >= 1.
    activation : str
        φ, one of `chainrule.activations.ACTIVATIONS` but "softmax".
    return_sequences
        As in `SimpleRNN`.
    peepholes : bool
        Whether the gates see the cell: p c is added to i and f before the step, and to o after it (Gers and
        Schmidhuber 2000). Peepholes start at zero.
    stateful, dropout, recurrent_dropout
        As in `SimpleRNN`.
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
    rate_factor, decay_factor, trainable
        As in `SimpleRNN`.

    Examples
    --------
    >>> import chainrule as cr
    >>> net = cr.Network([cr.Input(28, 28), LSTM(64), cr.Dense(10, "softmax")], seed=0)
    >>> net.layers[1].recurrent_weights.shape
    (64, 256)
    """

    # Reference and files see from the arrays whether there are peepholes.
    size_settings = ("units", "peepholes")
    settings = (
        "units",
        "activation",
        "return_sequences",
        "peepholes",
        "stateful",
        "dropout",
        "recurrent_dropout",
    )
    _states = ("h", "c")
    _gates = ("i", "f", "g", "o")

    def __init__(
        self,
        units: int,
        activation: str = "tanh",
        *,
        return_sequences: bool = False,
        peepholes: bool = False,
        stateful: bool = False,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        weights: Initial = None,
        recurrent_weights: Initial = None,
        bias: float | ArrayLike = 0.0,
        forget_bias: float = 1.0,
        l1: float = 0.0,
        l2: float = 0.0,
        rate_factor: Factor = 1.0,
        decay_factor: Factor | None = None,
        trainable: bool = True,
    ) -> None:
        super().__init__(
            units,
            activation,
            return_sequences=return_sequences,
            stateful=stateful,
            dropout=dropout,
            recurrent_dropout=recurrent_dropout,
            weights=weights,
            recurrent_weights=recurrent_weights,
            bias=bias,
            l1=l1,
            l2=l2,
            rate_factor=rate_factor,
            decay_factor=decay_factor,
            trainable=trainable,
        )
        self.peepholes = checked_flag(peepholes, "peepholes")
        self._forget_bias = checked_number(forget_bias, "forget_bias")

    @property
    def peephole_weights(self) -> NDArray[Any]:
        """A copy of the peepholes of i, f and o, (3, units); assign to set them."""
        return self.parameter_arrays()["peepholes"]

    @peephole_weights.setter
    def peephole_weights(self, values: ArrayLike) -> None:
        self.set_parameter("peepholes", values)

    def parameter_shapes(self, shape: Shape) -> dict[str, Shape]:
        shapes = super().parameter_shapes(shape)
        return {**shapes, "peepholes": (3, self.units)} if self.peepholes else shapes

    def core_cell(self) -> _core.RecurrentCell:
        return _core.lstm_cell(self.peepholes, self.activation)

    def _starting_bias(self, shape: Shape) -> ArrayLike:
        bias = super()._starting_bias(shape)
        if np.ndim(self._initial_bias) == 0:
            np.asarray(bias)[self.units : 2 * self.units] += self._forget_bias
        return bias


class GRU(Recurrent):
    """A gated recurrent unit (Cho et al. 2014).

    z, r = σ(x W + h U + b); h ← z h + (1 − z) ĥ, columns in the order z, r, h. ĥ = φ(x W + b + r (h U + b′)), where
    the recurrent part has a bias b′ for all three gates; or as in the paper φ(x W + b + (r h) U).

    Parameters
    ----------
    units : int
        Length of h, >= 1.
    activation : str
        φ, one of `chainrule.activations.ACTIVATIONS` but "softmax".
    return_sequences
        As in `SimpleRNN`.
    reset_after : bool
        Whether r is multiplied after the product with U, as in CuDNN and PyTorch, or before it, as in the paper.
    stateful, dropout, recurrent_dropout
        As in `SimpleRNN`.
    weights : str, Normal, Uniform, Orthogonal, float or array (inputs, 3 units), optional
        Initial weights of the inputs, by default "glorot_uniform" for each gate.
    recurrent_weights : as weights, or array (units, 3 units), optional
        Initial weights of the state, by default "orthogonal" for each gate.
    bias : float or array (3 units,)
        Initial bias; the bias of the recurrent part starts at zero.
    l1, l2 : float
        Penalty l1 ‖W‖₁ + ½ l2 ‖W‖² on both kinds of weights, never on a bias. May be set at any time.
    rate_factor, decay_factor, trainable
        As in `SimpleRNN`.

    Examples
    --------
    >>> import chainrule as cr
    >>> cr.Network([cr.Input(10, 3), GRU(8, return_sequences=True), GRU(4), cr.Dense(1, "sigmoid")], seed=0)
    Network([(10, 3), (10, 8), 4, 1], 485 parameters, float32, seed=0)
    """

    settings = (
        "units",
        "activation",
        "return_sequences",
        "reset_after",
        "stateful",
        "dropout",
        "recurrent_dropout",
    )
    _gates = ("z", "r", "h")

    recurrent_bias = Parameter("A copy of the bias of the recurrent part, (3 units,), with reset_after; assign to set.")

    def __init__(
        self,
        units: int,
        activation: str = "tanh",
        *,
        return_sequences: bool = False,
        reset_after: bool = True,
        stateful: bool = False,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        weights: Initial = None,
        recurrent_weights: Initial = None,
        bias: float | ArrayLike = 0.0,
        l1: float = 0.0,
        l2: float = 0.0,
        rate_factor: Factor = 1.0,
        decay_factor: Factor | None = None,
        trainable: bool = True,
    ) -> None:
        super().__init__(
            units,
            activation,
            return_sequences=return_sequences,
            stateful=stateful,
            dropout=dropout,
            recurrent_dropout=recurrent_dropout,
            weights=weights,
            recurrent_weights=recurrent_weights,
            bias=bias,
            l1=l1,
            l2=l2,
            rate_factor=rate_factor,
            decay_factor=decay_factor,
            trainable=trainable,
        )
        self.reset_after = checked_flag(reset_after, "reset_after")

    def parameter_shapes(self, shape: Shape) -> dict[str, Shape]:
        shapes = super().parameter_shapes(shape)
        return {**shapes, "recurrent_bias": shapes["bias"]} if self.reset_after else shapes

    def core_cell(self) -> _core.RecurrentCell:
        return _core.gru_cell(self.reset_after, self.activation)
