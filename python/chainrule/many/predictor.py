"""Single samples by an ensemble, in microseconds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from numpy.typing import ArrayLike, NDArray

from ..inference import Predictor
from ..network import Network


class EnsemblePredictor:
    """Predicts single samples, as `Ensemble.predict` does for one among others; `Ensemble.predictor` makes it.

    It is a copy: fitting the ensemble again does not change it. Any number of threads may share it, and it can be
    pickled.

    Parameters
    ----------
    networks : sequence of Network
    conclude : function
        Returns the prediction for the outputs of each network.
    """

    def __init__(self, networks: Sequence[Network], conclude: Callable[[Sequence[NDArray[Any]]], NDArray[Any]]) -> None:
        self._predictors = [Predictor(_without_unit(network)) for network in networks]
        self._units = [network.border.scale_of_targets for network in networks]
        self._conclude = conclude

    def __call__(self, x: ArrayLike) -> NDArray[Any]:
        """Return the prediction for a sample, which has the shape that `Input` says, or is a row."""
        outputs = (predict(x) for predict in self._predictors)
        each = zip(outputs, self._units, strict=True)
        return self._conclude([of_one if unit is None else unit.in_units(of_one) for of_one, unit in each])

    def __repr__(self) -> str:
        return f"EnsemblePredictor({len(self._predictors)} networks, the first {self._predictors[0]!r})"


def _without_unit(network: Network) -> Network:
    """Return a copy that predicts in the unit in which it learned."""
    twin = network.rebuilt(lambda *_: None)
    twin.border = replace(twin.border, target_scale=None)
    return twin
