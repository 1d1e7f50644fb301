"""Some of the features, for branches that read different inputs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .. import _core
from .._checks import checked_integer
from .base import Layer, Shape

__all__ = ["Select"]


class Select(Layer):
    """Some of the features, in a given order: z_k = x_features(k), along the last axis.

    In the branches of a `Concatenate`, each reads its own part of the sample: a table next to a sequence, say.

    Parameters
    ----------
    features : slice, int, or sequence of int
        Which features, as in indexing an array; negative numbers count from the end.

    Raises
    ------
    ValueError, TypeError
        For features that the samples do not have, or none.

    Examples
    --------
    >>> import numpy as np, chainrule as cr
    >>> table = [cr.Select(slice(0, 4)), cr.Dense(8, "relu")]
    >>> sequence = [cr.Select(slice(4, None)), cr.Reshape(10, 3), cr.LSTM(8)]
    >>> net = cr.Network([cr.Input(34), cr.Concatenate([table, sequence]), cr.Dense(1)], seed=0)
    >>> cr.Network([cr.Input(4), cr.Select([2, 0])]).predict([[1.0, 2.0, 3.0, 4.0]]).tolist()
    [[3.0, 1.0]]
    """

    settings = ("features",)
    works_step_by_step = True
    preserves_steps = True

    features: slice | list[int]

    def __init__(self, features: slice | int | Sequence[int], *, trainable: bool = True) -> None:
        super().__init__(trainable=trainable)
        if isinstance(features, slice):
            for bound in (features.start, features.stop, features.step):
                if bound is not None:
                    checked_integer(bound, "features", lowest=-(2**31))
            if features.step == 0:
                raise ValueError(f"features must have a step other than 0, got {features}")
            self.features = features
        else:
            several = list(features) if hasattr(features, "__iter__") else [features]
            self.features = [checked_integer(feature, "features", lowest=-(2**31)) for feature in several]

    def config(self) -> dict[str, Any]:
        chosen = self.features
        as_json = [chosen.start, chosen.stop, chosen.step] if isinstance(chosen, slice) else chosen
        return {**super().config(), "features": as_json, "is_slice": isinstance(chosen, slice)}

    @classmethod
    def from_config(cls, config: dict[str, Any], make: Callable[[Any], Layer]) -> Layer:
        features = config["features"]
        return cls(slice(*features) if config["is_slice"] else features, trainable=config["trainable"])

    def output_shape(self, shape: Shape) -> Shape:
        return (*shape[:-1], len(self.chosen(shape)))

    def core_settings(self, shape: Shape) -> _core.SelectSettings:
        return _core.SelectSettings(features=shape[-1], chosen=self.chosen(shape))

    def reference_arguments(self) -> dict[str, Any]:
        return {"chosen": self.chosen(self.place.input_shape)}

    def chosen(self, shape: Shape) -> list[int]:
        """Return the numbers of the features, from 0, for samples of this shape."""
        count = shape[-1]
        if isinstance(self.features, slice):
            chosen = list(range(count)[self.features])
        else:
            # There may be many thousands of them, of which the least and the largest decide.
            first, last = min(self.features, default=0), max(self.features, default=0)
            for feature in (first, last):
                checked_integer(feature, f"features of samples of shape {shape}", lowest=-count, highest=count - 1)
            chosen = self.features if first >= 0 else [feature % count for feature in self.features]
        if not chosen:
            raise ValueError(f"features must select at least one of {count}, got {self.features}")
        return chosen
