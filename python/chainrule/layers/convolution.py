"""Convolutions of images (height, width, channels) and signals (steps, channels)."""

from __future__ import annotations

import math
from typing import Any

from numpy.typing import ArrayLike

from .. import _core
from .._checks import checked_integer, checked_name
from ..activations import checked_activation
from .base import Shape
from .learning import Factor
from .parameter import Parameter
from .weighted import BiasedLayer, Initial, checked_initial, filled
from .windows import (
    Padding,
    PerAxis,
    Window,
    checked_padding,
    checked_per_axis,
    checked_shape,
    of_axis,
    rows_and_columns,
    windows,
)

__all__ = ["Conv1D", "Conv2D", "Conv2DTranspose"]


class Convolution(BiasedLayer, abstract=True):
    """What all convolutions have in common; use one of its kinds."""

    size_settings = ("filters", "kernel_size")

    _axes: int

    weights = Parameter("A copy of the weights; assign to set them.")

    def __init__(
        self,
        filters: int,
        kernel_size: PerAxis,
        activation: str,
        strides: PerAxis,
        padding: Padding,
        weights: Initial,
        **learning: Any,
    ) -> None:
        super().__init__(**learning)
        self.filters = checked_integer(filters, "filters", lowest=1, highest=2**31)
        self.kernel_size = checked_per_axis(kernel_size, "kernel_size", self._axes)
        self.activation = checked_activation(activation)
        self.strides = checked_per_axis(strides, "strides", self._axes)
        self.padding = checked_padding(padding, self._axes)
        self._initial_weights = checked_initial(weights, "weights")

    @property
    def _kernel(self) -> tuple[int, ...]:
        return tuple(of_axis(self.kernel_size, axis) for axis in range(self._axes))

    def _fans(self, shape: Shape) -> tuple[int, int]:
        """Return the inputs that an output is made of, and the outputs that an input goes into."""
        raise NotImplementedError

    def initialize(self, seed: int) -> None:
        shape = self.parameter_shapes(self.place.input_shape)["weights"]
        matrix = math.prod(shape[:-1]), shape[-1]
        fans = self._fans(self.place.input_shape)
        drawn = self._initial(self._initial_weights, matrix, seed, fans=fans)
        self.weights = filled(drawn.reshape(shape) if drawn.shape == matrix else drawn, shape)
        self._start_bias(self.filters, fans[0], seed)


