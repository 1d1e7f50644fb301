"""The check: the core against the reference, the object model and central differences, stage by stage."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import _core, reference
from ._checks import checked_integer
from .errors import CheckError
from .function_loss import LossLike
from .losses import MSE, Loss
from .model import Model
from .nodes import Network as NodesNetwork
from .nodes import refusal_of
from .optimizers import SGD, Optimizer
from .verification.differences import compare_with_differences
from .verification.kinks import kinked_samples
from .verification.report import Line, Report, compare
from .verification.scales import Array, scales_of
from .verification.twins import counterparts, in_float64, reference_loss, reference_of, reference_optimizer

# Largest difference, relative to the largest number of its kind.
# In mixed precision, a factor next to a tie may be rounded to one side in the core and to the other in the reference.
TOLERANCE = {"float32": 1e-5, "float64": 1e-10, "mixed": 1e-2}
NODES_TOLERANCE = 1e-10
TRAINING_TOLERANCE = {"float32": 1e-4, "float64": 1e-8, "mixed": 2e-2}
# Parameters times samples up to which the object model takes no more than seconds.
NODES_WORK = 3_000_000


@dataclass(frozen=True)
class Batch:
    """The samples of a check, with the loss that is computed of them."""

    X: NDArray[Any]
    y: NDArray[Any]
    weights: Array
    loss: Loss


def check(
    network: Model,
    X: ArrayLike,
    y: ArrayLike,
    *,
    loss: LossLike | None = None,
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
        Steps of training that are compared, >= 1. Those of an epoch that diverges are left out, and all after it; the
        report tells how many are left.
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
    network = network.fixed(X)
    subject, twin = network.copy(), in_float64(network)
    chosen_optimizer = subject.chosen_optimizer(optimizer)
    batch, kinks = _batch(subject, X, y, sample_weight, subject.chosen_loss(loss))
    lines = [
        *_stages(subject, batch, kinks),
        *_one_step(subject, chosen_optimizer),
        *_training(twin.copy(), batch, chosen_optimizer, steps),
    ]
    if network.dtype == "float32":
        lines += _training(network.copy(), batch, SGD(0.01, momentum=0.9), steps)
    lines += _object_model(twin, batch)
    lines += compare_with_differences(twin, batch.X, batch.y, batch.weights, batch.loss)
    report = Report(lines)
    if strict and not report.ok:
        raise CheckError(f"the core differs\n{report!r}")
    return report


def _batch(subject: Model, X: Any, y: ArrayLike, sample_weight: ArrayLike | None, loss: Loss) -> tuple[Batch, int]:
    """Return the samples, with weight zero for those on a kink, and the number of these."""
    data = subject.border.batches(X.toarray() if hasattr(X, "toarray") else X, y, sample_weight, loss=loss)
    samples = np.asarray(data.X)
    weights = np.ones(len(data)) if data.weights is None else data.weights
    kinked = kinked_samples(subject, samples, data.y, loss, TOLERANCE[subject.dtype])
    if kinked.any() and not kinked.all():
        weights = np.where(kinked.reshape(-1, *(1,) * (weights.ndim - 1)), 0.0, weights)
    return Batch(samples, data.y, weights, loss), int(kinked.sum())


def _stages(network: Model, batch: Batch, kinks: int) -> Iterator[Line]:
    """Compare activations, loss, deltas and gradients of each layer."""
    core, samples, tolerance = network.core, len(batch.X), TOLERANCE[str(network.numbers)]
    net = reference_of(network)
    core.forward(batch.X)
    net.forward(batch.X)
    layers = counterparts(net, network)
    for layer in layers:
        a = layer.twin.activations.reshape(samples, -1)
        yield compare(f"activations, layer {layer.number}", "reference", core.activations(layer.index), a, tolerance)
    objective = core.loss_and_gradient(batch.X, batch.y, batch.weights, batch.loss.core_loss())
    expected = net.loss_and_gradient(batch.X, batch.y, reference_loss(batch.loss), batch.weights)
    scales = scales_of(net, batch.y, batch.weights, batch.loss)

    def against(stage: str, got: NDArray[Any], wanted: Array, scale: float) -> Line:
        return compare(stage, "reference", got, wanted, tolerance, scale=scale, kinks=kinks)

    yield against("loss", np.array([objective]), np.array([expected]), scales.loss)
    of_layer = dict(zip(map(id, net.layers), zip(scales.deltas, scales.gradients, strict=True), strict=True))
    for layer in layers:
        deltas = layer.twin.deltas.reshape(samples, -1)
        yield against(f"deltas, layer {layer.number}", core.deltas(layer.index), deltas, of_layer[id(layer.twin)][0])
    got = iter(network.gradients)
    for layer in layers:
        twin = layer.twin
        for name, gradient in zip(twin.parameters, next(got) if twin.parameters else (), strict=True):
            stage = f"gradient of {name}, layer {layer.number}"
            yield against(stage, gradient, twin.gradients[name], of_layer[id(twin)][1][name])


def _one_step(network: Model, optimizer: Optimizer) -> Iterator[Line]:
    """Compare one step of the optimiser, both from the core's own gradient."""
    net = reference_of(network)
    twins = [layer.twin for layer in counterparts(net, network) if layer.twin.parameters]
    for twin, gradients in zip(twins, network.gradients, strict=True):
        for gradient, values in zip(twin.gradients.values(), gradients, strict=True):
            gradient[...] = values
    network.core.reset_optimizer()
    network.optimizer, network.rate_factor = optimizer, 1.0
    network.step(optimizer)
    net.step(reference_optimizer(optimizer), float(optimizer.rates(0, 1)[0]))
    name = f"one step, {type(optimizer).__name__}"
    yield compare(name, "reference", network.parameters, net.parameters, TOLERANCE[network.dtype])


