"""Networks from modules of PyTorch, which are written as the operators of ONNX that they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..exporting.onnx.graph import Node as Written
from ..network import Network
from .onnx.model import layouts_of, network_of
from .onnx.node import Node
from .onnx.walk import Walk
from .torch_graph import ModuleGraph, Reader, numbers_of
from .torch_modules import WRITERS
from .torch_optimizer import take_optimizer
from .torch_recurrent import RECURRENT, recurrent

# In a list of modules: the state of the recurrent one before it in the end, instead of its outputs at all steps.
_LAST = "last"


def from_torch(modules: Any, input_shape: Sequence[int], *, optimizer: Any = None) -> Network:
    """Return the network of modules of PyTorch in a row, with their weights and running statistics.

    Images and signals, whose channels come first there, come last here, in samples and outputs alike; the rows of a
    `Dense` after a `Flatten` are put in order. PyTorch itself is not needed for it.

    Parameters
    ----------
    modules : torch.nn.Module or sequence of them
        A `Sequential`, or modules in a row. After a recurrent one, which returns a tuple there, its outputs at all
        steps go on, or its state in the end if the string "last" follows it.
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
    parameters = [parameter for module in row if module != _LAST for parameter in module.parameters()]
    shape = tuple(input_shape)
    is_double = any(str(parameter.dtype) == "torch.float64" for parameter in parameters)
    network = _network(row, shape, numbers_of, "float64" if is_double else "float32")
    if optimizer is not None:
        take_optimizer(network, optimizer, parameters, lambda read: _network(row, shape, read, "float64"))
    return network


def _network(row: Sequence[Any], shape: tuple[int, ...], read: Reader, dtype: str) -> Network:
    """Return the network of modules in a row, whose parameters are read by a function."""
    graph = ModuleGraph("float64", array=read)
    x = "input"
    for number, module in enumerate(row):
        graph.scope = str(number)
        is_last = row[number + 1 : number + 2] == [_LAST]
        if module == _LAST:
            if number == 0 or _kind(row[number - 1]) not in RECURRENT:
                raise ValueError(f"{_LAST!r} must come after a recurrent module, got it as number {number}")
        elif (kind := _kind(module)) in RECURRENT:
            x = recurrent(RECURRENT[kind], module, graph, x, is_last)
        elif kind in WRITERS:
            x = WRITERS[kind](module, graph, x)
        else:
            raise ValueError(f"module {number}, {module!r}, has no layer here")
    return network_of(Walk([_node(node, graph, row) for node in graph.nodes]), "input", x, layouts_of(shape), dtype)


def _node(written: Written, graph: ModuleGraph, row: Sequence[Any]) -> Node:
    """Return an operator that was written, which errors call by its module."""
    name = next(filter(None, written.outputs))
    number = int(name.partition("/")[0])
    label = f"module {number}, {row[number]!r},"
    return Node(
        name, written.op, [*written.inputs], [*written.outputs], written.attributes, graph.constants, label=label
    )


def _kind(module: Any) -> str:
    """Return the name of a module's class, or of that of PyTorch which it inherits from."""
    kinds = [kind.__name__ for kind in type(module).__mro__ if kind.__module__.startswith("torch.nn")]
    return kinds[0] if kinds else type(module).__name__


def _in_a_row(modules: Any) -> list[Any]:
    """Return the modules of a list or a `Sequential`, with those of a `Sequential` within it one by one."""
    if isinstance(modules, (list, tuple)) or _kind(modules) == "Sequential":
        return [module for each in modules for module in _in_a_row(each)]
    return [modules]
