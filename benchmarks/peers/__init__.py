"""The peers: each a module with `PEER`, and a model that trains and predicts as a careful user would write it."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from ..workloads import LayeredTraining, Stepping, Training, Workload

Parameters = list[tuple[NDArray[np.float32], NDArray[np.float32]]]

MODULES = {
    "chainrule": "ours",
    "numpy": "numpy_blas",
    "torch": "pytorch",
    "jax": "jax_scan",
    "sklearn": "sklearn_mlp",
    "onnxruntime": "onnx_runtime",
}


class SkipError(Exception):
    """Why a peer does not take part in a workload."""


class Model:
    """A workload's network in one peer's hands; `predict` gives the outputs for the peer's own kind of array."""

    predict: Callable[[Any], Any]

    def turn(self) -> AbstractContextManager[Any]:
        """Return what must hold while this model runs, such as the number of threads."""
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
        """Return what takes the steps of a stream from its beginning on, and gives the outputs behind each."""
        raise NotImplementedError


@dataclass(frozen=True)
class Peer:
    """What a peer's module offers: its name and versions, and how each variant builds a model."""

    name: str
    versions: dict[str, str]
    variants: dict[str, Callable[[Workload, Parameters], Model]]
    # Builds a model of a network that is more than dense layers, from chainrule's; empty: it has none.
    layered: dict[str, Callable[[LayeredTraining], Model]] = field(default_factory=dict)
    # The same for networks that read a stream.
    stepping: dict[str, Callable[[Stepping], Model]] = field(default_factory=dict)

    def builders(self, workload: Workload, parameters: Parameters) -> dict[str, Callable[[], Model]]:
        """Return how each variant that can take part builds its model."""
        from ..workloads import Layered, Stepping

        if isinstance(workload, Layered):
            builders: dict[str, Any] = {**(self.stepping if isinstance(workload, Stepping) else self.layered)}
            return {name: functools.partial(make, workload) for name, make in builders.items()}
        return {name: functools.partial(make, workload, parameters) for name, make in self.variants.items()}


def load(name: str) -> Peer:
    """Return the peer, or raise ImportError when it is not installed."""
    peer: Peer = importlib.import_module(f".{MODULES[name]}", __name__).PEER
    return peer


def thread_counts() -> dict[str, int]:
    """Return the numbers of threads that are tried: one, and as many as chainrule takes."""
    import chainrule as cr

    counts = sorted({1, cr.get_num_threads()})
    return {f"{n} thread{'s' if n > 1 else ''}": n for n in counts}


@functools.cache
def _blas() -> Any:
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def blas_threads(threads: int) -> AbstractContextManager[Any]:
    """Return a context in which NumPy's and SciPy's BLAS have so many threads."""
    context: AbstractContextManager[Any] = _blas().limit(limits=threads, user_api="blas")
    return context


def rows(training: Training, y: NDArray[Any]) -> NDArray[Any]:
    """Return the targets as rows where the loss is a difference: a one at the label."""
    return np.eye(training.sizes[-1], dtype=np.float32)[y] if training.loss == "mse" and y.ndim == 1 else y
