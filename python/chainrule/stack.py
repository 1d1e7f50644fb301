"""Layers in a row over a core, and the length of the sequences that the core is made for."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from numpy.typing import NDArray

from . import _core
from ._checks import checked_name
from .arrays import Samples
from .border import Border
from .layers.base import Core, Layer, Place, Shape, enter, shapes_through
from .layers.input import Input
from .layers.masking import check_masks, padding_of_outputs

_CORES: dict[str, Callable[[int], Core]] = {
    "float32": _core.NetworkFloat32,
    "float64": _core.NetworkFloat64,
    "mixed": partial(_core.NetworkFloat32, mixed=True),
}
# Where sequences have any length, a network is first made for one of these: for the first that its windows fit in.
_FIRST_LENGTHS = (1_000, 100_000, 10_000_000)


@dataclass(frozen=True)
class Numbers:
    """The type of a network's numbers, and the precision of its products; written as the word that tells both."""

    dtype: str = "float32"
    precision: str = "full"

    def __post_init__(self) -> None:
        checked_name(self.dtype, "dtype", ("float32", "float64"))
        if checked_name(self.precision, "precision", ("full", "mixed")) == "mixed" and self.dtype != "float32":
            raise ValueError(f"dtype must be 'float32' with precision 'mixed', got {self.dtype!r}")

    def __str__(self) -> str:
        return self.dtype if self.precision == "full" else self.precision


class Stack:
    """Layers in a row over a core; after an `Input` of any number of steps, the core is made anew for each length.

    Attributes
    ----------
    core : NetworkFloat32 or NetworkFloat64
        The core's network.
    border : Border
        What turns a user's arrays into samples, targets and weights.
    numbers : Numbers
        The type of all numbers, and the precision of products.
    shapes : list of tuple of int
        Shape of a sample before the first layer, and after each, for the length that the core is made for.
    training_thread : int or None
        The thread that trains the network now; until it ends, no other may change the length.
    """

    layers: tuple[Input | Layer, ...]
    numbers: Numbers
    dtype: str
    core: Core
    shapes: list[Shape]
    border: Border
    training_thread: int | None

    def _stack(self, first: Input, rest: Sequence[Layer], numbers: Numbers) -> None:
        """Make the core of an input and the layers after it."""
        self.numbers, self.dtype = numbers, numbers.dtype
        self.layers = (first, *rest)
        for leaf in self.leaves:
            if numbers.precision == "mixed" and not leaf.takes_mixed:
                raise ValueError(f"precision must be 'full' with {leaf!r}, which has no mixed precision")
        self._input = first
        self._length_lock = threading.Lock()
        self._kept: Core | None = None
        self.training_thread: int | None = None
        shape = settled_shape(first, rest)
        self._make_core(shape)
        if not self.computing:
            raise ValueError(f"layers must have at least one that computes, got {self.layers!r}")
        check_masks(self.leaves)
        last = self.computing[-1]
        if rest[0].vocabulary is not None and first.scale != 1.0:
            raise ValueError(f"scale must be 1 for an Input of tokens or codes, got {first.scale}")
        self.border = Border(
            shape, self.shapes[-1], self.dtype, rest[0].vocabulary, last.output_activation, first.scale
        )
        self.border = replace(
            self.border,
            padding=padding_of_outputs(rest),
            shapes_of=self._shapes_of if first.is_open else None,
            is_mixed=numbers.precision == "mixed",
        )

    def _make_core(self, shape: Shape) -> None:
        self.shapes = shapes_through(shape, self.stack)
        self.core = _CORES[str(self.numbers)](math.prod(shape))
        weighted = sum(leaf.has_weights for leaf in self.leaves)
        enter(self.stack, Place(self.core, self.dtype, 0, shape, layers=max(weighted, 1)))

    # --- what it is

    @property
    def inputs(self) -> int:
        """Number of features."""
        return self.border.inputs

    @property
    def outputs(self) -> int:
        """Number of outputs."""
        return self.border.outputs

    @property
    def precision(self) -> str:
        """Of products: "full", or "mixed" where products have factors of bfloat16."""
        return self.numbers.precision

    @property
    def parameter_count(self) -> int:
        """Number of weights and biases."""
        return int(self.core.parameter_count)

    @property
    def stack(self) -> list[Layer]:
        """The layers after the input."""
        return [layer for layer in self.layers if isinstance(layer, Layer)]

    @property
    def computing(self) -> list[Layer]:
        """The layers that have a counterpart in the core."""
        return [layer for layer in self.stack if layer.in_core]

    @property
    def leaves(self) -> list[Layer]:
        """The layers after the input, with those of a block one by one."""
        return [leaf for layer in self.stack for leaf in layer.leaves()]

    @property
    def shown_shapes(self) -> list[tuple[int | None, ...]]:
        """The shapes, with None for a number of steps that may be any."""
        if not self._input.is_open:
            return list(self.shapes)
        others = self._shapes_through(2 * self.shapes[0][0] + 3)
        return [
            (None, *shape[1:]) if shape != other else shape for shape, other in zip(self.shapes, others, strict=True)
        ]

    @property
    def sizes(self) -> list[int | tuple[int | None, ...] | None]:
        """The shapes, with a plain number for features in a row."""
        return [shape[0] if len(shape) == 1 else shape for shape in self.shown_shapes]

    # --- the length of sequences

    def _shapes_through(self, steps: int) -> list[Shape]:
        return shapes_through((steps, *self.shapes[0][1:]), self.stack)

    def _shapes_of(self, steps: int) -> tuple[Shape, Shape]:
        """Return the shapes of a sample and of its outputs, for sequences of so many steps."""
        first, *_, last = self._shapes_through(steps)
        return first, last

    def core_of(self, samples: Samples) -> Core:
        """Return the core that takes these samples, which are rows: after an open `Input`, the one of their length."""
        if not self._input.is_open:
            return self.core
        steps = samples.shape[1] // self._input.size  # type: ignore[union-attr]  # sparse rows are no sequences
        with self._length_lock:
            if steps != self.shapes[0][0]:
                self._change_length(steps)
            return self.core

    def _change_length(self, steps: int) -> None:
        """Make the core for another number of steps; parameters, statistics and the optimiser's state go on."""
        if self.training_thread not in (None, threading.get_ident()):
            raise RuntimeError("the network is being trained by another thread")
        values, shape = self._values_of(self.core), self.shapes[0]
        border = self.border.for_steps(steps)
        try:
            self._make_core(border.input_shape)
        except Exception:
            self._make_core(shape)
            raise
        finally:
            values.give(self.core)
        self.border = border

    def _values_of(self, core: Core) -> _Values:
        numbers = [leaf.place.index for leaf in self.leaves if leaf.statistic_shapes(leaf.place.input_shape)]
        statistics = {number: core.layer_statistics(number) for number in numbers}
        return _Values(core.parameters(), statistics, core.optimizer_rule, core.optimizer_steps, core.optimizer_state())

    # --- a return from training that diverged

    def save_snapshot(self) -> None:
        """Keep parameters, statistics and the optimiser's state as they are now."""
        self._kept = self.core
        self._kept.save_snapshot()

    def restore_snapshot(self) -> None:
        """Return to what was kept."""
        assert self._kept is not None  # training begins with a snapshot
        self._kept.restore_snapshot()
        if self._kept is not self.core:
            self._values_of(self._kept).give(self.core)

    def drop_snapshot(self) -> None:
        """Free the memory of what was kept."""
        if self._kept is not None:
            self._kept.drop_snapshot()
        self._kept = None


