"""The forms of stored weights: the network's own numbers, or fewer bits that become these as they are read."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .function import Function

FORMS = ("float32", "float64", "float16", "int8")

_FROM_HALF = Function("""
/* The number that the bits of a half are, exactly */
static real from_half(uint16_t half) {
  const uint32_t exponent = (uint32_t)half >> 10 & 31, fraction = half & 1023;
  union { float value; uint32_t bits; } number;
  number.bits = (exponent + 112) << 23 | fraction << 13;
  /* Those with the lowest exponent are multiples of 2^-24. */
  const float magnitude = exponent == 0 ? (float)fraction * 5.9604644775390625e-8f : number.value;
  return half >> 15 ? -magnitude : magnitude;
}
""")

# Words of the texts of functions that stand for weights and depend on their form.
_WORDS = re.compile(r"\b(WEIGHTS|PASSED|WEIGHT)\(([^()]*(?:\([^()]*\)[^()]*)*)\)")


@dataclass(frozen=True)
class Stored:
    """A form of weights in C.

    In the text of a function, WEIGHTS(w) declares weights as parameters, PASSED(w, offset, column) hands on those from
    an offset on, whose first column is the given one, and WEIGHT(w, offset, column) reads one.

    Attributes
    ----------
    type : str
        Of the elements in C.
    dtype : str
        Of the elements in NumPy.
    read : str
        What C makes of an element "w", in the network's numbers.
    has_scales : bool
        Whether each column has a factor.
    encode : callable
        Elements from weights (..., columns), and the factors of the columns; ValueError where this cannot be.
    needs : tuple of Function
        Those that reading calls.
    """

    type: str
    dtype: str
    read: str
    has_scales: bool
    encode: Callable[[NDArray[Any]], tuple[NDArray[Any], NDArray[Any]]]
    needs: tuple[Function, ...] = ()

    def spelled(self, text: str) -> str:
        """Return the text of a function for weights of this form."""
        return _WORDS.sub(self._word, text)

    def _word(self, match: re.Match[str]) -> str:
        name, *places = (part.strip() for part in match[2].split(","))
        if match[1] == "WEIGHTS":
            return f"const {self.type} *{name}" + self.has_scales * f", const real *{name}_scales"
        offset, column = places
        if match[1] == "WEIGHT":
            value = self.read.replace("w", f"{name}[{offset} + {column}]")
            return f"{name}_scales[{column}] * {value}" if self.has_scales else value
        first = name if offset == "0" else f"{name} + {offset}"
        scales = f"{name}_scales" if column == "0" else f"{name}_scales + {column}"
        return f"{first}, {scales}" if self.has_scales else first


def _whole(weights: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    return weights, np.zeros(0)


def _as_float32(weights: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    return _rounded(weights, np.float32), np.zeros(0)


def _as_float16(weights: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    return _rounded(weights, np.float16).view(np.uint16), np.zeros(0)


def _rounded(weights: NDArray[Any], dtype: type[np.floating[Any]]) -> NDArray[Any]:
    with np.errstate(over="ignore"):
        rounded = weights.astype(dtype)
    if not np.isfinite(rounded).all():
        raise ValueError(f"its weights are beyond the range of {dtype.__name__}")
    return rounded


def _as_int8(weights: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the nearest multiples of each column's largest magnitude / 127, and these units."""
    columns = weights.reshape(-1, weights.shape[-1])
    scales = np.abs(columns).max(axis=0) / np.asarray(127, weights.dtype)
    units = np.where(scales > 0, scales, 1)
    return np.clip(np.rint(weights / units), -127, 127).astype(np.int8), scales


def stored_as(weights: str, dtype: str) -> Stored:
    """Return the form that is called so, of the weights of a network of this type."""
    real = "float" if dtype == "float32" else "double"
    if weights == dtype:
        return Stored("real", dtype, "w", False, _whole)
    forms = {
        "float32": Stored("float", "float32", "(real)w", False, _as_float32),
        "float16": Stored("uint16_t", "uint16", "from_half(w)", False, _as_float16, (_FROM_HALF,)),
        "int8": Stored("int8_t", "int8", f"({real})w", True, _as_int8),
    }
    return forms[weights]
