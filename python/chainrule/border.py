"""The border between a user's arrays and the core: samples, targets and weights are checked here, once."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import _core
from ._checks import checked_integer, checked_name, checked_number
from .arrays import (
    BYTE_SCALE,
    UINT8,
    Samples,
    are_labels,
    as_array,
    as_codes,
    as_inputs,
    as_real_array,
    as_rows,
    as_samples,
    check_finite,
    packed,
    readable,
)
from .layers.masking import Padding
from .losses import Loss
from .target_scale import TargetScale

_NO_LABELS = "target_scale needs targets that are numbers, got labels"


@dataclass
class Batches:
    """Checked samples, targets and weights, as the core takes them."""

    X: Samples
    y: NDArray[Any]
    weights: NDArray[np.float64] | None
    # Number of outputs of a sample.
    outputs: int

    def __len__(self) -> int:
        return len(self.X)

    def weighed(self, of_class: NDArray[np.float64] | None, *, may_weigh_nothing: bool = False) -> Batches:
        """Return the same with the weights of classes multiplied in, where the targets are labels."""
        if of_class is None or not are_labels(self.y):
            return self
        weights = of_class[self.y]
        if self.weights is not None:
            weights = weights * self.weights.reshape(len(weights), *(-1,) * (weights.ndim - 1))
        if not (may_weigh_nothing and weights.max() == 0):
            if weights.max() == 0:
                raise ValueError("class_weight and sample_weight leave no sample with a weight above zero")
            _check_sum(weights, "class_weight times sample_weight")
        return replace(self, weights=np.ascontiguousarray(weights, dtype=np.float64))

    @property
    def is_sparse(self) -> bool:
        """Whether the samples are sparse rows."""
        return isinstance(self.X, _core.SparseMatrix)


@dataclass(frozen=True)
class Border:
    """What a network takes: turns arrays of any kind into samples, targets and weights for the core.

    Attributes
    ----------
    input_shape, output_shape : tuple of int
        Shapes of a sample and of its outputs.
    dtype : str
        Precision of the network.
    vocabulary : int, tuple of int or None
        Number of tokens, where the samples are tokens; number of codes of each column, where some columns are codes.
    activation : str
        Activation of the last layer.
    scale : float
        What samples are multiplied by.
    classes : array, optional
        The labels of the classes, if they are not 0, 1, …
    padding : Padding, optional
        Which steps of a sample are padding, if the outputs have a step for each of its steps: such a step has the
        weight zero.
    target_scale : TargetScale or "auto", optional
        The unit in which targets are learned; "auto" until the first fit.
    shapes_of : callable, optional
        Returns the shapes of a sample and of its outputs by the number of steps, where that may be any.
    is_mixed : bool
        Whether the network is of mixed precision, which sparse rows have no products for.
    """

    input_shape: tuple[int, ...]
    output_shape: tuple[int, ...]
    dtype: str
    vocabulary: int | tuple[int, ...] | None
    activation: str
    scale: float = 1.0
    classes: NDArray[Any] | None = None
    padding: Padding | None = None
    target_scale: TargetScale | str | None = None
    shapes_of: Callable[[int], tuple[tuple[int, ...], tuple[int, ...]]] | None = None
    is_mixed: bool = False

    @property
    def inputs(self) -> int:
        """Number of features."""
        return math.prod(self.input_shape)

    @property
    def outputs(self) -> int:
        """Number of outputs."""
        return math.prod(self.output_shape)

    def fitting(self, X: Any, argument: str = "X") -> Border:
        """Return the border for sequences as long as these, where their length may be any."""
        if self.shapes_of is None:
            return self
        if hasattr(X, "tocsr"):
            raise TypeError(f"{argument} must be an array for sequences of any length, got a sparse matrix")
        try:
            shape, features = as_real_array(X, argument).shape, self.input_shape[1:]
        except TypeError as error:
            hint = "sequences of different lengths are padded by cr.data.pad, or come in batches of one length"
            raise TypeError(f"{error}; {hint}" if isinstance(X, (list, tuple)) else str(error)) from None
        if len(shape) != 2 + len(features) or shape[2:] != features or shape[1] == 0:
            wanted = ", ".join(map(str, ("samples", "steps", *features)))
            hint = f"; one sample is {argument}[None]" if len(shape) > 0 and shape[1:] == features else ""
            raise ValueError(f"{argument} must have shape ({wanted}), got {shape}{hint}")
        return self.for_steps(shape[1])

    def for_steps(self, steps: int) -> Border:
        """Return the border for sequences of so many steps, where their number may be any."""
        if self.shapes_of is None or steps == self.input_shape[0]:
            return self
        inputs, outputs = self.shapes_of(steps)
        padding = self.padding and replace(self.padding, steps=steps)
        return replace(self, input_shape=inputs, output_shape=outputs, padding=padding)

    def samples(self, X: Any, argument: str = "X") -> Samples:
        """Return samples, dense or sparse, for prediction and training."""
        if self.is_mixed and hasattr(X, "tocsr"):
            raise ValueError(f"{argument} must be dense with precision 'mixed', got a sparse matrix")
        border = self.fitting(X, argument)
        return as_samples(border._rows(X, argument), border.inputs, self.dtype, argument, self.scale)

    def is_read_in_place(self, X: Any) -> bool:
        """Tell whether the core reads this array with the values that it means; it need not be one."""
        if self.vocabulary is not None or self.shapes_of is not None:
            return False
        is_bytes = getattr(X, "dtype", None) == UINT8
        return self.scale == BYTE_SCALE if is_bytes else self.scale == 1.0

    def dense_samples(self, X: Any, argument: str = "X") -> NDArray[Any]:
        """Return samples as rows; sparse ones are refused."""
        if hasattr(X, "tocsr"):
            raise TypeError(f"{argument} must be a dense array here, got a sparse matrix, of which toarray() makes one")
        border = self.fitting(X, argument)
        return as_inputs(border._rows(X, argument), border.inputs, self.dtype, argument, self.scale)

    def output_gradient(self, values: Any) -> NDArray[Any]:
        """Return a gradient by the outputs in their units as rows, by the outputs as the core has them."""
        rows = as_rows(values, self.output_shape, "output_gradient")
        rows = as_inputs(rows, self.outputs, self.dtype, "output_gradient")
        scale = self.scale_of_targets
        return np.ascontiguousarray(rows if scale is None else scale.gradient(rows), dtype=self.dtype)

    def batches(
        self,
        X: Any,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        *,
        loss: Loss,
        prefix: str = "",
        may_weigh_nothing: bool = False,
    ) -> Batches:
        """Return samples with targets and weights; errors name the arguments with the prefix.

        `may_weigh_nothing` allows weights that are all zero, as a single batch of a stream may have them.
        """
        border = self.fitting(X, f"{prefix}X")
        inputs = border.samples(X, f"{prefix}X")
        targets = border._targets(y, len(inputs), loss, f"{prefix}y")
        places = border.output_shape[:-1] if loss.target_columns(border.outputs) == border.outputs else ()
        weights = as_sample_weight(sample_weight, len(inputs), places, may_weigh_nothing=may_weigh_nothing)
        # Sparse samples are no sequences; the core refuses them.
        if border.padding is not None and places and isinstance(inputs, np.ndarray):
            weights = border._without_padding(inputs, weights, border.padding)
            if not (weights.any() or may_weigh_nothing):
                raise ValueError(f"{prefix}X must have at least one step with a weight that is not padding")
        return Batches(inputs, targets, weights, border.outputs)

    def _without_padding(
        self, inputs: NDArray[Any], weights: NDArray[np.float64] | None, padding: Padding
    ) -> NDArray[np.float64]:
        """Return the weights of the steps, which are zero where a step is padding."""
        values = inputs.reshape(len(inputs), padding.steps, -1)
        if values.dtype == UINT8 and self.scale == BYTE_SCALE:
            values = values / 255.0
        is_step = (values.astype(self.dtype, copy=False) != np.dtype(self.dtype).type(padding.value)).any(axis=2)
        counts = is_step.astype(np.float64)
        of_samples = 1.0 if weights is None else weights.reshape(len(counts), -1)
        return np.asarray(counts * of_samples)

    def class_counts(self, y: NDArray[Any], weights: NDArray[np.float64] | None, loss: Loss) -> NDArray[np.int64]:
        """Return how many samples each class has; what has the weight zero, such as padding, is none."""
        if not are_labels(y):
            raise ValueError(f"class_weight needs y as integer labels, got rows of shape {y.shape}")
        counted = y if weights is None else y[weights.reshape(len(y), *(-1,) * (y.ndim - 1)) > 0]
        return np.bincount(counted.ravel(), minlength=self._classes(loss))

    def class_weights(
        self, class_weight: Mapping[Any, float] | str | None, counts: NDArray[np.int64], loss: Loss
    ) -> NDArray[np.float64] | None:
        """Return the weight of each class; "balanced", which needs their counts, is samples / (classes · count)."""
        if class_weight is None:
            return None
        classes = self._classes(loss)
        if isinstance(class_weight, str):
            if class_weight != "balanced":
                raise ValueError(f"class_weight must be a mapping or 'balanced', got {class_weight!r}")
            return np.asarray(counts.sum() / (np.count_nonzero(counts) * np.maximum(counts, 1)))
        if not isinstance(class_weight, Mapping):
            raise TypeError(f"class_weight must be a mapping or 'balanced', got {class_weight!r}")
        of_class = np.ones(classes)
        for label, weight in class_weight.items():
            number = label if self.classes is None else int(self._as_numbers([label], "class_weight labels")[0])
            number = checked_integer(number, "class_weight label", lowest=0)
            if number >= classes:
                raise ValueError(f"class_weight labels must be in [0, {classes - 1}], got {number}")
            of_class[number] = checked_number(weight, f"class_weight[{label!r}]", lowest=0)
        return of_class

    def _rows(self, X: Any, argument: str) -> Any:
        rows = as_rows(X, self.input_shape, argument)
        if self.vocabulary is None or hasattr(rows, "tocsr"):
            return rows
        return as_codes(rows, self.vocabulary, argument)

    def _targets(self, y: ArrayLike, samples: int, loss: Loss, argument: str) -> NDArray[Any]:
        """Return y as int64 labels or as rows (samples, columns), with values that the loss can mean.

        Labels are (samples,), or (samples, places) for outputs at the steps of a sequence or the pixels of an image. A
        label means a row with a one at the label; y is never scaled.
        """
        *places, _ = self.output_shape
        columns = loss.target_columns(self.outputs)
        array = as_real_array(self._as_numbers(y, argument), argument)
        if array.ndim == 0 or array.shape[0] != samples:
            raise ValueError(
                f"X and {argument} must have the same length, got {samples} samples and shape {array.shape}"
            )
        of_places = array.shape[1:] == tuple(places) or (array.ndim == 1 and math.prod(places) == 1)
        self._check_scale(loss)
        if of_places and self._are_labels(array, math.prod(places) < columns, loss):
            if self.target_scale is not None:
                raise ValueError(_NO_LABELS)
            labels = array.reshape(samples) if math.prod(places) == 1 else array.reshape(samples, -1)
            hint = "; give numbers that are no labels as floats" if loss.takes_any_targets else ""
            return _as_labels(labels, self._classes(loss), argument, hint)
        any_width = loss.takes_any_targets and array.size > 0 and array.shape[1:-1] in ((), tuple(places))
        if of_places or any_width or (places and array.shape[1:] == self.output_shape):
            array = array.reshape(samples, -1)
        if any_width and self.target_scale is None:
            columns = array.shape[1]
        if array.ndim != 2 or array.shape[1] != columns:
            wanted = (samples, *places, columns // math.prod(places))
            labels_wanted = f" of shape {(samples, *places)}" if places else ""
            raise ValueError(f"{argument} must have shape {wanted} or be labels{labels_wanted}, got {array.shape}")
        check_finite(array, argument, self.dtype)
        rows = readable(array if self.scale_of_targets is None else self.scale_of_targets.to_unit(array), self.dtype)
        loss.check_targets(rows.reshape(samples * math.prod(places), -1), self.activation, argument)
        return rows

    @staticmethod
    def _are_labels(array: NDArray[Any], are_one_of_many: bool, loss: Loss) -> bool:
        """Tell labels from numbers; those of a loss that takes any targets have an integer type."""
        is_whole = array.dtype.kind in "bui"
        if is_whole and loss.reads_labels(array):
            return True
        return are_one_of_many and (is_whole or not loss.takes_any_targets)

    @property
    def scale_of_targets(self) -> TargetScale | None:
        """The unit in which targets are learned, if it is known."""
        return self.target_scale if isinstance(self.target_scale, TargetScale) else None

    def with_unit(self, target_scale: str | tuple[ArrayLike, ArrayLike] | None) -> Border:
        """Return a border with the unit of targets as `Network` is given it."""
        if target_scale is None:
            return self
        if self.activation != "identity":
            raise ValueError(f"target_scale needs an output of activation 'identity', got {self.activation!r}")
        if isinstance(target_scale, str):
            return replace(self, target_scale=checked_name(target_scale, "target_scale", ("auto",)))
        if not isinstance(target_scale, tuple | list) or len(target_scale) != 2:
            raise TypeError(f"target_scale must be 'auto' or (mean, std), got {target_scale!r}")
        return replace(self, target_scale=TargetScale.given(*target_scale, self.output_shape[-1]))

    def with_target_scale(self, y: Any, loss: Loss) -> Border:
        """Return a border that knows the scale of these targets, if it is to be found and not known yet."""
        if not isinstance(self.target_scale, str):
            return self
        if y is None:
            raise ValueError("target_scale must be (mean, std) for batches that come one by one, got 'auto'")
        self._check_loss(loss)
        rows = replace(self, target_scale=None)._targets(y, len(np.asarray(y)), loss, "y")
        if are_labels(rows):
            raise ValueError(_NO_LABELS)
        width = loss.target_columns(self.outputs) // math.prod(self.output_shape[:-1])
        return replace(self, target_scale=TargetScale.of(as_real_array(y, "y"), width))

    def unit_config(self) -> str | dict[str, list[float]] | None:
        """Return the description of the unit of targets that files keep."""
        scale = self.target_scale
        return scale.config() if isinstance(scale, TargetScale) else scale

    def targets_in_units(self, rows: NDArray[Any]) -> NDArray[Any]:
        """Return targets as the core has them in their units, and of the outputs' shape if they are as many."""
        if are_labels(rows):
            return rows if rows.ndim == 1 else rows.reshape(-1, *self.output_shape[:-1])
        targets = self.in_units(rows)
        return targets.reshape(-1, *self.output_shape) if targets[0].size == self.outputs else targets

    def in_units(self, outputs: NDArray[Any]) -> NDArray[Any]:
        """Return the core's outputs, (..., outputs), in the units of the targets."""
        scale = self.scale_of_targets
        return outputs if scale is None else scale.in_units(outputs)

    def _check_scale(self, loss: Loss) -> None:
        if self.target_scale is None:
            return
        self._check_loss(loss)
        if self.scale_of_targets is None:
            raise ValueError("target_scale 'auto' is found by the first fit; fit before, or pass (mean, std)")
        columns = loss.target_columns(self.outputs)
        if columns % len(self.scale_of_targets.mean) != 0:
            raise ValueError(
                f"target_scale must be of {columns} targets or of a single one, got {len(self.scale_of_targets.mean)}"
            )

    def _check_loss(self, loss: Loss) -> None:
        if not loss.is_of_differences:
            raise ValueError(f"target_scale needs a loss of differences, such as 'mse' or 'huber', got {loss!r}")

    def new_labels(self, y: Any) -> NDArray[Any] | None:
        """Return the labels in y, if they are strings and no classes are known yet."""
        return np.unique(np.asarray(y)) if self.classes is None and _are_strings(y) else None

    def with_classes(self, labels: Sequence[NDArray[Any] | None], loss: Loss) -> Border:
        """Return a border that knows the new labels in parts of y as classes, if there are any."""
        new = [part for part in labels if part is not None]
        if not new:
            return self
        if len(new) < len(labels):
            raise ValueError("y must be strings on all ranks or on none, got strings on some")
        found, classes = np.unique(np.concatenate(new)), self._classes(loss)
        if len(found) != classes:
            raise ValueError(f"y must have {classes} classes, as the outputs have, got {found.tolist()}")
        return replace(self, classes=found)

    def _classes(self, loss: Loss) -> int:
        """Return the number of classes that labels tell apart."""
        return max(loss.target_columns(self.output_shape[-1]), 2)

    def labels(self, numbers: NDArray[np.int64]) -> NDArray[Any]:
        """Return the labels of classes by their numbers."""
        return numbers if self.classes is None else self.classes[numbers]

    def _as_numbers(self, y: Any, argument: str) -> Any:
        """Return labels that are strings as the numbers of their classes, and anything else as it is."""
        if not _are_strings(y):
            return y
        labels = as_array(y, argument)
        if self.classes is None:
            raise ValueError(
                f"{argument} must be numbers, as the network was not fitted to strings; got {str(labels.flat[0])!r}"
            )
        numbers = np.searchsorted(self.classes, labels).clip(max=len(self.classes) - 1)
        unknown = labels[self.classes[numbers] != labels]
        if unknown.size:
            raise ValueError(f"{argument} must be labels among {self.classes.tolist()}, got {str(unknown[0])!r}")
        return numbers