@dataclass
class _Values:
    """All that a core has which does not depend on the number of steps."""

    parameters: NDArray[Any]
    statistics: dict[int, NDArray[Any]]
    rule: str
    steps: int
    state: dict[str, NDArray[Any]]

    def give(self, core: Core) -> None:
        """Give the values to another core of the same layers."""
        core.set_parameters(self.parameters)
        for number, statistics in self.statistics.items():
            core.set_layer_statistics(number, statistics)
        core.reset_optimizer()
        if self.rule != "":
            core.set_optimizer_state(self.rule, self.steps, self.state)


def settled_shape(first: Input, layers: Sequence[Layer]) -> Shape:
    """Return the shape of a sample that a network is first made for.

    Raises
    ------
    ValueError
        For a layer that cannot take sequences of any length, or windows that no sequence is long enough for.
    """
    if not first.is_open:
        return first.shape
    features = first.shape[1:]
    refused = ""
    for steps in _FIRST_LENGTHS:
        refused = _refusal(steps, features, layers)
        if refused == "":
            return (steps, *features)
    raise ValueError(refused)


def _refusal(steps: int, features: Shape, layers: Sequence[Layer]) -> str:
    """Return why layers cannot take sequences of about so many steps, of any number; "" if they can.

    After each layer, nothing but the number of steps may depend on the number before it, and no parameters.
    """
    shapes = [(length, *features) for length in (steps, steps + 1, 2 * steps + 3)]
    for layer in layers:
        is_open = shapes[0] != shapes[1] or shapes[0] != shapes[2]
        try:
            after = [layer.output_shape(shape) for shape in shapes]
            arrays = [layer.parameter_shapes(shape) | layer.statistic_shapes(shape) for shape in shapes]
        except ValueError as error:
            if not is_open:
                raise
            reason = str(error).replace(str(shapes[0]), str((None, *shapes[0][1:])))
        else:
            fixed = [shape[1:] if len(shape) > 1 else shape for shape in after]
            if all(other == arrays[0] for other in arrays) and all(other == fixed[0] for other in fixed):
                shapes = after
                continue
            reason = "it needs to know their number"
        return (
            f"{layer!r} cannot follow an Input of any number of steps: {reason}; end the sequence before it with a "
            f"recurrent layer without return_sequences or a global pool, or give Input the number"
        )
    return ""
