"""The workloads: what is trained or asked, on which data, how."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

import chainrule as cr

from .data import WORDS_A_ROW, Data

if TYPE_CHECKING:
    from .peers import Model


@dataclass(frozen=True, kw_only=True)
class Workload(ABC):
    """A network and its data; what a run of it is, the subclasses say.

    `repeats` is the number of runs in a turn: several where one is too short to be measured well, or begins with data
    that the turns of the others have driven from the caches.
    """

    name: str
    sizes: tuple[int, ...]
    hidden: str
    output: str
    data: str
    samples: int
    repeats: int = 1

    unit = "s an epoch"
    quality_name = ""

    @property
    def network(self) -> str:
        """Sizes and activations."""
        output = "" if self.output == "identity" else f"/{self.output}"
        return f"{'-'.join(map(str, self.sizes))} {self.hidden}{output}"

    @property
    def multiply_adds(self) -> list[int]:
        """Of each layer's forward pass for one sample; those of a sparse row are of the words that it has."""
        inputs = WORDS_A_ROW if self.data == "words" else self.sizes[0]
        return [a * b for a, b in pairwise((inputs, *self.sizes[1:]))]

    def initial(self) -> cr.Network:
        """Return the network before training; all peers get its weights."""
        return cr.Network(list(self.sizes), self.hidden, self.output, seed=0)

    @property
    @abstractmethod
    def flops(self) -> int:
        """Floating point operations that one run needs."""

    @property
    @abstractmethod
    def scale(self) -> float:
        """What turns the seconds of one run into `unit`."""

    @abstractmethod
    def start(self, model: Model, data: Data) -> Callable[[], None]:
        """Hand the data to the model; return one run of the workload, to be timed."""

    @abstractmethod
    def quality(self, model: Model, data: Data) -> float:
        """Say how good the model has become, so that nobody is fast by doing nothing."""


@dataclass(frozen=True, kw_only=True)
class Training(Workload):
    """A run is an epoch."""

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
        """What is computed on the held-out data."""
        return "test accuracy" if self.data in ("mnist", "words") else "test R²"

    @property
    def flops(self) -> int:
        """Forward, gradient of the weights, and of the inputs except the first layer's."""
        first, *rest = self.multiply_adds
        return 2 * self.samples * (2 * first + 3 * sum(rest))

    def start(self, model: Model, data: Data) -> Callable[[], None]:
        """Give the training data; an epoch is a run."""
        model.load(self, data.X_train, data.y_train)
        return model.epoch

    def quality(self, model: Model, data: Data) -> float:
        """Accuracy, or R², on the test data."""
        outputs, targets = model.outputs(data.X_test), data.y_test
        if targets.ndim == 1:
            return float((outputs.argmax(axis=1) == targets).mean())
        outputs = outputs.reshape(targets.shape)
        return float(1 - ((targets - outputs) ** 2).sum() / ((targets - targets.mean(axis=0)) ** 2).sum())


@dataclass(frozen=True, kw_only=True)
class Layered(Workload):
    """One with a network that is more than dense layers; only peers that have them take part.

    `layers` makes those behind the input, `multiply_adds_of_layers` says what they take for a sample.
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
        """What it is called."""
        return self.title

    @property
    def multiply_adds(self) -> list[int]:
        """Of each layer's forward pass for one sample."""
        return list(self.multiply_adds_of_layers)

    def initial(self) -> cr.Network:
        """Return the network before training."""
        return cr.Network([cr.Input(*self.shape), *self.layers()], seed=0)


@dataclass(frozen=True, kw_only=True)
class LayeredTraining(Layered, Training):
    """A run is an epoch."""


@dataclass(frozen=True, kw_only=True)
class Stepping(Layered):
    """A run reads all images, row by row, as one stream, with a call each step; multiply-adds are of a step."""

    unit = "µs a step"
    quality_name = "largest difference"

    def __str__(self) -> str:
        return f"{self.network}, one stream of {self.steps:,} steps, a call each"

    @property
    def steps(self) -> int:
        """Of a run."""
        return self.samples * self.shape[0]

    @property
    def scale(self) -> float:
        """From seconds for all steps."""
        return 1e6 / self.steps

    @property
    def flops(self) -> int:
        """Forward only."""
        return 2 * self.steps * sum(self.multiply_adds)

    def arrays(self, model: Model, data: Data) -> list[Any]:
        """Return the steps as the peer's own arrays, so that no peer pays for a conversion."""
        return [model.native(x) for x in data.X_train[: self.samples].reshape(self.steps, -1)]

    def start(self, model: Model, data: Data) -> Callable[[], None]:
        """Make the arrays beforehand; the stream goes on from run to run."""
        arrays, step = self.arrays(model, data), model.stepper()

        def run() -> None:
            for array in arrays:
                step(array)

        return run

    def quality(self, model: Model, data: Data) -> float:
        """Largest difference from chainrule's outputs."""
        step, ours = model.stepper(), self.initial().stepper()
        outputs = np.array([np.ravel(step(array)) for array in self.arrays(model, data)])
        expected = [ours.step(x) for x in data.X_train[: self.samples].reshape(self.steps, -1)]
        return float(np.abs(outputs - expected).max())


