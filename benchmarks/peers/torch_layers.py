"""chainrule's layers as PyTorch's modules, with the same parameters."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial, singledispatch
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

import chainrule as cr

Shape = tuple[int, ...]
Activations = Mapping[str, Callable[[], nn.Module]]

ACTIVATIONS: Activations = {
    "identity": nn.Identity,
    "relu": nn.ReLU,
    "selu": nn.SELU,
    "sigmoid": nn.Sigmoid,
    "softmax": partial(nn.Softmax, dim=1),
    "tanh": nn.Tanh,
}


class LastStep(nn.Module):
    """The outputs of a recurrent module at the last step."""

    def __init__(self, recurrent: nn.Module) -> None:
        super().__init__()
        self.recurrent = recurrent

    def forward(self, x: Tensor) -> Tensor:
        """Map sequences (samples, steps, features) to the outputs at their last step."""
        outputs: Tensor = self.recurrent(x)[0][:, -1]
        return outputs


class Residual(nn.Module):
    """The sum of inputs and outputs of a block."""

    def __init__(self, block: nn.Module) -> None:
        super().__init__()
        self.block = block

    def forward(self, x: Tensor) -> Tensor:
        """Map inputs to outputs of the same shape."""
        outputs: Tensor = x + self.block(x)
        return outputs


class StepModule(nn.Module):
    """One step of an LSTM and of the dense layer after it; the caller keeps the state."""

    def __init__(self, network: cr.Network) -> None:
        super().__init__()
        last, self.head = module_of(network)
        lstm = last.recurrent
        self.cell = nn.LSTMCell(lstm.input_size, lstm.hidden_size)
        for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
            setattr(self.cell, name, getattr(lstm, f"{name}_l0"))

    def forward(self, x: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Map inputs (1, features) and the state to the outputs and the new state."""
        h, c = self.cell(x, (h, c))
        return torch.softmax(self.head(h), dim=1), h, c


def module_of(network: cr.Network) -> nn.Sequential:
    """Return the network without softmax, which the loss contains; images are (samples, channels, height, width)."""
    modules = _modules(network.stack, network.shapes, {**ACTIVATIONS, "softmax": nn.Identity})
    _read_channels_first(network, modules)
    return _in_row(modules)


def _modules(layers: Sequence[cr.Layer], shapes: Sequence[Shape], activations: Activations) -> list[nn.Module]:
    """Return two modules for each layer, which reads samples of its shape: without activation, and the activation."""
    modules: list[nn.Module] = []
    for layer, shape in zip(layers, shapes, strict=False):
        modules += [_module(layer, shape), activations[layer.output_activation]()]
    return modules


def _in_row(modules: Sequence[nn.Module]) -> nn.Sequential:
    """Return the modules in a row, without those that do nothing."""
    return nn.Sequential(*(module for module in modules if not isinstance(module, nn.Identity)))


def reads_channels_first(network: nn.Sequential) -> bool:
    """Tell whether samples have their channels first, which convolutions want."""
    return isinstance(network[0], nn.Conv1d | nn.Conv2d)


def _read_channels_first(network: cr.Network, modules: list[nn.Module]) -> None:
    """Reorder the weights after a Flatten of images, as PyTorch flattens channels first."""
    for index, (layer, shape) in enumerate(zip(network.stack, network.shapes, strict=False)):
        if isinstance(layer, cr.Flatten) and len(shape) == 3:
            dense = modules[2 * index + 2]
            assert isinstance(dense, nn.Linear)
            weights = dense.weight.detach().reshape(-1, *shape).permute(0, 3, 1, 2)
            dense.weight = nn.Parameter(weights.reshape(dense.weight.shape).contiguous())


def _tensor(values: NDArray[Any]) -> Tensor:
    return torch.from_numpy(np.array(values, order="C"))


def _parameter(values: NDArray[Any]) -> nn.Parameter:
    return nn.Parameter(_tensor(values))


@singledispatch
def _module(layer: cr.Layer, shape: Shape) -> nn.Module:
    raise NotImplementedError(f"{type(layer).__name__} has no counterpart here")


@_module.register
def _(layer: cr.Dense, shape: Shape) -> nn.Module:
    module = nn.Linear(shape[-1], layer.units)
    module.weight, module.bias = _parameter(layer.weights.T), _parameter(layer.bias)
    return module


