"""Fixed scales of features, which bring samples to where networks learn, and outputs back."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import _core
from ..arrays import as_real_array, check_finite
from .base import AffineMap, Layer, Shape
from .parameter import Statistic
from .weighted import filled

__all__ = ["Normalization", "Rescale"]

_Rescaling = TypeVar("_Rescaling", bound="Rescaling")


class Rescaling(Layer, abstract=True):
    """An affine map of each feature with two fixed numbers; use one of its kinds.

    The features are the last axis; the steps of a sequence and the pixels of an image share their numbers.
    """

    takes_any_scale = True
    works_step_by_step = True
    preserves_steps = True
    # Names of the two numbers per feature, in the core's order.
    numbers: tuple[str, str]

    def __init__(self, first: float | ArrayLike, second: float | ArrayLike, trainable: bool) -> None:
        super().__init__(trainable=trainable)
        given = zip(self.numbers, (first, second), strict=True)
        self._initial = {name: self._checked(name, values) for name, values in given}

    @classmethod
    def from_config(cls: type[_Rescaling], config: dict[str, Any], make: Any) -> _Rescaling:
        return cls(trainable=config["trainable"])  # type: ignore[call-arg]  # the numbers have defaults in each kind

    def statistic_shapes(self, shape: Shape) -> dict[str, Shape]:
        return {name: shape[-1:] for name in self.numbers}

    def set_statistic(self, name: str, values: ArrayLike) -> None:
        super().set_statistic(name, self._checked(name, values))

    def reference_arguments(self) -> dict[str, Any]:
        return dict(self.statistic_arrays())

    def initialize(self, seed: int) -> None:
        for name, values in self._initial.items():
            self.set_statistic(name, filled(values, self.place.input_shape[-1:]))

    def _checked(self, name: str, values: ArrayLike) -> NDArray[Any]:
        array = as_real_array(values, name)
        check_finite(array, name, np.float64)
        return array

    def __repr__(self) -> str:
        values = self.statistic_arrays() if self.is_placed else self._initial
        arguments = ", ".join(f"{name}={shown_numbers(array)}" for name, array in values.items())
        return f"{type(self).__name__}({arguments})"


def shown_numbers(array: NDArray[Any]) -> str:
    """Return a number or a list of numbers as text, with the first ones alone if they are many."""
    if array.ndim == 0:
        return f"{array:.6g}"
    numbers = [f"{number:.6g}" for number in array[:8]]
    return f"[{', '.join(numbers)}{', ...' if len(array) > 8 else ''}]"


class Normalization(Rescaling):
    """Each feature with mean zero and standard deviation one: z = (x − mean) / std, with numbers that stay as they are.

    As first layer it takes samples in their own units, in files, prediction and export too, so that the scale of the
    training data need not be stored anywhere else. `BatchNorm` instead follows the batches. `Network.folded` merges it
    into the weights of a `Dense` next to it.

    Parameters
    ----------
    mean, std : float or array (features,)
        Finite, std > 0.

    Raises
    ------
    ValueError
        For a std that is not positive, or another number of features than the samples have.

    Examples
    --------
    >>> import numpy as np, chainrule as cr
    >>> X = np.array([[1.0, 100.0], [3.0, 300.0]])
    >>> net = cr.Network([cr.Input(2), cr.Normalization.from_data(X), cr.Dense(1)], seed=0)
    >>> net.layers[1]
    Normalization(mean=[2, 200], std=[1, 100])
    >>> net.truncated(1).predict(X).tolist()
    [[-1.0, -1.0], [1.0, 1.0]]
    """

    numbers = ("mean", "std")

    mean = Statistic("A copy of the means, (features,); assign to set them.")
    std = Statistic("A copy of the standard deviations, (features,); assign to set them.")

    def __init__(self, mean: float | ArrayLike = 0.0, std: float | ArrayLike = 1.0, *, trainable: bool = True) -> None:
        super().__init__(mean, std, trainable)

    @classmethod
    def from_data(cls, X: ArrayLike) -> Normalization:
        """Return the layer that normalises these samples, (samples, …, features); constant features are only shifted.

        Raises
        ------
        ValueError
            For no samples, or numbers that are not finite.
        """
        array = as_real_array(X, "X").astype(np.float64)
        if array.ndim < 2 or array.size == 0:
            raise ValueError(f"X must have shape (samples, …, features) and at least one sample, got {array.shape}")
        check_finite(array, "X", np.float64)
        axes = tuple(range(array.ndim - 1))
        std = array.std(axis=axes)
        return cls(array.mean(axis=axes), np.where(std > 0, std, 1.0))

    def core_settings(self, shape: Shape) -> _core.NormalizationSettings:
        return _core.NormalizationSettings(features=shape[-1])

    def _checked(self, name: str, values: ArrayLike) -> NDArray[Any]:
        array = super()._checked(name, values)
        if name == "std" and not (array > 0).all():
            raise ValueError(f"std must be > 0, got {array.min()}")
        return array

    def affine_map(self) -> AffineMap:
        mean, std = self.mean.astype(np.float64), self.std.astype(np.float64)
        return AffineMap(1.0 / std, -mean / std)


class Rescale(Rescaling):
    """Each feature times a fixed factor, plus a fixed offset: z = x ∘ factor + offset.

    Parameters
    ----------
    factor, offset : float or array (features,)
        Finite.

    Examples
    --------
    >>> import chainrule as cr
    >>> net = cr.Network([cr.Input(2), cr.Rescale(1 / 100, offset=[0.0, -1.0]), cr.Dense(1)], seed=0)
    >>> net.truncated(1).predict([[50.0, 300.0]]).tolist()
    [[0.5, 2.0]]
    """

    numbers = ("factor", "offset")

    factor = Statistic("A copy of the factors, (features,); assign to set them.")
    offset = Statistic("A copy of the offsets, (features,); assign to set them.")

    def __init__(
        self, factor: float | ArrayLike = 1.0, offset: float | ArrayLike = 0.0, *, trainable: bool = True
    ) -> None:
        super().__init__(factor, offset, trainable)

    def core_settings(self, shape: Shape) -> _core.RescaleSettings:
        return _core.RescaleSettings(features=shape[-1])

    def affine_map(self) -> AffineMap:
        return AffineMap(self.factor.astype(np.float64), self.offset.astype(np.float64))
