"""Layers made of layers: sums of branches, residual blocks, and branches side by side."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, TypeAlias

from numpy.typing import ArrayLike

from .. import _core
from .._checks import checked_flag
from .base import Arrays, Layer, Part, Place, Shape, enter, shapes_through

__all__ = ["Add", "Concatenate", "Residual"]

Branch: TypeAlias = list[Layer]
# Deeper blocks in blocks would exceed Python's limit of calls within calls.
DEEPEST = 100


@dataclass(frozen=True)
class Inside:
    """What branches make of samples of one shape.

    Attributes
    ----------
    shapes : list of list of tuple of int
        For each branch, the shape before each layer and at the end.
    core_sizes : list of int
        Number of the core's layers of each branch.
    parameters, statistics, states : dict of str to tuple of int
        Shapes of all parameters, statistics and states by name.
    """

    shapes: list[list[Shape]]
    core_sizes: list[int]
    parameters: dict[str, Shape]
    statistics: dict[str, Shape]
    states: dict[str, Shape]


def inside(branches: list[Branch], shape: Shape) -> Inside:
    """Return what branches make of samples of this shape."""
    shapes = [shapes_through(shape, branch) for branch in branches]
    placed = [list(zip(branch, before, strict=False)) for branch, before in zip(branches, shapes, strict=True)]
    everything = [pair for branch in placed for pair in branch]
    return Inside(
        shapes,
        [sum(layer.core_size(before) for layer, before in branch) for branch in placed],
        numbered([layer.parameter_shapes(before) for layer, before in everything]),
        numbered([layer.statistic_shapes(before) for layer, before in everything]),
        numbered([layer.state_shapes(before) for layer, before in everything]),
    )


class Composite(Layer, abstract=True):
    """What layers made of layers have in common; use one of its kinds.

    Arrays are named by the number of their layer: "0.weights" is the first one's, counted through all branches.
    """

    # Whether branches may read codes among the inputs, of which the layer tells in its `vocabulary`.
    branches_read_inputs: ClassVar[bool] = False

    def __init__(self, branches: list[Branch]) -> None:
        super().__init__()
        self._branches = branches
        self._known: dict[Shape, Inside] = {}
        for layer in self._layers:
            if not isinstance(layer, Layer):
                raise TypeError(f"{type(self).__name__} must be made of layers, got {layer!r}")
            if layer.activation == "softmax":
                raise ValueError(
                    f"activation 'softmax' must be on the last layer of a network, got {layer!r} in a block"
                )
        self.depth = 1 + max((layer.depth for layer in self._layers), default=0)
        if self.depth > DEEPEST:
            raise ValueError(f"layers must be nested at most {DEEPEST} deep; put blocks one after the other instead")

    @property
    def _layers(self) -> list[Layer]:
        return [layer for branch in self._branches for layer in branch]

    @property
    def preserves_steps(self) -> bool:  # type: ignore[override]
        return all(layer.preserves_steps for layer in self._layers)

    @property
    def works_step_by_step(self) -> bool:  # type: ignore[override]
        return all(layer.works_step_by_step for layer in self._layers)

    @property
    def step_remedy(self) -> str:  # type: ignore[override]
        return next((f": {layer!r}{layer.step_remedy}" for layer in self._layers if not layer.works_step_by_step), "")

    def ends_sequence(self) -> bool:
        return any(layer.ends_sequence() for layer in self._layers)

    def state_shapes(self, shape: Shape) -> dict[str, Shape]:
        return self._inside(shape).states

    def _inside(self, shape: Shape) -> Inside:
        """Return what the branches make of samples of this shape; worked out once, as blocks can be nested deeply."""
        if shape not in self._known:
            self._known[shape] = inside(self._branches, shape)
        return self._known[shape]

    def _ends(self, shape: Shape) -> list[Shape]:
        """Return the shape at the end of each branch."""
        return [shapes[-1] for shapes in self._inside(shape).shapes]

    def _first_features(self, shape: Shape) -> list[int]:
        """Return where each branch's features begin among those of the output."""
        raise NotImplementedError

    def parameter_shapes(self, shape: Shape) -> dict[str, Shape]:
        return self._inside(shape).parameters

    def statistic_shapes(self, shape: Shape) -> dict[str, Shape]:
        return self._inside(shape).statistics

    def parameter_arrays(self) -> Arrays:
        return numbered([layer.parameter_arrays() for layer in self._layers])

    def statistic_arrays(self) -> Arrays:
        return numbered([layer.statistic_arrays() for layer in self._layers])

    def set_parameter(self, name: str, values: ArrayLike) -> None:
        number, _, own = name.partition(".")
        self._layers[int(number)].set_parameter(own, values)

    def set_statistic(self, name: str, values: ArrayLike) -> None:
        number, _, own = name.partition(".")
        self._layers[int(number)].set_statistic(own, values)

    def initialize(self, seed: int) -> None:
        for layer in self._layers:
            layer.initialize(seed)

    def leaves(self) -> list[Layer]:
        return [leaf for layer in self._layers for leaf in layer.leaves()]

    def config_of(self, branches: list[list[dict[str, Any]]]) -> dict[str, Any]:
        """Return the description of a layer of this kind whose branches have these descriptions."""
        raise NotImplementedError

    def config(self) -> dict[str, Any]:
        return self.config_of([[layer.config() for layer in branch] for branch in self._branches])

    def folded_part(self, fold: Callable[[Sequence[Layer]], list[Part]]) -> Part:
        branches = [fold(branch) for branch in self._branches]
        config = self.config_of([[part.config for part in branch] for branch in branches])
        return Part(config, numbered([part.arrays for branch in branches for part in branch]))

    @property
    def trainable(self) -> bool:
        """Whether training changes any of the layers; set for all."""
        return any(layer.trainable for layer in self._layers)

    @trainable.setter
    def trainable(self, value: bool) -> None:
        for layer in self._layers:
            layer.trainable = checked_flag(value, "trainable")

    # --- in the core: Fork, the first branch, Recall, the second branch, ..., Merge (cpp/layers/composite.hpp)

    def core_size(self, shape: Shape) -> int:
        return len(self._branches) + 1 + sum(self._inside(shape).core_sizes)

    def enter(self, place: Place) -> int:
        index, shape = place.index, place.input_shape
        # The numbers of Fork, each Recall, and Merge.
        joints = [index]
        for count in self._inside(shape).core_sizes:
            joints.append(joints[-1] + count + 1)
        merge = joints[-1]
        self._place = replace(place, index=merge)
        core = place.core
        core.add_layer(_core.ForkSettings())
        for i, branch in enumerate(self._branches):
            is_first = place.is_first and self.branches_read_inputs
            at = enter(branch, replace(place, index=joints[i] + 1, is_first=is_first)).index
            if at < merge:
                core.add_layer(_core.RecallSettings(size=math.prod(shape)), [index])
        output = self.output_shape(shape)
        slices = [
            _core.Slice(places=math.prod(output[:-1]), first=first, width=end[-1], of=output[-1])
            for first, end in zip(self._first_features(shape), self._ends(shape), strict=True)
        ]
        core.add_layer(_core.MergeSettings(slices), [joint - 1 for joint in joints[1:]])
        return merge + 1 - index


