"""The diagnosis: what reaches each layer, what comes back to it, and what to try where too little does.

A table for the user who asks, and warnings from a quick look at the first samples before a network is trained.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .activations import ACTIVATIONS
from .arrays import are_labels
from .border import Batches
from .errors import warn
from .losses import Loss
from .model import Model
from .verification.table import as_table

# Root mean square of inputs that should have been scaled.
LARGE_INPUTS = 5.0
# Root mean square of targets that many steps of a usual size are needed to reach.
LARGE_TARGETS = 1000.0
SCALED = "inputs scaled to mean 0 and spread 1"
# Number of samples that are looked at before training; fewer than the least say nothing about a layer.
LOOKED_AT, LEAST = 32, 8


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
class Flow:
    """What a batch does in one layer.

    Attributes
    ----------
    mean, spread : float
        Of the activations; the spread is their standard deviation.
    signal : float
        Root mean square of the deltas, relative to those of the last layer: near 1 in a healthy network. It is computed
        from an error of ±1 at every output, so that no loss hides it; NaN if the layer is frozen.
    saturated : float or None
        Share of the activations on a flat end; None if the activation does not have two.
    dead : float or None
        Share of the units on the flat end for every sample; None if the activation does not have one.
    """

    mean: float
    spread: float
    signal: float
    saturated: float | None
    dead: float | None

    def finding(self, limits: Limits, large_inputs: bool) -> tuple[str, str] | None:
        """Return what is wrong and what to try, if anything is."""
        if self.saturated is not None and self.saturated >= limits.saturated:
            remedy = SCALED if large_inputs else "smaller weights: the default ones, l2, or a smaller learning rate"
            return f"{self.saturated:.0%} of its outputs are saturated", remedy
        if self.dead is not None and self.dead >= limits.dead:
            remedy = SCALED if large_inputs else "leaky_relu or elu, the default bias, or a smaller learning rate"
            return f"{self.dead:.0%} of its units are dead", remedy
        if 0 < self.signal <= limits.vanished:
            return f"of the gradient at the outputs only {self.signal:.0e} arrives", "relu, or fewer layers"
        if self.signal * limits.vanished >= 1:
            return f"the gradient is {self.signal:.0e} times that at the outputs", "smaller weights: the default ones"
        return None


@dataclass(frozen=True)
class LayerDiagnosis:
    """One layer of the table; `gradient` is mean and spread of ∂E/∂weights, `advice` empty where nothing is wrong."""

    activation: str
    units: int
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
        return not _are_large(self.inputs) and not any(line.advice for line in self.lines)

    def __repr__(self) -> str:
        rows = [("layer", "activation", "units", "activations", "gradient", "signal", "saturated", "dead", "try")]
        advice = SCALED if _are_large(self.inputs) else ""
        rows.append(("inputs", "", "", _with_spread(*self.inputs), "", "", "", "", advice))
        for number, line in enumerate(self.lines, start=1):
            flow = line.flow
            rows.append(
                (
                    str(number),
                    line.activation,
                    f"{line.units}",
                    _with_spread(flow.mean, flow.spread),
                    _with_spread(*line.gradient),
                    f"{flow.signal:.1g}",
                    _as_share(flow.saturated),
                    _as_share(flow.dead),
                    line.advice,
                )
            )
        return as_table(rows)


def diagnose(network: Model, X: ArrayLike, y: ArrayLike, *, loss: Loss | str | None = None) -> Diagnosis:
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
    subject = network.copy()
    chosen = subject.chosen_loss(loss)
    data = subject.border.batches(X.toarray() if hasattr(X, "toarray") else X, y, loss=chosen)
    assert isinstance(data.X, np.ndarray)  # made dense above
    inputs = _statistics(data.X)
    flows = _flows(subject, data.X, chosen)
    # Those of the last layer are from before softmax or sigmoid, where cross-entropy begins.
    mean, spread = _statistics(subject.predict(data.X))
    flows[-1] = dataclasses.replace(flows[-1], mean=mean, spread=spread)
    subject.core.loss_and_gradient(data.X, data.y, None, chosen.core_loss())
    lines = []
    gradients = iter(subject.gradients)
    for layer, units, flow in zip(subject.computing, _units(subject), flows, strict=True):
        found = flow.finding(ADVISED, _are_large(inputs))
        of_weights = _statistics(next(gradients)[0]) if layer.parameter_count else (math.nan, math.nan)
        lines.append(LayerDiagnosis(layer.activation, units, flow, of_weights, found[1] if found else ""))
    return Diagnosis(inputs, lines)


def warn_of_first_samples(network: Model, data: Batches, loss: Loss) -> None:
    """Look at some samples before a network is trained, and warn of what will keep it from learning.

    Sparse samples are not looked at, only their targets.
    """
    last = network.computing[-1]
    classes = network.shapes[-1][-1]
    if loss.from_pre_activations and last.activation == "sigmoid" and are_labels(data.y) and classes > 1:
        warn(
            f"y holds one class a sample, but the {classes} sigmoid outputs are independent of one another: "
            "use output 'softmax' for classes that exclude one another; if they do not, give y as rows of 0 and 1"
        )
    if len(data) >= LEAST:
        _warn_of_targets(network, data, loss)
    if not isinstance(data.X, np.ndarray) or len(data) < LEAST:
        return
    X = data.X[:: -(-len(data) // LOOKED_AT)]
    inputs = _statistics(X)
    for number, (layer, flow) in enumerate(zip(network.computing, _flows(network, X, loss), strict=True), start=1):
        found = flow.finding(WARNED, _are_large(inputs))
        if found is not None:
            trouble, remedy = found
            size = f", with inputs of {_with_spread(*inputs)}" if _are_large(inputs) else ""
            warn(f"layer {number} ({layer.activation}) will hardly learn: {trouble}{size}; try {remedy}")
            return


def _warn_of_targets(network: Model, data: Batches, loss: Loss) -> None:
    """Say what to do with targets that are far from the outputs of new weights, which are about one."""
    if not loss.is_of_differences or are_labels(data.y) or network.border.target_scale is not None:
        return
    mean, spread = _statistics(data.y[:: -(-len(data) // LOOKED_AT)])
    if math.hypot(mean, spread) > LARGE_TARGETS:
        warn(
            f"y is {_with_spread(mean, spread)}, and new weights give outputs of about 1, so that training will take "
            "long: scale y to mean 0 and spread 1, or pass target_scale='auto' to a Network"
        )


def _flows(network: Model, X: NDArray[Any], loss: Loss) -> list[Flow]:
    """Send samples forward, and signs back from the outputs."""
    twin = _twin(network, loss)
    core = twin.core
    core.forward(X)
    core.backward(_signs(len(X), network.outputs).astype(network.dtype))
    numbers = [layer.place.index for layer in network.computing]
    at_outputs = _size(core.deltas(numbers[-1]))
    flows = []
    for index, layer, other in zip(numbers, network.computing, twin.computing, strict=True):
        a = core.activations(index)
        flat = _flatness(a, other.activation)
        signal = _size(core.deltas(index)) / at_outputs if layer.trainable and at_outputs > 0 else math.nan
        flows.append(Flow(*_statistics(a), signal, flat.get("saturated"), flat.get("dead")))
    return flows


def _twin(network: Model, loss: Loss) -> Model:
    """Return a network of the same parameters but with separate buffers, which ends where cross-entropy begins."""
    return network.without_last_activation() if loss.from_pre_activations else network.rebuilt(lambda *_: None)


def _units(network: Model) -> list[int]:
    """Return the outputs of each layer that the core has."""
    shapes = zip(network.stack, network.shapes[1:], strict=True)
    return [math.prod(shape) for layer, shape in shapes if layer.in_core]


def _signs(samples: int, outputs: int) -> NDArray[np.int64]:
    # Signs differ within a row, as softmax has no slope along a row of equal values.
    return np.where(np.add.outer(np.arange(samples), np.arange(outputs)) % 2 == 0, 1, -1)


def _flatness(a: NDArray[Any], activation: str) -> dict[str, float]:
    flat = ACTIVATIONS[activation].flat
    if flat is None:
        return {}
    low, high = flat
    if high == math.inf:
        return {"dead": float((a <= low).all(axis=0).mean())}
    return {"saturated": float(((a <= low) | (a >= high)).mean())}


def _statistics(values: NDArray[Any]) -> tuple[float, float]:
    unit = 1 / 255 if values.dtype == np.uint8 else 1.0
    with np.errstate(all="ignore"):
        return float(values.mean(dtype=np.float64)) * unit, float(values.std(dtype=np.float64)) * unit


def _size(values: NDArray[Any]) -> float:
    with np.errstate(all="ignore"):
        return float(np.sqrt(np.mean(np.square(values, dtype=np.float64))))


def _are_large(inputs: tuple[float, float]) -> bool:
    return math.hypot(*inputs) > LARGE_INPUTS


def _with_spread(mean: float, spread: float) -> str:
    return f"{mean:.2g} ± {spread:.2g}"


def _as_share(share: float | None) -> str:
    return "" if share is None else f"{share:.0%}"
