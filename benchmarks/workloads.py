"""The table of workloads: the network, the data, and the settings of training or prediction."""

from __future__ import annotations

import chainrule as cr

from .workload import LayeredTraining, Prediction, Stepping, Training, Workload


def lenet() -> list[cr.Layer]:
    """Return the layers of LeNet-5 (LeCun et al. 1998), with ReLU and max pooling."""
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
    """Return the multiply-adds of a recurrent layer that reads 28 steps of 28 features, and of the output layer."""
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
        name="lstm-step", title="LSTM 64, one step of 28", shape=(28, 28),
        layers=lambda: [cr.LSTM(64), cr.Dense(10, "softmax")], multiply_adds_of_layers=(4 * 64 * (28 + 64), 10 * 64),
        data="mnist", samples=100, repeats=8,
    ),
    Prediction(
        name="predict-1-tiny", sizes=(8, 32, 32, 1), hidden="tanh", output="identity", data="borehole", samples=1_000,
        per_call=1, repeats=8,
    ),
    Prediction(
        name="predict-1-digits", sizes=(784, 300, 10), hidden="relu", output="softmax", data="mnist", samples=1_000,
        per_call=1, repeats=8,
    ),
    Prediction(
        name="predict-all-tiny", sizes=(8, 32, 32, 1), hidden="tanh", output="identity", data="borehole",
        samples=10_000, per_call=10_000, repeats=16,
    ),
    Prediction(
        name="predict-all-digits", sizes=(784, 300, 10), hidden="relu", output="softmax", data="mnist",
        samples=10_000, per_call=10_000, repeats=8,
    ),
)  # fmt: skip


def named(*names: str) -> list[Workload]:
    """Return the workloads of these names; a prefix such as "predict" or "predict-1" selects all that it begins."""
    chosen = []
    for name in names:
        found = [w for w in WORKLOADS if w.name == name or w.name.startswith(f"{name}-")]
        if not found:
            raise ValueError(f"unknown workload {name!r}, expected one of {', '.join(w.name for w in WORKLOADS)}")
        chosen += [w for w in found if w not in chosen]
    return chosen