def _listed(given: Any, argument: str, of: str) -> list[Any]:
    if not isinstance(given, Iterable):
        raise TypeError(f"{argument} must be {of}, got {given!r}")
    return list(given)


def numbered(of_layers: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the entries of several layers in one dictionary, each name with its layer's number before it."""
    return {f"{i}.{name}": value for i, entries in enumerate(of_layers) for name, value in entries.items()}


class Branched(Composite, abstract=True):
    """What layers that are given as branches have in common; use one of its kinds."""

    settings = ("branches",)

    def __init__(self, branches: Sequence[Sequence[Layer]]) -> None:
        self.branches = [
            _listed(branch, "each of the branches", "a sequence of layers")
            for branch in _listed(branches, "branches", "sequences of layers")
        ]
        if len(self.branches) < 2:
            raise ValueError(f"branches must be at least two, got {len(self.branches)}")
        super().__init__(self.branches)

    def config_of(self, branches: list[list[dict[str, Any]]]) -> dict[str, Any]:
        return {"type": type(self).__name__, "branches": branches}

    def reference_arguments(self) -> dict[str, Any]:
        return {"branches": self.branches}

    @classmethod
    def from_config(cls, config: dict[str, Any], make: Callable[[Any], Layer]) -> Layer:
        return cls([[make(of_layer) for of_layer in branch] for branch in config["branches"]])


class Add(Branched):
    """A sum of branches: z = f₁(x) + f₂(x) + …, each f the layers of a branch in a row.

    A `Residual` is the sum of one branch and its inputs. Where a block changes the shape, its inputs need a branch of
    their own, such as a convolution of one pixel: the projection shortcut of He et al. 2016.

    Parameters
    ----------
    branches : sequence of sequences of layers
        At least two; one without layers passes x on. What they make of a sample must have the same shape.

    Raises
    ------
    ValueError
        When there are fewer than two branches, or their shapes differ.

    Examples
    --------
    >>> import chainrule as cr
    >>> block = [cr.Conv2D(16, 3, "relu", strides=2, padding="same"), cr.Conv2D(16, 3, padding="same")]
    >>> shortcut = [cr.Conv2D(16, 1, strides=2)]
    >>> net = cr.Network([cr.Input(28, 28, 8), cr.Add([block, shortcut]), cr.Activation("relu")], seed=0)
    >>> net.shapes[1]
    (14, 14, 16)
    """

    def output_shape(self, shape: Shape) -> Shape:
        after = self._ends(shape)
        if any(other != after[0] for other in after):
            raise ValueError(f"branches of Add must end in the same shape, got {after}")
        return after[0]

    def _first_features(self, shape: Shape) -> list[int]:
        return [0] * len(self.branches)


class Residual(Add):
    """A residual block: z = x + f(x), f the layers in a row (He et al. 2016).

    Parameters
    ----------
    layers : sequence of layers
        What they make of a sample must have the sample's shape.

    Raises
    ------
    ValueError
        When there is no layer, or the shape changes.

    Examples
    --------
    >>> import chainrule as cr
    >>> block = cr.Residual([cr.Dense(16, "relu"), cr.Dense(8, "identity")])
    >>> net = cr.Network([cr.Input(8), block, cr.Dense(2, "softmax")], seed=0)
    >>> net, block.layers[0].weights.shape
    (Network([8, 8, 2], 298 parameters, float32, seed=0), (8, 16))
    """

    settings = ("layers",)

    def __init__(self, layers: Sequence[Layer]) -> None:
        self.layers = _listed(layers, "layers", "a sequence of layers")
        if not self.layers:
            raise ValueError("layers must have at least one layer, got none")
        super().__init__([self.layers, []])

    def output_shape(self, shape: Shape) -> Shape:
        after = self._ends(shape)[0]
        if after != shape:
            raise ValueError(f"layers of Residual must keep the shape {shape}, got {after}")
        return shape

    def config_of(self, branches: list[list[dict[str, Any]]]) -> dict[str, Any]:
        return {"type": "Residual", "layers": branches[0]}

    def reference_arguments(self) -> dict[str, Any]:
        return {"layers": self.layers}

    @classmethod
    def from_config(cls, config: dict[str, Any], make: Callable[[Any], Layer]) -> Layer:
        return cls([make(of_layer) for of_layer in config["layers"]])


class Concatenate(Branched):
    """Branches side by side: z = (f₁(x), f₂(x), …) along the last axis, each f the layers of a branch in a row.

    Parameters
    ----------
    branches : sequence of sequences of layers
        At least two; one without layers passes x on. What they make of a sample may differ in its features alone.

    Raises
    ------
    ValueError
        When there are fewer than two branches, or their shapes differ before the last axis.

    Examples
    --------
    >>> import chainrule as cr
    >>> wide_and_deep = cr.Concatenate([[], [cr.Dense(16, "relu"), cr.Dense(4, "relu")]])
    >>> cr.Network([cr.Input(8), wide_and_deep, cr.Dense(1, "identity")], seed=0)
    Network([8, 12, 1], 225 parameters, float32, seed=0)
    """

    def output_shape(self, shape: Shape) -> Shape:
        after = self._ends(shape)
        if any(other[:-1] != after[0][:-1] for other in after):
            raise ValueError(f"branches must end in the same shape but for the features, got {after}")
        return (*after[0][:-1], sum(end[-1] for end in after))

    def _first_features(self, shape: Shape) -> list[int]:
        widths = [end[-1] for end in self._ends(shape)]
        return [sum(widths[:i]) for i in range(len(widths))]
