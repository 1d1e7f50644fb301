"""Arrays at the border: what the core can read is passed in place, what it cannot is converted, the rest is refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from . import _core
from ._checks import checked_integer, checked_number
from .losses import CrossEntropy, Hinge, Loss, Poisson

# What the core reads as samples.
Samples = NDArray[Any] | _core.SparseMatrix


@dataclass
class Batches:
    """Checked samples, targets and weights, as the core takes them."""

    X: Samples
    y: NDArray[Any]
    weights: NDArray[np.float64] | None

    def __len__(self) -> int:
        return len(self.X)


_IN_PLACE = (np.dtype(np.uint8), np.dtype(np.float32), np.dtype(np.float64))


def as_rows(X: Any, shape: tuple[int, ...]) -> Any:
    """Return samples of a shape as rows, without a copy where that can be; what has another shape stays as it is."""
    if len(shape) == 1 or hasattr(X, "tocsr"):
        return X
    array = X if isinstance(X, np.ndarray) else np.asarray(X)
    return array.reshape(len(array), -1) if array.ndim > 1 and array.shape[1:] == shape else array


def as_inputs(X: ArrayLike, features: int, dtype: DTypeLike, argument: str = "X") -> NDArray[Any]:
    """Return X as (samples, features) that the core can read, in place where it can be.

    Raises
    ------
    TypeError
        For what is not an array of real numbers.
    ValueError
        For a wrong shape, no samples, NaN, infinity, or a number that is infinite in the network's type.
    """
    array = _as_real_array(X, argument)
    if array.ndim != 2:
        hint = f"; reshape one sample to (1, {array.shape[0]})" if array.ndim == 1 else ""
        raise ValueError(f"{argument} must have shape (samples, {features}), got {array.shape}{hint}")
    if array.shape[1] != features:
        raise ValueError(f"{argument} must have {features} features, got {array.shape[1]} (shape {array.shape})")
    if array.shape[0] == 0:
        raise ValueError(f"{argument} must have at least one sample, got shape {array.shape}")
    array = _readable(array, dtype)
    _check_finite(array, argument, dtype)
    return array


def as_tokens(X: Any, vocabulary: int, argument: str = "X") -> NDArray[np.int64]:
    """Return X as whole numbers from 0 to below `vocabulary`.

    Raises
    ------
    TypeError
        For what is not an array of real numbers.
    ValueError
        For anything but words.
    """
    array = _as_real_array(X, argument)
    words = array.astype(np.int64) if array.dtype.kind in "biu" else np.floor(array)
    wrong = (words != array) | ~((array >= 0) & (array < vocabulary))
    if wrong.any():
        raise ValueError(f"{argument} must hold whole numbers in [0, {vocabulary}), got {array[wrong][0]}")
    return words.astype(np.int64)


def as_samples(X: Any, features: int, dtype: DTypeLike, argument: str = "X") -> Samples:
    """Return X as `as_inputs` does, or as sparse rows where it is a sparse matrix of SciPy: never as a dense copy.

    Raises
    ------
    TypeError, ValueError
        As `as_inputs`.
    """
    if not hasattr(X, "tocsr"):
        return as_inputs(X, features, dtype, argument)
    if len(X.shape) != 2 or X.shape[1] != features:
        raise ValueError(f"{argument} must have shape (samples, {features}), got {X.shape}")
    if X.shape[0] == 0:
        raise ValueError(f"{argument} must have at least one sample, got shape {X.shape}")
    rows = X.tocsr()
    if not rows.has_canonical_format:
        rows = rows.copy()
        rows.sum_duplicates()
    data = _readable(_as_real_array(rows.data, argument), dtype)
    _check_finite(data, argument, dtype)
    return _core.SparseMatrix(_packed(data), _packed(rows.indices), _packed(rows.indptr), features)


def as_targets(
    y: ArrayLike, samples: int, columns: int, loss: Loss, activation: str, dtype: DTypeLike, argument: str = "y"
) -> NDArray[Any]:
    """Return y as int64 labels (samples,) or as rows (samples, columns), with values that the loss can mean.

    Integer labels are rows with a one at the label; y is never scaled.
    """
    array = _as_real_array(y, argument)
    if array.ndim == 0 or array.shape[0] != samples:
        raise ValueError(f"X and {argument} must have the same length, got {samples} samples and shape {array.shape}")
    if array.ndim == 1 and _are_labels(array, columns, loss):
        return _as_labels(array, 2 if columns == 1 else columns, argument)
    if array.ndim == 1:
        array = array[:, np.newaxis]
    if array.ndim != 2 or array.shape[1] != columns:
        raise ValueError(f"{argument} must have shape ({samples}, {columns}) or be labels, got {array.shape}")
    rows = _readable(array, dtype)
    _check_finite(rows, argument, dtype)
    _check_values(rows, loss, activation, argument)
    return rows


def as_sample_weight(weights: ArrayLike | None, samples: int, steps: int | None = None) -> NDArray[np.float64] | None:
    """Return the weights as contiguous float64 (samples,), or (samples, steps) where targets have steps.

    They are finite, none negative, and not all zero.
    """
    if weights is None:
        return None
    array = _as_real_array(weights, "sample_weight")
    if array.shape not in ((samples,), (samples, steps)):
        or_steps = "" if steps is None else f" or ({samples}, {steps})"
        raise ValueError(f"sample_weight must have shape ({samples},){or_steps}, got {array.shape}")
    array = _packed(array, np.float64)
    _check_finite(array, "sample_weight", np.float64)
    if array.min() < 0 or array.max() == 0:
        raise ValueError("sample_weight must have no negative weight and at least one that is not zero")
    _check_sum(array, "sample_weight")
    return array


def with_class_weight(
    sample_weight: NDArray[np.float64] | None, class_weight: Mapping[int, float] | str | None, y: NDArray[Any]
) -> NDArray[np.float64] | None:
    """Multiply the samples' weights by those of their classes; "balanced" is samples / (classes · samples of it)."""
    if class_weight is None:
        return sample_weight
    if y.ndim != 1:
        raise ValueError(f"class_weight needs y as integer labels, got rows of shape {y.shape}")
    counts = np.bincount(y)
    if isinstance(class_weight, str):
        if class_weight != "balanced":
            raise ValueError(f"class_weight must be a mapping or 'balanced', got {class_weight!r}")
        of_class = len(y) / (np.count_nonzero(counts) * np.maximum(counts, 1))
    elif isinstance(class_weight, Mapping):
        of_class = np.ones(len(counts))
        for label, weight in class_weight.items():
            value = checked_number(weight, f"class_weight[{label!r}]", lowest=0)
            if checked_integer(label, "class_weight label", lowest=0) < len(counts):
                of_class[label] = value
    else:
        raise TypeError(f"class_weight must be a mapping or 'balanced', got {class_weight!r}")
    weights = of_class[y] if sample_weight is None else of_class[y] * sample_weight
    if weights.max() == 0:
        raise ValueError("class_weight and sample_weight leave no sample with a weight above zero")
    _check_sum(weights, "class_weight times sample_weight")
    return np.ascontiguousarray(weights, dtype=np.float64)


