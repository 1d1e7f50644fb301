"""Networks from modules of PyTorch, which are written as the operators of ONNX that they are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from .._checks import checked_integer
from ..exporting.onnx.graph import Node as Written
from ..network import Network
from .onnx.model import layouts_of, network_of
from .onnx.node import Node
from .onnx.value import Sizes
from .onnx.walk import Walk
from .torch_frozen import freeze
from .torch_graph import ModuleGraph, Reader, numbers_of
from .torch_modules import WRITERS, kind_of
from .torch_optimizer import take_optimizer
from .torch_recurrent import RECURRENT, recurrent

# In a list of modules: the state of the recurrent one before it in the end, instead of its outputs at all steps.
_LAST = "last"


def from_torch(modules: Any, input_shape: Sequence[int], *, optimizer: Any = None) -> Network:
    """Return the network of modules of PyTorch in a row, with their weights and running statistics.

    Images and signals, whose channels come first there, come last here, in samples and outputs alike; the rows of a
    `Dense` after a `Flatten` are put in order. Samples that no module reads as images or signals, such as those of a
    `Flatten` that comes first, stay as they are there; `layers[0]` tells. PyTorch itself is not needed for it.

    What a loss contains there is a layer here: `nn.Softmax(1)` comes after modules that `CrossEntropyLoss` has trained,
    `nn.Sigmoid()` after those of `BCEWithLogitsLoss`.

    Parameters without `requires_grad` are not trained here either: `trainable` of their layer is False, or their
    `rate_factor` and `decay_factor` are 0.

    Parameters
    ----------
    modules : torch.nn.Module or sequence of them
        A `Sequential`, or modules in a row. After a recurrent one, which returns a tuple there, its outputs at all
        steps go on, or its state in the end if the string "last" follows it. A class whose `forward` is its own, and
        not PyTorch's, cannot be read; `torch.onnx.export` may make a file of it for `cr.from_onnx`.
    input_shape : sequence of int
        Of one sample, as PyTorch has it, without the number of samples: (channels, height, width) for images.
    optimizer : torch.optim.Adam, AdamW or SGD, optional
        What has trained the modules. The network continues with its settings and its state, in a `fit` without
        another optimizer. Rates and weight decays of several groups become `rate_factor`, `decay_factor` and `l2` of
        the layers; parameters that it does not train stay as they are here too. A schedule is not taken along: the
        rate is the present one.

    Returns
    -------
    Network
        Of float64 if the parameters are, else of float32.

    Raises
    ------
    TypeError
        For what is no module of PyTorch.
    ValueError
        For a module or an optimizer, or a setting of it, that is not here.

    Examples
    --------
    >>> import chainrule as cr
    >>> from torch import nn  # doctest: +SKIP
    >>> modules = nn.Sequential(nn.Conv2d(1, 6, 5), nn.ReLU(), nn.Flatten(), nn.Linear(3456, 10))  # doctest: +SKIP
    >>> cr.from_torch(modules, (1, 28, 28)).layers  # doctest: +SKIP
    (Input(28, 28, 1), Conv2D(6, 5, activation='relu'), Flatten(), Dense(10, activation='identity'))
    """
    row = _in_a_row(modules)
    _check(row)
    parameters = [parameter for module in row if module != _LAST for parameter in module.parameters()]
    shape = _checked_shape(input_shape)
    is_double = any(str(parameter.dtype) == "torch.float64" for parameter in parameters)
    network = _network(row, shape, numbers_of, "float64" if is_double else "float32")

    def image(read: Reader) -> Network:
        return _network(row, shape, read, "float64")

    if optimizer is not None:
        take_optimizer(network, optimizer, parameters, image)
    elif not all(parameter.requires_grad for parameter in parameters):
        freeze(network, image)
    return network


def _check(row: Sequence[Any]) -> None:
    """Refuse what is no module, and modules that no layer here computes."""
    for number, module in enumerate(row):
        if module == _LAST:
            continue
        if not hasattr(module, "parameters") or isinstance(module, type):
            raise TypeError(f"modules must be of PyTorch, in a row; got {type(module).__name__} as number {number}")
        if not (kind := kind_of(module)):
            its = "has a forward of its own, which cannot be read; cr.from_onnx may read a file of torch.onnx.export"
            raise ValueError(f"module {number}, {type(module).__name__}, {its}")
        if kind not in WRITERS and kind not in RECURRENT:
            raise ValueError(f"module {number}, {module!r}, has no layer here")


def _checked_shape(shape: Sequence[int]) -> Sizes:
    if isinstance(shape, str) or not isinstance(shape, Iterable):
        raise TypeError(f"input_shape must be the sizes of a sample, such as (1, 28, 28), got {shape!r}")
    return tuple(None if size is None else checked_integer(size, "input_shape", lowest=1) for size in shape)


def _network(row: Sequence[Any], shape: Sizes, read: Reader, dtype: str) -> Network:
    """Return the network of modules in a row, whose parameters are read by a function."""
    graph = ModuleGraph("float64", array=read)
    x = "input"
    for number, module in enumerate(row):
        graph.scope = str(number)
        is_last = row[number + 1 : number + 2] == [_LAST]
        if module == _LAST:
            if number == 0 or kind_of(row[number - 1]) not in RECURRENT:
                raise ValueError(f"{_LAST!r} must come after a recurrent module, got it as number {number}")
        elif (kind := kind_of(module)) in RECURRENT:
            x = recurrent(RECURRENT[kind], module, graph, x, is_last)
        else:
            x = WRITERS[kind](module, graph, x)
    return network_of(Walk([_node(node, graph, row) for node in graph.nodes]), "input", x, layouts_of(shape), dtype)


def _node(written: Written, graph: ModuleGraph, row: Sequence[Any]) -> Node:
    """Return an operator that was written, which errors call by its module."""
    name = next(filter(None, written.outputs))
    number = int(name.partition("/")[0])
    label = f"module {number}, {row[number]!r},"
    return Node(
        name, written.op, [*written.inputs], [*written.outputs], written.attributes, graph.constants, label=label
    )


def _in_a_row(modules: Any) -> list[Any]:
    """Return the modules of a list or a `Sequential`, with those of a `Sequential` within it one by one."""
    if isinstance(modules, (list, tuple)) or kind_of(modules) == "Sequential":
        return [module for each in modules for module in _in_a_row(each)]
    return [modules]
