"""The unit in which a network learns its targets, so that these may have any scale."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .arrays import as_real_array, check_finite


@dataclass(frozen=True, eq=False)
class TargetScale:
    """Targets are learned as (t − mean) / std, and predicted as a · std + mean.

    Attributes
    ----------
    mean, std : array (targets,), or (1,) for all
        std > 0. Outputs in a row may repeat the targets; outputs at the steps of a sequence have them at each step.
    """

    mean: NDArray[np.float64]
    std: NDArray[np.float64]

    @classmethod
    def of(cls, targets: NDArray[Any], width: int) -> TargetScale:
        """Return the scale of targets whose last axis has this width; constant targets are only shifted."""
        rows = targets.reshape(-1, width).astype(np.float64)
        std = rows.std(axis=0)
        return cls(rows.mean(axis=0), np.where(std > 0, std, 1.0))

    @classmethod
    def given(cls, mean: ArrayLike, std: ArrayLike, outputs: int) -> TargetScale:
        """Return the scale with these numbers, or arrays of one number for each target, for so many outputs.

        Raises
        ------
        ValueError
            For other shapes, numbers that are not finite, and a std that is not positive.
        """
        arrays = []
        for name, values in (("mean", mean), ("std", std)):
            array = np.atleast_1d(as_real_array(values, f"{name} of target_scale").astype(np.float64))
            if array.ndim != 1 or array.size == 0 or outputs % array.size != 0:
                raise ValueError(f"{name} of target_scale must be a number or one for each target, got {array.shape}")
            check_finite(array, f"{name} of target_scale", np.float64)
            arrays.append(array)
        if not (arrays[1] > 0).all():
            raise ValueError(f"std of target_scale must be > 0, got {arrays[1].min()}")
        if len({array.size for array in arrays} - {1}) > 1:
            raise ValueError(f"mean and std of target_scale must be of the same targets, got {mean!r} and {std!r}")
        return cls(*(array.copy() for array in np.broadcast_arrays(*arrays)))

    def to_unit(self, targets: NDArray[Any]) -> NDArray[np.float64]:
        """Return rows of targets as the network learns them."""
        values = targets.astype(np.float64).reshape(len(targets), -1, len(self.mean))
        return np.asarray((values - self.mean) / self.std).reshape(targets.shape)

    def in_units(self, outputs: NDArray[Any]) -> NDArray[Any]:
        """Return outputs (..., outputs) in the units of the targets, in their own precision."""
        values = outputs.astype(np.float64).reshape(*outputs.shape[:-1], -1, len(self.mean))
        with np.errstate(over="ignore"):
            return np.asarray(values * self.std + self.mean).reshape(outputs.shape).astype(outputs.dtype)

    def gradient(self, output_gradient: NDArray[Any]) -> NDArray[Any]:
        """Return the gradient by the outputs as the network has them, from that by the outputs in units."""
        values = output_gradient.reshape(len(output_gradient), -1, len(self.mean)) * self.std
        return np.ascontiguousarray(values.reshape(output_gradient.shape).astype(output_gradient.dtype))

    def config(self) -> dict[str, list[float]]:
        """Return the description that files keep."""
        return {"mean": self.mean.tolist(), "std": self.std.tolist()}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> TargetScale:
        """Return the scale that `config` described; ValueError where it is damaged."""
        mean, std = np.asarray(config["mean"], np.float64), np.asarray(config["std"], np.float64)
        if mean.ndim != 1:
            raise ValueError(f"mean of target_scale must be a list, got {config['mean']!r}")
        return cls.given(mean, std, len(mean))
