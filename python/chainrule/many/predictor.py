"""Single samples by an ensemble, in microseconds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
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
        Returns the prediction for the outputs of all networks, (networks, …).
    """

    def __init__(self, networks: Sequence[Network], conclude: Callable[[NDArray[Any]], NDArray[Any]]) -> None:
        self._predictors = [Predictor(_without_unit(network)) for network in networks]
        self._borders = [network.border for network in networks]
        self._conclude = conclude

    def __call__(self, x: ArrayLike) -> NDArray[Any]:
        """Return the prediction for a sample, which has the shape that `Input` says, or is a row."""
        each = zip(self._predictors, self._borders, strict=True)
        return self._conclude(np.stack([border.in_units(predict(x)) for predict, border in each]))

    def __repr__(self) -> str:
        return f"EnsemblePredictor({len(self._predictors)} networks, the first {self._predictors[0]!r})"


def _without_unit(network: Network) -> Network:
    """Return a copy that predicts in the unit in which it learned."""
    twin = network.rebuilt(lambda *_: None)
    twin.border = replace(twin.border, target_scale=None)
    return twin
