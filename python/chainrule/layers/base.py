"""What a layer is: its settings, the view of its parameters once it is in a network, and its place there."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, TypeAlias, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import _core
from .._checks import checked_flag, checked_integer, close_names
from ..arrays import as_parameters
from ..schedules import Schedule

Shape: TypeAlias = tuple[int, ...]
Arrays: TypeAlias = dict[str, NDArray[Any]]
_Name = TypeVar("_Name")
_Layer = TypeVar("_Layer", bound="Layer")
Core: TypeAlias = _core.NetworkFloat32 | _core.NetworkFloat64

# Every kind of layer by its name, filled in as the classes are defined; files name layers so.
LAYERS: dict[str, type[Layer]] = {}

# Values of a sample after a layer, at most.
_LARGEST_OUTPUT = 2**31


@dataclass(frozen=True)
class Place:
    """Where a layer stands in a network, with all that it needs of it.

    Attributes
    ----------
    core : NetworkFloat32 or NetworkFloat64
        The core's network, which holds the parameters.
    dtype : str
        Precision of everything in the network.
    index : int
        The core's number of the layer; a layer without a counterpart there has the number of the next one.
    input_shape : tuple of int
        Shape of a sample before the layer.
    mask_source : int or None
        The core's number of the layer that tells which steps are padding, if there is one.
    is_first : bool
        Whether the layer reads the network's inputs, whose codes the network knows.
    layers : int
        Number of the network's layers that have weights.
    """

    core: Core
    dtype: str
    index: int
    input_shape: Shape
    mask_source: int | None = None
    is_first: bool = True
    layers: int = 1


@dataclass(frozen=True)
class AffineMap:
    """z = x ∘ factors + shifts, each (features,) or a single number."""

    factors: NDArray[np.float64]
    shifts: NDArray[np.float64]


@dataclass
class Part:
    """A layer as plain values: its description, and its arrays by name."""

    config: dict[str, Any]
    arrays: Arrays

    @property
    def is_affine(self) -> bool:
        """Whether the layer is z = x W + b alone, so that an affine map of each output can be merged into it."""
        return LAYERS[self.config["type"]].output_axis is not None and self.config["activation"] == "identity"

    @property
    def mixes_features(self) -> bool:
        """Whether the layer is f(x W + b) with weights (features, units), which absorb an affine map of x."""
        return LAYERS[self.config["type"]].mixes_features

    def change_outputs(self, affine: AffineMap) -> None:
        """Map the outputs of an affine layer: (x W + b) ∘ s + t = x (W s) + b s + t."""
        axis = LAYERS[self.config["type"]].output_axis
        assert axis is not None
        weights = self.arrays["weights"] * affine.factors.reshape(-1, *(1,) * (-1 - axis))
        self.arrays = {"weights": weights, "bias": self._bias() * affine.factors + affine.shifts}

    def change_inputs(self, affine: AffineMap) -> None:
        """Map the inputs of a layer that mixes features: (x ∘ s + t) W + b = x (s W) + t W + b."""
        weights = self.arrays["weights"].astype(np.float64)
        bias = self._bias() + affine.shifts @ weights
        self.arrays = {"weights": affine.factors[:, None] * weights, "bias": bias}

    def _bias(self) -> NDArray[Any] | float:
        """Return the bias; a layer that went without one has it from now on."""
        if "bias" not in self.arrays:
            self.config = {**self.config, "use_bias": True}
        return self.arrays.get("bias", 0.0)


class Layer:
    """What all layers have in common; use one of its kinds.

    A kind of layer overrides the methods that describe it. Code outside the kind's own file asks these methods and
    attributes, and never which class it meets.
    """

    activation: str = "identity"
    # Arguments of the constructor that say what the layer is, each an attribute too.
    settings: ClassVar[tuple[str, ...]] = ()
    # Those of the settings that the shapes of the parameters tell as well.
    size_settings: ClassVar[tuple[str, ...]] = ()
    # Those that say how training treats the layer, and may be set at any time.
    learning_settings: ClassVar[tuple[str, ...]] = ("trainable",)
    # Whether the core has a counterpart of the layer; else the layer only changes shapes, which the core does not see.
    in_core: ClassVar[bool] = True
    # Whether mixed precision rounds the factors of the layer's products, if it has any.
    takes_mixed: ClassVar[bool] = True
    # Whether the layer passes its inputs on unchanged in prediction.
    only_in_training: ClassVar[bool] = False
    # Whether inputs of any scale suit the layer, which gives outputs of about 1.
    takes_any_scale: ClassVar[bool] = False
    # Whether the outputs of a step depend on that step and on the states alone; if not, what makes them do so.
    works_step_by_step: bool = False
    step_remedy: ClassVar[str] = ""
    # Whether random words are drawn in training, which depend on the number of the layer.
    draws: ClassVar[bool] = False
    # Whether every output depends on every input through a weight of its own.
    fully_connected: bool = False
    # Whether step t of the outputs belongs to step t of the inputs, so that it is padding where that is.
    preserves_steps: bool = False
    # Whether the layer marks padding, and whether it asks which steps are padding.
    marks_padding: bool = False
    # The value that a step of padding has in all features, where the layer marks padding.
    padding_value: float = 0.0
    reads_padding: bool = False
    # Whether training carries the state from batch to batch.
    stateful: bool = False
    # The axis of the weights that the outputs are on, if z = x W + b can absorb an affine map of each output.
    output_axis: ClassVar[int | None] = None
    # Whether z = x W + b with weights (features, units), which can absorb an affine map of each feature.
    mixes_features: ClassVar[bool] = False
    # Whether the layer reads a sequence in its order, so that a `Bidirectional` can also read it from the end.
    reads_in_order: ClassVar[bool] = False
    # Whether data may choose the weights of z = x W + b, and whether the bias with them.
    takes_weights_from_data: bool = False
    draws_bias: bool = False
    # The axes of those weights that tell units apart, in the order that they have in z.
    unit_axes: tuple[int, ...] = ()
    # Whether the layer has weights, which change the size of the signal.
    has_weights: ClassVar[bool] = False
    # Number of tokens or codes, where the inputs are such; of each column, with 0 for numbers, where they differ.
    vocabulary: int | tuple[int, ...] | None = None
    # Number of columns of a table, if it is one of the kinds of `Columns`.
    column_count: int | None = None
    # Whether the layer after it reads the network's inputs, as the network knows the codes among these.
    passes_codes_on: bool = False
    # How deeply layers are nested in it.
    depth: int = 0
    # The number of the layer that differs from step to step of a training, if there is one.
    schedule: Schedule | None = None

    def __init_subclass__(cls, *, abstract: bool = False, **options: Any) -> None:
        super().__init_subclass__(**options)
        if not abstract:
            LAYERS.setdefault(cls.__name__, cls)

    def __init__(self, *, trainable: bool = True) -> None:
        self._place: Place | None = None
        self._inherited: tuple[Arrays, Arrays] | None = None
        self._trainable = checked_flag(trainable, "trainable")

    def __setattr__(self, name: str, value: Any) -> None:
        if self.is_placed and not name.startswith("_") and not hasattr(getattr(type(self), name, None), "__set__"):
            if name in dir(self):
                raise AttributeError(f"{name} of {self!r} cannot be changed in a network, which was built with it")
            public = [other for other in dir(self) if not other.startswith("_")]
            raise AttributeError(f"{type(self).__name__} has no attribute {name!r}{close_names(name, public)}")
        super().__setattr__(name, value)

    def copy(self: _Layer) -> _Layer:
        """Return a layer of the same settings that is in no network, and starts from the parameters of this one.

        Examples
        --------
        >>> import chainrule as cr
        >>> base = cr.Network([4, 8, 3], seed=0)
        >>> net = cr.Network([cr.Input(4), base.layers[1].copy(), cr.Dense(2, "softmax")], seed=1)
        >>> bool((net.layers[1].weights == base.layers[1].weights).all())
        True
        """
        twin = make_layer(self.config())
        if self.is_placed:
            twin._inherited = self.parameter_arrays(), self.statistic_arrays()
        return twin  # type: ignore[return-value]

    def start(self, seed: int) -> None:
        """Set the initial parameters: those of the layer that this one is a copy of, or drawn with the seed."""
        self.initialize(seed)
        if self._inherited is not None:
            parameters, statistics = self._inherited
            for name, values in parameters.items():
                self.set_parameter(name, values)
            for name, values in statistics.items():
                self.set_statistic(name, values)

    # --- what a kind of layer says of itself

    def output_shape(self, shape: Shape) -> Shape:
        """Return the shape of a sample after the layer; ValueError if it cannot take a sample of this shape."""
        return shape

    def parameter_shapes(self, shape: Shape) -> dict[str, Shape]:
        """Return names and shapes of the parameters, in the core's order, for inputs of this shape."""
        return {}

    def statistic_shapes(self, shape: Shape) -> dict[str, Shape]:
        """Return names and shapes of state that training gathers and no gradient changes, such as running means."""
        return {}

    def core_settings(self, shape: Shape) -> _core.LayerSettings:
        """Return the settings of the core's layer, for inputs of this shape."""
        raise NotImplementedError

    def core_size(self, shape: Shape) -> int:
        """Return how many layers of the core the layer is made of."""
        return int(self.in_core)

    def initialize(self, seed: int) -> None:
        """Set the initial parameters."""

    def leaves(self) -> list[Layer]:
        """Return this layer, or the layers that it is made of."""
        return [self]

    def check_in_row(self) -> None:
        """Raise ValueError if the layer makes no sense where it stands in its network."""

    def follow(self, values: NDArray[np.float64]) -> None:
        """Take the values of the schedule in the steps of the next epoch; ValueError for one that cannot be."""
        self.place.core.set_schedule(self.place.index, values.tolist())

    def batch_warning(self, samples: int) -> str | None:
        """Return what a user must know of training with a batch of so many samples, if there is something."""
        return None

    def reference_arguments(self) -> dict[str, Any]:
        """Return the arguments of the reference's layer of the same name; layers among them have a twin there too."""
        settings = {name: getattr(self, name) for name in self.settings if name not in self.size_settings}
        arguments = {**settings, **self.parameter_arrays(), **self.statistic_arrays()}
        if arguments.keys() - settings.keys():
            arguments["trainable"] = self.trainable
        return {**arguments, "index": self.place.index} if self.draws else arguments

    def learning_factors(self, shape: Shape) -> tuple[dict[str, float], dict[str, float | None]]:
        """Return the factors of the optimiser's rate and decay by name, where they are not those of all layers."""
        return {}, {}

    def state_shapes(self, shape: Shape) -> dict[str, Shape]:
        """Return names and shapes of what a `Stepper` carries from step to step, in the core's order."""
        return {}

    def ends_sequence(self) -> bool:
        """Tell whether the layer makes one output of all steps of a sequence."""
        return False

    def folded_part(self, fold: Callable[[Sequence[Layer]], list[Part]]) -> Part:
        """Return the layer as values for prediction; `fold` folds the layers in a row that it may contain."""
        return Part(self.config(), self.parameter_arrays() | self.statistic_arrays())

    def affine_map(self) -> AffineMap | None:
        """Return what prediction does with each feature, if that is z = x ∘ factors + shifts."""
        return None

    def fold_into(self, before: Part) -> bool:
        """Change the part before this layer so that it does the work of both, if it can; tell whether it did."""
        affine = self.affine_map()
        if affine is None or not before.is_affine:
            return False
        before.change_outputs(affine)
        return True

    def fold_ahead(self, after: Part) -> bool:
        """Change the part after this layer so that it does the work of both, if it can; tell whether it did."""
        affine = self.affine_map()
        if affine is None or not after.mixes_features:
            return False
        after.change_inputs(affine)
        return True

    @property
    def output_activation(self) -> str:
        """The activation of the outputs, which is not that within the steps of a recurrent layer."""
        return self.activation

    # --- in a network

    @property
    def place(self) -> Place:
        """Where the layer stands; RuntimeError before it is in a network."""
        if self._place is None:
            raise RuntimeError(f"{self!r} is not in a network yet, so it has no parameters")
        return self._place

    @property
    def is_placed(self) -> bool:
        """Whether the layer is in a network."""
        return vars(self).get("_place") is not None

    def enter(self, place: Place) -> int:
        """Take a place in a network; return the number of the core's layers that were added there."""
        self._place = place
        if not self.in_core:
            return 0
        sources = [place.mask_source] if self.reads_padding and place.mask_source is not None else []
        place.core.add_layer(self.core_settings(place.input_shape), sources)
        place.core.set_trainable(place.index, self._trainable)
        return 1

    @property
    def mask_source_after(self) -> int | None:
        """The core's number of the layer that tells which steps are padding after this one, if there is one."""
        return self.place.mask_source if self.preserves_steps else None

    @property
    def trainable(self) -> bool:
        """Whether training changes the layer."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self._set_trainable(value)

    def _set_trainable(self, value: bool) -> None:
        self._trainable = checked_flag(value, "trainable")
        if self._place is not None and self.in_core:
            self._place.core.set_trainable(self._place.index, self._trainable)

    @property
    def parameter_count(self) -> int:
        """Number of parameters."""
        return sum(math.prod(shape) for shape in self.parameter_shapes(self.place.input_shape).values())

    def parameter_arrays(self) -> Arrays:
        """Return copies of all parameters by name."""
        place = self.place
        return self.named(place.core.layer_parameters(place.index)) if self._shapes() else {}

    def statistic_arrays(self) -> Arrays:
        """Return copies of all statistics by name."""
        place = self.place
        shapes = self.statistic_shapes(place.input_shape)
        return cut(place.core.layer_statistics(place.index), shapes) if shapes else {}

    def set_parameter(self, name: str, values: ArrayLike) -> None:
        """Set one array of the parameters; the core takes those of the whole layer at once."""
        place = self.place
        flat = place.core.layer_parameters(place.index)
        part = self.named(flat).get(name)
        if part is None:
            raise AttributeError(f"{self!r} has no {name} that could be set")
        part[...] = as_parameters(values, part.shape, place.dtype, name)
        place.core.set_layer_parameters(place.index, flat)  # type: ignore[arg-type]

    def set_statistic(self, name: str, values: ArrayLike) -> None:
        """Set one array of the statistics."""
        place = self.place
        flat = place.core.layer_statistics(place.index)
        part = cut(flat, self.statistic_shapes(place.input_shape))[name]
        part[...] = as_parameters(values, part.shape, place.dtype, name)
        place.core.set_layer_statistics(place.index, flat)  # type: ignore[arg-type]

    def named(self, flat: NDArray[Any]) -> Arrays:
        """Cut an array that is laid out as the layer's parameters into arrays by name."""
        return cut(flat, self._shapes())

    def _shapes(self) -> dict[str, Shape]:
        return self.parameter_shapes(self.place.input_shape)

    # --- as values and text

    def config(self) -> dict[str, Any]:
        """Return the description of the layer that files keep."""
        return {
            "type": type(self).__name__,
            **{name: getattr(self, name) for name in self.settings},
            **self.learning(),
        }

    def learning(self) -> dict[str, Any]:
        """Return how training treats the layer, as it may be set at any time: the values of `learning_settings`."""
        return {name: getattr(self, name) for name in self.learning_settings}

    @classmethod
    def from_config(cls, config: dict[str, Any], make: Callable[[Any], Layer]) -> Layer:
        """Return the layer that `config` described; `make` does so for a layer within it."""
        return cls(**{name: value for name, value in config.items() if name != "type"})

    def __repr__(self) -> str:
        arguments = []
        for name, parameter in inspect.signature(type(self)).parameters.items():
            if name not in (*self.settings, *self.learning_settings):
                continue
            value = getattr(self, name)
            if parameter.default is parameter.empty and parameter.kind is parameter.POSITIONAL_OR_KEYWORD:
                arguments.append(repr(value))
            elif value != parameter.default:
                arguments.append(f"{name}={value!r}")
        return f"{type(self).__name__}({', '.join(arguments)})"


