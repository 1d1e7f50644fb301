"""The table of workloads: the network, the data, and the settings of training or prediction."""

from __future__ import annotations

import dataclasses

import chainrule as cr

from .networks import (
    BNCONV,
    CIFAR,
    HAR1D,
    LENET,
    MLP,
    NORMED,
    RESMLP,
    bnconv,
    cifar,
    gates,
    har1d,
    lenet,
    mlp,
    mlp_with_dropout,
    normed,
    resmlp,
)
from .workload import Layered, LayeredPrediction, LayeredTraining, Prediction, Stepping, Training, Workload

# Samples of a run of predictions, by the number of samples in a call.
PREDICTED = {1: 200, 32: 640, 1000: 1_000}


def predictions(training: Training) -> list[Workload]:
    """Return the predictions of the network of a training, of one sample in a call and of many."""
    kind = LayeredPrediction if isinstance(training, Layered) else Prediction
    fields = {field.name for field in dataclasses.fields(kind)} & {field.name for field in dataclasses.fields(training)}
    same = {name: getattr(training, name) for name in fields - {"name", "samples", "repeats"}}
    return [
        kind(name=f"predict-{per_call}-{training.name}", samples=samples, per_call=per_call, repeats=4, **same)
        for per_call, samples in PREDICTED.items()
    ]


def mixed(training: Training) -> Training:
    """Return the same training in mixed precision."""
    return dataclasses.replace(training, name=f"{training.name}-mixed", precision="mixed")


# Networks that are both trained and asked for predictions.
BOTH: tuple[Training, ...] = (
    LayeredTraining(
        name="cifar", title="32×32×3, three convolutions, two pools, two dense layers", shape=(32, 32, 3), layers=cifar,
        multiply_adds_of_layers=CIFAR, data="images", samples=1_000, loss="cross_entropy", batch_size=64,
        optimizer=cr.Adam(1e-3),
    ),
    LayeredTraining(
        name="bnconv", title="28×28×1, two convolutions with batch norm", shape=(28, 28, 1), layers=bnconv,
        multiply_adds_of_layers=BNCONV, data="mnist", samples=3_000, loss="cross_entropy", batch_size=32,
        optimizer=cr.Adam(1e-3),
    ),
    LayeredTraining(
        name="har1d", title="128×6, two convolutions of signals", shape=(128, 6), layers=har1d,
        multiply_adds_of_layers=HAR1D, data="signals", samples=5_000, loss="cross_entropy", batch_size=64,
        optimizer=cr.Adam(1e-3),
    ),
    LayeredTraining(
        name="resmlp", title="30-128, two residual blocks, 1", shape=(30,), layers=resmlp, output="identity",
        multiply_adds_of_layers=RESMLP, data="gaussian-30", samples=20_000, loss="mse", batch_size=256,
        optimizer=cr.Adam(1e-3),
    ),
    Training(
        name="autoenc", sizes=(784, 256, 32, 256, 784), hidden="relu", output="identity", data="reconstruction",
        samples=10_000, loss="mse", batch_size=128, optimizer=cr.Adam(1e-3),
    ),
    LayeredTraining(
        name="mlp-dropout", title="40-256-256-256-1 selu with dropout", shape=(40,), layers=mlp_with_dropout,
        output="identity", multiply_adds_of_layers=MLP, data="gaussian-40", samples=20_000, loss="mse",
        batch_size=256, optimizer=cr.AdamW(1e-3),
    ),
)  # fmt: skip

WIDE = Training(
    name="wide", sizes=(784, 1024, 1024, 10), hidden="relu", output="softmax", data="mnist", samples=60_000,
    loss="cross_entropy", batch_size=256, optimizer=cr.SGD(0.1, momentum=0.9),
)  # fmt: skip
DENSE = Training(
    name="dense", sizes=(256, 512, 512, 8), hidden="tanh", output="identity", data="gaussian", samples=60_000,
    loss="mse", batch_size=128, optimizer=cr.Adam(1e-3),
)  # fmt: skip

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
    WIDE,
    DENSE,
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
        layers=normed,
        multiply_adds_of_layers=NORMED, data="mnist", samples=60_000, loss="cross_entropy", batch_size=32,
        optimizer=cr.SGD(0.1, momentum=0.9),
    ),
    *BOTH,
    mixed(WIDE),
    mixed(DENSE),
    LayeredTraining(
        name="mlp", title="40-256-256-256-1 selu", shape=(40,), layers=mlp, output="identity",
        multiply_adds_of_layers=MLP, data="gaussian-40", samples=20_000, loss="mse", batch_size=256,
        optimizer=cr.AdamW(1e-3),
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
    *(workload for training in BOTH for workload in predictions(training)),
)  # fmt: skip


def named(*names: str) -> list[Workload]:
    """Return the workloads of these names; one that none has, such as "predict-1", selects all that it begins."""
    chosen = []
    for name in names:
        found = [w for w in WORKLOADS if w.name == name] or [w for w in WORKLOADS if w.name.startswith(f"{name}-")]
        if not found:
            raise ValueError(f"unknown workload {name!r}, expected one of {', '.join(w.name for w in WORKLOADS)}")
        chosen += [w for w in found if w not in chosen]
    return chosen
