"""The loop over epochs: progress, validation, callbacks. What happens within an epoch is the core's."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from .. import _core
from ..border import Batches
from ..errors import DivergedError, ModelFileError, warn
from ..history import shown
from ..input_range import InputRange
from ..losses import Loss
from ..model import Model
from ..optimizers import Optimizer
from ..schedules import Rates, Schedule
from .callbacks import Callback
from .checkpoints import Totals
from .first_samples import warn_of_first_samples
from .plan import Part, Plan, check_loss, parts_of
from .progress import Progress
from .ranks import LOGGER
from .streams import Stream

# A learning rate that is smaller than its beginning by this factor changes nothing.
SMALLEST_RATE = 1e-8
# Steps that the core makes in one call at most, whose learning rates are in memory.
MOST_STEPS = 2**12


def run(model: Model, plan: Plan) -> None:
    """Train for the plan's epochs; the history of the model grows by each."""
    position, checkpoints, ranks = plan.position, plan.checkpoints, plan.ranks
    with ranks.together():
        _start(model, plan)
    with Progress(plan.epochs, position.epoch, plan.samples.count, plan.verbose) as progress:
        try:
            ranks.lead(model, lambda: _begin_callbacks(model, plan))
            first_epoch = position.epoch
            while position.epoch < plan.epochs and not position.stopped:
                is_plain = plan.has_plain_epochs and position.step == 0 and not progress.shown
                make = _run_epochs if is_plain else _run_epoch
                make(model, plan, progress, is_first=position.epoch == first_epoch)
            states = ranks.from_first(checkpoints.states)
            last = None if checkpoints.path is None else model.snapshot()
        finally:
            model.drop_snapshot()
            ranks.lead(model, lambda: _end_callbacks(model, plan.callbacks))
    if last is not None:
        ranks.from_first(lambda: checkpoints.write_end(model, position, states, last))


def _start(model: Model, plan: Plan) -> None:
    """Give the model the plan's optimiser and loss, and in a fit that is resumed the network of its last epoch."""
    rate_factor = model.rate_factor
    model.adopt(plan.optimizer, plan.loss)
    model.border = plan.border
    if plan.restarts:
        model.core.reset_optimizer()
    if plan.starts_anew:
        model.rate_factor = 1.0
    if plan.resumed is not None:
        model.rate_factor = rate_factor
        if plan.resumed.last is not None:
            model.go_back(plan.resumed.last)
    if plan.ranks.leads:
        _warn_of_dead_rate(model, plan.optimizer)
    plan.checkpoints.begin(plan.callbacks)


def _warn_of_dead_rate(model: Model, optimizer: Optimizer) -> None:
    """Warn if the fit will change nothing, as its learning rate has decayed in the fits before."""
    step = model.core.optimizer_steps
    if step == 0:
        return
    first, now = (float(optimizer.rates(at, 1)[0]) for at in (0, step))
    schedule = optimizer.learning_rate
    ended = isinstance(schedule, Schedule) and schedule.end is not None and step >= schedule.end
    if ended or now * model.rate_factor < SMALLEST_RATE * first:
        reason = f"its schedule ended at step {schedule.end}" if ended else "it has decayed"  # type: ignore[union-attr]
        warn(
            f"the learning rate of this fit is {now * model.rate_factor:.2g}, as {reason} and {step} steps are done; "
            "pass an optimizer with other settings to start anew"
        )


def _begin_callbacks(model: Model, plan: Plan) -> None:
    for callback in plan.callbacks:
        callback.on_train_begin(model)
    if plan.resumed is not None:
        for callback, state in zip(plan.callbacks, plan.resumed.callbacks, strict=True):
            _restore(callback, state)


def _call_back(model: Model, plan: Plan, metrics: dict[str, float]) -> tuple[bool, dict[str, float]]:
    """Call the callbacks after an epoch; return whether one of them stops, and the metrics with what they add."""
    epoch = plan.position.epoch + 1

    def call() -> tuple[bool, dict[str, float]]:
        stops = [
            bool(callback.on_epoch_end(model, epoch, metrics)) if callback.listens else callback.wants_to_stop()
            for callback in plan.callbacks
        ]
        return any(stops), metrics

    return plan.ranks.lead(model, call)


def _end_callbacks(model: Model, callbacks: Sequence[Callback]) -> None:
    """End all callbacks, also those after one that fails; the first error is raised."""
    errors = []
    for callback in callbacks:
        try:
            callback.on_train_end(model)
        except BaseException as error:
            errors.append(error)
    if errors:
        raise errors[0]


def _restore(callback: Callback, state: Mapping[str, Any]) -> None:
    try:
        callback.restore(state)
    except (LookupError, TypeError, ValueError, OverflowError) as error:
        name = type(callback).__name__
        raise ModelFileError(f"the checkpoint's state of {name} cannot be restored: {error!r}") from error


