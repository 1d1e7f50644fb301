"""NumPy on its BLAS: float32, with all results written to buffers that are allocated once."""

from __future__ import annotations

import functools
from contextlib import AbstractContextManager
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

import chainrule as cr

from ..workload import Model, Training, Workload
from . import Parameters, Peer, blas_threads, rows, thread_counts

Array = NDArray[np.float32]


def sigmoid(z: Array) -> None:
    """Compute in place, through tanh, which does not overflow."""
    z *= 0.5
    np.tanh(z, out=z)
    z += 1
    z *= 0.5


def softmax(z: Array) -> None:
    """Compute in place."""
    z -= z.max(axis=1, keepdims=True)
    np.exp(z, out=z)
    z /= z.sum(axis=1, keepdims=True)


def sigmoid_slope(delta: Array, a: Array) -> None:
    """Multiply delta by the derivative; `a` is not needed any more and serves as scratch."""
    delta *= a
    np.subtract(1, a, out=a)
    delta *= a


def tanh_slope(delta: Array, a: Array) -> None:
    """Multiply delta by the derivative; `a` serves as scratch."""
    np.multiply(a, a, out=a)
    np.subtract(1, a, out=a)
    delta *= a


ACTIVATIONS: dict[str, Any] = {
    "identity": lambda z: None,
    "relu": lambda z: np.maximum(z, 0, out=z),
    "sigmoid": sigmoid,
    "softmax": softmax,
    "tanh": lambda z: np.tanh(z, out=z),
}
SLOPES: dict[str, Any] = {
    "identity": lambda delta, a: None,
    "relu": lambda delta, a: np.multiply(delta, a > 0, out=delta),
    "sigmoid": sigmoid_slope,
    "tanh": tanh_slope,
}


class SGD:
    """Gradient descent, with momentum if the settings have one."""

    def __init__(self, settings: Any, size: int) -> None:
        self.rate, self.momentum = settings.learning_rate, settings.momentum
        self.velocity = np.zeros(size, np.float32)

    def step(self, parameters: Array, gradient: Array) -> None:
        """Update the parameters in place; the gradient serves as scratch."""
        gradient *= self.rate
        if self.momentum:
            self.velocity *= self.momentum
            self.velocity -= gradient
            parameters += self.velocity
        else:
            parameters -= gradient


class Adam:
    """Adam (Kingma & Ba 2015)."""

    def __init__(self, settings: Any, size: int) -> None:
        self.settings, self.t = settings, 0
        self.m, self.v, self.scratch = np.zeros((3, size), np.float32)

    def step(self, parameters: Array, gradient: Array) -> None:
        """Update the parameters in place; the gradient serves as scratch."""
        s, m, v, scratch = self.settings, self.m, self.v, self.scratch
        self.t += 1
        m *= s.beta1
        np.multiply(gradient, 1 - s.beta1, out=scratch)
        m += scratch
        v *= s.beta2
        gradient *= gradient
        gradient *= 1 - s.beta2
        v += gradient
        np.multiply(v, 1 / (1 - s.beta2**self.t), out=scratch)
        np.sqrt(scratch, out=scratch)
        scratch += s.epsilon
        np.divide(m, scratch, out=scratch)
        scratch *= s.learning_rate / (1 - s.beta1**self.t)
        parameters -= scratch


class OnNumPy(Model):
    """A network with all parameters in one array, so that the optimiser makes a few calls for all layers together."""

    def __init__(self, workload: Workload, parameters: Parameters, threads: int) -> None:
        self.threads = threads
        self.sizes = workload.sizes
        self.activations = [workload.hidden] * (len(parameters) - 1) + [workload.output]
        self.parameters = np.concatenate([part.ravel() for layer in parameters for part in layer])
        self.layers = self.views(self.parameters)
        self.buffers = functools.cache(self.make_buffers)

    def views(self, flat: Array) -> list[tuple[Array, Array]]:
        """Return weights and bias of each layer as views."""
        layers, begin = [], 0
        for inputs, units in zip(self.sizes, self.sizes[1:], strict=False):
            end = begin + inputs * units
            layers.append((flat[begin:end].reshape(inputs, units), flat[end : end + units]))
            begin = end + units
        return layers

    def make_buffers(self, samples: int) -> list[Array]:
        """Return a buffer for the outputs of each layer."""
        return [np.empty((samples, units), np.float32) for units in self.sizes[1:]]

    def turn(self) -> AbstractContextManager[Any]:
        """Limit the threads of BLAS."""
        return blas_threads(self.threads)

    def load(self, training: Training, X: Any, y: NDArray[Any]) -> None:
        """Keep the data, and allocate the buffers of a batch."""
        self.X, self.y = X, rows(training, y)
        self.batch_size, self.labels = training.batch_size, self.y.ndim == 1
        self.gradient = np.empty_like(self.parameters)
        self.gradients = self.views(self.gradient)
        self.deltas = functools.cache(self.make_buffers)
        self.batch = np.empty((self.batch_size, self.sizes[0]), np.float32) if isinstance(X, np.ndarray) else None
        rule = Adam if isinstance(training.optimizer, cr.Adam) else SGD
        self.optimizer = rule(training.optimizer, self.parameters.size)
        self.rng = np.random.default_rng(0)

    def epoch(self) -> None:
        """Shuffle, then make one step per batch."""
        order = self.rng.permutation(self.X.shape[0])
        for begin in range(0, len(order), self.batch_size):
            chosen = order[begin : begin + self.batch_size]
            if self.batch is None:
                x = self.X[chosen]
            else:
                x = self.X.take(chosen, axis=0, out=self.batch[: len(chosen)], mode="clip")
            self.backward(x, self.forward(x), self.y[chosen])
            self.optimizer.step(self.parameters, self.gradient)

    def forward(self, x: Any) -> list[Array]:
        """Return the activations of all layers."""
        outputs = self.buffers(x.shape[0])
        for (weights, bias), a, activation in zip(self.layers, outputs, self.activations, strict=True):
            if isinstance(x, np.ndarray):
                np.matmul(x, weights, out=a)
                a += bias
            else:
                np.add(x @ weights, bias, out=a)
            ACTIVATIONS[activation](a)
            x = a
        return outputs

    def backward(self, x: Any, activations: list[Array], targets: NDArray[Any]) -> None:
        """Compute the gradient; this overwrites the activations."""
        samples = len(targets)
        deltas = self.deltas(samples)
        last, delta = activations[-1], deltas[-1]
        if self.labels:
            np.copyto(delta, last)
            delta[np.arange(samples), targets] -= 1
        else:
            np.subtract(last, targets, out=delta)
            SLOPES[self.activations[-1]](delta, last)
        delta /= samples
        for k in range(len(self.layers) - 1, -1, -1):
            below = activations[k - 1] if k else x
            weights, bias = self.gradients[k]
            if isinstance(below, np.ndarray):
                np.matmul(below.T, deltas[k], out=weights)
            else:
                weights[...] = below.T @ deltas[k]
            deltas[k].sum(axis=0, out=bias)
            if k:
                np.matmul(deltas[k], self.layers[k][0].T, out=deltas[k - 1])
                SLOPES[self.activations[k - 1]](deltas[k - 1], below)

    def predict(self, X: Any) -> Array:
        """Return the outputs, which are valid until the next call."""
        return self.forward(X)[-1]


def _build() -> str:
    blas: Any = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    return f"{np.__version__}, {blas['name']} {blas['version']}"


PEER = Peer("NumPy", {"NumPy": _build()}, {name: partial(OnNumPy, threads=n) for name, n in thread_counts().items()})
