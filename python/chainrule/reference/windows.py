"""The positions of a window of a convolution or a pool over its input."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from .activations import Array

# "valid", "same", ((top, bottom), (left, right)), or (before, after) of a single axis.
Padding = str | Sequence[Any]


def per_axis(value: int | Sequence[int], axes: int) -> tuple[int, ...]:
    """Return a number for each axis."""
    return (value,) * axes if isinstance(value, int) else tuple(value)


def padding_pairs(
    padding: Padding, sizes: Sequence[int], spans: Sequence[int], strides: Sequence[int]
) -> list[tuple[int, int]]:
    """Return the padding before and after each axis; "same" makes ⌈n/s⌉ outputs, the larger half after."""
    if padding == "valid":
        return [(0, 0) for _ in sizes]
    if padding == "causal":
        return [(span - 1, 0) for span in spans]
    if padding == "same":
        totals = [max((-(-n // s) - 1) * s + span - n, 0) for n, span, s in zip(sizes, spans, strides, strict=True)]
        return [(total // 2, total - total // 2) for total in totals]
    pairs: list[Any] = list(padding)
    return [(pairs[0], pairs[1])] if len(sizes) == 1 and isinstance(pairs[0], int) else pairs


class Windows:
    """Windows of a convolution or a pool: output o and kernel position k meet at the place o·stride + k·dilation."""

    def __init__(
        self,
        sizes: Sequence[int],
        kernel: Sequence[int],
        strides: Sequence[int],
        padding: Padding = "valid",
        dilation: Sequence[int] | None = None,
    ) -> None:
        self.kernel = tuple(kernel)
        self.strides = strides
        self.dilation = per_axis(1, len(kernel)) if dilation is None else dilation
        spans = [(k - 1) * d + 1 for k, d in zip(kernel, self.dilation, strict=True)]
        self.padding = padding_pairs(padding, sizes, spans, strides)
        self.sizes = tuple(n + sum(pair) for n, pair in zip(sizes, self.padding, strict=True))
        self.outputs = tuple((n - span) // s + 1 for n, span, s in zip(self.sizes, spans, strides, strict=True))

    def __iter__(self) -> Iterator[tuple[tuple[int, ...], tuple[slice, ...]]]:
        """Yield each kernel position, in row-major order, with the places of the padded input that it meets."""
        for position in np.ndindex(self.kernel):
            begins = [k * d for k, d in zip(position, self.dilation, strict=True)]
            places = [
                slice(begin, begin + (n - 1) * s + 1, s)
                for begin, n, s in zip(begins, self.outputs, self.strides, strict=True)
            ]
            yield position, (slice(None), *places)

    def pad(self, x: Array, value: float = 0.0) -> Array:
        """Return x with its padding."""
        return np.pad(x, [(0, 0), *self.padding, (0, 0)], constant_values=value)

    def crop(self, padded: Array) -> Array:
        """Return the places of x without the padding."""
        inner = [slice(before, n - after) for n, (before, after) in zip(self.sizes, self.padding, strict=True)]
        return padded[(slice(None), *inner)]
