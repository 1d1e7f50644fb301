"""What a workload is, and what it needs of a peer's model."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

import chainrule as cr

from .data import SOURCES, TOKENS_PER_ROW, Data


class SkipError(Exception):
    """Why a peer does not take part in a workload."""


class Model:
    """A peer's model of the network of a workload; `predict` returns the outputs for the peer's own kind of array."""

    predict: Callable[[Any], Any]

    def turn(self) -> AbstractContextManager[Any]:
        """Return the context in which this model runs, with its number of threads for instance."""
        return nullcontext()

    def load(self, training: Training, X: Any, y: NDArray[Any]) -> None:
        """Take the training data."""
        raise SkipError("predicts only")

    def epoch(self) -> None:
        """Make one pass over the training data."""
        raise NotImplementedError

    def native(self, X: Any) -> Any:
        """Return the samples as the peer's own kind of array."""
        return X

    def outputs(self, X: Any) -> NDArray[Any]:
        """Return the outputs as a NumPy array."""
        return np.asarray(self.predict(self.native(X)))

    def stepper(self) -> Callable[[Any], Any]:
        """Return a function that reads a new stream step by step and returns the outputs after each step."""
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class Workload(ABC):
    """A network and its data; a subclass defines what one run is.

    `repeats` is the number of runs per turn: more than one if a run is too short to be measured well, or if its data
    fit into the caches, from which the turns of other peers have evicted them. Where `precision` is "mixed", peers may
    round the factors of products to bfloat16.
    """

    name: str
    sizes: tuple[int, ...]
    hidden: str
    output: str
    data: str
    samples: int
    repeats: int = 1
    precision: str = "full"

    unit = "s per epoch"
    quality_name = ""

    @property
    def network(self) -> str:
        """Sizes and activations, as text."""
        output = "" if self.output == "identity" else f"/{self.output}"
        return f"{'-'.join(map(str, self.sizes))} {self.hidden}{output}{self.in_precision}"

    @property
    def in_precision(self) -> str:
        """The precision as the end of a title, where it is not the usual one."""
        return "" if self.precision == "full" else f" in {self.precision} precision"

    @property
    def multiply_adds(self) -> list[int]:
        """Multiply-adds of each layer's forward pass for one sample; a sparse row counts its non-zero inputs."""
        inputs = TOKENS_PER_ROW if self.data == "words" else self.sizes[0]
        return [a * b for a, b in pairwise((inputs, *self.sizes[1:]))]

    def initial(self) -> cr.Network:
        """Return the network before training; all peers start from its weights."""
        return cr.Network(list(self.sizes), self.hidden, self.output, seed=0, precision=self.precision)

    @property
    @abstractmethod
    def flops(self) -> int:
        """Floating point operations that one run needs."""

    @property
    @abstractmethod
    def scale(self) -> float:
        """Factor from the seconds of one run to `unit`."""

    @abstractmethod
    def start(self, model: Model, data: Data) -> Callable[[], None]:
        """Give the data to the model; return a function that makes one run, to be timed."""

    @abstractmethod
    def quality(self, model: Model, data: Data) -> float:
        """Return the quality of the model, which shows that it did the work."""


@dataclass(frozen=True, kw_only=True)
class Training(Workload):
    """Training; a run is an epoch."""

    loss: str
    batch_size: int
    optimizer: cr.SGD | cr.Adam

    scale = 1.0

    def __str__(self) -> str:
        rate = f"{type(self.optimizer).__name__} {self.optimizer.learning_rate}"
        if isinstance(self.optimizer, cr.SGD) and self.optimizer.momentum:
            rate += f", momentum {self.optimizer.momentum}"
        return f"{self.network}, {self.loss}, batch {self.batch_size}, {rate}; {self.samples:,} samples"

    @property
    def quality_name(self) -> str:  # type: ignore[override]
        """Name of the score on the held-out data."""
        return "test accuracy" if SOURCES[self.data].labels else "test R²"

    @property
    def flops(self) -> int:
        """Operations of the forward pass and of the gradients of weights and inputs, without the network's inputs."""
        first, *rest = self.multiply_adds
        return 2 * self.samples * (2 * first + 3 * sum(rest))

    def start(self, model: Model, data: Data) -> Callable[[], None]:
        """Load the training data; a run is an epoch."""
        model.load(self, data.X_train, data.y_train)
        return model.epoch

    def quality(self, model: Model, data: Data) -> float:
        """Return accuracy, or R², on the test data."""
        outputs, targets = model.outputs(data.X_test), data.y_test
        if targets.ndim == 1:
            return float((outputs.argmax(axis=1) == targets).mean())
        outputs = outputs.reshape(targets.shape)
        return float(1 - ((targets - outputs) ** 2).sum() / ((targets - targets.mean(axis=0)) ** 2).sum())


