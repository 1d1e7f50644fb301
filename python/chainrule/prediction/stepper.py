"""Prediction of sequences as they arrive, step by step."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import _core
from .._checks import checked_integer
from ..arrays import as_codes, as_inputs, as_parameters, as_real_array, read_only
from ..files.description import Tensors
from ..layers.base import Layer
from ..model import Model


@dataclass(frozen=True)
class OneStep:
    """A network that reads a single step, after what its layers remember of the steps before.

    Attributes
    ----------
    twin : Model
        A copy that takes sequences of one step; layers in front that only change shapes are left out.
    first : int
        How many these are.
    carrying : int
        The number of layers that are read step by step, up to the one that makes one output of a whole sequence.
    """

    twin: Model
    first: int
    carrying: int

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of a step."""
        return self.twin.shapes[0][1:]

    @property
    def ends_sequence(self) -> bool:
        """Whether the network makes one output of a whole sequence, and not one of each step."""
        return self.twin.stack[self.carrying - 1].ends_sequence()

    @property
    def output_shape(self) -> tuple[int, ...]:
        """The shape of what the network makes of a step."""
        return self.twin.shapes[-1] if self.ends_sequence else self.twin.shapes[-1][1:]

    @property
    def state_shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of each state, by its name in the network."""
        return {
            f"{number}.{name}": shape
            for number, layer in enumerate(self.twin.stack[: self.carrying], start=1 + self.first)
            for name, shape in layer.state_shapes(layer.place.input_shape).items()
        }

    def start(self, streams: int) -> _core.StepperFloat32 | _core.StepperFloat64:
        """Return the core's stepper of so many streams."""
        layers = self.twin.stack[: self.carrying]
        # The number of the core's layers up to the last one that carries a state.
        return self.twin.core.stepper(streams, 1 + max(layer.place.index for layer in layers if layer.in_core))


def one_step_of(network: Model) -> OneStep:
    """Return the network that reads a single step; ValueError for one that cannot be read step by step."""
    first, carrying = _stepped(network)
    shape = network.shapes[first][1:]

    def to_one_step(description: dict[str, Any], arrays: Tensors) -> None:
        whole, *rest = description["layers"]
        description["layers"] = [{**whole, "shape": [1, *shape]}, *rest[first:]]
        for name in list(arrays):
            _, number, own = name.split(".", 2)
            arrays[f"layers.{int(number) - first}.{own}"] = arrays.pop(name)

    return OneStep(network.rebuilt(to_one_step), first, len(carrying))


def _stepped(network: Model) -> tuple[int, list[Layer]]:
    """Return the number of layers in front that only change shapes, and the layers that are read step by step.

    These go up to the one that makes one output of the whole sequence. ValueError for a network that has a layer among
    them that needs several steps at once, or none that carries a state.
    """
    stack = network.stack
    first = next(number for number, layer in enumerate(stack) if layer.in_core)
    carrying: list[Layer] = []
    for layer in stack[first:]:
        if not layer.works_step_by_step:
            raise ValueError(f"network must have layers that work step by step, got {layer!r}{layer.step_remedy}")
        carrying.append(layer)
        if layer.ends_sequence():
            break
    if not any(layer.state_shapes(layer.place.input_shape) for layer in carrying):
        raise ValueError(
            f"network must have a recurrent layer, or a Conv1D with padding='causal', got {network.layers!r}"
        )
    return first, carrying