def _run_epoch(model: Model, plan: Plan, progress: Progress, *, is_first: bool) -> None:
    """Make the epoch to come in the parts that its batches or checkpoints need."""
    with plan.ranks.together():
        model.save_snapshot()
    part, rate = None, 0.0
    for part in parts_of(plan, model.epochs):
        with plan.ranks.together():
            model.core_of(part.data.X)
            # Batches that come one by one may be other ones in each epoch.
            if is_first or isinstance(plan.samples.data, Stream):
                _prepare(model, plan, part, progress)
        rate = _run_part(model, plan, part, progress)
    if part is None:
        raise ValueError("X gave no batches")
    _end_epoch(model, plan, progress, _metrics_of(model, plan, part.data, plan.position.totals, rate))


def _end_epoch(
    model: Model, plan: Plan, progress: Progress, metrics: dict[str, float], *, calls_back: bool = True
) -> None:
    """Count an epoch, and tell of it; callbacks are called, unless more epochs have ended already."""
    position, stops = plan.position, False
    model.epochs += 1
    model.history.append(metrics)
    if calls_back:
        stops, metrics = _call_back(model, plan, metrics)
        model.history.amend(metrics)
    # The first rank cannot write to a pipe that the reader has closed; that error is raised on all ranks.
    with plan.ranks.together():
        progress.epoch_done(position.epoch + 1, metrics)
    if LOGGER.isEnabledFor(logging.DEBUG):
        plan.ranks.log(logging.DEBUG, "epoch %d of %d: %s", position.epoch + 1, plan.epochs, shown(metrics))
    position.next_epoch(stopped=stops)
    plan.checkpoints.count("epochs", 1)


def _metrics_of(model: Model, plan: Plan, data: Batches, totals: Totals, rate: float) -> dict[str, float]:
    """Return the metrics of an epoch from its sums of weight, loss and metric, and its last learning rate."""
    weight, loss, metric = totals
    if weight == 0:
        raise ValueError("class_weight and sample_weight leave no sample with a weight above zero")
    metrics = plan.loss.report(loss / weight, metric / weight, data.outputs, data.y)
    if isinstance(plan.samples.data, Batches):
        metrics |= _measures(model, plan, plan.samples.data)
    if plan.samples.validation is not None:
        held = plan.samples.validation
        with plan.ranks.stepping():
            found = model.core_of(held.X).evaluate(
                held.X, held.y, held.weights, plan.core_loss, plan.ranks.for_core, plan.samples.held_of_ranks
            )
        of_held = plan.loss.report(*found, held.outputs, held.y) | _measures(model, plan, held)
        metrics |= {f"val_{name}": value for name, value in of_held.items()}
    metrics["learning_rate"] = rate
    return metrics