def as_sample_weight(
    weights: ArrayLike | None, samples: int, places: tuple[int, ...] = (), *, may_weigh_nothing: bool = False
) -> NDArray[np.float64] | None:
    """Return weights as contiguous float64 (samples,), or as rows if they are (samples, *places).

    Weights are finite, none is negative, and unless they may weigh nothing, at least one is above zero.
    """
    if weights is None:
        return None
    array = as_real_array(weights, "sample_weight")
    if array.shape not in ((samples,), (samples, *places)):
        or_places = f" or {(samples, *places)}" if places else ""
        raise ValueError(f"sample_weight must have shape ({samples},){or_places}, got {array.shape}")
    array = packed(array if array.ndim == 1 else array.reshape(samples, -1), np.float64)
    check_finite(array, "sample_weight", np.float64)
    if may_weigh_nothing and not array.any():
        return array
    if array.min() < 0 or array.max() == 0:
        raise ValueError("sample_weight must have no negative weight and at least one that is not zero")
    _check_sum(array, "sample_weight")
    return array


def _check_sum(weights: NDArray[np.float64], argument: str) -> None:
    """Refuse weights whose sum is no divisor."""
    with np.errstate(over="ignore"):
        total = weights.sum()
    if not np.finfo(np.float64).tiny <= total <= np.finfo(np.float64).max:
        raise ValueError(f"{argument} must have a sum that is neither too small nor too large a number, got {total:g}")


def _as_labels(array: NDArray[Any], classes: int, argument: str, hint: str = "") -> NDArray[np.int64]:
    """Return whole numbers from 0 to below the number of classes."""
    if array.dtype.kind == "f":
        array = readable(array, np.float64)
        check_finite(array, argument, np.float64)
        fractional = array[array != np.floor(array)]
        if fractional.size:
            raise ValueError(f"{argument} as labels must be whole numbers, got {fractional[0]}")
    low, high = array.min(), array.max()
    if low < 0 or high >= classes:
        raise ValueError(f"{argument} as labels must be in [0, {classes - 1}], got {high if low >= 0 else low}{hint}")
    return packed(array, np.int64)


def _are_strings(y: Any) -> bool:
    """Tell labels that are strings."""
    if isinstance(y, np.ndarray) and y.dtype.kind in "buif":
        return False
    array = np.zeros(0) if hasattr(y, "tocsr") else np.asarray(y)
    is_text = array.dtype.kind in "UT" or (
        array.dtype.kind == "O" and all(isinstance(value, str) for value in array.flat)
    )
    return array.ndim >= 1 and array.size > 0 and is_text
