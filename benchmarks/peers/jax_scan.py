"""JAX: the whole epoch, shuffling included, is one compiled scan over the batches."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from numpy.typing import NDArray

import chainrule as cr

from ..data import TOKENS_PER_ROW
from ..workload import Layered, Model, Stepping, Training, Workload
from . import Parameters, Peer, rows
from .jax_layers import ACTIVATIONS, function_of, lstm_step

# Maps parameters, statistics, inputs, targets and a random key to the loss and the new statistics.
Objective = Callable[[Any, Any, Any, Any, Any], tuple[Any, Any]]


def forward(parameters: Any, x: Any, hidden: str) -> Any:
    """Return the pre-activations of the last layer; integer inputs are the tokens of sparse rows."""
    for index, (weights, bias) in enumerate(parameters):
        if index:
            x = ACTIVATIONS[hidden](x)
        x = (weights[x].sum(axis=1) if jnp.issubdtype(x.dtype, jnp.integer) else x @ weights) + bias
    return x


def mean_loss(z: Any, y: Any, training: Training) -> Any:
    """Return the mean loss of a batch from the pre-activations of the last layer."""
    if training.loss == "cross_entropy":
        return -jnp.take_along_axis(jax.nn.log_softmax(z), y[:, None], axis=1).mean()
    return 0.5 * jnp.square(ACTIVATIONS[training.output](z) - y).sum(axis=1).mean()


def sgd(state: Any, gradients: Any, settings: Any) -> Any:
    """Return the state after a step."""
    if not settings.momentum:
        parameters = jax.tree.map(lambda p, g: p - settings.learning_rate * g, state["parameters"], gradients)
        return {"parameters": parameters}
    v = jax.tree.map(lambda v, g: settings.momentum * v - settings.learning_rate * g, state["velocity"], gradients)
    return {"parameters": jax.tree.map(jnp.add, state["parameters"], v), "velocity": v}


def adam(state: Any, gradients: Any, settings: Any) -> Any:
    """Return the state after a step."""
    beta1, beta2, t = settings.beta1, settings.beta2, state["t"] + 1
    m = jax.tree.map(lambda m, g: beta1 * m + (1 - beta1) * g, state["m"], gradients)
    v = jax.tree.map(lambda v, g: beta2 * v + (1 - beta2) * g * g, state["v"], gradients)
    rate, correction = settings.learning_rate / (1 - beta1**t), 1 / (1 - beta2**t)
    decay = settings.learning_rate * settings.weight_decay if isinstance(settings, cr.AdamW) else 0.0

    def updated(p: Any, m: Any, v: Any) -> Any:
        if p.ndim > 1:
            p = p * (1 - decay)
        return p - rate * m / (jnp.sqrt(v * correction) + settings.epsilon)

    return {"parameters": jax.tree.map(updated, state["parameters"], m, v), "m": m, "v": v, "t": t}


def first_state(parameters: Any, settings: cr.SGD | cr.Adam) -> dict[str, Any]:
    """Return the optimiser's state before the first step."""

    def zeros() -> Any:
        return jax.tree.map(jnp.zeros_like, parameters)

    if isinstance(settings, cr.Adam):
        return {"m": zeros(), "v": zeros(), "t": jnp.float32(0)}
    return {"velocity": zeros()} if settings.momentum else {}


@partial(jax.jit, static_argnums=(4, 5), donate_argnums=0)
def train_epoch(state: Any, key: Any, X: Any, y: Any, training: Training, objective: Objective) -> Any:
    """Return the state after an epoch."""
    update = adam if isinstance(training.optimizer, cr.Adam) else sgd

    def step(state: Any, batch: Any) -> tuple[Any, None]:
        chosen, key = batch
        gradients, statistics = jax.grad(objective, has_aux=True)(
            state["parameters"], state["statistics"], X[chosen], y[chosen], key
        )
        return {**update(state, gradients, training.optimizer), "statistics": statistics}, None

    of_order, of_rest, of_steps = jax.random.split(key, 3)
    order = jax.random.permutation(of_order, len(X))
    whole = len(X) // training.batch_size * training.batch_size
    batches = order[:whole].reshape(-1, training.batch_size)
    state, _ = lax.scan(step, state, (batches, jax.random.split(of_steps, len(batches))))
    return step(state, (order[whole:], of_rest))[0] if whole < len(X) else state