def make_layer(config: Mapping[str, Any]) -> Layer:
    """Return the layer that `Layer.config` described; ValueError for an unknown kind."""
    if config.get("type") not in LAYERS:
        raise ValueError(f"unknown kind of layer {config.get('type')!r}")
    return LAYERS[config["type"]].from_config(dict(config), make_layer)


def shapes_through(shape: Shape, layers: Sequence[Layer]) -> list[Shape]:
    """Return the shape of a sample before the first layer and after each; ValueError for one that cannot be."""
    shapes = [shape]
    for layer in layers:
        shapes.append(layer.output_shape(shapes[-1]))
        size = math.prod(shapes[-1])
        # A layer's text takes long to make, and networks are built often.
        if not 1 <= size <= _LARGEST_OUTPUT:
            checked_integer(size, f"size of the output of {layer!r}", lowest=1, highest=_LARGEST_OUTPUT)
    return shapes


def enter(layers: Sequence[Layer], place: Place) -> Place:
    """Give layers in a row their places, from this one on; return the place after them."""
    for layer in layers:
        index = place.index + layer.enter(place)
        shape = layer.output_shape(place.input_shape)
        is_first = place.is_first and layer.passes_codes_on
        place = replace(place, index=index, input_shape=shape, mask_source=layer.mask_source_after, is_first=is_first)
    return place


def cut(flat: NDArray[Any], shapes: Mapping[_Name, Shape]) -> dict[_Name, NDArray[Any]]:
    """Cut a flat array into views of these shapes, one after the other."""
    parts: dict[_Name, NDArray[Any]] = {}
    begin = 0
    for name, shape in shapes.items():
        size = math.prod(shape)
        parts[name] = flat[begin : begin + size].reshape(shape)
        begin += size
    return parts
