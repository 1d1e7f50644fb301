"""What one call to `fit` does: its arguments, checked before anything is changed."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from os import PathLike
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import _core
from .._checks import checked_flag, checked_integer, checked_name, checked_number
from .._settings import to_config
from ..arrays import are_labels
from ..border import Batches, Border
from ..function_loss import LossLike
from ..layers.base import Layer
from ..losses import Loss
from ..metrics import Metric, MetricLike, as_metrics
from ..model import Model
from ..optimizers import Optimizer
from ..schedules import Schedule
from .callbacks import Callback, CallbackLike, KeepBest, as_callbacks, is_known
from .checkpoints import CheckpointWriter, Position, Unfinished
from .fingerprints import fingerprint
from .ranks import Ranks
from .shares import check_shares
from .streams import Stream

# The epoch whose order chooses the samples that are held back; no fit gets so far.
_SPLIT = 2**63
# Samples of the first batch for which the gradient of a loss by a function is checked.
_CHECKED = 8


@dataclass
class Plan:
    """What one call to fit does."""

    # The model's border from now on, which may have learned the labels of classes.
    border: Border
    data: Batches | Stream
    validation: Batches | None
    epochs: int
    batch_size: int
    loss: Loss
    optimizer: Optimizer
    # Whether the optimiser was passed, so that the learning rate is what it says.
    starts_anew: bool
    # The schedules of layers, in steps.
    schedules: Mapping[Layer, Schedule]
    # Whether a schedule follows the fit, so that it begins at the first step again.
    restarts: bool
    shuffle: bool
    input_noise: float
    metrics: Sequence[Metric]
    callbacks: Sequence[Callback]
    position: Position
    # The fit that is resumed, with its callbacks' states.
    resumed: Unfinished | None
    checkpoints: CheckpointWriter
    verbose: int
    ranks: Ranks

    @property
    def samples(self) -> int | None:
        """Samples per epoch; None for a stream."""
        return len(self.data) if isinstance(self.data, Batches) else None

    @cached_property
    def is_quiet(self) -> bool:
        """Whether nothing in Python looks at the network, or changes how it is trained, between two epochs."""
        return (
            self.ranks.is_alone
            and self.verbose == 0
            and isinstance(self.data, Batches)
            and self.validation is None
            and self.checkpoints.path is None
            and not (self.metrics or self.schedules or self.loss.needs_check)
            and not any(callback.listens for callback in self.callbacks)
        )

    @cached_property
    def core_loss(self) -> _core.Loss:
        """The loss as the core takes it, made once for all epochs."""
        return self.loss.core_loss()

    @cached_property
    def core_optimizer(self) -> _core.Optimizer:
        """The optimiser as the core takes it."""
        return self.optimizer.core_optimizer()


@dataclass
class Part:
    """Some steps of an epoch that the core can make in one call."""

    data: Batches
    batch_size: int
    first_step: int
    samples_before: int

    @cached_property
    def steps(self) -> int:
        """Number of steps; the last short batch counts."""
        return -(-len(self.data) // self.batch_size)

    @property
    def smallest_batch(self) -> int:
        """Number of samples of the last batch, which may be a short one."""
        return len(self.data) - (self.steps - 1) * self.batch_size


def parts_of(plan: Plan, epoch: int) -> Iterator[Part]:
    """Yield the parts of an epoch that are still to come: one for arrays, one per batch for a stream."""
    if isinstance(plan.data, Batches):
        yield Part(plan.data, plan.batch_size, 0, 0)
        return
    samples = 0
    for step, batch in enumerate(plan.data.batches(epoch, plan.position.step), plan.position.step):
        yield Part(batch, len(batch), step, samples)
        samples += len(batch)


@dataclass(frozen=True)
class Given:
    """Samples, targets and weights as `Network.fit` is given them."""

    X: Any
    y: ArrayLike | None
    sample_weight: ArrayLike | None
    class_weight: Mapping[Any, float] | str | None
    validation_data: Any
    validation_split: float


@dataclass(frozen=True)
class Options:
    """The other arguments of `Network.fit`, as they are given."""

    epochs: int
    batch_size: int | str
    optimizer: Optimizer | str | None
    loss: LossLike | None
    shuffle: bool
    input_noise: float
    metrics: Iterable[MetricLike] | MetricLike
    callbacks: Iterable[CallbackLike] | CallbackLike
    keep: str
    checkpoint: str | PathLike[str] | None
    checkpoint_every: int | str
    resume: bool
    verbose: int


def make_plan(model: Model, given: Given, options: Options, resumed: Unfinished | None, ranks: Ranks) -> Plan:
    """Check the arguments of `Network.fit`, and return what it does.

    `resumed` is the unfinished fit that the network was loaded with, if there was one; `ranks` are those that train
    the network together.
    """
    loss, passed = model.chosen_loss(options.loss), model.chosen_optimizer(options.optimizer)
    border = model.border if given.y is None else model.border.with_classes(given.y, loss)
    given = _held_back(given, model.seed)
    if given.y is not None:
        border = border.fitting(given.X)
    border = border.with_target_scale(given.y, loss)
    loss = loss.for_outputs(border.output_shape, border.scale_of_targets)
    data, validation = _data(border, given, loss)
    optimizer, schedules = _resolved(passed, data, options), _schedules(model.leaves, data, options)
    metrics = _metrics(data, validation, loss, options)
    callbacks = [*as_callbacks(options.callbacks), *_keeping(options.keep, validation, loss, metrics)]
    settings = _settings(model, data, loss, optimizer, callbacks, options)
    if schedules:
        settings["schedules"] = [to_config(schedule) for schedule in schedules.values()]
    settings["metrics"] = [metric.name for metric in metrics] or None
    resume = checked_flag(options.resume, "resume")
    if options.checkpoint is not None or resume:
        loss.check_storable()
    if options.checkpoint is not None or resume or not ranks.is_alone:
        settings |= _hashes(given, data, validation)
    unfinished = _begin(settings, resume, resumed)
    plan = Plan(
        border=border,
        data=data,
        validation=validation,
        epochs=_checked_epochs(options.epochs, unfinished.position),
        batch_size=settings["batch_size"],
        loss=loss,
        optimizer=optimizer,
        starts_anew=options.optimizer is not None and not resume,
        schedules=schedules,
        restarts=not resume and (optimizer is not passed or any(_follows_fit(leaf.schedule) for leaf in schedules)),
        shuffle=settings["shuffle"],
        input_noise=settings["input_noise"],
        metrics=metrics,
        callbacks=callbacks,
        position=unfinished.position,
        resumed=unfinished if resume else None,
        checkpoints=CheckpointWriter(options.checkpoint, options.checkpoint_every, settings, writes=ranks.leads),
        verbose=checked_integer(options.verbose, "verbose", lowest=0, highest=2) if ranks.leads else 0,
        ranks=ranks,
    )
    _check_batches(model.leaves, plan)
    if not ranks.is_alone:
        check_shares(model, data, loss)
    if isinstance(data, Batches):
        check_loss(model, loss, data)
    return plan


def check_loss(model: Model, loss: Loss, data: Batches) -> None:
    """Refuse a loss whose gradient is wrong for the first of these samples."""
    if not loss.needs_check:
        return
    first = data.X[:_CHECKED] if isinstance(data.X, np.ndarray) else data.X
    loss.check_gradient(model.core_of(first).predict(first)[:_CHECKED], data.y[:_CHECKED])


def _metrics(data: Batches | Stream, validation: Batches | None, loss: Loss, options: Options) -> Sequence[Metric]:
    """Return the metrics that are asked for; a stream alone has no samples that they could be computed from."""
    known = data if isinstance(data, Batches) else validation
    if known is not None:
        return as_metrics(options.metrics, loss.metric_name(known.outputs, known.y))
    if as_metrics(options.metrics, ""):
        raise ValueError("metrics need validation_data for batches that come one by one")
    return ()


def _keeping(keep: str, validation: Batches | None, loss: Loss, metrics: Sequence[Metric]) -> list[Callback]:
    """Return what restores the network that `keep` asks for; it is called after all other callbacks."""
    known = ["last", "best"]
    if validation is not None:
        measures = ["loss", loss.metric_name(validation.outputs, validation.y), *(metric.name for metric in metrics)]
        known += [f"val_{name}" for name in measures if is_known(name)]
    elif isinstance(keep, str) and keep != "last":
        raise ValueError(f"keep must be 'last' without validation_data or validation_split, got {keep!r}")
    name = checked_name(keep, "keep", known)
    return [] if name == "last" else [KeepBest("val_loss" if name == "best" else name)]


def _settings(
    model: Model,
    data: Batches | Stream,
    loss: Loss,
    optimizer: Optimizer,
    callbacks: Sequence[Callback],
    options: Options,
) -> dict[str, Any]:
    """Return what must be the same when the fit is resumed, as values that JSON can hold."""
    return {
        "samples": len(data) if isinstance(data, Batches) else 0,
        "batch_size": _checked_batch_size(options.batch_size, data),
        "shuffle": checked_flag(options.shuffle, "shuffle"),
        "input_noise": _checked_noise(options.input_noise, model, data),
        "optimizer": to_config(optimizer),
        "loss": to_config(loss),
        "keep": options.keep,
        "callbacks": [{"type": type(callback).__name__, **callback.settings()} for callback in callbacks],
    }


def _held_back(given: Given, seed: int) -> Given:
    """Hold samples back for validation, chosen by the network's seed, if a share of them is asked for."""
    share = checked_number(given.validation_split, "validation_split", lowest=0, highest=1, open_highest=True)
    if share == 0:
        return given
    if given.validation_data is not None:
        raise ValueError(f"validation_split must be 0 with validation_data, got {given.validation_split!r}")
    if given.y is None:
        raise ValueError(f"validation_split must be 0 for batches that come one by one, got {given.validation_split!r}")
    X = given.X.tocsr() if hasattr(given.X, "tocsr") else np.asarray(given.X)
    y = np.asarray(given.y)
    weights = None if given.sample_weight is None else np.asarray(given.sample_weight)
    samples = X.shape[0]
    held = round(share * samples)
    if not 0 < held < samples:
        raise ValueError(f"validation_split must leave samples on both sides, got {share:g} of {samples}")
    order = _core.shuffled_order(samples, seed, _SPLIT)
    train, last = np.sort(order[held:]), np.sort(order[:held])
    of_held = (X[last], y[last]) if weights is None else (X[last], y[last], weights[last])
    kept = None if weights is None else weights[train]
    return replace(given, X=X[train], y=y[train], sample_weight=kept, validation_data=of_held, validation_split=0.0)


