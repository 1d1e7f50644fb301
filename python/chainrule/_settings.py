"""Settings objects (losses, optimisers, schedules, initialisers) as plain dictionaries, for files and pickles."""

from __future__ import annotations

import dataclasses
import operator
from typing import Any, SupportsIndex

import numpy as np


def to_config(settings: Any) -> Any:
    """Turn a settings dataclass, with those inside it, into a dictionary that JSON can hold."""
    if not dataclasses.is_dataclass(settings) or isinstance(settings, type):
        return _plain(settings)
    fields = {
        field.name: to_config(getattr(settings, field.name))
        for field in dataclasses.fields(settings)
        if field.metadata.get("stored", True)
    }
    return {"type": type(settings).__name__, **fields}


def _plain(value: Any) -> Any:
    """Return a setting as JSON has it, whatever kind of number it is; what is no number stays as it is."""
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, np.ndarray):
        value = value[()]
    if isinstance(value, np.bool_):
        return bool(value)
    if isinstance(value, (str, bool, int, float)) or not hasattr(value, "__float__"):
        return value
    return operator.index(value) if isinstance(value, SupportsIndex) else float(value)


def from_config(config: Any, classes: dict[str, type]) -> Any:
    """Build what `to_config` described; only the given classes are made, and each checks its own fields."""
    if isinstance(config, list):
        return tuple(config)
    if not isinstance(config, dict):
        return config
    fields = {name: from_config(value, classes) for name, value in config.items() if name != "type"}
    kind = config.get("type")
    if kind not in classes:
        raise ValueError(f"unknown settings {kind!r}")
    return classes[kind](**fields)
