"""Layers made of layers: residual blocks, and branches side by side."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from numpy.typing import ArrayLike, NDArray

from . import reference
from ._checks import checked_flag
from .layers import Layer, Shape, enter, shapes_behind

if TYPE_CHECKING:
    from .network import Network

Branch = list[Layer]


class Composite(Layer):
    """What layers made of layers have in common; use one of its kinds.

    Parameters are named by the place of their layer: "0.weights" is the first one's, counted through all branches.
    """

    def __init__(self, branches: list[Branch]) -> None:
        super().__init__()
        self._branches = branches
        for layer in self._layers:
            if not isinstance(layer, Layer):
                raise TypeError(f"{type(self).__name__} must be made of layers, got {layer!r}")
            if layer.activation == "softmax":
                raise ValueError(
                    f"activation 'softmax' must be on the last layer of a network, got {layer!r} in a block"
                )

    @property
    def _layers(self) -> list[Layer]:
        return [layer for branch in self._branches for layer in branch]

    @property
    def _keeps_steps(self) -> bool:  # type: ignore[override]
        return all(layer._keeps_steps for layer in self._layers)

    def _widths(self, shape: Shape) -> list[int]:
        """Return the number of features at the end of each branch."""
        return [shapes_behind(shape, branch)[-1][-1] for branch in self._branches]

    def _first_features(self, shape: Shape) -> list[int]:
        """Return where each branch's features begin among those of the output."""
        raise NotImplementedError

    def _each(self, shape: Shape) -> list[tuple[Layer, Shape]]:
        """Return all layers with the shapes of their inputs."""
        return [pair for branch in self._branches for pair in zip(branch, shapes_behind(shape, branch), strict=False)]

    def _named(self, of_layer: Callable[[Layer, Shape], dict[str, Any]], shape: Shape) -> dict[str, Any]:
        pairs = enumerate(self._each(shape))
        return {f"{i}.{name}": value for i, (layer, s) in pairs for name, value in of_layer(layer, s).items()}

    def _parameter_shapes(self, shape: Shape) -> dict[str, Shape]:
        return self._named(lambda layer, inputs: layer._parameter_shapes(inputs), shape)

    def _statistic_shapes(self, shape: Shape) -> dict[str, Shape]:
        return self._named(lambda layer, inputs: layer._statistic_shapes(inputs), shape)

    def _parameters(self) -> dict[str, NDArray[Any]]:
        self._owner()
        return self._named(lambda layer, _: layer._parameters(), self._input_shape)

    def _statistics(self) -> dict[str, NDArray[Any]]:
        self._owner()
        return self._named(lambda layer, _: layer._statistics(), self._input_shape)

    def _set_statistic(self, name: str, values: ArrayLike) -> None:
        place, _, own = name.partition(".")
        self._layers[int(place)]._set_statistic(own, values)

    def _initialize(self, seed: int) -> None:
        for layer in self._layers:
            layer._initialize(seed)

    def _config_of(self, branches: list[list[dict[str, Any]]]) -> dict[str, Any]:
        """Return the description of such a layer of branches of these descriptions."""
        raise NotImplementedError

    def _config(self) -> dict[str, Any]:
        return self._config_of([[layer._config() for layer in branch] for branch in self._branches])

    def _leaves(self) -> list[Layer]:
        return [leaf for layer in self._layers for leaf in layer._leaves()]

    @property
    def trainable(self) -> bool:
        """Whether training changes any of the layers; set for all."""
        return any(layer.trainable for layer in self._layers)

    @trainable.setter
    def trainable(self, value: bool) -> None:
        for layer in self._layers:
            layer.trainable = checked_flag(value, "trainable")

    # --- in the core: Fork, the first branch, Recall, the second branch, ..., Merge (cpp/layers/composite.hpp)

    def _size_in_core(self, shape: Shape) -> int:
        return len(self._branches) + 1 + sum(layer._size_in_core(inputs) for layer, inputs in self._each(shape))

    def _enter(self, network: Network, index: int, shape: Shape, padding: int | None) -> int:
        self._network, self._input_shape, self._padding = network, shape, padding
        counts = [
            sum(layer._size_in_core(s) for layer, s in zip(branch, shapes_behind(shape, branch), strict=False))
            for branch in self._branches
        ]
        # The places of Fork, each Recall, and Merge.
        joints = [index]
        for count in counts:
            joints.append(joints[-1] + count + 1)
        merge = self._index = joints[-1]
        output = self._output_shape(shape)
        common = {"places": math.prod(output[:-1]), "of": output[-1]}
        first, widths = self._first_features(shape), self._widths(shape)
        core = network._core
        recalls = {f"recall.{i}": place - index for i, place in enumerate(joints[1:-1])}
        core.add_layer("Fork", "identity", recalls)
        for i, branch in enumerate(self._branches):
            at = enter(branch, network, joints[i] + 1, shape, padding)
            if at < merge:
                of_branch = {"first": first[i], "width": widths[i]}
                distances = {"size": math.prod(shape), "fork": at - index, "merge": merge - at}
                core.add_layer("Recall", "identity", {**common, **of_branch, **distances})
        ends = {f"end.{i}": merge - place + 1 for i, place in enumerate(joints[1:])}
        slices = {f"first.{i}": value for i, value in enumerate(first)}
        slices |= {f"width.{i}": value for i, value in enumerate(widths)}
        core.add_layer("Merge", "identity", {**common, **ends, **slices})
        return merge + 1 - index


