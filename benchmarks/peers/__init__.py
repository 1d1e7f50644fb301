"""The peers: a module each, with `PEER` and a model that trains and predicts as a careful user would write it."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

import chainrule as cr

from ..workload import Layered, Model, Stepping, Training, Workload

Parameters = list[tuple[NDArray[np.float32], NDArray[np.float32]]]

MODULES = {
    "chainrule": "ours",
    "numpy": "numpy_blas",
    "torch": "pytorch",
    "jax": "jax_scan",
    "sklearn": "sklearn_mlp",
    "onnxruntime": "onnx_runtime",
}


@dataclass(frozen=True)
class Peer:
    """The contents of a peer's module: its name and versions, and a function per variant that builds a model."""

    name: str
    versions: dict[str, str]
    variants: dict[str, Callable[[Workload, Parameters], Model]]
    # The same for networks with other than dense layers, which are built from chainrule's; empty if it has none.
    layered: dict[str, Callable[[Layered], Model]] = field(default_factory=dict)
    # The same for networks that read a stream step by step.
    stepping: dict[str, Callable[[Stepping], Model]] = field(default_factory=dict)

    def builders(self, workload: Workload, parameters: Parameters) -> dict[str, Callable[[], Model]]:
        """Return, for each variant that can take part, a function that builds its model."""
        if isinstance(workload, Layered):
            builders: dict[str, Any] = {**(self.stepping if isinstance(workload, Stepping) else self.layered)}
            return {name: functools.partial(make, workload) for name, make in builders.items()}
        return {name: functools.partial(make, workload, parameters) for name, make in self.variants.items()}


def load(name: str) -> Peer:
    """Return the peer, or raise ImportError when it is not installed."""
    peer: Peer = importlib.import_module(f".{MODULES[name]}", __name__).PEER
    return peer


def thread_counts() -> dict[str, int]:
    """Return the numbers of threads to try, one and as many as chainrule uses, by their titles."""
    counts = sorted({1, cr.get_num_threads()})
    return {f"{n} thread{'s' if n > 1 else ''}": n for n in counts}


@functools.cache
def _blas() -> Any:
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def blas_threads(threads: int) -> AbstractContextManager[Any]:
    """Return a context in which the BLAS of NumPy and SciPy uses this number of threads."""
    context: AbstractContextManager[Any] = _blas().limit(limits=threads, user_api="blas")
    return context


def rows(training: Training, y: NDArray[Any]) -> NDArray[Any]:
    """Return labels as one-hot rows if the loss is "mse", and other targets unchanged."""
    return np.eye(training.sizes[-1], dtype=np.float32)[y] if training.loss == "mse" and y.ndim == 1 else y
