"""PyTorch: eager with fused optimisers, and with the whole step as one compiled graph."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

import chainrule as cr

from ..data import TOKENS_PER_ROW
from ..workload import Layered, Model, SkipError, Stepping, Training, Workload
from . import Parameters, Peer, rows, thread_counts
from .torch_layers import ACTIVATIONS, StepModule, module_of, reads_channels_first

Loss = Callable[[Callable[[Tensor], Tensor], Tensor, Tensor], Any]
Step = Callable[[Tensor, Tensor], Any]

# Each workload, variant and shape compiles the same code; above this limit PyTorch would silently run it eagerly.
torch._dynamo.config.recompile_limit = 128


class Bag(nn.Module):
    """The first layer for sparse rows: the sum of the rows of weights that belong to their tokens."""

    def __init__(self, weights: Tensor, bias: Tensor) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(weights), nn.Parameter(bias)

    def forward(self, tokens: Tensor) -> Tensor:
        """Map tokens (samples, tokens per row) to outputs."""
        return functional.embedding_bag(tokens, self.weight, mode="sum") + self.bias


def linear(weights: Tensor, bias: Tensor) -> nn.Module:
    """Return a dense layer with these parameters."""
    layer = nn.Linear(*weights.shape)
    layer.weight, layer.bias = nn.Parameter(weights.T.contiguous()), nn.Parameter(bias)
    return layer


def mean_loss(training: Training) -> Loss:
    """Return the mean loss of a batch, as a function of the network without its last activation."""
    if training.loss == "cross_entropy":
        return lambda network, x, y: functional.cross_entropy(network(x), y)
    output = ACTIVATIONS[training.output]()
    return lambda network, x, y: functional.mse_loss(output(network(x)), y, reduction="sum") / (2 * len(x))


def in_bfloat16(loss: Loss) -> Loss:
    """Return the loss, whose products are computed in bfloat16; a context for each step, as it caches the weights."""

    def rounded(network: Callable[[Tensor], Tensor], x: Tensor, y: Tensor) -> Any:
        with torch.autocast("cpu", torch.bfloat16):
            return loss(network, x, y)

    return rounded


def decay_of(settings: cr.SGD | cr.Adam) -> float:
    """Return the decoupled weight decay, which only AdamW has."""
    return settings.weight_decay if isinstance(settings, cr.AdamW) else 0.0


def eager_step(network: nn.Module, loss: Loss, settings: Any) -> Step:
    """Return a step as tutorials write it, with the fused optimiser."""
    options: dict[str, Any] = {"lr": settings.learning_rate, "fused": True}
    optimizer: torch.optim.Optimizer
    if isinstance(settings, cr.SGD):
        optimizer = torch.optim.SGD(network.parameters(), momentum=settings.momentum, **options)
    else:
        # chainrule's decay never touches biases and the like.
        decay, parameters = decay_of(settings), [*network.parameters()]
        groups = [
            {"params": [p for p in parameters if p.ndim > 1], "weight_decay": decay},
            {"params": [p for p in parameters if p.ndim == 1], "weight_decay": 0.0},
        ]
        betas = settings.beta1, settings.beta2
        optimizer = torch.optim.AdamW(groups, betas=betas, eps=settings.epsilon, **options)

    def step(x: Tensor, y: Tensor) -> None:
        optimizer.zero_grad()
        loss(network, x, y).backward()
        optimizer.step()

    return step


def compiled_step(network: nn.Module, loss: Loss, settings: Any) -> Step:
    """Return forward, backward and update as one graph, which is faster on small networks than model and loss alone."""
    parameters = {name: parameter.detach() for name, parameter in network.named_parameters()}
    statistics = dict(network.named_buffers())
    m, v = ({name: torch.zeros_like(p) for name, p in parameters.items()} for _ in range(2))
    t, decay = torch.zeros(()), decay_of(settings)

    def sgd(name: str, p: Tensor, gradient: Tensor) -> None:
        if settings.momentum:
            m[name].mul_(settings.momentum).sub_(gradient, alpha=settings.learning_rate)
            p.add_(m[name])
        else:
            p.sub_(gradient, alpha=settings.learning_rate)

    def adam(name: str, p: Tensor, gradient: Tensor) -> None:
        if decay and p.ndim > 1:
            p.mul_(1 - settings.learning_rate * decay)
        m[name].mul_(settings.beta1).add_(gradient, alpha=1 - settings.beta1)
        v[name].mul_(settings.beta2).addcmul_(gradient, gradient, value=1 - settings.beta2)
        rate, correction = settings.learning_rate / (1 - settings.beta1**t), 1 / (1 - settings.beta2**t)
        p.sub_(rate * m[name] / ((v[name] * correction).sqrt() + settings.epsilon))

    update = sgd if isinstance(settings, cr.SGD) else adam

    # `grad` allows no changes of outer tensors, but batch normalisation changes its statistics: work on clones.
    def objective(parameters: dict[str, Tensor], x: Tensor, y: Tensor) -> Any:
        new = {name: values.clone() for name, values in statistics.items()}
        return loss(lambda x: torch.func.functional_call(network, {**parameters, **new}, (x,)), x, y), new

    def step(x: Tensor, y: Tensor) -> None:
        gradients, new = torch.func.grad(objective, has_aux=True)(parameters, x, y)
        for name, values in new.items():
            statistics[name].copy_(values)
        t.add_(1)
        for name, p in parameters.items():
            update(name, p, gradients[name])

    # One graph per batch size: dropout cannot be traced with a dynamic one.
    compiled: Step = torch.no_grad()(torch.compile(step, dynamic=False))
    return compiled


class OnTorch(Model):
    """A network of dense layers; the data are one tensor, from which `index_select` takes the batches."""

    def __init__(
        self, workload: Workload, parameters: Parameters, threads: int, compiled: bool = False, autocast: bool = False
    ) -> None:
        self.take_settings(workload, threads, compiled, autocast)
        layers: list[nn.Module] = []
        for weights, bias in parameters:
            make: Callable[[Tensor, Tensor], nn.Module] = Bag if workload.data == "words" and not layers else linear
            layers += [make(torch.tensor(weights), torch.tensor(bias)), ACTIVATIONS[workload.hidden]()]
        self.network = nn.Sequential(*layers[:-1])
        self.whole = nn.Sequential(self.network, ACTIVATIONS[workload.output]())
        self.predict = torch.compile(self.whole) if compiled else self.whole

    def take_settings(self, workload: Workload, threads: int, compiled: bool, autocast: bool) -> None:
        """Keep how the network is trained, in bfloat16 where `autocast` is set and the workload allows it."""
        if autocast and workload.precision != "mixed":
            raise SkipError("the workload is in float32")
        self.threads, self.trains, self.autocast = threads, isinstance(workload, Training), autocast
        self.make_step = compiled_step if compiled else eager_step

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Set the threads; denormal numbers count as zero, as in chainrule and JAX."""
        torch.set_num_threads(self.threads)
        torch.set_flush_denormal(True)
        try:
            with nullcontext() if self.trains else torch.inference_mode():
                yield
        finally:
            torch.set_flush_denormal(False)

    def load(self, training: Training, X: Any, y: NDArray[Any]) -> None:
        """Convert the data to tensors, and make the step."""
        self.X, self.y, self.batch_size = self.native(X), torch.from_numpy(rows(training, y)), training.batch_size
        loss = mean_loss(training)
        self.step = self.make_step(self.network, in_bfloat16(loss) if self.autocast else loss, training.optimizer)

    def epoch(self) -> None:
        """Shuffle, then make one step per batch."""
        for chosen in torch.split(torch.randperm(len(self.X)), self.batch_size):
            self.step(self.X.index_select(0, chosen), self.y.index_select(0, chosen))

    def native(self, X: Any) -> Tensor:
        """Return a tensor; sparse rows become tokens."""
        if isinstance(X, np.ndarray):
            return torch.from_numpy(X)
        return torch.from_numpy(X.indices.reshape(-1, TOKENS_PER_ROW).astype(np.int64))

    def outputs(self, X: Any) -> NDArray[Any]:
        """Return the outputs as a NumPy array, from the network that is not compiled."""
        with torch.inference_mode():
            outputs: NDArray[Any] = self.whole(self.native(X)).numpy()
        return outputs


