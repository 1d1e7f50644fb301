"""Single arrays on their way in and out.

What the core can read is passed on, other numbers are converted, the rest is refused; copies that go out are read-only.
"""

from __future__ import annotations

import math
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from . import _core

# What the core reads as samples.
Samples: TypeAlias = NDArray[Any] | _core.SparseMatrix

UINT8 = np.dtype(np.uint8)
_IN_PLACE = (np.dtype(np.float32), np.dtype(np.float64))
# The factor that the core applies to uint8 while it reads them.
BYTE_SCALE = 1 / 255


def as_rows(X: Any, shape: tuple[int, ...], argument: str = "X") -> Any:
    """Return samples of a shape, or as rows already, as rows, without a copy if possible.

    Raises
    ------
    TypeError
        For what is not an array of real numbers.
    ValueError
        For samples of another shape, with a hint how to reshape them.
    """
    if len(shape) == 1 or hasattr(X, "tocsr"):
        return X
    array = as_real_array(X, argument)
    size = math.prod(shape)
    if array.shape[1:] == shape or array.shape[1:] == (size,):
        return array.reshape(len(array), size)
    wanted = f"({', '.join(map(str, ('samples', *shape)))})"
    hint = ""
    if array.shape == shape:
        hint = f"; one sample is {argument}[None]"
    elif array.size and array.size % size == 0:
        hint = f"; {argument}.reshape({', '.join(map(str, (-1, *shape)))}) has it"
    raise ValueError(f"{argument} must have shape {wanted}, got {array.shape}{hint}")


def as_inputs(X: ArrayLike, features: int, dtype: DTypeLike, argument: str = "X", scale: float = 1.0) -> NDArray[Any]:
    """Return X times `scale` as (samples, features) that the core can read, without a copy if possible.

    Raises
    ------
    TypeError
        For what is not an array of real numbers.
    ValueError
        For a wrong shape, no samples, NaN, infinity, or a number that is infinite in the network's type.
    """
    array = as_real_array(X, argument)
    if array.ndim != 2:
        hint = f"; reshape one sample to (1, {array.shape[0]})" if array.ndim == 1 else ""
        raise ValueError(f"{argument} must have shape (samples, {features}), got {array.shape}{hint}")
    if array.shape[1] != features:
        raise ValueError(f"{argument} must have {features} features, got {array.shape[1]} (shape {array.shape})")
    if array.shape[0] == 0:
        raise ValueError(f"{argument} must have at least one sample, got shape {array.shape}")
    check_finite(array, argument, dtype)
    return readable(array, dtype, scale)


def as_codes(X: Any, vocabulary: int | tuple[int, ...], argument: str = "X") -> NDArray[Any]:
    """Return samples, or one, whose values are tokens, or whose columns are numbers and codes, once they are checked.

    Parameters
    ----------
    vocabulary : int or tuple of int
        Number of tokens, or of the codes of each column; 0 for numbers.

    Raises
    ------
    TypeError
        For what is not an array of real numbers.
    ValueError
        For anything but tokens, or codes in a column of codes; another shape is not looked at.
    """
    if isinstance(vocabulary, int):
        return as_tokens(X, vocabulary, argument)
    array = as_real_array(X, argument)
    if array.ndim > 0 and array.shape[-1] == len(vocabulary):
        counts = np.array(vocabulary)
        columns = np.flatnonzero(counts)
        codes = array[..., columns]
        wrong = ~((codes >= 0) & (codes < counts[columns]) & (np.floor(codes) == codes))
        if wrong.any():
            where = tuple(np.argwhere(wrong)[0])
            column = columns[where[-1]]
            name = f"{argument}[{':, ' * (array.ndim - 1)}{column}]"
            raise ValueError(f"{name} must hold whole numbers in [0, {counts[column]}), got {codes[where]}")
    return array


def as_tokens(X: Any, vocabulary: int, argument: str = "X") -> NDArray[np.int64]:
    """Return X as token ids, whole numbers from 0 to below `vocabulary`.

    Raises
    ------
    TypeError
        For what is not an array of real numbers.
    ValueError
        For anything but token ids.
    """
    array = as_real_array(X, argument)
    tokens = array.astype(np.int64) if array.dtype.kind in "biu" else np.floor(array)
    wrong = (tokens != array) | ~((array >= 0) & (array < vocabulary))
    if wrong.any():
        raise ValueError(f"{argument} must hold whole numbers in [0, {vocabulary}), got {array[wrong][0]}")
    return tokens.astype(np.int64)


def as_samples(X: Any, features: int, dtype: DTypeLike, argument: str = "X", scale: float = 1.0) -> Samples:
    """Return X as `as_inputs` does, or as sparse rows if it is a sparse matrix of SciPy, never as a dense copy.

    Raises
    ------
    TypeError, ValueError
        As `as_inputs`.
    """
    if not hasattr(X, "tocsr"):
        return as_inputs(X, features, dtype, argument, scale)
    if len(X.shape) != 2 or X.shape[1] != features:
        raise ValueError(f"{argument} must have shape (samples, {features}), got {X.shape}")
    if X.shape[0] == 0:
        raise ValueError(f"{argument} must have at least one sample, got shape {X.shape}")
    rows = X.tocsr()
    try:
        rows.check_format(full_check=True)
    except ValueError as error:
        raise ValueError(f"{argument} must be a whole sparse matrix: {error}") from None
    if not rows.has_canonical_format:
        rows = rows.copy()
        rows.sum_duplicates()
    data = as_real_array(rows.data, argument)
    check_finite(data, argument, dtype)
    data = readable(data, dtype, scale)
    return _core.SparseMatrix(packed(data), packed(rows.indices), packed(rows.indptr), features)