class OnJAX(Model):
    """A network of dense layers; its state stays on the device and is donated to the next epoch."""

    def __init__(self, workload: Workload, parameters: Parameters) -> None:
        self.workload = workload
        arrays = [(jnp.array(weights), jnp.array(bias)) for weights, bias in parameters]
        self.state: dict[str, Any] = {"parameters": arrays, "statistics": ()}
        self.function = self.compiled()

    def compiled(self) -> Any:
        """Return a compiled prediction with the present parameters as constants."""
        parameters, hidden, output = self.state["parameters"], self.workload.hidden, ACTIVATIONS[self.workload.output]
        return jax.jit(lambda x: output(forward(parameters, x, hidden)))

    def load(self, training: Training, X: Any, y: NDArray[Any]) -> None:
        """Put the data on the device."""
        self.X, self.y = self.native(X), jnp.array(rows(training, y))
        self.training = training
        self.state |= first_state(self.state["parameters"], training.optimizer)
        self.key = jax.random.key(0)

    def epoch(self) -> None:
        """Run the compiled epoch."""
        self.key, key = jax.random.split(self.key)
        self.state = train_epoch(self.state, key, self.X, self.y, self.training, self.objective)
        jax.block_until_ready(self.state)  # type: ignore[no-untyped-call]

    def objective(self, parameters: Any, statistics: Any, x: Any, y: Any, key: Any) -> tuple[Any, Any]:
        """Return the mean loss of a batch."""
        return mean_loss(forward(parameters, x, self.training.hidden), y, self.training), statistics

    def native(self, X: Any) -> Any:
        """Return an array on the device; sparse rows become tokens."""
        return jnp.array(X if isinstance(X, np.ndarray) else X.indices.reshape(-1, TOKENS_PER_ROW))

    def predict(self, X: Any) -> Any:
        """Return the outputs when they are computed."""
        return self.function(X).block_until_ready()

    def outputs(self, X: Any) -> NDArray[Any]:
        """Return the outputs with the present parameters."""
        return np.asarray(self.compiled()(self.native(X)))


class LayersOnJAX(OnJAX):
    """A network with other than dense layers."""

    def __init__(self, workload: Layered) -> None:
        self.workload, self.shape = workload, workload.shape
        parameters, statistics, self.apply = function_of(workload.initial())
        self.state = {"parameters": parameters, "statistics": statistics}
        self.function = self.compiled()

    def compiled(self) -> Any:
        """Return a compiled prediction with the present parameters as constants."""
        parameters, statistics = self.state["parameters"], self.state["statistics"]
        output = ACTIVATIONS[self.workload.output]
        return jax.jit(lambda x: output(self.apply(parameters, statistics, x, None)[0]))

    def objective(self, parameters: Any, statistics: Any, x: Any, y: Any, key: Any) -> tuple[Any, Any]:
        """Return the mean loss of a batch, and the statistics after it."""
        z, statistics = self.apply(parameters, statistics, x, key)
        return mean_loss(z, y, self.training), statistics

    def native(self, X: Any) -> Any:
        """Return images or sequences on the device."""
        return jnp.array(X).reshape(-1, *self.shape)


class StepsOnJAX(Model):
    """An LSTM and a dense layer after it, as a compiled step with the parameters as constants."""

    def __init__(self, workload: Stepping) -> None:
        (lstm, head), _, _ = function_of(workload.initial())
        self.units = len(lstm["recurrent_weights"])

        @jax.jit
        def step(state: Any, x: Any) -> Any:
            h, c = lstm_step(lstm, state, x @ lstm["input_weights"] + lstm["bias"])
            return (h, c), jax.nn.softmax(h @ head["weights"] + head["bias"])

        self.step = step

    def native(self, X: Any) -> Any:
        """Return the inputs on the device."""
        return jnp.array(X)

    def stepper(self) -> Callable[[Any], Any]:
        """Return a function that keeps the state of a new stream, and waits for the outputs of each step."""
        state = (jnp.zeros(self.units), jnp.zeros(self.units))

        def next_outputs(x: Any) -> Any:
            nonlocal state
            state, outputs = self.step(state, x)
            return outputs.block_until_ready()

        return next_outputs


PEER = Peer("JAX", {"JAX": jax.__version__}, {"jit": OnJAX}, {"jit": LayersOnJAX}, {"jit": StepsOnJAX})