class LayersOnTorch(OnTorch):
    """A network with other than dense layers; images are (channels, height, width), or channels last in memory."""

    def __init__(
        self,
        workload: Layered,
        threads: int,
        compiled: bool = False,
        autocast: bool = False,
        channels_last: bool = False,
    ) -> None:
        self.take_settings(workload, threads, compiled, autocast)
        self.network = module_of(workload.initial())
        self.shape, self.channels_first = workload.shape, reads_channels_first(self.network)
        self.format = torch.channels_last if channels_last else torch.contiguous_format
        if channels_last and len(workload.shape) < 3:
            raise SkipError("there are no images")
        self.network.to(memory_format=self.format)  # type: ignore[call-overload]
        self.whole = nn.Sequential(self.network, ACTIVATIONS[workload.output]()).train(self.trains)
        self.predict = torch.compile(self.whole) if compiled else self.whole

    def native(self, X: Any) -> Tensor:
        """Return a tensor of images, signals or sequences."""
        samples = torch.from_numpy(X).reshape(-1, *self.shape)
        if self.channels_first:
            samples = samples.movedim(-1, 1)
        return samples.contiguous(memory_format=self.format)

    def outputs(self, X: Any) -> NDArray[Any]:
        """Return the outputs in evaluation mode."""
        self.whole.eval()
        return super().outputs(X)


