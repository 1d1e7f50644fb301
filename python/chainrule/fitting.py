"""The loop over epochs: progress, validation, callbacks. What happens within an epoch is the core's."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from tqdm.auto import tqdm

from ._arrays import Samples
from .callbacks import Callback
from .errors import DivergedError
from .losses import CrossEntropy, Loss
from .optimizers import IRprop, Optimizer

if TYPE_CHECKING:
    from .network import Network

CallbackLike = Callback | Callable[["Network", int, Mapping[str, float]], Any]


@dataclass
class Batches:
    """Checked samples, targets and weights, as the core takes them."""

    X: Samples
    y: NDArray[Any]
    weights: NDArray[np.float64] | None

    def __len__(self) -> int:
        return len(self.X)


@dataclass
class Plan:
    """What one call to fit does."""

    data: Batches
    validation: Batches | None
    epochs: int
    batch_size: int
    loss: Loss
    optimizer: Optimizer
    shuffle: bool
    input_noise: float
    callbacks: Sequence[CallbackLike]
    verbose: int

    @property
    def steps(self) -> int:
        """Steps an epoch; the last short batch counts."""
        return -(-len(self.data) // self.batch_size)


def metric_name(loss: Loss, outputs: int, y: NDArray[Any]) -> str:
    """Return the name of what the core reports beside the loss."""
    classes = isinstance(loss, CrossEntropy) or (y.ndim == 1 and outputs > 1)
    return "accuracy" if classes else "mae"


def run(network: Network, plan: Plan) -> None:
    """Train for the plan's epochs; the network's history grows by each."""
    check_batches(plan)
    network._use(plan.optimizer, plan.loss)
    callbacks = [c if isinstance(c, Callback) else _FunctionCallback(c) for c in plan.callbacks]
    with _Progress(plan) as progress:
        try:
            for callback in callbacks:
                callback.on_train_begin(network)
            for epoch in range(1, plan.epochs + 1):
                metrics = _run_epoch(network, plan, epoch, progress)
                network.history.append(metrics)
                progress.epoch_done(epoch, metrics)
                if any([bool(callback.on_epoch_end(network, epoch, metrics)) for callback in callbacks]):
                    break
        finally:
            for callback in callbacks:
                callback.on_train_end(network)


def check_batches(plan: Plan) -> None:
    """Refuse mini-batches where the optimiser needs the whole gradient's sign."""
    if isinstance(plan.optimizer, IRprop) and plan.steps > 1:
        raise ValueError(f"batch_size must be 'full' for IRprop, got {plan.batch_size} of {len(plan.data)} samples")


def _run_epoch(network: Network, plan: Plan, epoch: int, progress: _Progress) -> dict[str, float]:
    core = network._core
    rates = plan.optimizer.rates(core.optimizer_steps, plan.steps) * network.rate_factor
    steps, loss, metric, diverged = core.train_epoch(
        plan.data.X,
        plan.data.y,
        plan.data.weights,
        plan.batch_size,
        plan.shuffle,
        network.seed,
        network.epochs,
        plan.loss._core(),
        plan.optimizer._core(),
        rates,
        plan.input_noise,
        progress.poll if progress.shown else None,
    )
    if diverged >= 0:
        raise DivergedError(epoch, diverged + 1, float(rates[diverged]))
    network.epochs += 1
    name = metric_name(plan.loss, network.outputs, plan.data.y)
    metrics = {"loss": loss, name: metric}
    if plan.validation is not None:
        held = plan.validation
        metrics["val_loss"], metrics[f"val_{name}"] = core.evaluate(held.X, held.y, held.weights, plan.loss._core())
    metrics["learning_rate"] = float(rates[steps - 1])
    return metrics


class _FunctionCallback(Callback):
    def __init__(self, function: Callable[[Network, int, Mapping[str, float]], Any]) -> None:
        if not callable(function):
            raise TypeError(f"callbacks must be Callback objects or functions, got {function!r}")
        self.function = function

    def on_epoch_end(self, network: Network, epoch: int, metrics: Mapping[str, float]) -> bool | None:
        return self.function(network, epoch, metrics) is True


class _Progress:
    """A bar over all epochs in a terminal or notebook (verbose 1), or a line an epoch (verbose 2)."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.done = 0
        self.bar = tqdm(
            total=plan.epochs * len(plan.data),
            unit=" samples",
            unit_scale=True,
            disable=None if plan.verbose == 1 else True,
            dynamic_ncols=True,
            file=sys.stderr,
        )
        self.shown = not self.bar.disable

    def __enter__(self) -> _Progress:
        return self

    def __exit__(self, *exception: object) -> None:
        self.bar.close()

    def poll(self, steps: int) -> None:
        samples = self.done + min(steps * self.plan.batch_size, len(self.plan.data))
        self.bar.update(samples - self.bar.n)

    def epoch_done(self, epoch: int, metrics: Mapping[str, float]) -> None:
        self.done = epoch * len(self.plan.data)
        shown = {name: value for name, value in metrics.items() if name != "learning_rate"}
        if self.shown:
            self.bar.set_description(f"epoch {epoch}/{self.plan.epochs}", refresh=False)
            self.bar.set_postfix({name: f"{value:.4f}" for name, value in shown.items()}, refresh=False)
            self.bar.update(self.done - self.bar.n)
        elif self.plan.verbose == 2:
            text = "  ".join(f"{name} {value:.4f}" for name, value in shown.items())
            print(f"epoch {epoch}/{self.plan.epochs}  {text}", file=sys.stderr, flush=True)
