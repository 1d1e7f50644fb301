"""The fully connected layer."""

from __future__ import annotations

from numpy.typing import ArrayLike

from .. import _core
from .._checks import checked_integer, checked_number
from ..activations import checked_activation
from .base import Shape
from .learning import Factor
from .parameter import Parameter
from .weighted import BiasedLayer, Initial, checked_initial, filled

__all__ = ["Dense"]


class Dense(BiasedLayer):
    """A fully connected layer: a = f(x W + b), of features in a row, or of those of each step of a sequence.

    Parameters
    ----------
    units : int
        Number of outputs, >= 1.
    activation : str
        One of `chainrule.activations.ACTIVATIONS`, such as "relu", or "leaky_relu(0.2)" and "elu(1.5)" with an α of
        their own; by default the layer is linear. "softmax" on the last layer only; of a sequence it is taken at each
        step.
    weights : str, Normal, Uniform, Orthogonal, float or array (inputs, units), optional
        Initial weights; by default uniform in ±1/√inputs, and larger in networks of more than five layers. A number
        sets them all equal, and equal units stay equal for ever, as their gradients are equal too: the symmetry trap.
    bias : float or array (units,), optional
        Initial bias; by default drawn as the weights, or zero where these are given.
    use_bias : bool
        False: a = f(x W).
    l1, l2 : float
        Penalty l1 ‖W‖₁ + ½ l2 ‖W‖², never on the bias. May be set at any time.
    max_norm : float, optional
        Longest that the incoming weights of a unit may be after a step (Srivastava et al. 2014).
    rate_factor, decay_factor : float or mapping of str to float
        What the optimiser's steps and its weight decay are multiplied by, >= 0: of all parameters, or of those named.
        By default, weights have a decay factor of 1, and other parameters 0. May be set at any time.
    trainable : bool
        False: training leaves the layer as it is. May be set at any time.

    Examples
    --------
    >>> Dense(300, activation="sigmoid", l2=1e-4)
    Dense(300, activation='sigmoid', l2=0.0001)
    """

    settings = ("units", "activation", "use_bias", "max_norm")
    size_settings = ("units",)
    works_step_by_step = True
    preserves_steps = True
    output_axis = -1
    mixes_features = True

    weights = Parameter("A copy of the weights, (inputs, units); assign to set them.")

    def __init__(
        self,
        units: int,
        activation: str = "identity",
        *,
        weights: Initial = None,
        bias: float | ArrayLike | None = None,
        use_bias: bool = True,
        l1: float = 0.0,
        l2: float = 0.0,
        max_norm: float | None = None,
        rate_factor: Factor = 1.0,
        decay_factor: Factor | None = None,
        trainable: bool = True,
    ) -> None:
        learning = {"rate_factor": rate_factor, "decay_factor": decay_factor, "trainable": trainable}
        super().__init__(bias=bias, use_bias=use_bias, l1=l1, l2=l2, **learning)
        self.units = checked_integer(units, "units", lowest=1, highest=2**31)
        self.activation = checked_activation(activation)
        self.max_norm = None if max_norm is None else checked_number(max_norm, "max_norm", lowest=0, open_lowest=True)
        self._initial_weights = checked_initial(weights, "weights")

    @property
    def fully_connected(self) -> bool:  # type: ignore[override]
        return len(self.place.input_shape) == 1

    def output_shape(self, shape: Shape) -> Shape:
        if len(shape) > 2:
            raise ValueError(f"Dense takes features in a row, got samples of shape {shape}; put a Flatten in between")
        if len(shape) == 2 and self.max_norm is not None:
            raise ValueError(
                f"Dense takes features in a row with max_norm, got samples of shape {shape}; put a Flatten in between"
            )
        return (*shape[:-1], self.units)

    def parameter_shapes(self, shape: Shape) -> dict[str, Shape]:
        return self._with_bias((shape[-1], self.units), self.units)

    def core_settings(self, shape: Shape) -> _core.LayerSettings:
        if len(shape) == 1:
            return _core.DenseSettings(
                units=self.units,
                activation=self.activation,
                l1=self._l1,
                l2=self._l2,
                max_norm=self.max_norm or 0.0,
                use_bias=self.use_bias,
            )
        return _core.StepwiseDenseSettings(
            steps=shape[0],
            units=self.units,
            activation=self.activation,
            l1=self._l1,
            l2=self._l2,
            use_bias=self.use_bias,
        )

    def initialize(self, seed: int) -> None:
        shape = (self.place.input_shape[-1], self.units)
        self.weights = filled(self._initial(self._initial_weights, shape, seed), shape)
        self._start_bias(self.units, shape[0], seed)

    def __repr__(self) -> str:
        defaults = {"use_bias": True, "l1": 0.0, "l2": 0.0, "max_norm": None}
        defaults |= {"rate_factor": 1.0, "decay_factor": None, "trainable": True}
        extra = "".join(f", {name}={getattr(self, name)!r}" for name, d in defaults.items() if getattr(self, name) != d)
        return f"Dense({self.units}, activation={self.activation!r}{extra})"
