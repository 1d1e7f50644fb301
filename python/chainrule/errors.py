"""The errors and warnings of the package; each error is also the built-in error that one would expect."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

__all__ = [
    "ChainruleError",
    "ChainruleWarning",
    "CheckError",
    "DataError",
    "DivergedError",
    "ModelFileError",
    "RankError",
]


class ChainruleError(Exception):
    """Base class of the package's own errors."""


class ModelFileError(ChainruleError, ValueError):
    """A model file is truncated, foreign, or does not fit what it says of itself."""


class DataError(ChainruleError, ValueError):
    """A data file is not what it should be."""


class DivergedError(ChainruleError, ArithmeticError):
    """The loss or the weights stopped being finite; the network has the weights from before that epoch.

    Attributes
    ----------
    epoch, step : int
        Where it happened: the epoch of this call to `fit` (from 1) and the step within it (from 1).
    learning_rate : float
        At that step.
    """

    def __init__(self, epoch: int, step: int, learning_rate: float) -> None:
        super().__init__(epoch, step, learning_rate)
        self.epoch = epoch
        self.step = step
        self.learning_rate = learning_rate

    def __str__(self) -> str:
        return (
            f"loss or weights stopped being finite at epoch {self.epoch}, step {self.step}, with learning rate "
            f"{self.learning_rate:g}; the weights are those from before the epoch. Try a smaller learning rate, "
            "clip_norm, or inputs scaled to mean 0 and spread 1"
        )


class RankError(ChainruleError, RuntimeError):
    """Another rank of a fit on many machines has failed.

    Attributes
    ----------
    rank : int
        Its number.
    reason : str
        The type and the text of its error.
    """

    def __init__(self, rank: int, reason: str) -> None:
        super().__init__(rank, reason)
        self.rank = rank
        self.reason = reason

    def __str__(self) -> str:
        return f"rank {self.rank} has failed: {self.reason}"


class CheckError(ChainruleError, AssertionError):
    """`Network.check(..., strict=True)` found a difference."""


class ChainruleWarning(UserWarning):
    """Training continues, but will probably not reach what the user expects of it."""


def warn(message: str) -> None:
    """Give a `ChainruleWarning` that points at the line outside the package from which it was called."""
    package = str(Path(__file__).parent)
    frame, level = sys._getframe(), 1
    while frame.f_back is not None and frame.f_code.co_filename.startswith(package):
        frame, level = frame.f_back, level + 1
    warnings.warn(message, ChainruleWarning, stacklevel=level)