class Correlation(Convolution, abstract=True):
    """What convolutions over one and two axes have in common; use one of its kinds."""

    output_axis = -1

    settings = (
        "filters",
        "kernel_size",
        "activation",
        "strides",
        "padding",
        "dilation",
        "groups",
        "use_bias",
    )

    def __init__(
        self,
        filters: int,
        kernel_size: PerAxis,
        activation: str = "identity",
        *,
        strides: PerAxis = 1,
        padding: Padding = "valid",
        dilation: PerAxis = 1,
        groups: int = 1,
        weights: Initial = None,
        bias: float | ArrayLike | None = None,
        use_bias: bool = True,
        l1: float = 0.0,
        l2: float = 0.0,
        rate_factor: Factor = 1.0,
        decay_factor: Factor | None = None,
        trainable: bool = True,
    ) -> None:
        factors = {"rate_factor": rate_factor, "decay_factor": decay_factor}
        learning = {"bias": bias, "use_bias": use_bias, "l1": l1, "l2": l2, **factors, "trainable": trainable}
        super().__init__(filters, kernel_size, activation, strides, padding, weights, **learning)
        self.dilation = checked_per_axis(dilation, "dilation", self._axes)
        self.groups = checked_integer(groups, "groups", lowest=1, highest=2**31)
        if self.filters % self.groups != 0:
            raise ValueError(f"filters must be a multiple of groups, got {self.filters} filters in {self.groups}")

    def moves(self, shape: Shape) -> list[Window]:
        return windows(self, shape, self.kernel_size, self.strides, self.padding, self.dilation)

    def output_shape(self, shape: Shape) -> Shape:
        checked_shape(self, shape, self._axes)
        if shape[-1] % self.groups != 0:
            raise ValueError(f"groups must divide the channels of samples of {shape}, got {self.groups}")
        return (*(window.outputs for window in self.moves(shape)), self.filters)

    @property
    def preserves_steps(self) -> bool:  # type: ignore[override]
        shape = self.place.input_shape
        return self.output_shape(shape)[:-1] == shape[:-1]

    def parameter_shapes(self, shape: Shape) -> dict[str, Shape]:
        return self._with_bias((*self._kernel, shape[-1] // self.groups, self.filters), self.filters)

    def _fans(self, shape: Shape) -> tuple[int, int]:
        places = math.prod(self._kernel)
        return places * shape[-1] // self.groups, places * self.filters // self.groups

    def core_settings(self, shape: Shape) -> _core.LayerSettings:
        rows, columns = (_axis(window) for window in rows_and_columns(self.moves(shape)))
        return _core.ConvolutionSettings(
            rows=rows,
            columns=columns,
            image_channels=shape[-1],
            result_channels=self.filters,
            groups=self.groups,
            transposed=False,
            activation=self.activation,
            l1=self._l1,
            l2=self._l2,
            use_bias=self.use_bias,
        )


class Conv2D(Correlation):
    """A convolution of images: filters of a small window that moves over the image.

    z[i, j] = b + Σ x[i · stride + k · dilation − padding, …] W[k, …] over the window and the channels, a = f(z): a
    cross-correlation, as the field has it (LeCun et al. 1998).

    Parameters
    ----------
    filters : int
        Channels of the result, >= 1.
    kernel_size : int or (height, width)
        Size of the window.
    activation : str
        One of `chainrule.activations.ACTIVATIONS`; "softmax", over the filters at each place, on the last layer only.
    strides : int or (down, right)
        How far the window moves from one output to the next.
    padding : str or ((top, bottom), (left, right))
        Zeros around the image: "valid", none; "same", as many as make ⌈size / stride⌉ outputs, the larger half
        at the bottom and at the right.
    dilation : int or (down, right)
        How far the places of the window are apart.
    groups : int
        Blocks of channels, and of filters that see only their own block; as many as channels: a depthwise convolution.
    weights : str, Normal, Uniform, Orthogonal, float or array (height, width, channels / groups, filters), optional
        Initial weights; by default as those of `Dense`, with the connections of a place.
    bias : float or array (filters,), optional
        Initial bias; by default drawn as the weights, or zero where these are given.
    use_bias : bool
        False: z without b, as before a `BatchNorm`, whose shifts do the same.
    l1, l2 : float
        Penalty l1 ‖W‖₁ + ½ l2 ‖W‖², never on the bias. May be set at any time.
    rate_factor, decay_factor : float or mapping of str to float
        What the optimiser's steps and its weight decay are multiplied by, >= 0: of all parameters, or of those named.
        By default, weights have a decay factor of 1, and other parameters 0. May be set at any time.
    trainable : bool
        False: training leaves the layer as it is. May be set at any time.

    Raises
    ------
    ValueError
        In a network, for samples that are no images, or smaller than the window.

    Examples
    --------
    >>> import chainrule as cr
    >>> net = cr.Network([cr.Input(28, 28, 1), cr.Conv2D(6, 5, "relu"), cr.MaxPool2D(2), cr.Flatten(),
    ...                   cr.Dense(10, "softmax")], seed=0)
    >>> net.layers[1].weights.shape
    (5, 5, 1, 6)
    """

    _axes = 2


class Conv1D(Correlation):
    """A convolution of signals, (steps, channels): `Conv2D` with one axis.

    z[i] = b + Σ x[i · stride + k · dilation − padding] W[k] over the window and the channels, a = f(z). After a
    `Masking`, padded steps are read as they are, and stay padding for the layers above where the result has as many
    steps, as with "same" or "causal" and a stride of 1.

    Parameters
    ----------
    filters : int
        Channels of the result, >= 1.
    kernel_size : int
        Length of the window.
    activation : str
        One of `chainrule.activations.ACTIVATIONS`; "softmax", over the filters at each place, on the last layer only.
    strides, dilation, groups
        As in `Conv2D`.
    padding : str or (before, after)
        "valid", "same", or numbers of zeros before and after the signal; "causal": all zeros before it, so that step t
        of the result depends on the steps up to t alone.
    weights : str, Normal, Uniform, Orthogonal, float or array (length, channels / groups, filters), optional
        Initial weights.
    bias, use_bias, l1, l2, rate_factor, decay_factor, trainable
        As in `Conv2D`.

    Examples
    --------
    >>> Conv1D(8, 3, "relu", padding="same")
    Conv1D(8, 3, activation='relu', padding='same')
    """

    _axes = 1
    step_remedy = "; it does with padding='causal' and strides=1"

    @property
    def works_step_by_step(self) -> bool:  # type: ignore[override]
        (window,) = self.moves(self.place.input_shape)
        return window.stride == 1 and window.outputs == window.inputs and window.before == window.reach

    def state_shapes(self, shape: Shape) -> dict[str, Shape]:
        (window,) = self.moves(shape)
        return {"inputs": (window.reach, shape[-1])} if window.reach else {}


class Conv2DTranspose(Convolution):
    """The transpose of a convolution, which makes images larger.

    Each place of the image adds W x to a window of the result; windows are as far apart as the stride, and what they
    share adds up: z = b + that, a = f(z) (Dumoulin and Visin 2016).

    Parameters
    ----------
    filters : int
        Channels of the result, >= 1.
    kernel_size : int or (height, width)
        Size of the window.
    activation : str
        One of `chainrule.activations.ACTIVATIONS`; "softmax", over the filters at each place, on the last layer only.
    strides : int or (down, right)
        How many times as large the result is.
    padding : str
        "valid": size · stride + max(kernel − stride, 0) outputs; "same": size · stride.
    weights : str, Normal, Uniform, Orthogonal, float or array (height, width, filters, channels), optional
        Initial weights; by default as those of `Dense`. An output is made of kernel · channels / stride inputs.
    bias, use_bias, l1, l2, rate_factor, decay_factor, trainable
        As in `Conv2D`.

    Examples
    --------
    >>> Conv2DTranspose(4, 2, strides=2)
    Conv2DTranspose(4, 2, strides=2)
    """

    _axes = 2
    settings = ("filters", "kernel_size", "activation", "strides", "padding", "use_bias")
    # The weights have the outputs before the inputs.
    output_axis = -2

    def __init__(
        self,
        filters: int,
        kernel_size: PerAxis,
        activation: str = "identity",
        *,
        strides: PerAxis = 1,
        padding: str = "valid",
        weights: Initial = None,
        bias: float | ArrayLike | None = None,
        use_bias: bool = True,
        l1: float = 0.0,
        l2: float = 0.0,
        rate_factor: Factor = 1.0,
        decay_factor: Factor | None = None,
        trainable: bool = True,
    ) -> None:
        padding = checked_name(padding, "padding", ("valid", "same"))
        factors = {"rate_factor": rate_factor, "decay_factor": decay_factor}
        learning = {"bias": bias, "use_bias": use_bias, "l1": l1, "l2": l2, **factors, "trainable": trainable}
        super().__init__(filters, kernel_size, activation, strides, padding, weights, **learning)

    def moves(self, shape: Shape) -> list[Window]:
        """Return the windows of the convolution from the result to the image, which this is the transpose of."""
        return windows(self, self.output_shape(shape), self.kernel_size, self.strides, self.padding)

    def output_shape(self, shape: Shape) -> Shape:
        checked_shape(self, shape, self._axes)
        sizes = []
        for axis, n in enumerate(shape[:-1]):
            k, s = self._kernel[axis], of_axis(self.strides, axis)
            sizes.append(n * s + (max(k - s, 0) if self.padding == "valid" else 0))
        return (*sizes, self.filters)

    def parameter_shapes(self, shape: Shape) -> dict[str, Shape]:
        return self._with_bias((*self._kernel, self.filters, shape[-1]), self.filters)

    def _fans(self, shape: Shape) -> tuple[int, int]:
        places = math.prod(self._kernel)
        steps = math.prod(of_axis(self.strides, axis) for axis in range(2))
        return max(places * shape[-1] // steps, 1), places * self.filters

    def core_settings(self, shape: Shape) -> _core.LayerSettings:
        rows, columns = (_axis(window) for window in rows_and_columns(self.moves(shape)))
        return _core.ConvolutionSettings(
            rows=rows,
            columns=columns,
            image_channels=self.filters,
            result_channels=shape[-1],
            groups=1,
            transposed=True,
            activation=self.activation,
            l1=self._l1,
            l2=self._l2,
            use_bias=self.use_bias,
        )


def _axis(window: Window) -> _core.ConvolutionAxis:
    """Return one axis of a convolution as the core takes it."""
    return _core.ConvolutionAxis(
        image=window.inputs,
        result=window.outputs,
        kernel=window.size,
        stride=window.stride,
        dilation=window.dilation,
        before=window.before,
    )