def as_parameters(values: ArrayLike, shape: tuple[int, ...], dtype: DTypeLike, argument: str) -> NDArray[Any]:
    """Return weights, a bias, all parameters or a single sample as a contiguous array of that shape."""
    array = _as_real_array(values, argument)
    if array.shape != shape:
        raise ValueError(f"{argument} must have shape {shape}, got {array.shape}")
    with np.errstate(over="ignore"):
        array = _packed(array, dtype)
    _check_finite(array.reshape(-1), argument, dtype)
    return array


def _as_real_array(values: ArrayLike, argument: str) -> NDArray[Any]:
    if np.ma.isMaskedArray(values) and np.ma.is_masked(values):
        raise TypeError(f"{argument} must not be masked: fill or drop the masked values first")
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise TypeError(f"{argument} must be a rectangular array of numbers: {error}") from None
    if array.dtype.kind not in "buif":
        raise TypeError(f"{argument} must be an array of real numbers, got dtype {array.dtype}")
    return array


def _readable(array: NDArray[Any], dtype: DTypeLike) -> NDArray[Any]:
    """Return what the core reads in place as it is, and other numbers in the type."""
    if array.dtype in _IN_PLACE and array.dtype.isnative and array.flags.aligned:
        return array
    with np.errstate(over="ignore"):
        return array.astype(dtype)


