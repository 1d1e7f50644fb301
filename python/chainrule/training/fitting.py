"""The loop over epochs: progress, validation, callbacks. What happens within an epoch is the core's."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from ..border import Batches
from ..diagnose import warn_of_first_samples
from ..errors import DivergedError, ModelFileError
from ..losses import Loss
from ..model import Model
from ..optimizers import Optimizer
from .callbacks import Callback
from .plan import Part, Plan, parts_of
from .progress import Progress

LOGGER = logging.getLogger("chainrule")
# Without this handler, Python prints warnings to standard error if the application has not configured logging.
LOGGER.addHandler(logging.NullHandler())


def run(model: Model, plan: Plan) -> None:
    """Train for the plan's epochs; the history of the model grows by each."""
    model.adopt(plan.optimizer, plan.loss)
    position, checkpoints = plan.position, plan.checkpoints
    checkpoints.begin(plan.callbacks)
    with Progress(plan.epochs, position.epoch, plan.samples, plan.verbose) as progress:
        try:
            for index, callback in enumerate(plan.callbacks):
                callback.on_train_begin(model)
                if plan.callback_states:
                    _restore(callback, plan.callback_states[index])
            while position.epoch < plan.epochs and not position.stopped:
                metrics = _run_epoch(model, plan, progress)
                epoch = position.epoch + 1
                model.history.append(metrics)
                progress.epoch_done(epoch, metrics)
                LOGGER.debug("epoch %d of %d: %s", epoch, plan.epochs, metrics)
                stops = [bool(callback.on_epoch_end(model, epoch, metrics)) for callback in plan.callbacks]
                position.next_epoch(stopped=any(stops))
                checkpoints.count("epochs", 1)
            checkpoints.write(model, position)
        finally:
            model.core.forget()
            for callback in plan.callbacks:
                callback.on_train_end(model)


def _restore(callback: Callback, state: Mapping[str, Any]) -> None:
    try:
        callback.restore(state)
    except (LookupError, TypeError, ValueError, OverflowError) as error:
        name = type(callback).__name__
        raise ModelFileError(f"the checkpoint's state of {name} cannot be restored: {error!r}") from error


def _run_epoch(model: Model, plan: Plan, progress: Progress) -> dict[str, float]:
    model.core.remember()
    part, rate = None, 0.0
    for part in parts_of(plan):
        if _is_untrained(model):
            with progress.aside():
                warn_of_first_samples(model, part.data, plan.loss)
        rate = _run_part(model, plan, part, progress)
    if part is None:
        raise ValueError("X gave no batches")
    model.epochs += 1
    weight, loss, metric = plan.position.totals
    name = plan.loss.metric_name(model.outputs, part.data.y)
    metrics = {"loss": loss / weight, name: metric / weight}
    if plan.validation is not None:
        held = plan.validation
        metrics["val_loss"], metrics[f"val_{name}"] = model.core.evaluate(held.X, held.y, held.weights, plan.core_loss)
    metrics["learning_rate"] = rate
    return metrics


def _run_part(model: Model, plan: Plan, part: Part, progress: Progress) -> float:
    """Make the part's steps that are still to come, with checkpoints between them; return the last learning rate."""
    core, position, checkpoints = model.core, plan.position, plan.checkpoints
    first = core.optimizer_steps - (position.step - part.first_step)
    rates = plan.optimizer.rates(first, part.steps) * model.rate_factor

    def poll(steps: int) -> bool:
        progress.show(part.samples_before + min(steps * part.batch_size, len(part.data)))
        return checkpoints.is_timed and checkpoints.is_due()

    end = part.first_step + part.steps
    while position.step < end:
        if checkpoints.is_due():
            checkpoints.write(model, position)
        steps, position.totals, diverged = core.train_epoch(
            part.data.X,
            part.data.y,
            part.data.weights,
            part.batch_size,
            plan.shuffle and isinstance(plan.data, Batches),
            model.seed,
            model.epochs,
            plan.core_loss,
            plan.core_optimizer,
            rates,
            plan.input_noise,
            poll if progress.shown or checkpoints.is_timed else None,
            position.step - part.first_step,
            checkpoints.end_of_part(position.step, end) - part.first_step,
            position.totals,
        )
        if diverged >= 0:
            raise _go_back(model, position.epoch + 1, part.first_step + diverged + 1, float(rates[diverged]))
        position.step += steps
        checkpoints.count("steps", steps)
    progress.show(part.samples_before + len(part.data))
    return float(rates[-1])


def _is_untrained(model: Model) -> bool:
    return model.epochs == 0 and model.core.optimizer_steps == 0


def _go_back(model: Model, epoch: int, step: int, rate: float) -> DivergedError:
    """Restore the state from before the epoch; return the error to raise."""
    model.core.go_back()
    error = DivergedError(epoch, step, rate)
    LOGGER.warning("%s", error)
    return error


def train_step(model: Model, data: Batches, optimizer: Optimizer, loss: Loss) -> dict[str, float]:
    """Make one step on all samples, outside any epoch; return loss and metric from before the step."""
    model.adopt(optimizer, loss)
    core = model.core
    rates = optimizer.rates(core.optimizer_steps, 1) * model.rate_factor
    core.remember()
    try:
        if _is_untrained(model):
            warn_of_first_samples(model, data, loss)
        _, (weight, loss_sum, metric), diverged = core.train_epoch(
            data.X, data.y, data.weights, len(data), False, model.seed, model.epochs, loss.core_loss(),
            optimizer.core_optimizer(), rates, 0.0, None,
        )  # fmt: skip
        if diverged >= 0:
            raise _go_back(model, 1, 1, float(rates[0]))
    finally:
        core.forget()
    return {"loss": loss_sum / weight, loss.metric_name(model.outputs, data.y): metric / weight}