@_module.register
def _(layer: cr.Activation, shape: Shape) -> nn.Module:
    return nn.Identity()


@_module.register
def _(layer: cr.Flatten, shape: Shape) -> nn.Module:
    return nn.Flatten()


@_module.register
def _(layer: cr.Dropout, shape: Shape) -> nn.Module:
    return nn.Dropout(layer.rate)


@_module.register
def _(layer: cr.BatchNorm, shape: Shape) -> nn.Module:
    kind = nn.BatchNorm2d if len(shape) == 3 else nn.BatchNorm1d
    module = kind(shape[-1], eps=layer.epsilon, momentum=1 - layer.momentum)
    module.weight, module.bias = _parameter(layer.gamma), _parameter(layer.beta)
    module.running_mean, module.running_var = _tensor(layer.running_mean), _tensor(layer.running_variance)
    return module


@_module.register
def _(layer: cr.LayerNorm, shape: Shape) -> nn.Module:
    module = nn.LayerNorm(shape[-1], eps=layer.epsilon)
    module.weight, module.bias = _parameter(layer.gamma), _parameter(layer.beta)
    return module


@_module.register
def _(layer: cr.Residual, shape: Shape) -> nn.Module:
    shapes = [inner.place.input_shape for inner in layer.layers]
    return Residual(_in_row(_modules(layer.layers, shapes, ACTIVATIONS)))


@_module.register
def _(layer: cr.Conv2D, shape: Shape) -> nn.Module:
    padding = layer.padding if isinstance(layer.padding, str) else tuple(low for low, _ in layer.padding)
    module = nn.Conv2d(
        shape[-1], layer.filters, layer.kernel_size, layer.strides, padding, layer.dilation, layer.groups
    )
    module.weight, module.bias = _parameter(layer.weights.transpose(3, 2, 0, 1)), _parameter(layer.bias)
    return module


@_module.register
def _(layer: cr.Conv1D, shape: Shape) -> nn.Module:
    module = nn.Conv1d(
        shape[-1], layer.filters, layer.kernel_size, layer.strides, layer.padding, layer.dilation, layer.groups
    )
    module.weight, module.bias = _parameter(layer.weights.transpose(2, 1, 0)), _parameter(layer.bias)
    return module


@_module.register
def _(layer: cr.MaxPool2D, shape: Shape) -> nn.Module:
    return nn.MaxPool2d(layer.pool_size, layer.strides)


@_module.register
def _(layer: cr.AvgPool2D, shape: Shape) -> nn.Module:
    return nn.AvgPool2d(layer.pool_size, layer.strides)


@_module.register
def _(layer: cr.MaxPool1D, shape: Shape) -> nn.Module:
    return nn.MaxPool1d(layer.pool_size, layer.strides)


@_module.register
def _(layer: cr.GlobalAvgPool2D, shape: Shape) -> nn.Module:
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())


@_module.register
def _(layer: cr.GlobalAvgPool1D, shape: Shape) -> nn.Module:
    return nn.Sequential(nn.AdaptiveAvgPool1d(1), nn.Flatten())


@_module.register
def _(layer: cr.LSTM, shape: Shape) -> nn.Module:
    module = nn.LSTM(shape[-1], layer.units, batch_first=True)
    module.weight_ih_l0, module.weight_hh_l0 = _parameter(layer.weights.T), _parameter(layer.recurrent_weights.T)
    module.bias_ih_l0 = _parameter(layer.bias)
    nn.init.zeros_(module.bias_hh_l0)
    return LastStep(module)


@_module.register
def _(layer: cr.GRU, shape: Shape) -> nn.Module:
    module = nn.GRU(shape[-1], layer.units, batch_first=True)

    def of_torch(values: NDArray[Any]) -> nn.Parameter:
        # The order of the gates in PyTorch is r, z, n.
        z, r, h = np.split(values, 3, axis=-1)
        return _parameter(np.concatenate([r, z, h], axis=-1).T)

    module.weight_ih_l0, module.weight_hh_l0 = of_torch(layer.weights), of_torch(layer.recurrent_weights)
    module.bias_ih_l0, module.bias_hh_l0 = of_torch(layer.bias), of_torch(layer.recurrent_bias)
    return LastStep(module)