class Stepper:
    """A network that reads its sequences one step at a time, and carries what its layers remember of the steps before.

    Recurrent layers carry their states, and a `Conv1D` with causal padding the steps that its window reaches back to.
    The outputs have the bytes of a prediction of the whole sequence.

    Parameters
    ----------
    network : Network
        With samples (steps, features), or (steps,) of an `Embedding`; up to the last recurrent layer that returns
        sequences, each layer must work step by step. The stepper copies the network as it is now. After a `Masking`
        or an `Embedding` with `mask_zero` it skips steps that are padding.
    streams : int
        Sequences that are read side by side, >= 1.

    Raises
    ------
    ValueError
        For a network that cannot be read step by step.

    Examples
    --------
    >>> import numpy as np, chainrule as cr
    >>> net = cr.Network([cr.Input(5, 3), cr.LSTM(4), cr.Dense(2, "softmax")], seed=0)
    >>> X = np.random.default_rng(0).standard_normal((5, 3))
    >>> stepper = net.stepper()
    >>> for x in X:
    ...     output = stepper.step(x)
    >>> np.array_equal(output, net.predict(X[None])[0])
    True
    >>> {name: values.shape for name, values in stepper.state.items()}
    {'1.h': (1, 4), '1.c': (1, 4)}
    """

    # A misspelt attribute is refused, as a state that was assigned to it would be lost.
    __slots__ = (
        "__weakref__",
        "_core",
        "_one",
        "streams",
    )

    def __init__(self, network: Model, streams: int = 1) -> None:
        self.streams = checked_integer(streams, "streams", lowest=1, highest=2**20)
        self._one = one_step_of(network)
        self._core = self._one.start(self.streams)

    def step(self, x: ArrayLike) -> NDArray[Any]:
        """Read the next step of each stream, and return the outputs after this step, as `predict` has them for it.

        Parameters
        ----------
        x : array (streams, features), or (streams,) of tokens; with one stream also (features,), or a token
        """
        array = as_real_array(x, "x")
        one, twin = self._one, self._one.twin
        alone = self.streams == 1 and array.shape == one.shape
        rows: NDArray[Any] = array[None] if alone else array
        if rows.shape != (self.streams, *one.shape):
            or_alone = f" or {one.shape}" if self.streams == 1 else ""
            raise ValueError(f"x must have shape {(self.streams, *one.shape)}{or_alone}, got {array.shape}")
        rows = rows.reshape(self.streams, -1)
        if twin.border.vocabulary is not None:
            rows = as_codes(rows, twin.border.vocabulary, "x")
        scale = twin.border.scale
        if rows.dtype != twin.dtype or scale != 1.0:
            values = rows.astype(np.float64) if scale != 1.0 else rows
            rows = as_inputs(values, twin.inputs, twin.dtype, "x", scale).astype(twin.dtype)
        of_core: NDArray[Any] = self._core.step(rows)  # of the network's type, as made above
        outputs = twin.border.in_units(of_core).reshape(self.streams, *one.output_shape)
        return outputs[0] if alone else outputs

    def reset(self) -> None:
        """Forget the steps so far: all streams start anew."""
        self._core.reset()

    @property
    def state(self) -> Mapping[str, NDArray[Any]]:
        """A copy of what the layers remember of the steps so far, (streams, ...) each; assign to set it.

        The names are those of the states, after the number of the layer in the network: "1.h" and "1.c" of an `LSTM`,
        "1.inputs" of a `Conv1D`, (streams, steps, channels) with the last step at the end.
        """
        rows = self._core.state()
        shapes = {name: (self.streams, *shape) for name, shape in self._one.state_shapes.items()}
        ends = np.cumsum([math.prod(shape[1:]) for shape in shapes.values()])
        parts = zip(shapes.items(), np.split(rows, ends[:-1], axis=1), strict=True)
        return _State({name: read_only(part.reshape(shape).copy()) for (name, shape), part in parts})

    @state.setter
    def state(self, values: Mapping[str, ArrayLike]) -> None:
        if not isinstance(values, Mapping):
            raise TypeError(f"state must be a mapping of names to arrays, as it is read, got {values!r}")
        if set(values) != set(self._one.state_shapes):
            raise ValueError(f"state must have the names {list(self._one.state_shapes)}, got {list(values)}")
        parts = [
            as_parameters(values[name], (self.streams, *shape), self._one.twin.dtype, f"state[{name!r}]")
            for name, shape in self._one.state_shapes.items()
        ]
        rows = [part.reshape(self.streams, -1) for part in parts]
        self._core.set_state(np.concatenate(rows, axis=1))

    def copy(self) -> Stepper:
        """Return an independent stepper that has read the same steps."""
        return copy.copy(self)

    def __getstate__(self) -> dict[str, Any]:
        return {"streams": self.streams, "one": self._one, "state": dict(self.state)}

    def __setstate__(self, values: dict[str, Any]) -> None:
        self.streams, self._one = values["streams"], values["one"]
        self._core = self._one.start(self.streams)
        self.state = values["state"]


class _State(dict[str, NDArray[Any]]):
    """The state of a stepper, a copy: an element that is assigned would be lost."""

    def __setitem__(self, name: str, values: ArrayLike) -> NoReturn:
        raise TypeError("a state is a copy: assign stepper.state = {**stepper.state, name: values}")

    def __reduce__(self) -> tuple[Any, ...]:
        return dict, (dict(self),)