@dataclass(frozen=True, kw_only=True)
class Layered(Workload):
    """A workload whose network has other than dense layers; only peers that have these take part.

    `layers` makes the layers after the input; `multiply_adds_of_layers` are theirs for one sample.
    """

    sizes: tuple[int, ...] = ()
    hidden: str = ""
    output: str = "softmax"
    shape: tuple[int, ...]
    title: str
    layers: Callable[[], list[cr.Layer]]
    multiply_adds_of_layers: tuple[int, ...]

    @property
    def network(self) -> str:
        """Title of the network."""
        return f"{self.title}{self.in_precision}"

    @property
    def multiply_adds(self) -> list[int]:
        """Multiply-adds of each layer's forward pass for one sample."""
        return list(self.multiply_adds_of_layers)

    def initial(self) -> cr.Network:
        """Return the network before training."""
        return cr.Network([cr.Input(*self.shape), *self.layers()], seed=0, precision=self.precision)


@dataclass(frozen=True, kw_only=True)
class LayeredTraining(Layered, Training):
    """Training of such a network; a run is an epoch."""


@dataclass(frozen=True, kw_only=True)
class Stepping(Layered):
    """Prediction step by step; a run reads all images, row by row, as one stream. Multiply-adds are per step."""

    unit = "µs per step"
    quality_name = "largest difference"

    def __str__(self) -> str:
        return f"{self.network}, one stream of {self.steps:,} steps, one call per step"

    @property
    def steps(self) -> int:
        """Number of steps in a run."""
        return self.samples * self.shape[0]

    @property
    def scale(self) -> float:
        """Factor from the seconds of all steps to microseconds per step."""
        return 1e6 / self.steps

    @property
    def flops(self) -> int:
        """Operations of the forward pass."""
        return 2 * self.steps * sum(self.multiply_adds)

    def arrays(self, model: Model, data: Data) -> list[Any]:
        """Return the steps as the peer's own kind of array, so that no peer pays for a conversion."""
        return [model.native(x) for x in data.X_train[: self.samples].reshape(self.steps, -1)]

    def start(self, model: Model, data: Data) -> Callable[[], None]:
        """Convert the arrays before timing; the stream continues from run to run."""
        arrays, step = self.arrays(model, data), model.stepper()

        def run() -> None:
            for array in arrays:
                step(array)

        return run

    def quality(self, model: Model, data: Data) -> float:
        """Return the largest difference from chainrule's outputs."""
        step, ours = model.stepper(), self.initial().stepper()
        outputs = np.array([np.ravel(step(array)) for array in self.arrays(model, data)])
        expected = [ours.step(x) for x in data.X_train[: self.samples].reshape(self.steps, -1)]
        return float(np.abs(outputs - expected).max())


@dataclass(frozen=True, kw_only=True)
class Prediction(Workload):
    """Prediction; a run asks for the outputs of all samples, `per_call` of them in a call."""

    per_call: int

    unit = "µs per call"
    quality_name = "largest difference"

    def __str__(self) -> str:
        return f"{self.network}, {self.calls:,} call{'s' * (self.calls > 1)} for {self.samples:,} samples"

    @property
    def calls(self) -> int:
        """Number of calls in a run."""
        return -(-self.samples // self.per_call)

    @property
    def scale(self) -> float:
        """Factor from the seconds of all calls to microseconds per call."""
        return 1e6 / self.calls

    @property
    def flops(self) -> int:
        """Operations of the forward pass."""
        return 2 * self.samples * sum(self.multiply_adds)

    def start(self, model: Model, data: Data) -> Callable[[], None]:
        """Convert the samples to the peer's own kind of array before timing, so that no peer pays for it."""
        X = data.X_train
        arrays = [model.native(X[first : first + self.per_call]) for first in range(0, len(X), self.per_call)]

        def run() -> None:
            for array in arrays:
                model.predict(array)

        return run

    def quality(self, model: Model, data: Data) -> float:
        """Return the largest difference from chainrule's outputs."""
        X = data.X_train[:100]
        return float(np.abs(model.outputs(X).reshape(len(X), -1) - self.initial().predict(X)).max())


@dataclass(frozen=True, kw_only=True)
class LayeredPrediction(Layered, Prediction):
    """Prediction by a network with other than dense layers."""
