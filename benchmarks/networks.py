"""The layers of the workloads that have other than dense ones, and their multiply-adds for one sample."""

from __future__ import annotations

import chainrule as cr


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


def normed() -> list[cr.Layer]:
    """Return the layers of a classifier with normalisation and dropout."""
    return [
        cr.Dense(300, "identity"), cr.BatchNorm(), cr.Activation("relu"), cr.Dropout(0.2), cr.Dense(10, "softmax"),
    ]  # fmt: skip


NORMED = (784 * 300, 300 * 10)


def cifar() -> list[cr.Layer]:
    """Return the layers of a classifier of colour images."""
    return [
        cr.Conv2D(32, 3, "relu", padding="same"),
        cr.Conv2D(32, 3, "relu", padding="same"),
        cr.MaxPool2D(2),
        cr.Conv2D(64, 3, "relu", padding="same"),
        cr.MaxPool2D(2),
        cr.Flatten(),
        cr.Dense(128, "relu"),
        cr.Dense(10, "softmax"),
    ]


CIFAR = (32 * 32 * 27 * 32, 32 * 32 * 288 * 32, 16 * 16 * 288 * 64, 8 * 8 * 64 * 128, 128 * 10)


def bnconv() -> list[cr.Layer]:
    """Return the layers of a classifier of digits with normalised convolutions."""
    return [
        cr.Conv2D(16, 3, padding="same"),
        cr.BatchNorm(),
        cr.Activation("relu"),
        cr.MaxPool2D(2),
        cr.Conv2D(32, 3, padding="same"),
        cr.BatchNorm(),
        cr.Activation("relu"),
        cr.GlobalAvgPool2D(),
        cr.Dense(10, "softmax"),
    ]


BNCONV = (28 * 28 * 9 * 16, 14 * 14 * 144 * 32, 32 * 10)


def har1d() -> list[cr.Layer]:
    """Return the layers of a classifier of signals."""
    return [
        cr.Conv1D(32, 5, "relu", padding="same"),
        cr.MaxPool1D(2),
        cr.Conv1D(64, 5, "relu", padding="same"),
        cr.GlobalAvgPool1D(),
        cr.Dense(6, "softmax"),
    ]


HAR1D = (128 * 30 * 32, 64 * 160 * 64, 64 * 6)


def resmlp() -> list[cr.Layer]:
    """Return the layers of a regressor of two residual blocks."""

    def block() -> cr.Layer:
        return cr.Residual([cr.LayerNorm(), cr.Dense(256, "relu"), cr.Dropout(0.1), cr.Dense(128)])

    return [cr.Dense(128), block(), block(), cr.Dense(1)]


RESMLP = (30 * 128, *(128 * 256, 256 * 128) * 2, 128)


def mlp() -> list[cr.Layer]:
    """Return the layers of a regressor of three hidden layers."""
    return [*(cr.Dense(256, "selu") for _ in range(3)), cr.Dense(1)]


def mlp_with_dropout() -> list[cr.Layer]:
    """Return the layers of the same with dropout after each hidden layer."""
    *hidden, output = mlp()
    return [*(layer for dense in hidden for layer in (dense, cr.Dropout(0.15))), output]


MLP = (40 * 256, 256 * 256, 256 * 256, 256)