def scripted(module: nn.Module) -> Any:
    """Return the module in TorchScript, optimised for inference."""
    with warnings.catch_warnings(action="ignore"):  # TorchScript is deprecated
        return torch.jit.optimize_for_inference(torch.jit.script(module))


class StepsOnTorch(OnTorch):
    """An LSTM's cell and a dense layer after it, step by step."""

    def __init__(self, workload: Stepping, threads: int, make: Callable[[nn.Module], Any] | None = None) -> None:
        self.threads, self.trains = threads, False
        module = StepModule(workload.initial()).eval()
        self.units = module.cell.hidden_size
        self.step = make(module) if make else module

    def native(self, X: Any) -> Tensor:
        """Return a batch of one."""
        return torch.from_numpy(X)[None]

    def stepper(self) -> Callable[[Tensor], Tensor]:
        """Return a function that keeps the state of a new stream."""
        step, h, c = self.step, *torch.zeros(2, 1, self.units)

        def next_outputs(x: Tensor) -> Tensor:
            nonlocal h, c
            outputs: Tensor
            outputs, h, c = step(x, h, c)
            return outputs

        return next_outputs


WAYS: dict[str, dict[str, Any]] = {
    f"{name}{', compiled' if compiled else ''}{', bfloat16' if autocast else ''}": {
        "threads": n, "compiled": compiled, "autocast": autocast
    }
    for autocast in (False, True)
    for compiled in (False, True)
    for name, n in thread_counts().items()
}  # fmt: skip

PEER = Peer(
    "PyTorch",
    {"PyTorch": torch.__version__},
    {title: partial(OnTorch, **how) for title, how in WAYS.items()},
    {
        f"{title}{', channels last' if last else ''}": partial(LayersOnTorch, **how, channels_last=last)
        for last in (False, True)
        for title, how in WAYS.items()
    },
    {
        f"{name}{how}": partial(StepsOnTorch, threads=n, make=make)
        for how, make in {"": None, ", compiled": torch.compile, ", scripted": scripted}.items()
        for name, n in thread_counts().items()
    },
)
