"""The networks of an estimator: each is trained with some of the rows, and validated with the others."""

from __future__ import annotations

import copy
import math
import time
from dataclasses import dataclass
from threading import Event
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..machine import get_num_threads
from ..many.pool import side_by_side
from ..network import Network
from .encoding import Encoding
from .recipe import Recipe, Task
from .rows import Rows, folds_of

# Networks share this many folds, unless there are more of them; and never more than so many.
_FEWEST_FOLDS, _MOST_FOLDS = 5, 10
# Rows that initial weights are scaled by.
_SHOWN = 2_000


@dataclass(frozen=True)
class Member:
    """A trained network, with the rows that it has not seen and what it says of them (before a softmax)."""

    network: Network
    held: NDArray[np.int64]
    outputs: NDArray[np.float32]


@dataclass(frozen=True)
class Training:
    """What all members have in common.

    Attributes
    ----------
    outputs : int
        Number of outputs of a network.
    seconds : float or None
        How long a member may train.
    one_thread : bool
        Whether each is trained by one thread, as others are at the same time.
    """

    recipe: Recipe
    task: Task
    rows: Rows
    encoding: Encoding
    outputs: int
    seconds: float | None
    one_thread: bool


def train_members(training: Training, members: int, seed: int, workers: int, verbose: bool) -> list[Member]:
    """Train so many networks, each with its own held-back rows and seed; threads change nothing of the results."""
    count = min(max(_FEWEST_FOLDS, members), _MOST_FOLDS, len(training.rows))
    fold = np.zeros(0, dtype=np.int64)
    jobs = []
    for i in range(members):
        if i % count == 0:
            fold = folds_of(training.rows.y, count, np.random.default_rng([seed, i]))
        jobs.append((np.flatnonzero(fold == i % count), np.random.default_rng([seed, i, 1])))
    stop = Event()
    threads = 1 if training.one_thread else get_num_threads()
    return side_by_side(
        lambda job: _train(training, stop, *job), jobs, workers=workers, threads=threads, stop=stop, shown=verbose
    )


def _train(training: Training, stop: Event, held: NDArray[np.int64], random: np.random.Generator) -> Member:
    begin = time.monotonic()
    data = _data(training.rows, held)
    network = _network(training, data["X"], random)
    epochs = training.recipe.epochs_for(len(data["X"]))
    options = _options(training, len(data["X"]))
    end = math.inf if training.seconds is None else begin + training.seconds
    options["callbacks"] = lambda *_: stop.is_set() or time.monotonic() >= end
    if training.seconds is not None:
        epochs = min(epochs, _epochs_until(end, network, data, options))
    network.fit(**data, **options, epochs=epochs, keep="best")
    return Member(network, held, network.pre_activations(training.rows.X[held]))


def _network(training: Training, X: NDArray[np.float32], random: np.random.Generator) -> Network:
    """Return an untrained network whose weights suit the rows that it will see."""
    seed = int(random.integers(2**63))
    network = training.recipe.network(training.task, X.shape[1], training.encoding, training.outputs, seed)
    shown = random.permutation(len(X))[:_SHOWN]
    network.initialize_from(X[shown], seed=random)
    return network


def _data(rows: Rows, held: NDArray[np.int64]) -> dict[str, Any]:
    """Return the rows to train with, and those that are held back."""
    train = np.delete(np.arange(len(rows)), held)
    return {
        "X": rows.X[train],
        "y": rows.y[train],
        "sample_weight": rows.weights[train],
        "validation_data": (rows.X[held], rows.y[held], rows.weights[held]),
    }


def _options(training: Training, rows: int) -> dict[str, Any]:
    recipe, task = training.recipe, training.task
    return {
        "batch_size": recipe.batch_size(rows),
        "optimizer": recipe.optimizer(task),
        "loss": task.loss,
        "verbose": 0,
    }


def _epochs_until(end: float, network: Network, data: dict[str, Any], options: dict[str, Any]) -> int:
    """Return the number of epochs that end before a time, at least one, from the time that a copy takes for one."""
    begin = time.monotonic()
    copy.deepcopy(network).fit(**data, **options, epochs=1)
    now = time.monotonic()
    return max(1, int((end - now) / max(now - begin, 1e-9)))