@dataclass(frozen=True, kw_only=True)
class Prediction(Workload):
    """A run asks for the outputs of all samples: in one call, or with a call each."""

    one_by_one: bool

    quality_name = "largest difference"

    def __str__(self) -> str:
        return f"{self.network}, {self.samples:,} samples, {'a call each' if self.one_by_one else 'one call'}"

    @property
    def unit(self) -> str:  # type: ignore[override]
        """Of a call, or of a sample."""
        return "µs a call" if self.one_by_one else "ns a sample"

    @property
    def scale(self) -> float:
        """From seconds for all samples."""
        return (1e6 if self.one_by_one else 1e9) / self.samples

    @property
    def flops(self) -> int:
        """Forward only."""
        return 2 * self.samples * sum(self.multiply_adds)

    def start(self, model: Model, data: Data) -> Callable[[], None]:
        """Make the peer's own arrays beforehand, so that no peer pays for a conversion."""
        X = data.X_train
        asked = [X[i : i + 1] for i in range(len(X))] if self.one_by_one else [X]
        arrays = [model.native(x) for x in asked]

        def run() -> None:
            for array in arrays:
                model.predict(array)

        return run

    def quality(self, model: Model, data: Data) -> float:
        """Largest difference from chainrule's outputs."""
        X = data.X_train[:100]
        return float(np.abs(model.outputs(X).reshape(len(X), -1) - self.initial().predict(X)).max())


def lenet() -> list[cr.Layer]:
    """Return the layers of LeNet-5 with ReLU and maxima (LeCun et al. 1998)."""
    return [
        cr.Conv2D(6, 5, "relu", padding="same"),
        cr.MaxPool2D(2),
        cr.Conv2D(16, 5, "relu"),
        cr.MaxPool2D(2),
        cr.Flatten(),
        cr.Dense(120, "relu"),
        cr.Dense(84, "relu"),
        cr.Dense(10, "softmax"),
    ]


LENET = (28 * 28 * 25 * 6, 10 * 10 * 150 * 16, 400 * 120, 120 * 84, 84 * 10)


def gates(count: int, units: int) -> tuple[int, ...]:
    """Return the multiply-adds of 28 steps of 28, with so many gates."""
    return 28 * count * units * (28 + units), 10 * units


