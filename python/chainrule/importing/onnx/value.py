"""A value on its way through a file: the layers that make it, and how its numbers are arranged there and here."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...layers.base import Part

# A number of steps that may be any is None.
Sizes = tuple[int | None, ...]


@dataclass(frozen=True)
class Value:
    """The outcome of layers.

    Attributes
    ----------
    parts : tuple of Part
        The layers, since the beginning or the last fork.
    real : tuple of int or None
        The shape of a sample after them.
    shape : tuple of int or None
        The shape that it has in the file, in the order of the axes here; a `Reshape` is added once a layer needs it.
    axes : tuple of int
        For each axis in the file the one here; 0 is that of the samples.
    order : array, optional
        For each feature in the file the place of it here, where they are in a row and differ.
    """

    parts: tuple[Part, ...]
    real: Sizes
    shape: Sizes
    axes: tuple[int, ...]
    order: NDArray[np.int64] | None = None

    @property
    def file_shape(self) -> Sizes:
        """The shape in the file; the number of samples is None."""
        sizes: Sizes = (None, *self.shape)
        return tuple(sizes[axis] for axis in self.axes)

    @property
    def file_sample(self) -> Sizes:
        """The shape of a sample in the file."""
        batch = self.axes.index(0)
        return self.file_shape[:batch] + self.file_shape[batch + 1 :]

    @property
    def is_plain(self) -> bool:
        """Whether the axes come in the same order in the file."""
        return self.axes == tuple(range(len(self.axes)))

    @property
    def is_channels_first(self) -> bool:
        """Whether the axes come in the order of ONNX's images and signals; of features in a row, both are the same."""
        last = len(self.shape)
        return self.axes == (0, last, *range(1, last))

    def settled(self) -> Value:
        """Return the value in its shape here and with features in the order of the file, by layers that do so."""
        value = self
        if value.shape != value.real:
            value = value._reshaped()
        if value.order is not None:
            chosen = value.order.tolist()
            value = replace(value, order=None).then("Select", {}, {"features": chosen, "is_slice": False})
        return value

    def _reshaped(self) -> Value:
        if any(size is None for size in self.shape):
            raise ValueError(f"a sequence of any length cannot become of shape {self.shape} here")
        kind = {"type": "Flatten"} if len(self.shape) == 1 else {"type": "Reshape", "shape": self.shape}
        return replace(self, parts=(*self.parts, Part({**kind, "trainable": True}, {})), real=self.shape)

    def then(
        self, kind: str, arrays: dict[str, Any], settings: dict[str, Any] | None = None, shape: Sizes | None = None
    ) -> Value:
        """Return the value after another layer, which gives samples this shape, or keeps it."""
        part = Part({"type": kind, "trainable": True, **(settings or {})}, arrays)
        after = self.shape if shape is None else shape
        return replace(self, parts=(*self.parts, part), real=after, shape=after)

    def turned(self, permutation: Sequence[int]) -> Value:
        """Return the value after a transposition in the file."""
        return replace(self, axes=tuple(self.axes[axis] for axis in permutation))

    def without(self, gone: Collection[int]) -> Value:
        """Return the value without axes of one number each, which are counted here."""
        kept = [axis for axis in range(len(self.axes)) if axis not in gone]
        sizes = tuple(self.shape[axis - 1] for axis in kept[1:])
        return replace(self, shape=sizes, axes=tuple(kept.index(axis) for axis in self.axes if axis not in gone))

    def flat(self) -> Value:
        """Return the value with all its numbers in a row, as the file has them."""
        if self.order is not None or len(self.shape) == 1:
            return self
        if any(size is None for size in self.shape):
            raise ValueError(f"a sequence of any length, {self.shape}, has no number of features in a row")
        sizes: Any = self.shape
        count = math.prod(sizes)
        places = np.arange(count).reshape(sizes).transpose([axis - 1 for axis in self.axes[1:]]).ravel()
        order = None if (places == np.arange(count)).all() else places
        return replace(self, shape=(count,), axes=(0, 1), order=order)


def features_here(value: Value, numbers: NDArray[Any]) -> NDArray[Any]:
    """Return numbers for the features in the order that these have here."""
    if value.order is None:
        return numbers
    here = np.empty_like(numbers)
    here[value.order] = numbers
    return here
