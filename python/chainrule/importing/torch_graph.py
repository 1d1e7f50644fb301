"""The graph that modules of PyTorch are written into, which says what their parameters are read as."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..exporting.onnx.graph import Graph

# Returns numbers for a parameter or a buffer, in its shape.
Reader: TypeAlias = Callable[[Any], NDArray[np.float64]]


def numbers_of(tensor: Any) -> NDArray[np.float64]:
    """Return the numbers of a tensor, which must be real and be there."""
    if tensor.is_complex() or tensor.is_meta:
        what = "on no device" if tensor.is_meta else str(tensor.dtype)
        raise ValueError(f"parameters must be real numbers, got one of shape {tuple(tensor.shape)} that is {what}")
    return np.asarray(tensor.detach().cpu().double().numpy())


@dataclass
class ModuleGraph(Graph):
    """Operators of modules.

    Attributes
    ----------
    array : callable
        What parameters and buffers are read by: as they are, or as what an optimiser keeps next to them.
    """

    array: Reader = numbers_of