def _data(border: Border, given: Given, loss: Loss) -> tuple[Batches | Stream, Batches | None]:
    """Return what is trained on, and what is held back for validation; both count by the same weights of classes."""
    data: Batches | Stream
    if given.y is None:
        data, of_class = _stream(border, given, loss)
    else:
        batches = border.batches(given.X, given.y, given.sample_weight, loss=loss)
        of_class = border.class_weights(given.class_weight, batches.y, batches.weights, loss)
        data = batches.weighed(of_class)
    if given.validation_data is None:
        return data, None
    held = given.validation_data
    if not isinstance(held, (tuple, list)) or len(held) not in (2, 3):
        raise ValueError("validation_data must be (X, y) or (X, y, sample_weight)")
    return data, border.batches(*held, loss=loss, prefix="validation ").weighed(of_class)


def _stream(border: Border, given: Given, loss: Loss) -> tuple[Stream, NDArray[np.float64] | None]:
    if isinstance(given.class_weight, str):
        raise ValueError(f"class_weight must be a mapping for batches that come one by one, got {given.class_weight!r}")
    if given.sample_weight is not None:
        raise ValueError("sample_weight must be in the batches if these come one by one")
    of_class = border.class_weights(given.class_weight, np.zeros(0, np.int64), None, loss)

    def checked(X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Batches:
        batch = border.batches(X, y, sample_weight, loss=loss, may_weigh_nothing=True)
        if of_class is not None and not are_labels(batch.y):
            raise ValueError(f"class_weight needs y as integer labels, got rows of shape {batch.y.shape}")
        return batch.weighed(of_class, may_weigh_nothing=True)

    return Stream(given.X, checked), of_class


def _hashes(given: Given, data: Batches | Stream, validation: Batches | None) -> dict[str, str | None]:
    """Return hashes of the arrays, as far as these are known before the fit."""
    of_data = fingerprint(given.X, data) if isinstance(data, Batches) else None
    of_held = None if validation is None else fingerprint(given.validation_data[0], validation)
    return {"X, y and weights": of_data, "validation_data": of_held}


def _resolved(optimizer: Optimizer, data: Batches | Stream, options: Options) -> Optimizer:
    """Return the optimiser with schedules that count steps, where they were given in epochs or by the fit's length."""
    given = {name: getattr(optimizer, name) for name in optimizer.scheduled}
    following: dict[str, Any] = {
        name: _in_steps(value, name, data, options) for name, value in given.items() if _follows_fit(value)
    }
    return replace(optimizer, **following) if following else optimizer


def _schedules(leaves: Sequence[Layer], data: Batches | Stream, options: Options) -> dict[Layer, Schedule]:
    """Return the schedules of layers, which count steps."""
    given = {leaf: leaf.schedule for leaf in leaves if leaf.schedule is not None}
    return {
        leaf: _in_steps(schedule, f"the schedule of {leaf!r}", data, options) if schedule.follows_fit else schedule
        for leaf, schedule in given.items()
    }


def _follows_fit(value: Any) -> bool:
    return isinstance(value, Schedule) and value.follows_fit


def _in_steps(schedule: Schedule, what: str, data: Batches | Stream, options: Options) -> Schedule:
    if not isinstance(data, Batches):
        raise ValueError(f"{what} must count steps for batches that come one by one, got {schedule!r}")
    steps = -(-len(data) // _checked_batch_size(options.batch_size, data))
    return schedule.resolved(steps, steps * options.epochs)


def _checked_epochs(epochs: int, position: Position) -> int:
    number = checked_integer(epochs, "epochs", lowest=0)
    if number < position.epoch:
        raise ValueError(
            f"epochs must be at least {position.epoch}, which the fit that is resumed has made; got {number}"
        )
    return number


def _checked_noise(input_noise: float, model: Model, data: Batches | Stream) -> float:
    noise = checked_number(input_noise, "input_noise", lowest=0)
    if noise == 0:
        return noise
    if model.border.vocabulary is not None:
        raise ValueError(f"input_noise must be 0 for tokens, got {input_noise!r}")
    if any(leaf.marks_padding for leaf in model.leaves):
        raise ValueError(f"input_noise must be 0 with a Masking, as noise is no padding; got {input_noise!r}")
    if not isinstance(data, Batches):
        raise ValueError(f"input_noise must be 0 for batches that come one by one, got {input_noise!r}")
    if data.is_sparse:
        raise ValueError(f"input_noise must be 0 for a sparse X, as noise has no zeros; got {input_noise!r}")
    return noise


def _checked_batch_size(batch_size: int | str, data: Batches | Stream) -> int:
    samples = len(data) if isinstance(data, Batches) else 1
    if isinstance(batch_size, str):
        if batch_size != "full":
            raise ValueError(f"batch_size must be an integer or 'full', got {batch_size!r}")
        return samples
    return min(checked_integer(batch_size, "batch_size", lowest=1), samples)


def _begin(settings: dict[str, Any], resume: bool, resumed: Unfinished | None) -> Unfinished:
    """Return where the fit begins: anew, or where the one that is resumed was interrupted."""
    if not resume:
        return Unfinished(Position(), settings)
    if resumed is None:
        raise ValueError("resume must be False for a network that was not loaded from a checkpoint of a fit")
    resumed.check(settings)
    return copy.deepcopy(resumed)


def _check_batches(leaves: Sequence[Layer], plan: Plan) -> None:
    """Refuse what cannot be trained with batch by batch.

    Raises
    ------
    ValueError
        For mini-batches where the optimiser needs the whole gradient, for a stream that is used up too soon, for a
        checkpoint within an epoch that has fewer steps, and for batches that a stateful layer cannot follow.
    """
    name = type(plan.optimizer).__name__
    for layer in leaves:
        if layer.stateful:
            _check_states(layer, plan)
    if isinstance(plan.data, Stream):
        if plan.optimizer.needs_full_batch:
            raise ValueError(f"X must be an array for {name}, which needs all samples in each step")
        if plan.data.lasts_one_epoch and plan.epochs - plan.position.epoch > 1:
            raise ValueError(
                f"X must be a list, or a callable that gives fresh batches, for {plan.epochs} epochs; got "
                f"{type(plan.data.source).__name__}, which lasts for one"
            )
    elif plan.optimizer.needs_full_batch and plan.batch_size < len(plan.data):
        raise ValueError(f"batch_size must be 'full' for {name}, got {plan.batch_size} of {len(plan.data)} samples")
    elif 0 < (step := plan.position.step) >= (steps := Part(plan.data, plan.batch_size, 0, 0).steps):
        raise ValueError(f"a checkpoint must be within the epoch's {steps} steps to resume, got one after step {step}")


def _check_states(layer: Layer, plan: Plan) -> None:
    """Refuse what loses the states that a layer carries from batch to batch."""
    if isinstance(plan.data, Stream):
        raise ValueError(f"X must be an array for a stateful layer, {layer!r}, which cannot follow batches one by one")
    if plan.shuffle:
        raise ValueError(f"shuffle must be False for a stateful layer, {layer!r}, whose state spans batches")
    if plan.checkpoints.within_epochs:
        raise ValueError(
            f"checkpoint_every must be epochs for a stateful layer, {layer!r}, whose states are in no file"
        )