def as_parameters(values: ArrayLike, shape: tuple[int, ...], dtype: DTypeLike, argument: str) -> NDArray[Any]:
    """Return weights, a bias, all parameters or a single sample as a contiguous array of that shape."""
    array = as_real_array(values, argument)
    if array.shape != shape:
        raise ValueError(f"{argument} must have shape {shape}, got {array.shape}")
    with np.errstate(over="ignore"):
        array = packed(array, dtype)
    check_finite(array.reshape(-1), argument, dtype)
    return array


def check_not_masked(values: Any, argument: str) -> None:
    """Refuse an array of which some values are masked, as NumPy would take what is under the mask."""
    if np.ma.isMaskedArray(values) and np.ma.is_masked(values):
        raise TypeError(f"{argument} must not be masked: fill or drop the masked values first")


def as_array(values: ArrayLike, argument: str) -> NDArray[Any]:
    """Return an array of any values, without a copy where there is one; TypeError for masked values, or ragged ones."""
    check_not_masked(values, argument)
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise TypeError(f"{argument} must be a rectangular array of numbers: {error}") from None
    if array.dtype.kind == "O" and _has_nullable_numbers(values):
        return np.asarray(values.to_numpy(dtype=np.float64, na_value=np.nan))  # type: ignore[union-attr]
    return array


def as_real_array(values: ArrayLike, argument: str) -> NDArray[Any]:
    """Return an array of real numbers, without a copy where there is one; TypeError for anything else."""
    array = as_array(values, argument)
    if array.dtype.kind not in "buif":
        raise TypeError(f"{argument} must be an array of real numbers, got dtype {array.dtype}")
    return array


def with_rows(X: Any, argument: str = "X") -> Any:
    """Return samples as an array or a sparse matrix, of which rows can be taken."""
    return X.tocsr() if hasattr(X, "tocsr") else as_array(X, argument)


def _has_nullable_numbers(values: Any) -> bool:
    """Tell a data frame of pandas with nullable numbers, which NumPy takes for objects."""
    dtypes = list(values.dtypes) if hasattr(values, "columns") and hasattr(values, "to_numpy") else []
    return bool(dtypes) and all(getattr(dtype, "kind", "O") in "buif" for dtype in dtypes)


def are_labels(y: NDArray[Any]) -> bool:
    """Tell targets that are labels: integers, where rows of targets have the type of a network."""
    return y.dtype == np.int64


def readable(array: NDArray[Any], dtype: DTypeLike, scale: float = 1.0) -> NDArray[Any]:
    """Return an array times `scale` that the core can read, without a copy if possible.

    The values decide, and not their type: equal values give equal bytes. The core reads bytes as multiples of 1/255.
    """
    if scale != 1.0:
        if array.dtype == UINT8 and scale == BYTE_SCALE:
            return array
        with np.errstate(over="ignore"):
            return np.asarray(array.astype(np.float64) / (1.0 / scale)).astype(dtype)
    if _is_native(array):
        return array
    with np.errstate(over="ignore"):
        return array.astype(dtype)


def root_mean_square(values: NDArray[Any], axis: int | None = None) -> NDArray[np.float64]:
    """Return √(mean x²), in a unit of a power of two, so that squares of large and small numbers are in range."""
    sizes = np.abs(values.astype(np.float64))
    _, exponent = np.frexp(sizes.max())
    size = np.sqrt(np.mean(np.square(np.ldexp(sizes, -exponent)), axis=axis))
    return np.asarray(np.ldexp(size, exponent))


def unit_of(samples: NDArray[Any]) -> float:
    """Return the unit of samples as the core reads them: bytes are multiples of 1/255."""
    return BYTE_SCALE if samples.dtype == UINT8 else 1.0


def _is_native(array: NDArray[Any]) -> bool:
    """Tell arrays of floating-point numbers that the core reads in place."""
    return array.dtype in _IN_PLACE and array.dtype.isnative and bool(array.flags.aligned)


def packed(array: NDArray[Any], dtype: DTypeLike | None = None) -> NDArray[Any]:
    """Return a contiguous, aligned array of the type; what is one already is not copied."""
    return np.require(array, dtype, ["C_CONTIGUOUS", "ALIGNED"])


def check_finite(array: NDArray[Any], argument: str, dtype: DTypeLike) -> None:
    """Refuse NaN, infinity, and what would become infinity in the type."""
    largest = np.float64(np.finfo(dtype).max)
    if array.dtype.kind != "f":
        return
    if _is_native(array) and array.ndim in (1, 2):
        finite = _core.all_finite(array, float(largest))
    else:
        finite = bool((np.abs(array) <= largest).all())
    if finite:
        return
    where = tuple(int(i) for i in np.argwhere(~(np.abs(array) <= largest))[0])
    of_type = f" in {np.dtype(dtype)}" if np.isfinite(array[where]) else ""
    raise ValueError(f"{argument} must be finite{of_type}, got {array[where]} at {where}")


def read_only(array: NDArray[Any]) -> NDArray[Any]:
    """Return the array, which is a copy, so that it cannot be written: an element that is assigned would be lost."""
    array.flags.writeable = False
    return array
