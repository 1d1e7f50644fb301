"""onnxruntime, which only predicts."""

from __future__ import annotations

from functools import partial
from typing import Any

import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from ..workload import Model, SkipError, Training, Workload
from . import Parameters, Peer, thread_counts

ACTIVATIONS = {"identity": "Identity", "relu": "Relu", "sigmoid": "Sigmoid", "softmax": "Softmax", "tanh": "Tanh"}
OPSET = 17


def graph(workload: Workload, parameters: Parameters) -> onnx.ModelProto:
    """Return the network as a graph of Gemm nodes and activations."""
    nodes, constants, x = [], [], "X"
    for k, (weights, bias) in enumerate(parameters):
        last = k == len(parameters) - 1
        constants += [numpy_helper.from_array(weights, f"W{k}"), numpy_helper.from_array(bias, f"b{k}")]
        nodes.append(helper.make_node("Gemm", [x, f"W{k}", f"b{k}"], [f"z{k}"]))
        x = "y" if last else f"a{k}"
        nodes.append(helper.make_node(ACTIVATIONS[workload.output if last else workload.hidden], [f"z{k}"], [x]))
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["samples", size])
        for name, size in (("X", workload.sizes[0]), ("y", workload.sizes[-1]))
    ]
    network = helper.make_graph(nodes, workload.name, ends[:1], ends[1:], constants)
    opset = [helper.make_opsetid("", OPSET)]
    return helper.make_model(network, opset_imports=opset, ir_version=helper.find_min_ir_version_for(opset))


class OnRuntime(Model):
    """A network in a session on the CPU."""

    def __init__(self, workload: Workload, parameters: Parameters, threads: int) -> None:
        if isinstance(workload, Training):
            raise SkipError("predicts only")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        model = graph(workload, parameters).SerializeToString()
        self.session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])

    def predict(self, X: Any) -> NDArray[Any]:
        """Run the session."""
        outputs: NDArray[Any] = self.session.run(None, {"X": X})[0]
        return outputs


PEER = Peer(
    "onnxruntime",
    {"onnxruntime": onnxruntime.__version__, "onnx": onnx.__version__},
    {name: partial(OnRuntime, threads=n) for name, n in thread_counts().items()},
)
