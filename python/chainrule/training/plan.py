"""What one call to `fit` does: its arguments, checked before anything is changed."""

from __future__ import annotations

import copy
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from os import PathLike
from typing import Any

import numpy as np

from .. import _core
from .._checks import checked_flag, checked_integer, checked_name, checked_number
from .._settings import to_config
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
from .given import Given, Samples, checked, held_back
from .ranks import LOGGER, Ranks
from .shares import check_own_samples, check_shares
from .streams import Stream

# Samples of the first batch for which the gradient of a loss by a function is checked.
_CHECKED = 8


@dataclass
class Plan:
    """What one call to fit does."""

    # The model's border from now on, which may have learned the labels of classes.
    border: Border
    samples: Samples
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

    @cached_property
    def has_plain_epochs(self) -> bool:
        """Whether the core can make an epoch in one piece, and the next one in the same way."""
        return (
            self.ranks.is_alone
            and isinstance(self.samples.data, Batches)
            and self.checkpoints.path is None
            and not (self.schedules or self.loss.needs_check)
        )

    @property
    def listens(self) -> bool:
        """Whether Python has something to do after each epoch."""
        shows = self.verbose > 0 or LOGGER.isEnabledFor(logging.DEBUG)
        measures = self.samples.validation is not None or bool(self.metrics)
        return shows or measures or any(callback.listens for callback in self.callbacks)

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
    samples: int
    batch_size: int
    first_step: int
    samples_before: int

    @cached_property
    def steps(self) -> int:
        """Number of steps; the last short batch counts."""
        return -(-self.samples // self.batch_size)

    @property
    def smallest_batch(self) -> int:
        """Number of samples of the last batch, which may be a short one."""
        return self.samples - (self.steps - 1) * self.batch_size


def parts_of(plan: Plan, epoch: int) -> Iterator[Part]:
    """Yield the parts of an epoch that are still to come: one for arrays, one per batch for a stream."""
    if isinstance(plan.samples.data, Batches):
        yield _whole(plan, plan.samples.data)
        return
    samples, first = 0, plan.position.step
    for step, batch in enumerate(plan.samples.data.batches(epoch)):
        if step >= first:
            yield Part(batch, len(batch), len(batch), step, samples)
        samples += len(batch)


def _whole(plan: Plan, data: Batches) -> Part:
    """Return the only part of an epoch of arrays."""
    assert plan.samples.count is not None
    return Part(data, plan.samples.count, plan.batch_size, 0, 0)


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
    if ranks.have_own_samples:
        check_own_samples(model.border, given)
    border = model.border
    if given.y is not None:
        border = border.with_classes(ranks.of_parts(border.new_labels(given.y)), loss)
    given = held_back(given, model.seed)
    border, loss = _fitting(border, given, loss)
    samples = checked(border, given, loss, ranks)
    count = samples.count
    optimizer, schedules = _resolved(passed, count, options), _schedules(model.leaves, count, options)
    metrics = _metrics(samples, loss, options)
    callbacks = [*as_callbacks(options.callbacks), *_keeping(options.keep, samples.validation, loss, metrics)]
    steps = _steps(model, samples, options)
    resume = checked_flag(options.resume, "resume")
    settings: dict[str, Any] = {}
    if options.checkpoint is not None or resume:
        loss.check_storable()
    if options.checkpoint is not None or resume or not ranks.is_alone:
        settings = _settings(samples, steps, loss, optimizer, options.keep, callbacks, schedules, metrics)
        settings |= samples.hashes(given, ranks)
    unfinished = _begin(settings, resume, resumed)
    plan = Plan(
        **steps,
        border=border,
        samples=samples,
        epochs=_checked_epochs(options.epochs, unfinished.position),
        loss=loss,
        optimizer=optimizer,
        starts_anew=options.optimizer is not None and not resume,
        schedules=schedules,
        restarts=not resume and (optimizer is not passed or any(_follows_fit(leaf.schedule) for leaf in schedules)),
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
        check_shares(model, samples, loss, plan.batch_size, metrics)
    if isinstance(samples.data, Batches):
        check_loss(model, loss, samples.data)
    return plan


def _steps(model: Model, samples: Samples, options: Options) -> dict[str, Any]:
    """Return what decides which samples a step has, and what is added to them."""
    return {
        "batch_size": _checked_batch_size(options.batch_size, samples.count),
        "shuffle": checked_flag(options.shuffle, "shuffle"),
        "input_noise": _checked_noise(options.input_noise, model, samples.data),
    }


def _fitting(border: Border, given: Given, loss: Loss) -> tuple[Border, Loss]:
    """Return border and loss as they fit these samples."""
    if given.y is not None:
        border = border.fitting(given.X)
    border = border.with_target_scale(given.y, loss)
    return border, loss.for_outputs(border.output_shape, border.scale_of_targets)


def check_loss(model: Model, loss: Loss, data: Batches) -> None:
    """Refuse a loss whose gradient is wrong for the first of these samples."""
    if not loss.needs_check:
        return
    first = data.X[:_CHECKED] if isinstance(data.X, np.ndarray) else data.X
    loss.check_gradient(model.core_of(first).predict(first)[:_CHECKED], data.y[:_CHECKED])


def _metrics(samples: Samples, loss: Loss, options: Options) -> Sequence[Metric]:
    """Return the metrics that are asked for; a stream alone has no samples that they could be computed from."""
    known = samples.data if isinstance(samples.data, Batches) else samples.validation
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
    samples: Samples,
    steps: Mapping[str, Any],
    loss: Loss,
    optimizer: Optimizer,
    keep: str,
    callbacks: Sequence[Callback],
    schedules: Mapping[Layer, Schedule],
    metrics: Sequence[Metric],
) -> dict[str, Any]:
    """Return what must be the same when the fit is resumed, as values that JSON can hold."""
    settings = {
        "samples": samples.count or 0,
        "samples of each rank": list(samples.of_ranks) or None,
        **steps,
        "optimizer": to_config(optimizer),
        "loss": to_config(loss),
        "keep": keep,
        "callbacks": [{"type": type(callback).__name__, **callback.settings()} for callback in callbacks],
    }
    if schedules:
        settings["schedules"] = [to_config(schedule) for schedule in schedules.values()]
    return {**settings, "metrics": [metric.name for metric in metrics] or None}


def _resolved(optimizer: Optimizer, samples: int | None, options: Options) -> Optimizer:
    """Return the optimiser with schedules that count steps, where they were given in epochs or by the fit's length."""
    given = {name: getattr(optimizer, name) for name in optimizer.scheduled}
    following: dict[str, Any] = {
        name: _in_steps(value, name, samples, options) for name, value in given.items() if _follows_fit(value)
    }
    return replace(optimizer, **following) if following else optimizer


def _schedules(leaves: Sequence[Layer], samples: int | None, options: Options) -> dict[Layer, Schedule]:
    """Return the schedules of layers, which count steps."""
    given = {leaf: leaf.schedule for leaf in leaves if leaf.schedule is not None}
    return {
        leaf: _in_steps(schedule, f"the schedule of {leaf!r}", samples, options) if schedule.follows_fit else schedule
        for leaf, schedule in given.items()
    }


def _follows_fit(value: Any) -> bool:
    return isinstance(value, Schedule) and value.follows_fit


def _in_steps(schedule: Schedule, what: str, samples: int | None, options: Options) -> Schedule:
    if samples is None:
        raise ValueError(f"{what} must count steps for batches that come one by one, got {schedule!r}")
    steps = -(-samples // _checked_batch_size(options.batch_size, samples))
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


def _checked_batch_size(batch_size: int | str, samples: int | None) -> int:
    most = 1 if samples is None else samples
    if isinstance(batch_size, str):
        if batch_size != "full":
            raise ValueError(f"batch_size must be an integer or 'full', got {batch_size!r}")
        return most
    return min(checked_integer(batch_size, "batch_size", lowest=1), most)


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
    if isinstance(plan.samples.data, Stream):
        if plan.optimizer.needs_full_batch:
            raise ValueError(f"X must be an array for {name}, which needs all samples in each step")
        if plan.samples.data.lasts_one_epoch and plan.epochs - plan.position.epoch > 1:
            raise ValueError(
                f"X must be a list, or a callable that gives fresh batches, for {plan.epochs} epochs; got "
                f"{type(plan.samples.data.source).__name__}, which lasts for one"
            )
        return
    part, step = _whole(plan, plan.samples.data), plan.position.step
    if plan.optimizer.needs_full_batch and plan.batch_size < part.samples:
        raise ValueError(f"batch_size must be 'full' for {name}, got {plan.batch_size} of {part.samples} samples")
    if 0 < step >= part.steps:
        raise ValueError(
            f"a checkpoint must be within the epoch's {part.steps} steps to resume, got one after step {step}"
        )


def _check_states(layer: Layer, plan: Plan) -> None:
    """Refuse what loses the states that a layer carries from batch to batch."""
    if isinstance(plan.samples.data, Stream):
        raise ValueError(f"X must be an array for a stateful layer, {layer!r}, which cannot follow batches one by one")
    if plan.shuffle:
        raise ValueError(f"shuffle must be False for a stateful layer, {layer!r}, whose state spans batches")
    if plan.checkpoints.within_epochs:
        raise ValueError(
            f"checkpoint_every must be epochs for a stateful layer, {layer!r}, whose states are in no file"
        )
