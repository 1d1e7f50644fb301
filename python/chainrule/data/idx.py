"""The IDX format of the MNIST files: a magic number, the sizes of the dimensions, and bytes."""

from __future__ import annotations

import gzip
import math
import zlib
from os import PathLike
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from .._checks import checked_integer
from ..errors import DataError

_UNSIGNED_BYTES = 8
_PIECE = 1 << 20


def read_idx(path: str | PathLike[str], dimensions: int) -> NDArray[np.uint8]:
    """Read an IDX file of unsigned bytes, gzipped or not.

    Parameters
    ----------
    path : str or path
    dimensions : int
        How many the array must have, 1 to 32: 3 for images, 1 for labels.

    Returns
    -------
    array of uint8

    Raises
    ------
    FileNotFoundError
        When there is no such file.
    DataError
        When magic number, type, dimensions or length are not what they should be. No more is read than the header
        promises, and nothing is allocated before it is there.
    """
    checked_integer(dimensions, "dimensions", lowest=1, highest=32)
    file = Path(path)
    if file.exists() and not file.is_file():
        raise DataError(f"{file} must be a file, and is a folder, a pipe or a device")
    with file.open("rb") as raw:
        zipped = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        try:
            if not zipped:
                return _read(raw, file, dimensions)
            with gzip.GzipFile(fileobj=raw) as opened:
                return _read(opened, file, dimensions)  # type: ignore[arg-type]
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise DataError(f"{file} is not a whole gzip file: {error}") from error


def _read(stream: BinaryIO, file: Path, dimensions: int) -> NDArray[np.uint8]:
    header = stream.read(4)
    expected = bytes([0, 0, _UNSIGNED_BYTES, dimensions])
    if header != expected:
        raise DataError(f"{file} must begin with the magic number {expected.hex()}, got {header.hex()}")
    sizes = stream.read(4 * dimensions)
    if len(sizes) != 4 * dimensions:
        raise DataError(f"{file} ends within its header")
    shape = tuple(int.from_bytes(sizes[i : i + 4], "big") for i in range(0, len(sizes), 4))
    promised = math.prod(shape)
    content = bytearray()
    # The file is read piece by piece: a header may promise more than the file holds, and a small gzip file may
    # hold more than its header promises.
    while len(content) <= promised:
        piece = stream.read(min(_PIECE, promised + 1 - len(content)))
        if not piece:
            break
        content += piece
    if len(content) != promised:
        found = "more" if len(content) > promised else f"{len(content)}"
        raise DataError(f"{file} must hold {promised} bytes for shape {shape}, got {found}")
    try:
        return np.frombuffer(bytes(content), dtype=np.uint8).reshape(shape)
    except ValueError as error:  # nothing in one dimension, and in the others more than there can be
        raise DataError(f"{file} has shape {shape}, which no array can have: {error}") from None
