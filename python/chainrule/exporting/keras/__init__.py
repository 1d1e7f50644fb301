"""Networks as models of Keras."""

from __future__ import annotations

from typing import Any

from ...model import Model


def to_keras(model: Model) -> Any:
    """Return the model of `Network.to_keras`."""
    try:
        import keras  # noqa: F401  # only this function needs it
    except ImportError as error:
        raise ImportError("to_keras needs Keras 3: pip install keras, and a backend") from error
    from .model import model_of

    return model_of(model)