class Residual(Composite):
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

    _settings = ("layers",)

    def __init__(self, layers: Sequence[Layer]) -> None:
        self.layers = list(layers)
        if not self.layers:
            raise ValueError("layers must have at least one layer, got none")
        super().__init__([self.layers, []])

    def _output_shape(self, shape: Shape) -> Shape:
        behind = shapes_behind(shape, self.layers)[-1]
        if behind != shape:
            raise ValueError(f"layers of Residual must keep the shape {shape}, got {behind}")
        return shape

    def _first_features(self, shape: Shape) -> list[int]:
        return [0, 0]

    def _config_of(self, branches: list[list[dict[str, Any]]]) -> dict[str, Any]:
        return {"type": "Residual", "layers": branches[0]}

    @classmethod
    def _from_config(cls, config: dict[str, Any], make: Callable[[Any], Layer]) -> Layer:
        return cls([make(of_layer) for of_layer in config["layers"]])

    def _reference(self, parameters: dict[str, Any]) -> reference.Layer:
        return reference.Residual([layer._reference(layer._parameters()) for layer in self.layers])


class Concatenate(Composite):
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

    _settings = ("branches",)

    def __init__(self, branches: Sequence[Sequence[Layer]]) -> None:
        self.branches = [list(branch) for branch in branches]
        if len(self.branches) < 2:
            raise ValueError(f"branches must be at least two, got {len(self.branches)}")
        super().__init__(self.branches)

    def _output_shape(self, shape: Shape) -> Shape:
        behind = [shapes_behind(shape, branch)[-1] for branch in self.branches]
        if any(other[:-1] != behind[0][:-1] for other in behind):
            raise ValueError(f"branches must end in the same shape but for the features, got {behind}")
        return (*behind[0][:-1], sum(self._widths(shape)))

    def _first_features(self, shape: Shape) -> list[int]:
        widths = self._widths(shape)
        return [sum(widths[:i]) for i in range(len(widths))]

    def _config_of(self, branches: list[list[dict[str, Any]]]) -> dict[str, Any]:
        return {"type": "Concatenate", "branches": branches}

    @classmethod
    def _from_config(cls, config: dict[str, Any], make: Callable[[Any], Layer]) -> Layer:
        return cls([[make(of_layer) for of_layer in branch] for branch in config["branches"]])

    def _reference(self, parameters: dict[str, Any]) -> reference.Layer:
        return reference.Concatenate(
            [[layer._reference(layer._parameters()) for layer in branch] for branch in self.branches]
        )
