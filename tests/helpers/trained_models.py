"""Trained models of others, which packages carry as files of ONNX."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

# Values within the voice detector of silero-vad.
SPECTRUM, FEATURES, PROBABILITIES = "/stft/Sqrt_output_0", "/Transpose_output_0", "/Sigmoid_output_0"


def carried(package, file):
    """The path of a file within a package, which is not imported."""
    found = importlib.util.find_spec(package)
    if found is None:
        pytest.skip(f"{package} is not installed")
    return Path(found.origin).parent / file


def cut(path, begin, shape, end, to, **constants):
    """Write the part of a model between two values, with constants in place of other inputs."""
    import onnx

    model = onnx.load(path)
    for name, values in constants.items():
        model.graph.initializer.append(onnx.numpy_helper.from_array(values, name))
    needed, nodes = {end}, []
    for node in reversed(model.graph.node):
        if needed.intersection(node.output):
            needed.update(name for name in node.input if name != begin)
            nodes.append(node)
    kept = [tensor for tensor in model.graph.initializer if tensor.name in needed]
    given = onnx.helper.make_tensor_value_info(begin, onnx.TensorProto.FLOAT, shape)
    result = onnx.helper.make_tensor_value_info(end, onnx.TensorProto.FLOAT, None)
    graph = onnx.helper.make_graph(nodes[::-1], "part", [given], [result], kept)
    onnx.save(onnx.helper.make_model(graph, opset_imports=model.opset_import, ir_version=model.ir_version), to)


def parts_of_silero(path, folder):
    """Write the detector from after its spectrum on, in two parts.

    Frames are samples of the first part, and steps of the second. The spectra are (frames, 129, 4),
    and the features that the first part makes of them (frames, 1, 128).
    """
    nothing = np.zeros((1, 1, 128), np.float32)
    cut(path, SPECTRUM, ["N", 129, 4], FEATURES, folder / "encoder.onnx")
    cut(path, FEATURES, ["steps", "N", 128], PROBABILITIES, folder / "decoder.onnx", h=nothing, c=nothing)
    return folder / "encoder.onnx", folder / "decoder.onnx"
