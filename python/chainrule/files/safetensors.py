"""Models in files: one safetensors file, written atomically; nothing in it is ever run."""

from __future__ import annotations

import glob
import json
import os
import secrets
import shutil
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.numpy

from ..errors import ModelFileError
from .description import Tensors

FORMAT = "chainrule-1"
# The name of a file that is being written ends so.
UNFINISHED = ".unfinished"


def write(path: Path, description: dict[str, Any], tensors: Tensors) -> None:
    """Write a description and arrays; the file is complete or not there, and one from before stays until then.

    A link is followed, and an existing file keeps its mode.

    Raises
    ------
    OSError
        When the file cannot be written, or is a folder, a pipe or a device.
    """
    metadata = {"format": FORMAT, "chainrule": json.dumps(description), "checksum": _checksum(tensors)}
    write_atomically(Path(os.path.realpath(path)), safetensors.numpy.save(tensors, metadata=metadata))


def read(path: Path) -> tuple[dict[str, Any], Tensors]:
    """Read a description and arrays, to be used within `whole_model`.

    Raises
    ------
    FileNotFoundError
        When there is no such file.
    ModelFileError
        When it is not a file that `write` wrote.
    """
    if not path.exists():
        raise FileNotFoundError(f"no model file at {path}")
    if not path.is_file():
        raise ModelFileError(f"{path} must be a file, and is a folder, a pipe or a device")
    metadata, tensors = _read(path)
    if metadata.get("format") != FORMAT:
        raise ModelFileError(f"{path} is not a chainrule model: its format is {metadata.get('format')!r}")
    checksum = _checksum(tensors)
    if metadata.get("checksum", checksum) != checksum:
        raise ModelFileError(f"{path} is damaged: its arrays do not have the checksum that it was written with")
    return json.loads(metadata["chainrule"]), tensors


@contextmanager
def whole_model(path: Path) -> Iterator[None]:
    """Turn any error from what a damaged file says into a ModelFileError that names the file."""
    try:
        yield
    except (ModelFileError, OSError):
        raise
    except (
        safetensors.SafetensorError,
        ValueError,
        TypeError,
        LookupError,
        AttributeError,
        OverflowError,
        RecursionError,
    ) as error:
        raise ModelFileError(f"{path} is not a whole chainrule model: {error}") from error


def remove_unfinished(path: Path) -> None:
    """Remove the partial files that killed processes have left next to this file."""
    path = Path(os.path.realpath(path))
    for left in path.parent.glob(f".{glob.escape(path.name[:200])}.*{UNFINISHED}"):
        left.unlink(missing_ok=True)


def _read(file: Path) -> tuple[dict[str, str], Tensors]:
    # The file is read and not mapped: a mapped file that another process shortens would end this one.
    with file.open("rb") as opened:
        content = opened.read(os.fstat(opened.fileno()).st_size)
    tensors = safetensors.numpy.load(content)
    # safetensors has checked the header, but returns its metadata for mapped files only.
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    return header.get("__metadata__") or {}, tensors


def _checksum(tensors: Tensors) -> str:
    """Return the CRC-32 of all arrays, in the order of their names."""
    crc = 0
    for name in sorted(tensors):
        crc = zlib.crc32(name.encode(), crc)
        crc = zlib.crc32(np.ascontiguousarray(tensors[name]).tobytes(), crc)
    return f"{crc:08x}"


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file that is whole or not there; one that was there before is left as it was where this fails."""
    if path.exists() and not path.is_file():
        raise OSError(f"{path} must be a file, and is a folder, a pipe or a device")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"{path} must be in a folder that exists, and {path.parent} does not")
    # The name is cut where the file system allows no longer one.
    temporary = path.with_name(f".{path.name[:200]}.{secrets.token_hex(8)}{UNFINISHED}")
    try:
        with temporary.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if path.exists():
            shutil.copymode(path, temporary)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    if not hasattr(os, "O_DIRECTORY"):
        return
    handle = os.open(folder, os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
