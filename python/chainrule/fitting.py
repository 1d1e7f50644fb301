"""The loop over epochs: progress, validation, callbacks. What happens within an epoch is the core's."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray
from tqdm.auto import tqdm

from . import _core
from ._arrays import Batches
from .callbacks import Callback
from .checkpoints import Checkpoints, Position
from .diagnose import warn_of_first_samples
from .errors import DivergedError, ModelFileError
from .losses import CrossEntropy, Hinge, Loss
from .optimizers import IRprop, Optimizer
from .sequences import Recurrent
from .streams import Stream

if TYPE_CHECKING:
    from .network import Network

LOGGER = logging.getLogger("chainrule")
# Who has set up no logging gets no line of it, as Python would print one for a warning.
LOGGER.addHandler(logging.NullHandler())

CallbackLike = Callback | Callable[["Network", int, Mapping[str, float]], Any]


@dataclass
class Plan:
    """What one call to fit does."""

    data: Batches | Stream
    validation: Batches | None
    epochs: int
    batch_size: int
    loss: Loss
    optimizer: Optimizer
    shuffle: bool
    input_noise: float
    callbacks: Sequence[Callback]
    callback_states: Sequence[Mapping[str, Any]]
    position: Position
    checkpoints: Checkpoints
    verbose: int

    @cached_property
    def core_loss(self) -> _core.Loss:
        """The loss as the core takes it, made once for all epochs."""
        return self.loss._core()

    @cached_property
    def core_optimizer(self) -> _core.Optimizer:
        """The optimiser as the core takes it."""
        return self.optimizer._core()


@dataclass
class Part:
    """Some steps of an epoch that the core can make in one call."""

    data: Batches
    batch_size: int
    first_step: int
    samples_before: int

    @property
    def steps(self) -> int:
        """Number of steps; the last short batch counts."""
        return -(-len(self.data) // self.batch_size)


def parts_of(plan: Plan) -> Iterator[Part]:
    """Yield the parts of an epoch that are still to come: one for arrays, one a batch for a stream."""
    if isinstance(plan.data, Batches):
        yield Part(plan.data, plan.batch_size, 0, 0)
        return
    samples = 0
    for step, batch in enumerate(plan.data.batches(plan.position.step), plan.position.step):
        yield Part(batch, len(batch), step, samples)
        samples += len(batch)


def as_callbacks(callbacks: Iterable[CallbackLike]) -> list[Callback]:
    """Return callbacks as objects; functions become some."""
    return [c if isinstance(c, Callback) else _FunctionCallback(c) for c in callbacks]


def metric_name(loss: Loss, outputs: int, y: NDArray[Any]) -> str:
    """Return the name of what the core reports beside the loss."""
    classes = isinstance(loss, (CrossEntropy, Hinge)) or (y.ndim == 1 and loss.target_columns(outputs) > 1)
    return "accuracy" if classes else "mae"


def run(network: Network, plan: Plan) -> None:
    """Train for the plan's epochs; the network's history grows by each."""
    check_batches(network, plan)
    network._use(plan.optimizer, plan.loss)
    position, checkpoints = plan.position, plan.checkpoints
    checkpoints.begin(plan.callbacks)
    with _Progress(plan) as progress:
        try:
            for index, callback in enumerate(plan.callbacks):
                callback.on_train_begin(network)
                if plan.callback_states:
                    _restore(callback, plan.callback_states[index])
            while position.epoch < plan.epochs and not position.stopped:
                metrics = _run_epoch(network, plan, progress)
                epoch = position.epoch + 1
                network.history.append(metrics)
                progress.epoch_done(epoch, metrics)
                LOGGER.debug("epoch %d of %d: %s", epoch, plan.epochs, metrics)
                stops = [bool(callback.on_epoch_end(network, epoch, metrics)) for callback in plan.callbacks]
                position.next_epoch(stopped=any(stops))
                checkpoints.count("epochs", 1)
            checkpoints.write(network, position)
        finally:
            network._core.forget()
            for callback in plan.callbacks:
                callback.on_train_end(network)


def _restore(callback: Callback, state: Mapping[str, Any]) -> None:
    try:
        callback.restore(state)
    except (LookupError, TypeError, ValueError, OverflowError) as error:
        name = type(callback).__name__
        raise ModelFileError(f"the checkpoint's state of {name} cannot be taken up: {error!r}") from error


def check_batches(network: Network, plan: Plan) -> None:
    """Refuse what cannot be trained with batch by batch.

    Raises
    ------
    ValueError
        For mini-batches where the optimiser needs the whole gradient's sign, for a stream that is used up too soon, for
        a checkpoint within an epoch that has fewer steps, and for batches that a stateful layer cannot follow.
    """
    for layer in network._leaves:
        if isinstance(layer, Recurrent) and layer.stateful:
            _check_states(layer, plan)
    if isinstance(plan.data, Stream):
        if isinstance(plan.optimizer, IRprop):
            raise ValueError("X must be an array for IRprop, which needs all samples in each step")
        if plan.data.lasts_one_epoch and plan.epochs - plan.position.epoch > 1:
            raise ValueError(
                f"X must be a list, or a callable that gives fresh batches, for {plan.epochs} epochs; got "
                f"{type(plan.data.source).__name__}, which lasts for one"
            )
    elif isinstance(plan.optimizer, IRprop) and plan.batch_size < len(plan.data):
        raise ValueError(f"batch_size must be 'full' for IRprop, got {plan.batch_size} of {len(plan.data)} samples")
    elif 0 < (step := plan.position.step) >= (steps := Part(plan.data, plan.batch_size, 0, 0).steps):
        raise ValueError(f"a checkpoint must be within the epoch's {steps} steps to resume, got one after step {step}")


def _check_states(layer: Recurrent, plan: Plan) -> None:
    """Refuse what loses the states that a layer carries from batch to batch."""
    if isinstance(plan.data, Stream):
        raise ValueError(f"X must be an array for a stateful layer, {layer!r}, which cannot follow batches one by one")
    if plan.shuffle:
        raise ValueError(f"shuffle must be False for a stateful layer, {layer!r}, which goes on from batch to batch")
    if plan.checkpoints.within_epochs:
        raise ValueError(
            f"checkpoint_every must be epochs for a stateful layer, {layer!r}, whose states are in no file"
        )


def _run_epoch(network: Network, plan: Plan, progress: _Progress) -> dict[str, float]:
    network._core.remember()
    part, rate = None, 0.0
    for part in parts_of(plan):
        if network.epochs == 0 and network._core.optimizer_steps == 0:
            with progress.aside():
                warn_of_first_samples(network, part.data, plan.loss)
        rate = _run_part(network, plan, part, progress)
    if part is None:
        raise ValueError("X gave no batches")
    network.epochs += 1
    weight, loss, metric = plan.position.totals
    name = metric_name(plan.loss, network.outputs, part.data.y)
    metrics = {"loss": loss / weight, name: metric / weight}
    if plan.validation is not None:
        held = plan.validation
        metrics["val_loss"], metrics[f"val_{name}"] = network._core.evaluate(
            held.X, held.y, held.weights, plan.core_loss
        )
    metrics["learning_rate"] = rate
    return metrics


def _run_part(network: Network, plan: Plan, part: Part, progress: _Progress) -> float:
    """Make the part's steps that are still to come, with checkpoints between them; return the last learning rate."""
    core, position, checkpoints = network._core, plan.position, plan.checkpoints
    first = core.optimizer_steps - (position.step - part.first_step)
    rates = plan.optimizer.rates(first, part.steps) * network.rate_factor

    def poll(steps: int) -> bool:
        progress.show(part.samples_before + min(steps * part.batch_size, len(part.data)))
        return checkpoints.is_timed and checkpoints.is_due()

    end = part.first_step + part.steps
    while position.step < end:
        if checkpoints.is_due():
            checkpoints.write(network, position)
        steps, position.totals, diverged = core.train_epoch(
            part.data.X,
            part.data.y,
            part.data.weights,
            part.batch_size,
            plan.shuffle and isinstance(plan.data, Batches),
            network.seed,
            network.epochs,
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
            core.go_back()
            error = DivergedError(position.epoch + 1, part.first_step + diverged + 1, float(rates[diverged]))
            LOGGER.warning("%s", error)
            raise error
        position.step += steps
        checkpoints.count("steps", steps)
    progress.show(part.samples_before + len(part.data))
    return float(rates[-1])


class _FunctionCallback(Callback):
    def __init__(self, function: Callable[[Network, int, Mapping[str, float]], Any]) -> None:
        if not callable(function):
            raise TypeError(f"callbacks must be Callback objects or functions, got {function!r}")
        self.function = function

    def on_epoch_end(self, network: Network, epoch: int, metrics: Mapping[str, float]) -> bool | None:
        return self.function(network, epoch, metrics) is True


class _Bar(tqdm):  # type: ignore[misc]
    """A bar without tqdm's lock between processes, which one that is killed would keep, and without its thread."""

    monitor_interval = 0


_Bar.set_lock(threading.RLock())

# A notebook's standard error is no terminal, but tqdm has a bar for it.
_IN_NOTEBOOK = any(base.__module__ == "tqdm.notebook" for base in tqdm.__mro__)


class _Progress:
    """A bar over all epochs (verbose 1, in a terminal or notebook), or a line an epoch (elsewhere, or verbose 2)."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.done = 0
        self.epochs_before = plan.position.epoch
        self.bar = _Bar(
            total=None if isinstance(plan.data, Stream) else (plan.epochs - plan.position.epoch) * len(plan.data),
            unit=" samples",
            unit_scale=True,
            disable=True if plan.verbose != 1 else False if _IN_NOTEBOOK else None,
            dynamic_ncols=True,
            file=sys.stderr,
        )
        self.shown = not self.bar.disable

    def __enter__(self) -> _Progress:
        return self

    def __exit__(self, *exception: object) -> None:
        self.bar.close()

    def aside(self) -> AbstractContextManager[None]:
        """Take the bar away while something else is written to standard error."""
        return self.bar.external_write_mode(file=sys.stderr)  # type: ignore[no-any-return]

    def show(self, samples: int) -> None:
        """So many samples of the epoch are done."""
        self.bar.update(self.done + samples - self.bar.n)

    def epoch_done(self, epoch: int, metrics: Mapping[str, float]) -> None:
        self.done = self.bar.n
        shown = {name: value for name, value in metrics.items() if name != "learning_rate"}
        if self.shown:
            self.bar.set_description(f"epoch {epoch}/{self.plan.epochs}", refresh=False)
            self.bar.set_postfix({name: f"{value:.4f}" for name, value in shown.items()}, refresh=False)
            self.bar.total = self.done // (epoch - self.epochs_before) * (self.plan.epochs - self.epochs_before)
            self.bar.refresh()
        elif self.plan.verbose > 0:
            text = "  ".join(f"{name} {value:.4f}" for name, value in shown.items())
            print(f"epoch {epoch}/{self.plan.epochs}  {text}", file=sys.stderr, flush=True)
