"""Functions of C as texts, and how numbers are written in them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Function:
    """A function of C.

    In its text, "real" is the type of the network's numbers, "fma" the multiply-add of this type, and weights are
    declared and read as `Stored` says.

    Attributes
    ----------
    text : str
        Its definition, with a comment before it.
    needs : tuple of Function
        Those that it calls.
    """

    text: str
    needs: tuple[Function, ...] = ()


def numbers(values: Any, dtype: str) -> str:
    """Return numbers of a type, separated by commas; those of floating point are read as the same numbers again."""
    return ", ".join(number_texts(np.asarray(values, dtype)))


def number_texts(array: NDArray[Any]) -> list[str]:
    """Return each number of an array as C has it."""
    if array.dtype.kind != "f":
        return list(map(str, array.reshape(-1).tolist()))
    digits, suffix = (9, "f") if array.dtype == np.float32 else (17, "")
    texts = [f"{value:.{digits}g}" for value in array.reshape(-1).tolist()]
    return [text + (".0" if text.lstrip("-").isdigit() else "") + suffix for text in texts]


def harmless(line: str) -> str:
    """Return a line that means nothing to C within a comment."""
    plain = line.encode("ascii", "backslashreplace").decode().replace("\n", " ")
    return plain.replace("*/", "* /").replace("/*", "/ *").replace("??", "? ?").rstrip("\\")
