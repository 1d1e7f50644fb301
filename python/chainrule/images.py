"""Layers for images (height, width, channels) and signals (steps, channels)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from numpy.typing import ArrayLike

from . import reference
from ._checks import checked_integer, checked_name
from .layers import ACTIVATIONS, Initial, Layer, Parameter, Shape, WeightedLayer, checked_initial, filled

PerAxis = int | Sequence[int]
# "valid", "same", or what is put before and behind each axis.
Padding = str | Sequence[Any]

_AXES = {1: ("steps",), 2: ("height", "width")}


@dataclass(frozen=True)
class Window:
    """A window that moves along one axis: output o covers o · stride + k · dilation − before, k < size."""

    inputs: int
    size: int
    stride: int
    dilation: int
    before: int
    outputs: int


# An axis of one place: what a signal's height is.
_NO_AXIS = Window(1, 1, 1, 1, 0, 1)


def _windows(
    layer: Layer, shape: Shape, size: PerAxis, strides: PerAxis, padding: Padding, dilation: PerAxis = 1
) -> list[Window]:
    """Return the windows over the axes of samples of a shape; ValueError where they do not fit."""
    axes = len(shape) - 1
    windows = []
    for axis, n in enumerate(shape[:-1]):
        k, s, d = (_of_axis(value, axis) for value in (size, strides, dilation))
        span = (k - 1) * d + 1
        total = max((-(-n // s) - 1) * s + span - n, 0) if padding == "same" else 0
        before, behind = (total // 2, total - total // 2) if isinstance(padding, str) else _pairs(padding, axes)[axis]
        if n + before + behind < span:
            name = _AXES[axes][axis]
            raise ValueError(f"{layer!r} needs {name} >= {span - before - behind}, got samples of shape {shape}")
        windows.append(Window(n, k, s, d, before, (n + before + behind - span) // s + 1))
    return windows


def _of_axis(value: PerAxis, axis: int) -> int:
    return value if isinstance(value, int) else value[axis]


def _pairs(padding: Sequence[Any], axes: int) -> Sequence[tuple[int, int]]:
    return [(padding[0], padding[1])] if axes == 1 else padding


def _checked_per_axis(value: PerAxis, argument: str, axes: int) -> PerAxis:
    if axes == 1 or not isinstance(value, (tuple, list)):
        return checked_integer(value, argument, lowest=1, highest=2**31)
    if len(value) != axes:
        raise ValueError(f"{argument} must be one number or {axes}, got {value!r}")
    return tuple(checked_integer(each, argument, lowest=1, highest=2**31) for each in value)


def _checked_padding(padding: Padding, axes: int) -> Padding:
    if isinstance(padding, str):
        return checked_name(padding, "padding", ("valid", "same"))
    return _checked_pair(padding, "(before, behind)") if axes == 1 else _checked_borders(padding)


def _checked_pair(pair: Any, form: str) -> tuple[int, int]:
    if not isinstance(pair, (tuple, list)) or len(pair) != 2:
        raise ValueError(f"padding must be 'valid', 'same' or {form}, got {pair!r}")
    before, behind = (checked_integer(each, "padding", lowest=0, highest=2**31) for each in pair)
    return before, behind


def _checked_borders(padding: Any) -> tuple[tuple[int, int], tuple[int, int]]:
    form = "((top, bottom), (left, right))"
    if not isinstance(padding, (tuple, list)) or len(padding) != 2:
        raise ValueError(f"padding must be 'valid', 'same' or {form}, got {padding!r}")
    return _checked_pair(padding[0], form), _checked_pair(padding[1], form)


def _checked_shape(layer: Layer, shape: Shape, axes: int) -> None:
    if len(shape) != axes + 1:
        wanted = f"({', '.join(_AXES[axes])}, channels)"
        raise ValueError(f"{type(layer).__name__} takes samples {wanted}, got samples of shape {shape}")


def _checked_activation(activation: str) -> str:
    if activation == "softmax":
        raise ValueError("activation of a convolution works on each value by itself, got 'softmax'; use Activation")
    return checked_name(activation, "activation", ACTIVATIONS)


def _axis_numbers(name: str, window: Window, size: str) -> dict[str, float]:
    return {
        name: window.inputs,
        f"{name}_result": window.outputs,
        f"{name}_{size}": window.size,
        f"{name}_stride": window.stride,
        f"{name}_dilation": window.dilation,
        f"{name}_before": window.before,
    }


def _numbers_of(windows: Sequence[Window], size: str) -> dict[str, float]:
    height, width = windows if len(windows) == 2 else (_NO_AXIS, *windows)
    return _axis_numbers("height", height, size) | _axis_numbers("width", width, size)


class _Convolution(WeightedLayer):
    """What the convolutions share."""

    _axes: int

    weights = Parameter("A copy of the weights; assign to set them.")
    bias = Parameter("A copy of the bias, (filters,); assign to set it.")

    def __init__(
        self,
        filters: int,
        kernel_size: PerAxis,
        activation: str,
        strides: PerAxis,
        padding: Padding,
        weights: Initial,
        bias: float | ArrayLike,
        **learning: Any,
    ) -> None:
        super().__init__(**learning)
        self.filters = checked_integer(filters, "filters", lowest=1, highest=2**31)
        self.kernel_size = _checked_per_axis(kernel_size, "kernel_size", self._axes)
        self.activation = _checked_activation(activation)
        self.strides = _checked_per_axis(strides, "strides", self._axes)
        self.padding = _checked_padding(padding, self._axes)
        self._initial_weights = checked_initial(weights, "weights")
        self._initial_bias = bias

    @property
    def _kernel(self) -> tuple[int, ...]:
        return tuple(_of_axis(self.kernel_size, axis) for axis in range(self._axes))

    def _fans(self, shape: Shape) -> tuple[int, int]:
        """Return the inputs that an output is made of, and the outputs that an input goes into."""
        raise NotImplementedError

    def _initialize(self, seed: int) -> None:
        shape = self._parameter_shapes(self._input_shape)["weights"]
        rows, columns = math.prod(shape[:-1]), shape[-1]
        fans = self._fans(self._input_shape)
        drawn = self._initial(self._initial_weights, self.activation, rows, columns, seed, fans=fans)
        self.weights = filled(drawn.reshape(shape) if drawn.shape == (rows, columns) else drawn, shape)
        self.bias = filled(self._initial_bias, (self.filters,))


class _Correlation(_Convolution):
    """What convolutions over one and two axes share."""

    _settings = ("filters", "kernel_size", "activation", "strides", "padding", "dilation", "groups", "l1", "l2")

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
        bias: float | ArrayLike = 0.0,
        l1: float = 0.0,
        l2: float = 0.0,
        trainable: bool = True,
    ) -> None:
        learning = {"l1": l1, "l2": l2, "trainable": trainable}
        super().__init__(filters, kernel_size, activation, strides, padding, weights, bias, **learning)
        self.dilation = _checked_per_axis(dilation, "dilation", self._axes)
        self.groups = checked_integer(groups, "groups", lowest=1, highest=2**31)
        if self.filters % self.groups != 0:
            raise ValueError(f"filters must be a multiple of groups, got {self.filters} filters in {self.groups}")

    def _moves(self, shape: Shape) -> list[Window]:
        return _windows(self, shape, self.kernel_size, self.strides, self.padding, self.dilation)

    def _output_shape(self, shape: Shape) -> Shape:
        _checked_shape(self, shape, self._axes)
        if shape[-1] % self.groups != 0:
            raise ValueError(f"groups must divide the channels of samples of {shape}, got {self.groups}")
        return (*(window.outputs for window in self._moves(shape)), self.filters)

    def _parameter_shapes(self, shape: Shape) -> dict[str, Shape]:
        return {"weights": (*self._kernel, shape[-1] // self.groups, self.filters), "bias": (self.filters,)}

    def _fans(self, shape: Shape) -> tuple[int, int]:
        places = math.prod(self._kernel)
        return places * shape[-1] // self.groups, places * self.filters // self.groups

    def _numbers(self, shape: Shape) -> dict[str, float]:
        channels = {"image_channels": shape[-1], "result_channels": self.filters, "groups": self.groups}
        return {**_numbers_of(self._moves(shape), "kernel"), **channels, "l1": self._l1, "l2": self._l2}

    def _reference(self, parameters: dict[str, Any]) -> reference.Layer:
        padding = self.padding if isinstance(self.padding, str) else _pairs(self.padding, self._axes)
        kind = reference.Conv1D if self._axes == 1 else reference.Conv2D
        return kind(
            **parameters,
            activation=self.activation,
            strides=self.strides,
            padding=padding,
            dilation=self.dilation,
            groups=self.groups,
            **self._learning(),
        )


class Conv2D(_Correlation):
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
        One of `ACTIVATIONS` but "softmax".
    strides : int or (down, right)
        How far the window moves from one output to the next.
    padding : str or ((top, bottom), (left, right))
        Zeros around the image: "valid", none; "same", as many as make ⌈size / stride⌉ outputs, the larger half behind.
    dilation : int or (down, right)
        How far the places of the window are apart.
    groups : int
        Blocks of channels, and of filters that see only their own block; as many as channels: a depthwise convolution.
    weights : str, Normal, Uniform, Orthogonal, float or array (height, width, channels / groups, filters), optional
        Initial weights; the default follows the activation, with the connections of a place.
    bias : float or array (filters,)
        Initial bias.
    l1, l2 : float
        Penalty l1 ‖W‖₁ + ½ l2 ‖W‖², never on the bias. May be set at any time.
    trainable : bool
        False: training leaves the layer as it is. May be set at any time.

    Raises
    ------
    ValueError
        In a network, for samples that are no images, or smaller than the window.

    Examples
    --------
    >>> import chainrule as cr
    >>> net = cr.Network([cr.Input(28, 28, 1), Conv2D(6, 5, "relu"), MaxPool2D(2), cr.Flatten(),
    ...                   cr.Dense(10, "softmax")], seed=0)
    >>> net.layers[1].weights.shape
    (5, 5, 1, 6)
    """

    _axes = 2


