"""What modules of PyTorch are in operators of ONNX."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeAlias

import numpy as np

from .onnx.training import DROPOUT
from .torch_graph import ModuleGraph, numbers_of

# Adds the operators of a module that reads x, and returns the name of what it makes of it.
Writer: TypeAlias = Callable[[Any, ModuleGraph, str], str]
WRITERS: dict[str, Writer] = {}


def writes(*kinds: str, **options: Any) -> Callable[[Callable[..., str]], Callable[..., str]]:
    """Register the function for modules of these kinds, with options that it is given for them."""

    def register(function: Callable[..., str]) -> Callable[..., str]:
        WRITERS.update(dict.fromkeys(kinds, partial(function, **options)))
        return function

    return register


def kind_of(module: Any) -> str:
    """Return the name of the class of PyTorch whose computation is that of a module, "" if it has one of its own."""
    computes = getattr(getattr(module, "forward", None), "__func__", None)
    for kind in type(module).__mro__:
        if kind.__module__.startswith("torch.nn") and getattr(kind, "forward", None) is computes:
            return kind.__name__
    return ""


def must(module: Any, **wanted: Any) -> None:
    """Refuse a module with other settings than these."""
    for name, value in wanted.items():
        if getattr(module, name, value) != value:
            raise ValueError(f"{module!r} has {name}={getattr(module, name)!r}, which no layer here has")


def per_axis(value: Any, axes: int) -> list[int]:
    """Return a number for each axis."""
    return [int(each) for each in value] if isinstance(value, (tuple, list)) else [int(value)] * axes


@writes("ReLU", op="Relu")
@writes("SELU", op="Selu")
@writes("Mish", op="Mish")
@writes("Sigmoid", op="Sigmoid")
@writes("Tanh", op="Tanh")
@writes("Softsign", op="Softsign")
@writes("Identity", op="Identity")
def _(module: Any, graph: ModuleGraph, x: str, *, op: str) -> str:
    return graph.add(op, x)


@writes("LeakyReLU")
def _(module: Any, graph: ModuleGraph, x: str) -> str:
    return graph.add("LeakyRelu", x, alpha=module.negative_slope)


@writes("PReLU")
def _(module: Any, graph: ModuleGraph, x: str) -> str:
    return graph.add("PRelu", x, graph.array(module.weight), of_channels=True)


@writes("ELU")
def _(module: Any, graph: ModuleGraph, x: str) -> str:
    return graph.add("Elu", x, alpha=module.alpha)


@writes("CELU")
def _(module: Any, graph: ModuleGraph, x: str) -> str:
    return graph.add("Celu", x, alpha=module.alpha)


@writes("Hardtanh", "ReLU6")
def _(module: Any, graph: ModuleGraph, x: str) -> str:
    return graph.add("Clip", x, float(module.min_val), float(module.max_val))


@writes("GELU")
def _(module: Any, graph: ModuleGraph, x: str) -> str:
    return graph.add("Gelu", x, approximate=module.approximate)


@writes("SiLU")
def _(module: Any, graph: ModuleGraph, x: str) -> str:
    return graph.add("Mul", x, graph.add("Sigmoid", x))


@writes("Softplus")
def _(module: Any, graph: ModuleGraph, x: str) -> str:
    must(module, beta=1.0)
    return graph.add("Softplus", x)


@writes("Hardsigmoid")
def _(module: Any, graph: ModuleGraph, x: str) -> str:
    return graph.add("HardSigmoid", x, alpha=1 / 6, beta=0.5)


@writes("Softmax")
def _(module: Any, graph: ModuleGraph, x: str) -> str:
    if module.dim is None:
        raise ValueError(f"{module!r} must have a dim: without one, PyTorch chooses it by the number of axes")
    return graph.add("Softmax", x, axis=module.dim)


@writes("Dropout", spatial=False)
@writes("Dropout1d", "Dropout2d", spatial=True)
def _(module: Any, graph: ModuleGraph, x: str, *, spatial: bool) -> str:
    return graph.add(DROPOUT, x, rate=float(module.p), spatial=spatial)


@writes("Flatten")
def _(module: Any, graph: ModuleGraph, x: str) -> str:
    must(module, start_dim=1, end_dim=-1)
    return graph.add("Flatten", x, axis=1)


@writes("Linear")
def _(module: Any, graph: ModuleGraph, x: str) -> str:
    z = graph.add("MatMul", x, graph.array(module.weight).T)
    return z if module.bias is None else graph.add("Add", z, graph.array(module.bias))


@writes("Embedding")
def _(module: Any, graph: ModuleGraph, x: str) -> str:
    must(module, max_norm=None, scale_grad_by_freq=False)
    # PyTorch never changes the vector of this token, which begins as zeros.
    is_missing = module.padding_idx == 0 and not numbers_of(module.weight)[0].any()
    if module.padding_idx is not None and not is_missing:
        must(module, padding_idx=None)
    return graph.add("Gather", graph.array(module.weight), x, axis=0, zero_is_missing=int(is_missing))


@writes("Conv1d", "Conv2d")
def _(module: Any, graph: ModuleGraph, x: str) -> str:
    must(module, padding_mode="zeros")
    kernel, dilation = list(module.kernel_size), list(module.dilation)
    options = {"kernel_shape": kernel, "strides": list(module.stride), "dilations": dilation, "group": module.groups}
    options["pads"] = _convolution_pads(module.padding, kernel, dilation)
    bias = [] if module.bias is None else [graph.array(module.bias)]
    return graph.add("Conv", x, graph.array(module.weight), *bias, **options)


def _convolution_pads(padding: Any, kernel: Sequence[int], dilation: Sequence[int]) -> list[int]:
    """Return padding as ONNX has it; "same" has the larger half in the end."""
    if padding == "valid":
        return [0] * 2 * len(kernel)
    if padding == "same":
        totals = [d * (k - 1) for d, k in zip(dilation, kernel, strict=True)]
        return [total // 2 for total in totals] + [total - total // 2 for total in totals]
    return 2 * per_axis(padding, len(kernel))


@writes("ConvTranspose2d")
def _(module: Any, graph: ModuleGraph, x: str) -> str:
    must(module, padding_mode="zeros", groups=1, dilation=(1, 1))
    options = {
        "kernel_shape": list(module.kernel_size),
        "strides": list(module.stride),
        "pads": 2 * per_axis(module.padding, 2),
        "output_padding": per_axis(module.output_padding, 2),
    }
    bias = [] if module.bias is None else [graph.array(module.bias)]
    return graph.add("ConvTranspose", x, graph.array(module.weight), *bias, **options)


def _windows(module: Any, axes: int) -> dict[str, Any]:
    must(module, ceil_mode=False, return_indices=False, divisor_override=None)
    kernel = per_axis(module.kernel_size, axes)
    pads = 2 * per_axis(module.padding, axes)
    return {"kernel_shape": kernel, "strides": per_axis(module.stride, axes), "pads": pads}


@writes("MaxPool1d", axes=1)
@writes("MaxPool2d", axes=2)
def _(module: Any, graph: ModuleGraph, x: str, *, axes: int) -> str:
    dilations = per_axis(module.dilation, axes)
    return graph.add("MaxPool", x, **_windows(module, axes), dilations=dilations)


@writes("AvgPool1d", axes=1)
@writes("AvgPool2d", axes=2)
def _(module: Any, graph: ModuleGraph, x: str, *, axes: int) -> str:
    counted = int(module.count_include_pad)
    return graph.add("AveragePool", x, **_windows(module, axes), count_include_pad=counted)


@writes("AdaptiveAvgPool1d", "AdaptiveAvgPool2d", op="GlobalAveragePool")
@writes("AdaptiveMaxPool1d", "AdaptiveMaxPool2d", op="GlobalMaxPool")
def _(module: Any, graph: ModuleGraph, x: str, *, op: str) -> str:
    size = module.output_size
    if any(places != 1 for places in (size if isinstance(size, (tuple, list)) else [size])):
        raise ValueError(f"{module!r} has output_size={module.output_size!r}; a layer here pools all places into one")
    return graph.add(op, x)


@writes("BatchNorm1d", "BatchNorm2d")
def _(module: Any, graph: ModuleGraph, x: str) -> str:
    must(module, track_running_stats=True)
    if module.momentum is None:
        raise ValueError(f"{module!r} has momentum=None, which no layer here has")
    mean, variance = graph.array(module.running_mean), graph.array(module.running_var)
    gamma = np.ones_like(mean) if module.weight is None else graph.array(module.weight)
    beta = np.zeros_like(mean) if module.bias is None else graph.array(module.bias)
    # There, momentum is the share of the new batch.
    options = {"epsilon": module.eps, "momentum": 1.0 - module.momentum}
    return graph.add("BatchNormalization", x, gamma, beta, mean, variance, **options)


@writes("LayerNorm")
def _(module: Any, graph: ModuleGraph, x: str) -> str:
    if len(module.normalized_shape) != 1:
        raise ValueError(f"{module!r} has normalized_shape={tuple(module.normalized_shape)}; here it is the last axis")
    ones = np.ones(module.normalized_shape)
    gamma = ones if module.weight is None else graph.array(module.weight)
    beta = 0 * ones if module.bias is None else graph.array(module.bias)
    return graph.add("LayerNormalization", x, gamma, beta, axis=-1, epsilon=module.eps)


@writes("Upsample", "UpsamplingNearest2d")
def _(module: Any, graph: ModuleGraph, x: str) -> str:
    must(module, mode="nearest", size=None)
    factors = module.scale_factor if isinstance(module.scale_factor, tuple) else (module.scale_factor,) * 2
    options = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    return graph.add("Resize", x, "", np.array([1.0, 1.0, *factors]), **options)


@writes("ZeroPad2d")
def _(module: Any, graph: ModuleGraph, x: str) -> str:
    left, right, top, bottom = module.padding
    return graph.add("Pad", x, [0, 0, top, left, 0, 0, bottom, right])
