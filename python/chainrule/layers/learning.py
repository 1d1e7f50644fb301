"""What layers with parameters have in common: how much an optimiser's rate and decay are for each of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, TypeAlias

from .._checks import checked_number
from .base import Layer, Place, Shape

# A factor for all parameters of a layer, or for some by name.
Factor: TypeAlias = float | Mapping[str, float]


class LearningLayer(Layer, abstract=True):
    """A layer with parameters, which may learn and decay at other rates than those of other layers.

    Parameters
    ----------
    rate_factor : float or mapping of str to float
        What the optimiser's steps are multiplied by, >= 0: of all parameters, or of those named; 1 for the others.
    decay_factor : float or mapping of str to float, optional
        What the optimiser's weight decay is multiplied by, >= 0: of all parameters, or of those named. For the others
        it is 1 if they are weights, and 0 if they are biases and the like.
    trainable : bool
        False: training leaves the layer as it is. May be set at any time, as may the factors.
    """

    learning_settings: ClassVar[tuple[str, ...]] = ("rate_factor", "decay_factor", "trainable")

    def __init__(
        self, *, rate_factor: Factor = 1.0, decay_factor: Factor | None = None, trainable: bool = True
    ) -> None:
        super().__init__(trainable=trainable)
        self._rate_factor = checked_factor(rate_factor, "rate_factor")
        self._decay_factor = None if decay_factor is None else checked_factor(decay_factor, "decay_factor")

    @property
    def rate_factor(self) -> Factor:
        """Factor of the optimiser's steps, of all parameters or by name."""
        return _copy(self._rate_factor)

    @rate_factor.setter
    def rate_factor(self, value: Factor) -> None:
        self._set_factors(checked_factor(value, "rate_factor"), self._decay_factor)

    @property
    def decay_factor(self) -> Factor | None:
        """Factor of the optimiser's weight decay, of all parameters or by name; None for 1 of weights alone."""
        return None if self._decay_factor is None else _copy(self._decay_factor)

    @decay_factor.setter
    def decay_factor(self, value: Factor | None) -> None:
        self._set_factors(self._rate_factor, None if value is None else checked_factor(value, "decay_factor"))

    def _set_factors(self, rate: Factor, decay: Factor | None) -> None:
        before = self._rate_factor, self._decay_factor
        self._rate_factor, self._decay_factor = rate, decay
        try:
            if self._place is not None:
                self._give_factors(self._place)
        except ValueError:
            self._rate_factor, self._decay_factor = before
            raise

    def public_names(self, shape: Shape) -> dict[str, str]:
        """Return the name that users have for each of the parameters, for inputs of this shape."""
        return {name: name for name in self.parameter_shapes(shape)}

    def learning_factors(self, shape: Shape) -> tuple[dict[str, float], dict[str, float | None]]:
        """Return the factors of rate and decay of each parameter; None for the decay that its kind has.

        Raises
        ------
        ValueError
            When a name is that of no parameter.
        """
        names = self.public_names(shape)
        for argument, factor in (("rate_factor", self._rate_factor), ("decay_factor", self._decay_factor)):
            unknown = factor.keys() - names.values() if isinstance(factor, Mapping) else set()
            if unknown:
                known = ", ".join(dict.fromkeys(names.values()))
                raise ValueError(f"{argument} must name parameters of {type(self).__name__} ({known}), got {unknown}")
        rates = {name: _of(self._rate_factor, public, 1.0) for name, public in names.items()}
        return rates, {name: _of(self._decay_factor, public, None) for name, public in names.items()}

    def enter(self, place: Place) -> int:
        self.learning_factors(place.input_shape)
        count = super().enter(place)
        self._give_factors(place)
        return count

    def _give_factors(self, place: Place) -> None:
        rates, decays = self.learning_factors(place.input_shape)
        place.core.set_factors(place.index, list(rates.values()), list(decays.values()))


def checked_factor(value: Any, argument: str) -> Factor:
    """Return a factor, or a copy of a mapping of factors; each must be a number >= 0."""
    if not isinstance(value, Mapping):
        return checked_number(value, argument, lowest=0)
    for name in value:
        if not isinstance(name, str):
            raise TypeError(f"{argument} must have names of parameters as keys, got {name!r}")
    return {name: checked_number(of_name, f"{argument}[{name!r}]", lowest=0) for name, of_name in value.items()}


def _copy(factor: Factor) -> Factor:
    return dict(factor) if isinstance(factor, Mapping) else factor


def _of(factor: Factor | None, name: str, default: Any) -> Any:
    """Return the factor of one parameter."""
    found = factor.get(name) if isinstance(factor, Mapping) else factor
    return default if found is None else found
