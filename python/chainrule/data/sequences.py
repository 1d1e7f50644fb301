"""Sequences as samples: long ones are cut, and short ones padded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._checks import checked_integer


def streams(sequence: ArrayLike, batch_size: int, steps: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Cut a long sequence into samples for recurrent layers that are `stateful`.

    It is cut into `batch_size` streams of the same length, and each of these into pieces of `steps`. A batch has a
    piece of each stream, and the next batch those that follow: with ``fit(X, y, batch_size=batch_size, shuffle=False)``
    sample i of a batch continues where sample i of the batch before ended. Steps left over at the end are dropped.

    Parameters
    ----------
    sequence : array (length, ...)
        Steps of any shape: tokens, or features.
    batch_size : int
        Streams that are read side by side, >= 1.
    steps : int
        Of a sample, >= 1; as far as gradients go back.

    Returns
    -------
    X : array (pieces · batch_size, steps, ...)
    y : array of the same shape
        What follows each step: the sequence, one step on. ``y[:, -1]`` is what follows a sample.

    Raises
    ------
    ValueError
        For a sequence that is too short for one piece of each stream and the step after it.

    Examples
    --------
    >>> import numpy as np, chainrule as cr
    >>> X, y = cr.data.streams(np.arange(14), batch_size=2, steps=3)
    >>> X.tolist()
    [[0, 1, 2], [6, 7, 8], [3, 4, 5], [9, 10, 11]]
    >>> y[:, -1].tolist()
    [3, 9, 6, 12]

    A model of characters, which learns what follows four of them and remembers those before:

    >>> text = np.frombuffer(b"to be, or not to be, that is the question", np.uint8) - 32
    >>> X, y = cr.data.streams(text, batch_size=2, steps=4)
    >>> layers = [cr.Embedding(96, 8), cr.LSTM(16, stateful=True), cr.Dense(96, "softmax")]
    >>> net = cr.Network([cr.Input(4), *layers], seed=0)
    >>> history = net.fit(X, y[:, -1], epochs=2, batch_size=2, shuffle=False, verbose=0)
    """
    batch_size = checked_integer(batch_size, "batch_size", lowest=1)
    steps = checked_integer(steps, "steps", lowest=1)
    array = np.asarray(sequence)
    length = len(array) if array.ndim > 0 else 0
    pieces = (length - 1) // batch_size // steps
    if pieces < 1:
        needed = batch_size * steps + 1
        raise ValueError(
            f"sequence must have at least {needed} steps for {batch_size} streams of {steps}, got {length}"
        )

    def cut(begin: int) -> NDArray[Any]:
        whole = array[begin : begin + batch_size * pieces * steps]
        by_stream = whole.reshape(batch_size, pieces, steps, *array.shape[1:])
        return by_stream.swapaxes(0, 1).reshape(pieces * batch_size, steps, *array.shape[1:])

    return cut(0), cut(1)


def pad(sequences: Sequence[ArrayLike], value: float = 0.0, *, steps: int | None = None) -> NDArray[Any]:
    """Return sequences of different lengths as one array, with padding after the end of each, as `Masking` reads it.

    Parameters
    ----------
    sequences : sequence of arrays (steps, ...)
        Steps of the same shape: features, or token ids.
    value : float
        Value of all features of a padding step.
    steps : int, optional
        Length of the result; the default is that of the longest sequence.

    Returns
    -------
    array (sequences, steps, ...)

    Raises
    ------
    ValueError
        When there are no sequences, steps have different shapes, or a sequence is longer than `steps`.

    Examples
    --------
    >>> pad([[1, 2, 3], [4]]).tolist()
    [[1, 2, 3], [4, 0, 0]]
    """
    arrays = [np.asarray(sequence) for sequence in sequences]
    if not arrays:
        raise ValueError("sequences must be at least one, got none")
    shapes = {array.shape[1:] for array in arrays}
    if len(shapes) > 1 or any(array.ndim == 0 for array in arrays):
        raise ValueError(f"sequences must have steps of one shape, got {sorted(shapes)}")
    longest = max(map(len, arrays))
    length = longest if steps is None else checked_integer(steps, "steps", lowest=1)
    if longest > length:
        raise ValueError(f"steps must be at least the length of the longest sequence, {longest}; got {length}")
    dtype = np.result_type(*arrays)
    if not np.can_cast(np.min_scalar_type(value), dtype) and dtype.type(value) != value:
        raise ValueError(f"value must be a {dtype}, as the sequences are; got {value!r}")
    padded = np.full((len(arrays), length, *shapes.pop()), value, dtype)
    for row, array in zip(padded, arrays, strict=True):
        row[: len(array)] = array
    return padded