def _packed(array: NDArray[Any], dtype: DTypeLike | None = None) -> NDArray[Any]:
    """Return a contiguous, aligned array of the type; what is one already is not copied."""
    return np.require(array, dtype, ["C_CONTIGUOUS", "ALIGNED"])


def _check_finite(array: NDArray[Any], argument: str, dtype: DTypeLike) -> None:
    """Refuse NaN, infinity, and what would become infinity in the type."""
    largest = np.float64(np.finfo(dtype).max)
    if array.dtype.kind != "f" or _core.all_finite(array, float(largest)):
        return
    where = tuple(int(i) for i in np.argwhere(~(np.abs(array) <= largest))[0])
    of_type = f" in {np.dtype(dtype)}" if np.isfinite(array[where]) else ""
    raise ValueError(f"{argument} must be finite{of_type}, got {array[where]} at {where}")


def _check_sum(weights: NDArray[np.float64], argument: str) -> None:
    """Refuse weights by whose sum nothing can be divided."""
    with np.errstate(over="ignore"):
        total = weights.sum()
    if not np.finfo(np.float64).tiny <= total <= np.finfo(np.float64).max:
        raise ValueError(f"{argument} must have a sum that is neither too small nor too large a number, got {total:g}")


def _are_labels(array: NDArray[Any], columns: int, loss: Loss) -> bool:
    if columns > 1:
        return True
    whole = array.dtype.kind in "bui"
    return whole and (isinstance(loss, CrossEntropy) or (isinstance(loss, Hinge) and bool(array.min() >= 0)))


def _as_labels(array: NDArray[Any], classes: int, argument: str) -> NDArray[np.int64]:
    if array.dtype.kind == "f":
        array = _readable(array, np.float64)
        _check_finite(array, argument, np.float64)
        fractional = array[array != np.floor(array)]
        if fractional.size:
            raise ValueError(f"{argument} as labels must be whole numbers, got {fractional[0]}")
    low, high = array.min(), array.max()
    if low < 0 or high >= classes:
        raise ValueError(f"{argument} as labels must be in [0, {classes - 1}], got {high if low >= 0 else low}")
    return _packed(array, np.int64)


def _check_values(rows: NDArray[Any], loss: Loss, activation: str, argument: str) -> None:
    if isinstance(loss, Poisson) and rows.min() < 0:
        raise ValueError(f"{argument} must be counts >= 0 for loss 'poisson', got {rows.min()}")
    if isinstance(loss, Hinge):
        low = 0 if rows.min() == 0 else -1
        wrong = rows[(rows != low) & (rows != 1)]
        if wrong.size:
            raise ValueError(f"{argument} must be {low} and 1 for loss 'hinge', got {wrong[0]}")
    if not isinstance(loss, CrossEntropy):
        return
    if rows.min() < 0 or rows.max() > 1:
        worst = rows.min() if rows.min() < 0 else rows.max()
        raise ValueError(f"{argument} must be in [0, 1] for loss 'cross_entropy', got {worst}")
    if activation == "softmax":
        sums = rows.sum(axis=1, dtype=np.float64)
        worst = sums[np.argmax(np.abs(sums - 1))]
        if abs(worst - 1) > 1e-3:
            raise ValueError(f"rows of {argument} must sum to 1 for softmax with 'cross_entropy', got {worst:g}")
