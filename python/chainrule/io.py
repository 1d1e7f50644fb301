"""Models in files: one safetensors file, written atomically; nothing in it is ever run."""

from __future__ import annotations

import glob
import json
import os
import secrets
from os import PathLike
from pathlib import Path

import safetensors
import safetensors.numpy

from . import _state
from .checkpoints import Unfinished
from .errors import ModelFileError
from .network import Network

FORMAT = "chainrule-1"
# In front of the names of arrays that are the callbacks'.
CALLBACKS = "callbacks."
# At the end of the name of a file that is being written.
UNFINISHED = ".unfinished"


def save(network: Network, path: str | PathLike[str]) -> None:
    """Write a network to a file: weights, architecture, optimiser state, random state and history.

    The file is complete or not there: it is written beside its place, synced, and renamed.

    Parameters
    ----------
    network : Network
    path : str or path
        Its folder must exist.

    Raises
    ------
    OSError
        When the file cannot be written; one that was there before is left as it was.
    """
    write(network, Path(path))


def write(network: Network, path: Path, unfinished: Unfinished | None = None) -> None:
    """Write a network, with the fit that it is in the middle of if there is one."""
    description, tensors = _state.of_network(network)
    if unfinished is not None:
        description["fit"], arrays = unfinished.to_config()
        tensors |= {f"{CALLBACKS}{name}": values for name, values in arrays.items()}
    content = safetensors.numpy.save(tensors, metadata={"format": FORMAT, "chainrule": json.dumps(description)})
    _write_atomically(path, content)


def load(path: str | PathLike[str]) -> Network:
    """Read a network from a file that `Network.save` wrote.

    Parameters
    ----------
    path : str or path

    Raises
    ------
    FileNotFoundError
        When there is no such file.
    ModelFileError
        When the file is truncated, foreign, or does not fit what it says of itself.

    Examples
    --------
    >>> import tempfile, pathlib, chainrule as cr
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder) / "net.safetensors"
    ...     cr.Network([4, 3, 2], seed=0).save(path)
    ...     cr.load(path)
    Network([4, 3, 2], 23 parameters, float32, seed=0)
    """
    file = Path(path)
    if not file.exists():
        raise FileNotFoundError(f"no model file at {file}")
    if not file.is_file():
        raise ModelFileError(f"{file} must be a file, and is a folder, a pipe or a device")
    try:
        metadata, tensors = _read(file)
        if metadata.get("format") != FORMAT:
            raise ModelFileError(f"{file} is not a chainrule model: its format is {metadata.get('format')!r}")
        description = json.loads(metadata["chainrule"])
        arrays = {name: tensors.pop(name) for name in list(tensors) if name.startswith(CALLBACKS)}
        network = Network.__new__(Network)
        _state.restore(network, description, tensors)
        if "fit" in description:
            arrays = {name.removeprefix(CALLBACKS): values for name, values in arrays.items()}
            network._unfinished = Unfinished.from_config(description["fit"], arrays)
        elif arrays:
            raise ValueError(f"arrays of callbacks without a fit: {sorted(arrays)}")
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
        raise ModelFileError(f"{file} is not a whole chainrule model: {error}") from error
    return network


def remove_unfinished(path: Path) -> None:
    """Remove what processes that were killed while they wrote this file have left of it."""
    for left in path.parent.glob(f".{glob.escape(path.name)}.*{UNFINISHED}"):
        left.unlink(missing_ok=True)


def _read(file: Path) -> tuple[dict[str, str], _state.Tensors]:
    # Read, not mapped: a mapped file that is shortened meanwhile ends the process.
    with file.open("rb") as opened:
        content = opened.read(os.fstat(opened.fileno()).st_size)
    tensors = safetensors.numpy.load(content)
    # safetensors has checked the header, and keeps the metadata to itself unless it maps the file.
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    return header.get("__metadata__") or {}, tensors


def _write_atomically(path: Path, content: bytes) -> None:
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}{UNFINISHED}")
    try:
        with temporary.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
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