def _run_epochs(model: Model, plan: Plan, progress: Progress, *, is_first: bool) -> None:
    """Make the epochs to come, or as many as have MOST_STEPS, in one call of the core."""
    (part,) = parts_of(plan, model.epochs)
    data, position = part.data, plan.position
    core = model.core_of(data.X)
    model.save_snapshot()
    if is_first:
        _prepare(model, plan, part, progress)
    count = min(plan.epochs - position.epoch, max(1, MOST_STEPS // part.steps))
    first, seed, factor = core.optimizer_steps, model.seed, model.rate_factor
    begin, before = position.epoch, model.epochs - position.epoch
    rates = plan.optimizer.rates(first, count * part.steps) * factor

    def ended(results: list[tuple[int, Totals, int]]) -> bool:
        for last, (_, totals, diverged) in enumerate(results, start=1 - len(results)):
            step = (position.epoch - begin) * part.steps
            if diverged >= 0:
                raise _diverged(plan, diverged + 1, float(rates[step + diverged]))
            step += part.steps
            metrics = _metrics_of(model, plan, data, totals, float(rates[step - 1]))
            _end_epoch(model, plan, progress, metrics, calls_back=last == 0)
        # A callback may have trained the network, or changed what the epochs to come depend on.
        state = (model.core, model.core.optimizer_steps, model.epochs - position.epoch, model.seed, model.rate_factor)
        return position.stopped or state != (core, first + step, before, seed, factor)

    options = _epoch_options(plan, part, rates, first, seed, model.epochs)
    core.train_epochs(data.X, data.y, data.weights, options, count, ended, plan.listens)


def _prepare(model: Model, plan: Plan, part: Part, progress: Progress) -> None:
    """Look at samples that are about to be trained on for the first time, and warn of what will go badly."""
    if plan.samples.count is None and part.first_step == 0:
        check_loss(model, plan.loss, part.data)
    if plan.ranks.leads:
        with progress.aside():
            if _is_untrained(model):
                warn_of_first_samples(model, part.data, plan.loss)
            if part.smallest_batch == 1:
                _warn_of_single_samples(model)
    if plan.position.epoch == 0:
        for seen in plan.ranks.of_parts(_seen(model, part.data)):
            model.input_range.join(seen)


def _measures(model: Model, plan: Plan, data: Batches) -> dict[str, float]:
    """Return the metrics that the fit was asked for, which the first rank computes."""
    if not plan.metrics:
        return {}
    return plan.ranks.from_first(lambda: model.measure(data, plan.metrics))


def _run_part(model: Model, plan: Plan, part: Part, progress: Progress) -> float:
    """Make the part's steps that are still to come, with checkpoints between them; return the last learning rate."""
    core, position, checkpoints = model.core, plan.position, plan.checkpoints
    first = core.optimizer_steps - (position.step - part.first_step)
    rates = plan.optimizer.rates(first, part.steps) * model.rate_factor
    model.follow(first, part.steps, plan.schedules)

    def poll(steps: int) -> bool:
        progress.show(part.samples_before + min(steps * part.batch_size, part.samples))
        return plan.ranks.is_interrupted or (checkpoints.is_timed and checkpoints.writes and checkpoints.is_due())

    options = _epoch_options(plan, part, rates, first, model.seed, model.epochs)
    end = part.first_step + part.steps
    while position.step < end:
        with plan.ranks.together():
            checkpoints.write_if_due(model, position)
        with plan.ranks.stepping():
            steps, position.totals, diverged = core.train_epoch(
                part.data.X,
                part.data.y,
                part.data.weights,
                options,
                _core.EpochPart(
                    first_step=position.step - part.first_step,
                    last_step=checkpoints.end_of_part(position.step, end) - part.first_step,
                    totals=position.totals,
                    samples_before=part.samples_before,
                ),
                poll if progress.shown or checkpoints.is_timed or not plan.ranks.is_alone else None,
                plan.ranks.for_core,
            )
        if diverged >= 0:
            model.restore_snapshot()
            raise _diverged(plan, part.first_step + diverged + 1, float(rates[diverged]))
        position.step += steps
        checkpoints.count("steps", steps)
    progress.show(part.samples_before + part.samples)
    return float(rates[-1])


def _epoch_options(plan: Plan, part: Part, rates: Rates, first_step: int, seed: int, epoch: int) -> _core.EpochOptions:
    """Return how the core makes an epoch whose steps have these learning rates, and begin with this one of all."""
    return _core.EpochOptions(
        loss=plan.core_loss,
        optimizer=plan.core_optimizer,
        rates=rates,
        batch_size=part.batch_size,
        shuffle=plan.shuffle and isinstance(plan.samples.data, Batches),
        seed=seed,
        epoch=epoch,
        input_noise=plan.input_noise,
        weight_decays=plan.optimizer.weight_decays(first_step, len(rates)),
        samples_of_ranks=plan.samples.of_ranks,
    )


def _diverged(plan: Plan, step: int, rate: float) -> DivergedError:
    """Log and return the error of an epoch from before which the network has been restored."""
    error = DivergedError(plan.position.epoch + 1, step, rate)
    plan.ranks.log(logging.WARNING, "%s", error)
    return error


def _is_untrained(model: Model) -> bool:
    return model.epochs == 0 and model.core.optimizer_steps == 0


def _seen(model: Model, data: Batches) -> InputRange:
    """Return the range of the samples; that of tokens means nothing."""
    return InputRange() if model.border.vocabulary is not None else InputRange.of(data.X)


def _warn_of_single_samples(model: Model) -> None:
    """Say what layers do badly with a batch of one sample."""
    for layer in model.leaves:
        if message := layer.batch_warning(1):
            warn(message)


def train_step(model: Model, data: Batches, optimizer: Optimizer, loss: Loss) -> dict[str, float]:
    """Make one step on all samples, outside any epoch; return loss and metric from before the step."""
    model.adopt(optimizer, loss)
    core = model.core_of(data.X)
    step = core.optimizer_steps
    rates = optimizer.rates(step, 1) * model.rate_factor
    model.follow(step, 1)
    model.save_snapshot()
    try:
        if _is_untrained(model):
            warn_of_first_samples(model, data, loss)
            model.input_range.join(_seen(model, data))
        if len(data) == 1:
            _warn_of_single_samples(model)
        options = _core.EpochOptions(
            loss=loss.core_loss(),
            optimizer=optimizer.core_optimizer(step),
            rates=rates,
            batch_size=len(data),
            shuffle=False,
            seed=model.seed,
            epoch=model.epochs,
        )
        _, (weight, loss_sum, metric), diverged = core.train_epoch(data.X, data.y, data.weights, options)
        if diverged >= 0:
            model.restore_snapshot()
            error = DivergedError(1, 1, float(rates[0]))
            LOGGER.warning("%s", error)
            raise error
    finally:
        model.drop_snapshot()
    return loss.report(loss_sum / weight, metric / weight, data.outputs, data.y)
