"""MNIST: 70,000 handwritten digits (LeCun, Cortes, Burges), whole from its files, or a sample that is always there."""

from __future__ import annotations

import hashlib
from importlib import resources
from os import PathLike
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError
from .idx import read_idx

URL = "https://ossci-datasets.s3.amazonaws.com/mnist/"

# File, dimensions, and the SHA-256 of the unzipped content.
FILES = {
    "train-images-idx3-ubyte": (
        3,
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    ),
    "train-labels-idx1-ubyte": (
        1,
        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    ),
    "t10k-images-idx3-ubyte": (
        3,
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    ),
    "t10k-labels-idx1-ubyte": (
        1,
        "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    ),
}


class MNIST(NamedTuple):
    """Images as rows of 784 bytes, labels 0 … 9."""

    X_train: NDArray[np.uint8]
    y_train: NDArray[np.int64]
    X_test: NDArray[np.uint8]
    y_test: NDArray[np.int64]


def mnist(directory: str | PathLike[str] | None = None, *, url: str = URL) -> MNIST:
    """Read the whole of MNIST.

    Parameters
    ----------
    directory : str or path, optional
        Where the four IDX files are, gzipped or not. Without it they are downloaded into a cache (needs the extra
        `data`).
    url : str
        Where to download from: a folder with the four gzipped files.

    Returns
    -------
    MNIST
        X_train (60000, 784) uint8, y_train (60000,), X_test (10000, 784), y_test (10000,).

    Raises
    ------
    FileNotFoundError
        When one of the files is missing.
    DataError
        When a file is not what it should be, or its checksum is not MNIST's.
    """
    arrays = []
    for name, (dimensions, checksum) in FILES.items():
        path = _download(name, url) if directory is None else _find(Path(directory), name)
        array = read_idx(path, dimensions)
        # The length is part of the content: the header has been checked against it.
        header = bytes([0, 0, 8, dimensions]) + b"".join(size.to_bytes(4, "big") for size in array.shape)
        if hashlib.sha256(header + array.tobytes()).hexdigest() != checksum:
            raise DataError(f"the checksum of {path} is not that of MNIST's {name}")
        arrays.append(array)
    X_train, y_train, X_test, y_test = arrays
    return MNIST(
        X_train.reshape(len(X_train), -1),
        y_train.astype(np.int64),
        X_test.reshape(len(X_test), -1),
        y_test.astype(np.int64),
    )


def mnist_sample() -> MNIST:
    """Return the first 6,000 training and 1,000 test images of MNIST, which come with the package.

    Examples
    --------
    >>> digits = mnist_sample()
    >>> digits.X_train.shape, digits.y_test.shape
    ((6000, 784), (1000,))
    """
    with (
        resources.files(__package__).joinpath("mnist_sample.npz").open("rb") as file,
        np.load(file, allow_pickle=False) as arrays,
    ):
        return MNIST(*(arrays[name] for name in MNIST._fields))


def _find(directory: Path, name: str) -> Path:
    for candidate in (directory / name, directory / f"{name}.gz"):
        if candidate.exists():
            return candidate
    raise FileNotFoundError(f"neither {name} nor {name}.gz is in {directory}")


def _download(name: str, url: str) -> Path:
    try:
        import pooch
    except ImportError as error:
        raise ImportError(
            'downloading needs pooch: pip install "chainrule[data]", or give mnist() a directory'
        ) from error
    # The content's checksum is compared after reading, whatever the compression.
    return Path(
        pooch.retrieve(f"{url.rstrip('/')}/{name}.gz", None, fname=f"{name}.gz", path=pooch.os_cache("chainrule"))
    )
