"""Layers made of layers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .activations import Array
from .base import Layer, backward_through, forward_through

__all__ = ["Add", "Concatenate", "Residual"]


class Composite(Layer, abstract=True):
    """A layer that shares parameters and gradients with its parts; "0.weights" are the weights of the first."""

    def __init__(self, parts: Sequence[Layer]) -> None:
        self.parts = list(parts)
        self.parameters = {f"{i}.{key}": values for i, p in enumerate(parts) for key, values in p.parameters.items()}
        self.gradients = {f"{i}.{key}": values for i, p in enumerate(parts) for key, values in p.gradients.items()}
        self.weight_names = tuple(f"{i}.{name}" for i, part in enumerate(parts) for name in part.weight_names)

    def leaves(self) -> list[Layer]:
        return [leaf for part in self.parts for leaf in part.leaves()]

    @property
    def preserves_steps(self) -> bool:  # type: ignore[override]
        return all(part.preserves_steps for part in self.parts)

    def set_draw(self, seed: int, epoch: int, first_place: int, step: int = 0) -> None:
        for part in self.parts:
            part.set_draw(seed, epoch, first_place, step)

    @property
    def trainable(self) -> bool:
        """Whether any part is trained; setting it sets it for all parts."""
        return any(part.trainable for part in self.parts)

    @trainable.setter
    def trainable(self, value: bool) -> None:
        for part in self.parts:
            part.trainable = value

    @property
    def training(self) -> bool:
        """Whether any part is in training; setting it sets it for all parts."""
        return any(part.training for part in self.parts)

    @training.setter
    def training(self, value: bool) -> None:
        for part in self.parts:
            part.training = value

    def own_loss(self, shares: Array) -> Array | float:
        return sum(part.own_loss(shares) for part in self.parts)

    def penalty(self) -> float:
        return sum(part.penalty() for part in self.parts)

    def add_penalty_gradient(self) -> None:
        for part in self.parts:
            part.add_penalty_gradient()

    def limit_norm(self) -> None:
        for part in self.parts:
            part.limit_norm()


class Branched(Composite, abstract=True):
    """A layer of branches, each the layers in a row; one without layers returns x."""

    def __init__(self, branches: Sequence[Sequence[Layer]]) -> None:
        super().__init__([layer for branch in branches for layer in branch])
        self.branches = branches

    def _ends(self, x: Array) -> list[Array]:
        return [forward_through(branch, x, self.is_step) for branch in self.branches]

    def _back(self, deltas: Sequence[Array]) -> Array:
        """Return ∂E/∂x from the deltas at the ends of the branches."""
        gradients = [backward_through(branch, share) for branch, share in zip(self.branches, deltas, strict=True)]
        return np.asarray(sum(gradients))


class Add(Branched):
    """z = f₁(x) + f₂(x) + …, where f are a branch's layers."""

    def _forward(self, x: Array) -> Array:
        return np.asarray(sum(self._ends(x)))

    def _backward(self, deltas: Array) -> Array:
        return self._back([deltas] * len(self.branches))


class Residual(Add):
    """z = x + f(x), where f are the layers in a row (He et al. 2016)."""

    def __init__(self, layers: Sequence[Layer]) -> None:
        super().__init__([layers, []])


class Concatenate(Branched):
    """z = (f₁(x), f₂(x), …) along the last axis, where f are a branch's layers."""

    def _forward(self, x: Array) -> Array:
        outputs = self._ends(x)
        self.ends = np.cumsum([a.shape[-1] for a in outputs])[:-1]
        return np.concatenate(outputs, axis=-1)

    def _backward(self, deltas: Array) -> Array:
        return self._back(np.split(deltas, self.ends, axis=-1))
