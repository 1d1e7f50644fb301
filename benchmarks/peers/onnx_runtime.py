"""onnxruntime, which only predicts."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray

from ..workload import Model, SkipError, Training, Workload
from . import Parameters, Peer, thread_counts
from .onnx_layers import Graph


class OnRuntime(Model):
    """A network in a session on the CPU."""

    def __init__(self, workload: Workload, parameters: Parameters | None = None, *, threads: int) -> None:
        if isinstance(workload, Training):
            raise SkipError("predicts only")
        network = workload.initial()
        self.shape = network.shapes[0]
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        model = Graph(network).model().SerializeToString()
        self.session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])

    def native(self, X: Any) -> NDArray[Any]:
        """Return the samples with their channels first."""
        return np.ascontiguousarray(np.moveaxis(X.reshape(-1, *self.shape), -1, 1))

    def predict(self, X: Any) -> NDArray[Any]:
        """Run the session."""
        outputs: NDArray[Any] = self.session.run(None, {"X": X})[0]
        return outputs


VARIANTS = {name: partial(OnRuntime, threads=n) for name, n in thread_counts().items()}
PEER = Peer(
    "onnxruntime", {"onnxruntime": onnxruntime.__version__, "onnx": onnx.__version__}, VARIANTS, layered=VARIANTS
)
