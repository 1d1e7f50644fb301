"""The check: the core against the reference, the object model and central differences, stage by stage.

A kink (ReLU at zero, an absolute error of zero) has no derivative to compare: what lies on one is recognised, left out,
and counted, instead of being hidden by a loose tolerance.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import _core, _state, reference
from ._checks import checked_integer
from .errors import CheckError
from .losses import MSE, GaussianNLL, Hinge, Huber, Loss
from .nodes import Network as NodesNetwork
from .optimizers import OPTIMIZERS, SGD, IRprop, Optimizer
from .reference.pooling import MaxPool

if TYPE_CHECKING:
    from .network import Network

Array = NDArray[np.float64]

# Largest difference, relative to the largest number of its kind.
TOLERANCE = {"float32": 1e-5, "float64": 1e-10}
NODES_TOLERANCE = 1e-10
TRAINING_TOLERANCE = {"float32": 1e-4, "float64": 1e-8}
DIFFERENCES_TOLERANCE = 1e-7
# Parameters of a layer that central differences are taken of; each needs four forward passes.
SAMPLED = 50
# Where a unit's slope jumps.
_KINKS = {"relu": (0.0,), "leaky_relu": (0.0,), "elu": (0.0,), "selu": (0.0,), "hard_sigmoid": (-3.0, 3.0)}


@dataclass(frozen=True)
class Line:
    """One comparison: largest relative error, where it is, and how many places were left out as kinks."""

    stage: str
    against: str
    error: float
    tolerance: float
    where: str
    kinks: int = 0

    @property
    def ok(self) -> bool:
        """Whether the error is within the tolerance; NaN is not."""
        return self.error <= self.tolerance


@dataclass
class Report:
    """What a check found; prints as a table.

    Attributes
    ----------
    ok : bool
        Whether every comparison is within its tolerance.
    lines : list of Line
    """

    lines: list[Line] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether every comparison is within its tolerance."""
        return all(line.ok for line in self.lines)

    @property
    def largest_error(self) -> float:
        """The largest relative error of all."""
        return max(line.error for line in self.lines)

    def __repr__(self) -> str:
        rows = [("stage", "core against", "largest error", "allowed", "where", "")]
        for line in self.lines:
            note = f"{line.kinks} at kinks left out" if line.kinks else ""
            verdict = note if line.ok else f"DIFFERS {note}"
            where = line.where if line.error > 0 else ""
            rows.append((line.stage, line.against, f"{line.error:.1e}", f"{line.tolerance:.0e}", where, verdict))
        widths = [max(len(row[i]) for row in rows) for i in range(6)]
        table = ["  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip() for row in rows]
        table.insert(1, "-" * max(map(len, table)))
        first = next((line for line in self.lines if not line.ok), None)
        end = "all agree" if first is None else f"first difference: {first.stage}, at {first.where}"
        return "\n".join([*table, end])


def check(
    network: Network,
    X: ArrayLike,
    y: ArrayLike,
    *,
    loss: Loss | str | None = None,
    optimizer: Optimizer | str | None = None,
    sample_weight: ArrayLike | None = None,
    steps: int = 4,
    strict: bool = False,
) -> Report:
    """Compare the core with everything that computes the same; the network itself is not changed.

    Parameters
    ----------
    network : Network
    X, y, loss, optimizer, sample_weight
        As for `Network.fit`; a few samples are enough.
    steps : int
        Steps of training that are compared, >= 1.
    strict : bool
        Whether a difference raises.

    Returns
    -------
    Report

    Raises
    ------
    CheckError
        With ``strict=True``, when something differs; its text is the report.

    Examples
    --------
    >>> import chainrule as cr
    >>> X, y = cr.data.identity8()
    >>> cr.Network([8, 3, 8], activation="sigmoid", output="sigmoid", seed=0).check(X, y, loss="mse").ok
    True
    """
    steps = checked_integer(steps, "steps", lowest=1)
    subject = network.copy()
    dense = X.toarray() if hasattr(X, "toarray") else X
    chosen_loss = subject._chosen_loss(loss)
    chosen_optimizer = subject._chosen_optimizer(optimizer)
    data = subject._batches(dense, y, sample_weight, loss=chosen_loss)
    weights = np.ones(len(data)) if data.weights is None else data.weights
    samples = data.X
    assert not isinstance(samples, _core.SparseMatrix)  # made dense above
    twin = in_float64(network)
    report = Report()
    kinked = _kinked_samples(subject, samples, data.y, chosen_loss)
    if kinked.any() and not kinked.all():
        weights = np.where(kinked.reshape(-1, *(1,) * (weights.ndim - 1)), 0.0, weights)
    lines = report.lines
    lines += _stages(subject, samples, data.y, weights, chosen_loss, int(kinked.sum()))
    lines += _one_step(subject, chosen_optimizer)
    lines += _training(twin, samples, data.y, weights, chosen_loss, chosen_optimizer, steps)
    if network.dtype == "float32":
        lines += _training(network.copy(), samples, data.y, weights, chosen_loss, SGD(0.01, momentum=0.9), steps)
    lines += _object_model(twin, samples, data.y, chosen_loss)
    lines += _central_differences(twin, samples, data.y, weights, chosen_loss)
    if strict and not report.ok:
        raise CheckError(f"the core differs\n{report!r}")
    return report


def reference_of(network: Network) -> reference.Network:
    """Return the reference network with the same layers and parameters; it takes and gives samples as rows."""
    layers = [layer._reference(layer._parameters()) for layer in network._stack]
    if len(network._shapes[0]) > 1:
        layers.insert(0, reference.Reshape(network._shapes[0]))
    return reference.Network(layers)


def _computing(net: reference.Network, network: Network) -> list[tuple[int, reference.Layer]]:
    """Return the reference's layers that the core has too, with their numbers there: of a composite, its end."""
    begin = int(len(network._shapes[0]) > 1)
    pairs = zip(net.layers[begin:], network._stack, strict=False)
    return [(ours._index, layer) for layer, ours in pairs if ours._index is not None]


def _leaves(net: reference.Network) -> list[reference.Layer]:
    return [leaf for layer in net.layers for leaf in layer.leaves()]


def reference_loss(loss: Loss) -> reference.losses.Loss:
    """Return the reference's loss with the same settings."""
    settings = {f.name: getattr(loss, f.name) for f in dataclasses.fields(loss)}  # type: ignore[arg-type]
    return reference.losses.LOSSES[loss.name](**settings)


def reference_optimizer(optimizer: Optimizer) -> reference.optimizers.Optimizer:
    """Return the reference's optimiser with the same settings, at its start."""
    name = next(name for name, cls in OPTIMIZERS.items() if cls is type(optimizer))
    settings = {f.name: getattr(optimizer, f.name) for f in dataclasses.fields(optimizer) if f.name != "learning_rate"}
    return reference.optimizers.OPTIMIZERS[name](**settings)


def in_float64(network: Network) -> Network:
    """Return a copy of the network in float64, without the optimiser's state."""
    return _state.changed(network, lambda description, _: description.update(dtype="float64"))


def compare(
    stage: str,
    against: str,
    got: NDArray[Any],
    expected: NDArray[Any],
    tolerance: float,
    *,
    scale: float = 0.0,
    kinks: int = 0,
) -> Line:
    """Compare two arrays, relative to the largest magnitude in the expected one or to `scale`, if that is larger."""
    difference = np.abs(got.astype(np.float64) - expected)
    if difference.size == 0:
        return Line(stage, against, 0.0, tolerance, "nowhere", kinks)
    scale = max(scale, float(np.abs(expected).max()), 1e-30)
    worst = np.unravel_index(int(np.argmax(difference)), difference.shape)
    place = ", ".join(str(int(i)) for i in worst)
    return Line(stage, against, float(difference[worst]) / scale, tolerance, f"[{place}]", kinks)


@dataclass(frozen=True)
class Scales:
    """How large the terms are whose differences a stage is: what its rounding is relative to.

    A trained network's output and target all but cancel; what is left of them carries their rounding. So terms are
    added up as magnitudes, on the way that the deltas go (Higham 2002, running error analysis). The lists have an entry
    for each layer of the reference; gradients are by the parameter's name.
    """

    loss: float
    deltas: list[float]
    gradients: list[dict[str, float]]


def scales_of(net: reference.Network, y: NDArray[Any], weights: Array, loss: Loss) -> Scales:
    """Return the scales of a batch that has just gone forward and back through the reference."""
    last = net.layers[-1]
    z, a = net.outputs
    t = _target_rows(y, net, loss)
    loss_scale, terms = _loss_magnitudes(z, a, t, loss)
    of_steps = weights.reshape(len(weights), -1)
    steps = of_steps.shape[1]
    share = np.repeat(of_steps, terms.shape[1] // steps, axis=1) * steps / weights.sum()
    magnitude = (share * terms).reshape(last.activations.shape)
    if loss.name != "cross_entropy" and last.activation != "softmax":
        magnitude = magnitude * _slope(last)
    deltas: list[float] = []
    gradients: list[dict[str, float]] = []
    for i, layer in reversed(list(enumerate(net.layers))):
        deltas.insert(0, float(magnitude.max()))
        of_parameters, magnitude = _magnitudes(layer, magnitude)
        gradients.insert(0, of_parameters)
        if i > 0:
            magnitude = magnitude * _slope(net.layers[i - 1])
    return Scales(float((share[:, : loss_scale.shape[1]] * loss_scale).sum()), deltas, gradients)


def _loss_magnitudes(z: Array, a: Array, t: Array, loss: Loss) -> tuple[Array, Array]:
    """Return the magnitudes of the terms of the loss, and of its gradient by the outputs."""
    if isinstance(loss, GaussianNLL):
        mean, log_variance = np.split(a, 2, axis=1)
        far = np.abs(mean) + np.abs(t)
        weighted = far * np.exp(-log_variance)
        scale = 0.5 * (np.abs(log_variance) + far * weighted)
        return scale, np.hstack([weighted, 0.5 * (1.0 + far * weighted)])
    terms = np.abs(a) + np.abs(t)
    return np.abs(z) * t if loss.name == "cross_entropy" else 0.5 * terms**2, terms


def _magnitudes(layer: reference.Layer, deltas: Array) -> tuple[dict[str, float], Array]:
    """Send magnitudes back through a layer: return those of the gradients, and what arrives below."""
    twin = copy.deepcopy(layer)
    for leaf in twin.leaves():
        leaf.inputs = np.abs(leaf.inputs)
        leaf.trainable = True
        for values in leaf.parameters.values():
            values[...] = np.abs(values)
    below = np.abs(twin.backward(deltas))
    return {name: float(np.abs(gradient).max()) for name, gradient in twin.gradients.items()}, below


def _slope(layer: reference.Layer) -> Array:
    return np.abs(reference.activations.DERIVATIVES[layer.activation](layer.pre_activations))


def _sides(z: Array, activation: str) -> NDArray[np.int64]:
    return sum((np.asarray(z > kink, dtype=np.int64) for kink in _KINKS.get(activation, ())), np.zeros(z.shape, int))


def _loss_sides(a: Array, t: Array, loss: Loss) -> NDArray[np.int64]:
    if loss.name == "mae":
        return np.asarray(np.sign(a - t), dtype=np.int64)
    if isinstance(loss, Hinge):
        return np.asarray(t * a < 1.0, dtype=np.int64)
    if isinstance(loss, Huber):
        return np.asarray(a - t > loss.delta, dtype=np.int64) - np.asarray(a - t < -loss.delta, dtype=np.int64)
    return np.zeros(a.shape, dtype=np.int64)


def _target_rows(y: NDArray[Any], net: reference.Network, loss: Loss) -> Array:
    """Return what the loss aims at, as rows, before its smoothing of probabilities."""
    _, a = net.outputs
    of_reference = reference_loss(loss)
    rows = reference.losses.target_rows(y, of_reference.target_columns(a.shape[1]))
    return of_reference.smoothed(rows, net.layers[-1].activation) if isinstance(loss, Hinge) else rows


def _reference_sides(net: reference.Network, X: NDArray[Any], y: NDArray[Any], loss: Loss) -> list[NDArray[np.int64]]:
    a = net.forward(X)
    t = _target_rows(y, net, loss)
    sides = [_sides(layer.pre_activations, layer.activation) for layer in _leaves(net)]
    sides += [layer.winners for layer in _leaves(net) if isinstance(layer, MaxPool)]
    return [*sides, _loss_sides(a, t, loss)]


def _lead(pool: MaxPool) -> Array:
    """Return by how much each maximum is larger than what comes next; equal ones, as ReLU's zeros, lead by nothing."""
    padded = pool.windows.pad(pool.inputs, -np.inf)
    values = np.sort(np.stack([padded[places] for _, places in pool.windows]), axis=0)
    return np.asarray(values[-1] - values[-2]) if len(values) > 1 else np.full(values.shape[1:], np.inf)


def _kinked_samples(network: Network, X: NDArray[Any], y: NDArray[Any], loss: Loss) -> NDArray[np.bool_]:
    """Tell the samples that rounding alone may put on different sides of a kink in core and reference."""
    net = reference_of(network)
    a = net.forward(X)
    margin = 10 * TOLERANCE[network.dtype]
    near = np.zeros(len(X), dtype=bool)
    for layer in _leaves(net):
        for kink in _KINKS.get(layer.activation, ()):
            scale = max(float(np.abs(layer.pre_activations).max()), 1.0)
            near |= (np.abs(layer.pre_activations - kink) < margin * scale).reshape(len(X), -1).any(axis=1)
        if isinstance(layer, MaxPool):
            lead = _lead(layer)
            scale = max(float(np.abs(layer.inputs).max()), 1.0)
            near |= ((lead > 0) & (lead < margin * scale)).reshape(len(X), -1).any(axis=1)
    t = _target_rows(y, net, loss)
    scale = max(float(np.abs(a).max()), 1.0)
    if loss.name == "mae":
        near |= (np.abs(a - t) < margin * scale).any(axis=1)
    if isinstance(loss, Hinge):
        near |= (np.abs(t * a - 1.0) < margin * scale).any(axis=1)
    return near


def _stages(
    network: Network, X: NDArray[Any], y: NDArray[Any], weights: Array, loss: Loss, kinks: int
) -> Iterator[Line]:
    tolerance = TOLERANCE[network.dtype]
    core = network._core
    net = reference_of(network)
    core.forward(X)
    net.forward(X)
    numbers = _numbers(network)
    layers = _computing(net, network)
    for number, (i, layer) in zip(numbers, layers, strict=True):
        a = layer.activations.reshape(len(X), -1)
        yield compare(f"activations, layer {number}", "reference", core.activations(i), a, tolerance)
    objective = core.loss_and_gradient(X, y, weights, loss._core())
    expected = net.loss_and_gradient(X, y, reference_loss(loss), weights)
    scales = scales_of(net, y, weights, loss)

    def against(stage: str, got: NDArray[Any], wanted: Array, scale: float) -> Line:
        return compare(stage, "reference", got, wanted, tolerance, scale=scale, kinks=kinks)

    yield against("loss", np.array([objective]), np.array([expected]), scales.loss)
    of_layer = dict(zip(map(id, net.layers), zip(scales.deltas, scales.gradients, strict=True), strict=True))
    for number, (i, layer) in zip(numbers, layers, strict=True):
        deltas = layer.deltas.reshape(len(X), -1)
        yield against(f"deltas, layer {number}", core.deltas(i), deltas, of_layer[id(layer)][0])
    got = iter(network.gradients)
    for number, (_, layer) in zip(numbers, layers, strict=True):
        for name, gradient in zip(layer.parameters, next(got) if layer.parameters else (), strict=True):
            stage = f"gradient of {name}, layer {number}"
            yield against(stage, gradient, layer.gradients[name], of_layer[id(layer)][1][name])


def _numbers(network: Network) -> list[int]:
    """Return the places of the layers that the core has, from 1."""
    return [i for i, layer in enumerate(network._stack, start=1) if layer._index is not None]


def _one_step(network: Network, optimizer: Optimizer) -> Iterator[Line]:
    """Compare one step of the optimiser, both from the core's own gradient."""
    net = reference_of(network)
    layers = [layer for _, layer in _computing(net, network) if layer.parameters]
    for layer, gradients in zip(layers, network.gradients, strict=True):
        for gradient, values in zip(layer.gradients.values(), gradients, strict=True):
            gradient[...] = values
    network._core.reset_optimizer()
    network.optimizer, network.rate_factor = optimizer, 1.0
    network.step(optimizer)
    net.step(reference_optimizer(optimizer), float(optimizer.rates(0, 1)[0]))
    name = f"one step, {type(optimizer).__name__}"
    yield compare(name, "reference", network.parameters, net.parameters, TOLERANCE[network.dtype])


def _training(
    network: Network, X: NDArray[Any], y: NDArray[Any], weights: Array, loss: Loss, optimizer: Optimizer, steps: int
) -> Iterator[Line]:
    """Compare epochs of shuffled batches, two steps each where there are samples enough."""
    net = reference_of(network)
    net.loss_and_gradient(X, y, reference_loss(loss), weights)
    scales = scales_of(net, y, weights, loss)
    pupil = reference_optimizer(optimizer)
    network._core.reset_optimizer()
    batch = len(X) if isinstance(optimizer, IRprop) else -(-len(X) // 2)
    per_epoch = -(-len(X) // batch)
    got, expected = [], []
    for epoch in range(-(-steps // per_epoch)):
        rates = optimizer.rates(epoch * per_epoch, per_epoch)
        arguments = (X, y, weights, batch, True, network.seed, epoch, loss._core(), optimizer._core(), rates, 0.0, None)
        _, (weight, loss_sum, _), _ = network._core.train_epoch(*arguments)
        got.append(loss_sum / weight)
        expected.append(
            net.train_epoch(
                X, y, reference_loss(loss), pupil, rates, batch, True, network.seed, epoch, sample_weight=weights
            )[0]
        )
    tolerance = TRAINING_TOLERANCE[network.dtype]
    name = f"{len(got) * per_epoch} steps, {type(optimizer).__name__}, {network.dtype}"
    yield compare(f"{name}: loss", "reference", np.array(got), np.array(expected), tolerance, scale=scales.loss)
    yield compare(f"{name}: parameters", "reference", network.parameters, net.parameters, tolerance)


def _object_model(network: Network, X: NDArray[Any], y: NDArray[Any], loss: Loss) -> Iterator[Line]:
    """Compare outputs and gradients with one Python object for each neuron, where that model reaches."""
    plain = all(layer.activation == "sigmoid" and layer.trainable for layer in network._dense)
    plain = plain and len(network._dense) == len(network._stack)
    if not plain or not isinstance(loss, MSE) or network.parameter_count * len(X) > 3_000_000:
        return
    model = NodesNetwork.from_network(network)
    samples = reference.network.as_values(X).tolist()
    labels = reference.losses.target_rows(y, network.outputs).tolist()
    outputs = np.array([model.predict(sample) for sample in samples])
    yield compare("outputs", "object model", network.predict(X), outputs, NODES_TOLERANCE)
    gradients = [model.flat(model.get_gradient(t, x)) for t, x in zip(labels, samples, strict=True)]
    network._core.loss_and_gradient(X, y, None, loss._core())
    mean = np.mean(np.array(gradients), axis=0)
    expected = mean + _penalty_gradient(network)
    yield compare("gradient", "object model", network._core.gradients(), expected, NODES_TOLERANCE)


def _penalty_gradient(network: Network) -> Array:
    parts: list[Array] = []
    for layer in network._dense:
        w = layer.weights.ravel()
        parts += [layer.l2 * w + layer.l1 * np.sign(w), np.zeros(layer.units)]
    return np.concatenate(parts)


def _central_differences(
    network: Network, X: NDArray[Any], y: NDArray[Any], weights: Array, loss: Loss
) -> Iterator[Line]:
    """Compare the core's gradient with differences of the reference's loss, a sample of each layer's parameters."""
    network._core.loss_and_gradient(X, y, weights, loss._core())
    gradient = network._core.gradients().astype(np.float64)
    net = reference_of(network)
    net.loss_and_gradient(X, y, reference_loss(loss), weights)
    scales = scales_of(net, y, weights, loss)
    begin = 0
    of_layer = dict(zip(map(id, net.layers), scales.gradients, strict=True))
    for i, (_, theirs) in zip(_numbers(network), _computing(net, network), strict=True):
        size = sum(part.size for part in theirs.parameters.values())
        if theirs.trainable and size > 0:
            chosen = begin + np.random.default_rng(i - 1).permutation(size)[:SAMPLED]
            scale = max(of_layer[id(theirs)].values())
            yield _layer_differences(f"gradient, layer {i}", net, chosen, gradient, X, y, weights, loss, scale)
        begin += size


def _layer_differences(
    stage: str,
    net: reference.Network,
    chosen: NDArray[np.int64],
    gradient: Array,
    X: NDArray[Any],
    y: NDArray[Any],
    weights: Array,
    loss: Loss,
    scale: float,
) -> Line:
    start = net.parameters
    expected, got, kept = [], [], []
    for index in chosen:
        h = 3e-4 * max(1.0, abs(float(start[index])))
        difference, kink = _difference(net, start, int(index), h, X, y, weights, loss)
        if not kink:
            expected.append(difference)
            got.append(gradient[index])
            kept.append(int(index))
    kinks = len(chosen) - len(kept)
    line = compare(
        stage, "differences", np.array(got), np.array(expected), DIFFERENCES_TOLERANCE, scale=scale, kinks=kinks
    )
    where = f"parameter {kept[int(line.where.strip('[]'))]}" if kept else "nowhere"
    return dataclasses.replace(line, where=where)


def _difference(
    net: reference.Network,
    start: Array,
    index: int,
    h: float,
    X: NDArray[Any],
    y: NDArray[Any],
    weights: Array,
    loss: Loss,
) -> tuple[float, bool]:
    """Return (E(−2h) − 8E(−h) + 8E(h) − E(2h)) / 12h, and whether a kink lies between."""
    values, kink = {}, False
    counted = weights.reshape(len(weights), -1).any(axis=1)
    net.parameters = start
    sides = [side[counted] for side in _reference_sides(net, X, y, loss)]
    for offset in (-2, -1, 1, 2):
        moved = start.copy()
        moved[index] += offset * h
        net.parameters = moved
        there = [side[counted] for side in _reference_sides(net, X, y, loss)]
        kink |= any(not np.array_equal(a, b) for a, b in zip(sides, there, strict=True))
        kink |= _crosses_zero(net, start[index], moved[index])
        values[offset] = _objective(net, X, y, weights, loss)
    net.parameters = start
    return (values[-2] - 8 * values[-1] + 8 * values[1] - values[2]) / (12 * h), kink


def _crosses_zero(net: reference.Network, before: float, after: float) -> bool:
    """Tell whether ‖W‖₁ has a kink between two values of a weight."""
    return any(layer.l1 > 0 for layer in _leaves(net)) and bool(np.sign(before) != np.sign(after))


def _objective(net: reference.Network, X: NDArray[Any], y: NDArray[Any], weights: Array, loss: Loss) -> float:
    value, _ = net.evaluate(X, y, reference_loss(loss), weights)
    return float(value + sum(layer.penalty() for layer in net.layers))
