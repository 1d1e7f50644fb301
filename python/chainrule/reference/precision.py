"""The rounding of factors in mixed precision."""

from __future__ import annotations

import numpy as np

from .activations import Array


def bfloat16(values: Array) -> Array:
    """Return the nearest bfloat16 of float32 numbers, ties to even; those too small for a normal number become zero."""
    single = np.asarray(values, np.float32)
    bits = single.view(np.uint32)
    nearest = (bits + (0x7FFF + (bits >> 16 & 1)) & 0xFFFF0000).astype(np.uint32).view(np.float32)
    normal = np.where(np.abs(single) < np.finfo(np.float32).tiny, np.float32(0), nearest)
    return np.where(np.isnan(single), single, normal).astype(np.float64)