def _training(network: Model, batch: Batch, optimizer: Optimizer, steps: int) -> Iterator[Line]:
    """Compare epochs of shuffled batches, with two steps each if there are samples enough."""
    X, y, weights, loss = batch.X, batch.y, batch.weights, reference_loss(batch.loss)
    size = len(X) if optimizer.needs_full_batch else -(-len(X) // 2)
    per_epoch = -(-len(X) // size)
    network.follow(0, per_epoch)
    net = reference_of(network)
    net.loss_and_gradient(X, y, loss, weights)
    scales = scales_of(net, y, weights, batch.loss)
    pupil = reference_optimizer(optimizer)
    network.core.reset_optimizer()
    got, expected = [], []
    for epoch in range(-(-steps // per_epoch)):
        steps_of_epoch = (epoch * per_epoch, per_epoch)
        rates, decays = optimizer.rates(*steps_of_epoch), optimizer.weight_decays(*steps_of_epoch)
        options = _core.EpochOptions(
            loss=batch.loss.core_loss(),
            optimizer=optimizer.core_optimizer(),
            rates=rates,
            batch_size=size,
            shuffle=True,
            seed=network.seed,
            epoch=epoch,
            weight_decays=decays,
        )
        network.save_snapshot()
        _, (weight, loss_sum, _), diverged = network.core.train_epoch(X, y, weights, options)
        if diverged >= 0:
            network.restore_snapshot()
            break
        got.append(loss_sum / weight)
        mean, _ = net.train_epoch(X, y, loss, pupil, rates, size, True, network.seed, epoch, weights, 0.0, decays)
        expected.append(mean)
    tolerance = TRAINING_TOLERANCE[str(network.numbers)]
    name = f"{len(got) * per_epoch} steps, {type(optimizer).__name__}, {network.numbers}"
    yield compare(f"{name}: loss", "reference", np.array(got), np.array(expected), tolerance, scale=scales.loss)
    yield compare(f"{name}: parameters", "reference", network.parameters, net.parameters, tolerance)


def _object_model(network: Model, batch: Batch) -> Iterator[Line]:
    """Compare outputs and gradients with one Python object per neuron, where that model applies."""
    applies = refusal_of(network) == "" and all(layer.trainable for layer in network.stack)
    if not applies or batch.loss != MSE() or network.parameter_count * len(batch.X) > NODES_WORK:
        return
    model = NodesNetwork.from_network(network)
    samples = reference.network.as_values(batch.X).tolist()
    labels = reference.losses.target_rows(batch.y, network.outputs).tolist()
    outputs = np.array([model.predict(sample) for sample in samples])
    yield compare("outputs", "object model", network.predict(batch.X), outputs, NODES_TOLERANCE)
    gradients = [model.flat(model.get_gradient(t, x)) for t, x in zip(labels, samples, strict=True)]
    network.core.loss_and_gradient(batch.X, batch.y, None, batch.loss.core_loss())
    expected = np.mean(np.array(gradients), axis=0) + _penalty_gradient(network)
    yield compare("gradient", "object model", network.core.gradients(), expected, NODES_TOLERANCE)


def _penalty_gradient(network: Model) -> Array:
    parts: list[Array] = []
    for layer in network.stack:
        weights, bias = layer.parameter_arrays().values()
        penalties = layer.config()
        w = weights.ravel()
        parts += [penalties["l2"] * w + penalties["l1"] * np.sign(w), np.zeros(bias.size)]
    return np.concatenate(parts)
