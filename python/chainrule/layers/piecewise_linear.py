"""An embedding of numbers by piecewise linear functions of each."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import _core
from .._checks import checked_integer
from ..arrays import as_real_array, check_finite, read_only
from .base import Layer, Shape
from .learning import Factor, LearningLayer
from .parameter import Parameter
from .rescaling import shown_numbers

__all__ = ["PiecewiseLinear"]

# Bins of a feature, at most.
_MOST_BINS = 2**16
# Features whose edges a text shows.
_SHOWN = 4


class PiecewiseLinear(LearningLayer):
    """Each feature as `units` piecewise linear functions of it, which bend at edges that are taken from data.

    Of each feature x with the edges e_0 < … < e_n are made the features z = b + x s + Σ_k c_k v_k: a linear part, and
    for each bin k the share of it that is below x, c_k = min(1, max(0, (x − e_k) / (e_{k+1} − e_k))), times a vector
    that is learned. The share of the first bin may be negative, and that of the last one above 1. This is the embedding
    of Gorishniy, Rubachev and Babenko (2022), with a linear part as in TabM (Gorishniy, Kotelnikov and Babenko 2024).
    The vectors start at zero, so that the layer starts linear. Samples come feature by feature.

    Parameters
    ----------
    edges : sequence of arrays
        For each feature its edges: at least two finite numbers, ascending. Features may have different numbers of
        them. `from_data` takes them from samples.
    units : int
        Number of features that are made of each, >= 1.
    rate_factor, decay_factor : float or mapping of str to float
        What the optimiser's steps and its weight decay are multiplied by, >= 0. The default decay factor is 0, but of
        `weights`. May be set at any time.
    trainable : bool
        False: training leaves the layer as it is. May be set at any time.

    Raises
    ------
    ValueError
        For edges that are not as said, also once they are rounded to the network's precision, and when the network is
        made, for samples that are not features in a row, or have another number of features.

    Examples
    --------
    >>> import numpy as np, chainrule as cr
    >>> X = np.random.default_rng(0).standard_normal((500, 3))
    >>> layer = cr.PiecewiseLinear.from_data(X, bins=8, units=4)
    >>> net = cr.Network([cr.Input(3), layer, cr.Dense(32, "relu"), cr.Dense(1)], seed=0)
    >>> layer.output_shape((3,)), layer.weights.shape, len(layer.edges[0])
    ((12,), (24, 4), 9)
    """

    takes_mixed = False
    settings = ("units",)
    size_settings = ("units",)

    weights = Parameter("A copy of the vectors v, (bins of all features, units); assign to set them.")
    slopes = Parameter("A copy of the slopes s, (features, units); assign to set them.")
    bias = Parameter("A copy of the biases b, (features, units); assign to set them.")

    def __init__(
        self,
        edges: Sequence[ArrayLike] | NDArray[Any],
        units: int = 16,
        *,
        rate_factor: Factor = 1.0,
        decay_factor: Factor | None = None,
        trainable: bool = True,
    ) -> None:
        super().__init__(rate_factor=rate_factor, decay_factor=decay_factor, trainable=trainable)
        self.units = checked_integer(units, "units", lowest=1, highest=2**26)
        if not isinstance(edges, Iterable):
            raise TypeError(f"edges must be a sequence of edges for each feature, got {edges!r}")
        self._initial = [_checked_edges(of_one, f"edges[{i}]") for i, of_one in enumerate(edges)]
        self.bins = _checked_bins([len(of_one) - 1 for of_one in self._initial])

    @classmethod
    def from_data(cls, X: ArrayLike, bins: int = 48, units: int = 16, **options: Any) -> PiecewiseLinear:
        """Return the layer whose bins hold about equally many of the values that these samples have.

        The edges are quantiles of each feature, from the smallest to the largest value: fewer than `bins` + 1 where
        some are equal, and each value where these are no more. A feature that is constant gets a single bin.

        Parameters
        ----------
        X : array (samples, features)
            Finite numbers.
        bins : int
            Most bins of a feature, 1 to 2¹⁶.
        units, options
            As for `PiecewiseLinear`.

        Raises
        ------
        ValueError
            For another shape, no samples, or numbers that are not finite.
        """
        count = checked_integer(bins, "bins", lowest=1, highest=_MOST_BINS)
        array = as_real_array(X, "X")
        if array.ndim != 2 or array.size == 0:
            raise ValueError(f"X must have shape (samples, features) and at least one of each, got {array.shape}")
        check_finite(array, "X", np.float32)
        return cls([_edges_of(column, count) for column in array.T], units, **options)

    def config(self) -> dict[str, Any]:
        return {**super().config(), "bins": self.bins}

    @classmethod
    def from_config(cls, config: dict[str, Any], make: Callable[[Any], Layer]) -> Layer:
        """Return the layer without edges, which are among the arrays that are given to it later."""
        settings = {name: value for name, value in config.items() if name not in ("type", "bins")}
        layer = cls([], **settings)
        layer.bins = _checked_bins(config["bins"])
        return layer

    @property
    def edges(self) -> list[NDArray[Any]]:
        """Copies of the edges of each feature."""
        if not self.is_placed:
            return [read_only(of_one.copy()) for of_one in self._initial]
        flat = self.statistic_arrays()["edges"]
        return [read_only(of_one.copy()) for of_one in self._cut(flat)]

    def _cut(self, flat: NDArray[Any]) -> list[NDArray[Any]]:
        """Return the edges of each feature, from those of all."""
        ends = np.cumsum([count + 1 for count in self.bins])
        return np.split(flat, ends[:-1])

    def output_shape(self, shape: Shape) -> Shape:
        if len(shape) > 1:
            raise ValueError(f"PiecewiseLinear takes features in a row, got {shape}; put a Flatten in between")
        if shape[0] != len(self.bins):
            raise ValueError(f"edges must be of the {shape[0]} features of the samples, got those of {len(self.bins)}")
        return (shape[0] * self.units,)

    def parameter_shapes(self, shape: Shape) -> dict[str, Shape]:
        of_features = (len(self.bins), self.units)
        return {"weights": (sum(self.bins), self.units), "slopes": of_features, "bias": of_features}

    def statistic_shapes(self, shape: Shape) -> dict[str, Shape]:
        return {"edges": (sum(self.bins) + len(self.bins),)}

    def set_statistic(self, name: str, values: ArrayLike) -> None:
        with np.errstate(over="ignore"):
            rounded = np.asarray(values).astype(self.place.dtype)
        for feature, of_one in enumerate(self._cut(rounded)):
            _check_widths(of_one, f"edges[{feature}]")
        super().set_statistic(name, values)

    def core_settings(self, shape: Shape) -> _core.LayerSettings:
        return _core.PiecewiseLinearSettings(bins=self.bins, units=self.units)

    def reference_arguments(self) -> dict[str, Any]:
        return {**super().reference_arguments(), "edges": self.edges}

    def initialize(self, seed: int) -> None:
        """Set the edges, draw slopes and biases as of a layer of `units` inputs, and start the vectors at zero."""
        if self._initial:
            self.set_statistic("edges", np.concatenate(self._initial))
        shape, bound = (len(self.bins), self.units), 1 / math.sqrt(self.units)
        self.slopes = _core.initial_weights("uniform", *shape, bound, seed, self.place.index, 0)
        self.bias = _core.initial_weights("uniform", *shape, bound, seed, self.place.index, 1)

    def __repr__(self) -> str:
        shown = [shown_numbers(of_one) for of_one in self.edges[:_SHOWN]] + ["..."] * (len(self.bins) > _SHOWN)
        settings = super().__repr__().removeprefix(f"{type(self).__name__}(").removesuffix(")")
        return f"{type(self).__name__}([{', '.join(shown)}]{settings and ', '}{settings})"


def _checked_edges(edges: ArrayLike, argument: str) -> NDArray[np.float64]:
    array = as_real_array(edges, argument).astype(np.float64)
    if array.ndim != 1 or len(array) < 2:
        raise ValueError(f"{argument} must be at least two ascending numbers, got {edges!r}")
    check_finite(array, argument, np.float64)
    _check_widths(array, argument)
    return array


def _check_widths(edges: NDArray[Any], argument: str) -> None:
    """Refuse bins that have no width, or none that can be divided by, in the precision of the edges."""
    with np.errstate(over="ignore"):
        widths = np.diff(edges)
    wrong = ~((widths >= np.finfo(edges.dtype).tiny) & np.isfinite(widths))
    if wrong.any():
        k = int(wrong.argmax())
        raise ValueError(f"{argument} must ascend in {edges.dtype}, got {edges[k]!s} and then {edges[k + 1]!s}")


def _checked_bins(bins: Any) -> list[int]:
    """Return the number of bins of each feature."""
    if not isinstance(bins, list):
        raise TypeError(f"bins must be a list, got {bins!r}")
    return [checked_integer(count, "bins", lowest=1, highest=_MOST_BINS) for count in bins]


def _edges_of(values: NDArray[Any], bins: int) -> NDArray[np.float32]:
    """Return the edges of a feature with these values, as numbers that every precision has."""
    different = np.unique(values.astype(np.float64))
    if len(different) > bins + 1:
        different = np.quantile(values.astype(np.float64), np.linspace(0, 1, bins + 1))
    edges: NDArray[np.float32] = np.unique(different.astype(np.float32))
    edges = edges[np.concatenate([[True], np.diff(edges.astype(np.float64)) >= np.finfo(np.float32).tiny])]
    if len(edges) > 1:
        return edges
    # A bin of a constant feature may be anywhere; it reaches towards zero, so that no edge is infinite.
    reach = np.float32(max(1.0, abs(float(edges[0])))) * np.float32(-1.0 if edges[0] > 0 else 1.0)
    return np.sort(np.array([edges[0], edges[0] + reach], np.float32))