class Conv1D(_Correlation):
    """A convolution of signals, (steps, channels): `Conv2D` with one axis.

    z[i] = b + Σ x[i · stride + k · dilation − padding] W[k] over the window and the channels, a = f(z).

    Parameters
    ----------
    filters : int
        Channels of the result, >= 1.
    kernel_size : int
        Length of the window.
    activation : str
        One of `ACTIVATIONS` but "softmax".
    strides, dilation, groups
        As in `Conv2D`.
    padding : str or (before, behind)
        "valid", "same", or how many zeros there are before and behind the signal.
    weights : str, Normal, Uniform, Orthogonal, float or array (length, channels / groups, filters), optional
        Initial weights.
    bias, l1, l2, trainable
        As in `Conv2D`.

    Examples
    --------
    >>> Conv1D(8, 3, "relu", padding="same")
    Conv1D(8, 3, activation='relu', padding='same')
    """

    _axes = 1


class Conv2DTranspose(_Convolution):
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
        One of `ACTIVATIONS` but "softmax".
    strides : int or (down, right)
        How many times as large the result is.
    padding : str
        "valid": size · stride + max(kernel − stride, 0) outputs; "same": size · stride.
    weights : str, Normal, Uniform, Orthogonal, float or array (height, width, filters, channels), optional
        Initial weights; the default follows the activation. An output is made of kernel · channels / stride inputs.
    bias, l1, l2, trainable
        As in `Conv2D`.

    Examples
    --------
    >>> Conv2DTranspose(4, 2, strides=2)
    Conv2DTranspose(4, 2, strides=2)
    """

    _axes = 2
    _settings = ("filters", "kernel_size", "activation", "strides", "padding", "l1", "l2")

    def __init__(
        self,
        filters: int,
        kernel_size: PerAxis,
        activation: str = "identity",
        *,
        strides: PerAxis = 1,
        padding: str = "valid",
        weights: Initial = None,
        bias: float | ArrayLike = 0.0,
        l1: float = 0.0,
        l2: float = 0.0,
        trainable: bool = True,
    ) -> None:
        padding = checked_name(padding, "padding", ("valid", "same"))
        learning = {"l1": l1, "l2": l2, "trainable": trainable}
        super().__init__(filters, kernel_size, activation, strides, padding, weights, bias, **learning)

    def _moves(self, shape: Shape) -> list[Window]:
        """Return the windows of the convolution from the result to the image, which this is the transpose of."""
        return _windows(self, self._output_shape(shape), self.kernel_size, self.strides, self.padding)

    def _output_shape(self, shape: Shape) -> Shape:
        _checked_shape(self, shape, self._axes)
        sizes = []
        for axis, n in enumerate(shape[:-1]):
            k, s = self._kernel[axis], _of_axis(self.strides, axis)
            sizes.append(n * s + (max(k - s, 0) if self.padding == "valid" else 0))
        return (*sizes, self.filters)

    def _parameter_shapes(self, shape: Shape) -> dict[str, Shape]:
        return {"weights": (*self._kernel, self.filters, shape[-1]), "bias": (self.filters,)}

    def _fans(self, shape: Shape) -> tuple[int, int]:
        places = math.prod(self._kernel)
        steps = math.prod(_of_axis(self.strides, axis) for axis in range(2))
        return max(places * shape[-1] // steps, 1), places * self.filters

    def _numbers(self, shape: Shape) -> dict[str, float]:
        channels = {"image_channels": self.filters, "result_channels": shape[-1], "groups": 1}
        return {**_numbers_of(self._moves(shape), "kernel"), **channels, "l1": self._l1, "l2": self._l2}

    def _reference(self, parameters: dict[str, Any]) -> reference.Layer:
        assert isinstance(self.padding, str)
        options = {"activation": self.activation, "strides": self.strides, **self._learning()}
        return reference.Conv2DTranspose(**parameters, padding=self.padding, **options)


class _Pool(Layer):
    """What the pools share."""

    _axes: int
    _settings = ("pool_size", "strides", "padding")

    def __init__(
        self,
        pool_size: PerAxis = 2,
        *,
        strides: PerAxis | None = None,
        padding: Padding = "valid",
        trainable: bool = True,
    ) -> None:
        super().__init__(trainable=trainable)
        self.pool_size = _checked_per_axis(pool_size, "pool_size", self._axes)
        self.strides = None if strides is None else _checked_per_axis(strides, "strides", self._axes)
        self.padding = _checked_padding(padding, self._axes)
        if not isinstance(self.padding, str):
            for axis, pair in enumerate(_pairs(self.padding, self._axes)):
                if max(pair) >= _of_axis(self.pool_size, axis):
                    raise ValueError(f"padding must be smaller than pool_size {self.pool_size}, got {self.padding}")

    def _moves(self, shape: Shape) -> list[Window]:
        strides = self.pool_size if self.strides is None else self.strides
        return _windows(self, shape, self.pool_size, strides, self.padding)

    def _output_shape(self, shape: Shape) -> Shape:
        _checked_shape(self, shape, self._axes)
        return (*(window.outputs for window in self._moves(shape)), shape[-1])

    def _numbers(self, shape: Shape) -> dict[str, float]:
        return {**_numbers_of(self._moves(shape), "window"), "channels": shape[-1]}

    def _reference(self, parameters: dict[str, Any]) -> reference.Layer:
        padding = self.padding if isinstance(self.padding, str) else _pairs(self.padding, self._axes)
        kind: type[reference.Layer] = getattr(reference, type(self).__name__)
        return kind(self.pool_size, self.strides, padding)  # type: ignore[arg-type]


class MaxPool2D(_Pool):
    """The maximum under a window that moves over the image, for each channel by itself.

    Of equal maxima the first, row by row, takes the gradient. Padding never is the maximum.

    Parameters
    ----------
    pool_size : int or (height, width)
        Size of the window.
    strides : int or (down, right), optional
        How far the window moves; its size, unless said.
    padding : str or ((top, bottom), (left, right))
        As in `Conv2D`, less than the window.

    Examples
    --------
    >>> MaxPool2D(3, strides=2)
    MaxPool2D(pool_size=3, strides=2)
    """

    _axes = 2


class MaxPool1D(_Pool):
    """The maximum under a window that moves along the signal: `MaxPool2D` with one axis.

    Parameters
    ----------
    pool_size : int
        Length of the window.
    strides : int, optional
        How far the window moves; its length, unless said.
    padding : str or (before, behind)
        "valid", "same", or how much there is before and behind the signal, less than the window.

    Examples
    --------
    >>> MaxPool1D(4)
    MaxPool1D(pool_size=4)
    """

    _axes = 1


class AvgPool2D(_Pool):
    """The mean under a window that moves over the image, for each channel by itself; padding does not count.

    Parameters
    ----------
    pool_size, strides, padding
        As in `MaxPool2D`.

    Examples
    --------
    >>> AvgPool2D()
    AvgPool2D()
    """

    _axes = 2


class AvgPool1D(_Pool):
    """The mean under a window that moves along the signal; padding does not count.

    Parameters
    ----------
    pool_size, strides, padding
        As in `MaxPool1D`.

    Examples
    --------
    >>> AvgPool1D(3, strides=1, padding="same")
    AvgPool1D(pool_size=3, strides=1, padding='same')
    """

    _axes = 1


class _GlobalPool(Layer):
    """What the means over all places share."""

    _axes: int

    def _output_shape(self, shape: Shape) -> Shape:
        _checked_shape(self, shape, self._axes)
        return shape[-1:]

    def _numbers(self, shape: Shape) -> dict[str, float]:
        windows = [Window(n, n, 1, 1, 0, 1) for n in shape[:-1]]
        return {**_numbers_of(windows, "window"), "channels": shape[-1]}

    def _reference(self, parameters: dict[str, Any]) -> reference.Layer:
        kind: type[reference.Layer] = getattr(reference, type(self).__name__)
        return kind()


class GlobalAvgPool2D(_GlobalPool):
    """The mean of each channel over the whole image (Lin et al. 2014).

    Examples
    --------
    >>> import chainrule as cr
    >>> cr.Network([cr.Input(8, 8, 3), GlobalAvgPool2D(), cr.Dense(2, "softmax")], seed=0)
    Network([(8, 8, 3), 3, 2], 8 parameters, float32, seed=0)
    """

    _axes = 2


class GlobalAvgPool1D(_GlobalPool):
    """The mean of each channel over the whole signal.

    Examples
    --------
    >>> GlobalAvgPool1D()
    GlobalAvgPool1D()
    """

    _axes = 1


class ZeroPad2D(Layer):
    """A border of zeros around an image.

    Parameters
    ----------
    padding : int or ((top, bottom), (left, right))
        How wide it is.

    Examples
    --------
    >>> ZeroPad2D(((0, 1), (0, 1)))
    ZeroPad2D(padding=((0, 1), (0, 1)))
    """

    _settings = ("padding",)

    def __init__(self, padding: int | Sequence[Sequence[int]] = 1, *, trainable: bool = True) -> None:
        super().__init__(trainable=trainable)
        self.padding: int | tuple[tuple[int, int], tuple[int, int]]
        if isinstance(padding, (tuple, list)):
            form = "a number or ((top, bottom), (left, right))"
            if len(padding) != 2 or any(not isinstance(p, (tuple, list)) or len(p) != 2 for p in padding):
                raise ValueError(f"padding must be {form}, got {padding!r}")
            self.padding = _checked_borders(padding)
        else:
            self.padding = checked_integer(padding, "padding", lowest=0, highest=2**31)

    @property
    def _borders(self) -> tuple[tuple[int, int], tuple[int, int]]:
        p = self.padding
        return ((p, p), (p, p)) if isinstance(p, int) else p

    def _output_shape(self, shape: Shape) -> Shape:
        _checked_shape(self, shape, 2)
        height, width = (n + sum(pair) for n, pair in zip(shape, self._borders, strict=False))
        return height, width, shape[-1]

    def _numbers(self, shape: Shape) -> dict[str, float]:
        (top, bottom), (left, right) = self._borders
        sizes = dict(zip(("height", "width", "channels"), shape, strict=True))
        return {**sizes, "top": top, "bottom": bottom, "left": left, "right": right}

    def _reference(self, parameters: dict[str, Any]) -> reference.Layer:
        return reference.ZeroPad2D(self._borders)


class UpSample2D(Layer):
    """An image several times as large, each place copied: z[i, j] = x[⌊i / down⌋, ⌊j / right⌋].

    Parameters
    ----------
    size : int or (down, right)
        How many times as large it is.

    Examples
    --------
    >>> UpSample2D((1, 2))
    UpSample2D(size=(1, 2))
    """

    _settings = ("size",)

    def __init__(self, size: PerAxis = 2, *, trainable: bool = True) -> None:
        super().__init__(trainable=trainable)
        self.size = _checked_per_axis(size, "size", 2)

    def _output_shape(self, shape: Shape) -> Shape:
        _checked_shape(self, shape, 2)
        height, width, channels = shape
        return height * _of_axis(self.size, 0), width * _of_axis(self.size, 1), channels

    def _numbers(self, shape: Shape) -> dict[str, float]:
        sizes = dict(zip(("height", "width", "channels"), shape, strict=True))
        return {**sizes, "down": _of_axis(self.size, 0), "right": _of_axis(self.size, 1)}

    def _reference(self, parameters: dict[str, Any]) -> reference.Layer:
        return reference.UpSample2D(self.size)
