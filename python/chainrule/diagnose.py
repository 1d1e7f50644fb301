"""The diagnosis: what reaches each layer, what comes back to it, and what to try where too little does."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .activations import traits_of
from .arrays import unit_of
from .function_loss import LossLike
from .layers.base import Layer
from .losses import Loss
from .model import Model
from .verification.table import as_table

# Root mean square of inputs that should have been scaled.
LARGE_INPUTS = 5.0
SCALED = "inputs scaled to mean 0 and spread 1"


@dataclass(frozen=True)
class Limits:
    """Limits beyond which a layer is reported as being in trouble.

    Parameters
    ----------
    saturated, dead : float
        Shares of a layer.
    vanished : float
        Share of the gradient that is left of it after the way from the outputs; it has exploded at the inverse of that.
    """

    saturated: float
    dead: float
    vanished: float


# Healthy networks do not reach the first limits. Beyond the second, not even Adam learns: twelve stacked layers of
# sigmoids learn nothing, while ten still learn.
ADVISED = Limits(saturated=0.5, dead=0.5, vanished=1e-3)
WARNED = Limits(saturated=0.9, dead=1.0, vanished=1e-8)


@dataclass(frozen=True)
class Finding:
    """What is wrong in a layer, and what to try where it does not come from inputs that are too large."""

    trouble: str
    remedy: str
    may_come_from_inputs: bool = False

    def advice(self, inputs: tuple[float, float]) -> str:
        """Return what to try with inputs of this mean and spread."""
        return SCALED if self.may_come_from_inputs and are_large(inputs) else self.remedy


@dataclass(frozen=True)
class Flow:
    """What a batch does in one layer.

    Attributes
    ----------
    signal : float
        Root mean square of the deltas, relative to those of the last layer: near 1 in a healthy network. It is computed
        from an error of ±1 at every output, so that no loss hides it; NaN if the layer is frozen.
    saturated : float or None
        Share of the activations on a flat end; None if the activation does not have two.
    dead : float or None
        Share of the units on the flat end for every sample; None if the activation does not have one.
    """

    signal: float
    saturated: float | None
    dead: float | None

    def finding(self, limits: Limits) -> Finding | None:
        """Return what is wrong, if anything is."""
        if self.saturated is not None and self.saturated >= limits.saturated:
            remedy = "smaller weights: the default ones, l2, or a smaller learning rate"
            return Finding(f"{self.saturated:.0%} of its outputs are saturated", remedy, may_come_from_inputs=True)
        if self.dead is not None and self.dead >= limits.dead:
            remedy = "leaky_relu or elu, the default bias, or a smaller learning rate"
            return Finding(f"{self.dead:.0%} of its units are dead", remedy, may_come_from_inputs=True)
        if 0 < self.signal <= limits.vanished:
            return Finding(f"of the gradient at the outputs only {self.signal:.0e} arrives", "relu, or fewer layers")
        if self.signal * limits.vanished >= 1:
            trouble = f"the gradient is {self.signal:.0e} times that at the outputs"
            return Finding(trouble, "smaller weights: the default ones")
        return None


@dataclass(frozen=True)
class LayerDiagnosis:
    """One layer of the table.

    Attributes
    ----------
    activation : str
    units : int
    activations : (float, float)
        Mean and spread, which is the standard deviation.
    flow : Flow
    gradient : (float, float)
        Mean and spread of ∂E/∂weights.
    advice : str
        Empty where nothing is wrong.
    """

    activation: str
    units: int
    activations: tuple[float, float]
    flow: Flow
    gradient: tuple[float, float]
    advice: str


@dataclass(frozen=True)
class Diagnosis:
    """What was found, layer by layer; prints as a table.

    Attributes
    ----------
    inputs : (float, float)
        Their mean and spread.
    lines : list of LayerDiagnosis
        One per layer.
    """

    inputs: tuple[float, float]
    lines: list[LayerDiagnosis]

    @property
    def ok(self) -> bool:
        """Whether there is nothing to try."""
        return not are_large(self.inputs) and not any(line.advice for line in self.lines)

    def __repr__(self) -> str:
        rows = [("layer", "activation", "units", "activations", "gradient", "signal", "saturated", "dead", "try")]
        advice = SCALED if are_large(self.inputs) else ""
        rows.append(("inputs", "", "", with_spread(*self.inputs), "", "", "", "", advice))
        for number, line in enumerate(self.lines, start=1):
            flow = line.flow
            rows.append(
                (
                    str(number),
                    line.activation,
                    f"{line.units}",
                    with_spread(*line.activations),
                    with_spread(*line.gradient),
                    f"{flow.signal:.1g}",
                    _as_share(flow.saturated),
                    _as_share(flow.dead),
                    line.advice,
                )
            )
        return as_table(rows)


def diagnose(network: Model, X: ArrayLike, y: ArrayLike, *, loss: LossLike | None = None) -> Diagnosis:
    """Show what the samples do in each layer, and what to try where too little arrives; the network is not changed.

    Parameters
    ----------
    network : Network
    X, y, loss
        As for `Network.fit`; some hundred samples are enough. What is sparse is made dense.

    Returns
    -------
    Diagnosis

    Raises
    ------
    ValueError, TypeError
        As `Network.evaluate`.

    Examples
    --------
    >>> import numpy as np, chainrule as cr
    >>> X = np.random.default_rng(0).uniform(0, 1000, (100, 4))
    >>> net = cr.Network([4, 20, 1], activation="tanh", seed=0)
    >>> diagnose(net, X, X[:, 0] > 500).lines[0].advice
    'inputs scaled to mean 0 and spread 1'
    >>> diagnose(net, (X - 500) / 289, X[:, 0] > 500).ok
    True
    """
    subject = network.fixed(X).copy()
    chosen = subject.chosen_loss(loss)
    data = subject.border.batches(X.toarray() if hasattr(X, "toarray") else X, y, loss=chosen)
    assert isinstance(data.X, np.ndarray)  # made dense above
    inputs = statistics(data.X)
    subject.core.loss_and_gradient(data.X, data.y, None, chosen.core_loss())
    lines = []
    gradients = iter(subject.gradients)
    for units, (layer, activations, flow) in zip(_units(subject), flows(subject, data.X, chosen), strict=True):
        found = flow.finding(ADVISED)
        of_weights = statistics(next(gradients)[0]) if layer.parameter_count else (math.nan, math.nan)
        of_outputs, advice = statistics(activations), found.advice(inputs) if found else ""
        lines.append(LayerDiagnosis(layer.output_activation, units, of_outputs, flow, of_weights, advice))
    return Diagnosis(inputs, lines)


def flows(network: Model, X: NDArray[Any], loss: Loss) -> Iterator[tuple[Layer, NDArray[Any], Flow]]:
    """Send samples forward, and signs back from the outputs; yield each layer with its activations and its flow."""
    errors = _signs(len(X), network.outputs)
    through = network.core_of(X).flows(X, errors, loss.from_pre_activations)
    layers = network.computing
    last = layers[-1]
    at_outputs = _size(through[last.place.index][1])
    for layer in layers:
        activations, deltas = through[layer.place.index]
        # Errors that begin at the pre-activations do not pass the flat ends of the last activation.
        is_passed = layer is not last or not loss.from_pre_activations
        flat = _flatness(activations, layer.output_activation) if is_passed else {}
        signal = _size(deltas) / at_outputs if layer.trainable and at_outputs > 0 else math.nan
        yield layer, activations, Flow(signal, flat.get("saturated"), flat.get("dead"))


def _units(network: Model) -> list[int]:
    """Return the outputs of each layer that the core has."""
    shapes = zip(network.stack, network.shapes[1:], strict=True)
    return [math.prod(shape) for layer, shape in shapes if layer.in_core]


def _signs(samples: int, outputs: int) -> NDArray[np.int64]:
    # Signs differ within a row, as softmax has no slope along a row of equal values.
    return 1 - 2 * (np.add.outer(np.arange(samples), np.arange(outputs)) % 2)


def _flatness(a: NDArray[Any], activation: str) -> dict[str, float]:
    flat = traits_of(activation).flat
    if flat is None:
        return {}
    low, high = flat
    if high == math.inf:
        return {"dead": float((a <= low).all(axis=0).mean())}
    return {"saturated": float(((a <= low) | (a >= high)).mean())}


def statistics(values: NDArray[Any]) -> tuple[float, float]:
    """Return mean and standard deviation, in the unit of the values."""
    unit = unit_of(values)
    with np.errstate(all="ignore"):
        return float(values.mean(dtype=np.float64)) * unit, float(values.std(dtype=np.float64)) * unit


def _size(values: NDArray[Any]) -> float:
    with np.errstate(all="ignore"):
        return math.sqrt(np.square(values, dtype=np.float64).sum() / values.size)


def are_large(inputs: tuple[float, float]) -> bool:
    """Tell whether inputs of this mean and spread should have been scaled."""
    return math.hypot(*inputs) > LARGE_INPUTS


def with_spread(mean: float, spread: float) -> str:
    """Return text such as "0.5 ± 0.1"."""
    return f"{mean:.2g} ± {spread:.2g}"


def _as_share(share: float | None) -> str:
    return "" if share is None else f"{share:.0%}"
