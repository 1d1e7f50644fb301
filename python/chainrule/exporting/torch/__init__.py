"""Networks as modules of PyTorch."""

from __future__ import annotations

from typing import Any

from ...model import Model


def to_torch(model: Model) -> Any:
    """Return the modules of `Network.to_torch`."""
    try:
        import torch  # noqa: F401  # only this function needs it
    except ImportError as error:
        raise ImportError("to_torch needs PyTorch, see pytorch.org") from error
    from .model import modules_in_a_row

    return modules_in_a_row(model)