WORKLOADS: tuple[Workload, ...] = (
    Training(
        name="online", sizes=(784, 300, 10), hidden="sigmoid", output="sigmoid", data="mnist", samples=10_000,
        loss="mse", batch_size=1, optimizer=cr.SGD(0.3),
    ),
    Training(
        name="tiny", sizes=(8, 32, 32, 1), hidden="tanh", output="identity", data="borehole", samples=20_000,
        loss="mse", batch_size=32, optimizer=cr.SGD(0.05), repeats=4,
    ),
    Training(
        name="tinyadam", sizes=(8, 64, 64, 1), hidden="relu", output="identity", data="borehole", samples=20_000,
        loss="mse", batch_size=64, optimizer=cr.Adam(1e-3), repeats=4,
    ),
    Training(
        name="small", sizes=(784, 100, 10), hidden="relu", output="softmax", data="mnist", samples=60_000,
        loss="cross_entropy", batch_size=32, optimizer=cr.SGD(0.1, momentum=0.9), repeats=3,
    ),
    Training(
        name="seed", sizes=(784, 300, 10), hidden="sigmoid", output="softmax", data="mnist", samples=60_000,
        loss="cross_entropy", batch_size=32, optimizer=cr.SGD(0.3), repeats=3,
    ),
    Training(
        name="medium", sizes=(784, 256, 128, 10), hidden="relu", output="softmax", data="mnist", samples=60_000,
        loss="cross_entropy", batch_size=128, optimizer=cr.Adam(1e-3), repeats=3,
    ),
    Training(
        name="wide", sizes=(784, 1024, 1024, 10), hidden="relu", output="softmax", data="mnist", samples=60_000,
        loss="cross_entropy", batch_size=256, optimizer=cr.SGD(0.1, momentum=0.9),
    ),
    Training(
        name="dense", sizes=(256, 512, 512, 8), hidden="tanh", output="identity", data="gaussian", samples=60_000,
        loss="mse", batch_size=128, optimizer=cr.Adam(1e-3),
    ),
    Training(
        name="words", sizes=(20_000, 64, 2), hidden="relu", output="softmax", data="words", samples=20_000,
        loss="cross_entropy", batch_size=64, optimizer=cr.Adam(1e-3),
    ),
    LayeredTraining(
        name="lenet", title="LeNet-5", shape=(28, 28, 1), layers=lenet, multiply_adds_of_layers=LENET, data="mnist",
        samples=20_000, loss="cross_entropy", batch_size=128, optimizer=cr.SGD(0.05, momentum=0.9),
    ),
    LayeredTraining(
        name="lenet-8", title="LeNet-5", shape=(28, 28, 1), layers=lenet, multiply_adds_of_layers=LENET, data="mnist",
        samples=20_000, loss="cross_entropy", batch_size=8, optimizer=cr.SGD(0.01, momentum=0.9),
    ),
    LayeredTraining(
        name="lstm", title="LSTM 64, 28 steps of 28", shape=(28, 28),
        layers=lambda: [cr.LSTM(64), cr.Dense(10, "softmax")], multiply_adds_of_layers=gates(4, 64), data="mnist",
        samples=20_000, loss="cross_entropy", batch_size=64, optimizer=cr.Adam(1e-3),
    ),
    LayeredTraining(
        name="gru", title="GRU 64, 28 steps of 28", shape=(28, 28),
        layers=lambda: [cr.GRU(64), cr.Dense(10, "softmax")], multiply_adds_of_layers=gates(3, 64), data="mnist",
        samples=20_000, loss="cross_entropy", batch_size=64, optimizer=cr.Adam(1e-3),
    ),
    LayeredTraining(
        name="lstm-16", title="LSTM 16, 28 steps of 28", shape=(28, 28),
        layers=lambda: [cr.LSTM(16), cr.Dense(10, "softmax")], multiply_adds_of_layers=gates(4, 16), data="mnist",
        samples=20_000, loss="cross_entropy", batch_size=16, optimizer=cr.Adam(1e-3),
    ),
    LayeredTraining(
        name="normed", title="784-300-10 with batch norm and dropout", shape=(784,),
        layers=lambda: [
            cr.Dense(300, "identity"), cr.BatchNorm(), cr.Activation("relu"), cr.Dropout(0.2), cr.Dense(10, "softmax"),
        ],
        multiply_adds_of_layers=(784 * 300, 3000), data="mnist", samples=60_000, loss="cross_entropy", batch_size=32,
        optimizer=cr.SGD(0.1, momentum=0.9),
    ),
    Stepping(
        name="lstm-step", title="LSTM 64, a step of 28", shape=(28, 28),
        layers=lambda: [cr.LSTM(64), cr.Dense(10, "softmax")], multiply_adds_of_layers=(4 * 64 * (28 + 64), 10 * 64),
        data="mnist", samples=100, repeats=8,
    ),
    Prediction(
        name="predict-1-tiny", sizes=(8, 32, 32, 1), hidden="tanh", output="identity", data="borehole", samples=1_000,
        one_by_one=True, repeats=8,
    ),
    Prediction(
        name="predict-1-digits", sizes=(784, 300, 10), hidden="relu", output="softmax", data="mnist", samples=1_000,
        one_by_one=True, repeats=8,
    ),
    Prediction(
        name="predict-all-tiny", sizes=(8, 32, 32, 1), hidden="tanh", output="identity", data="borehole",
        samples=10_000, one_by_one=False, repeats=16,
    ),
    Prediction(
        name="predict-all-digits", sizes=(784, 300, 10), hidden="relu", output="softmax", data="mnist",
        samples=10_000, one_by_one=False, repeats=8,
    ),
)  # fmt: skip


def named(*names: str) -> list[Workload]:
    """Return the workloads of these names; "predict" and "predict-1" stand for all that begin so."""
    chosen = []
    for name in names:
        found = [w for w in WORKLOADS if w.name == name or w.name.startswith(f"{name}-")]
        if not found:
            raise ValueError(f"unknown workload {name!r}; there are {', '.join(w.name for w in WORKLOADS)}")
        chosen += [w for w in found if w not in chosen]
    return chosen
