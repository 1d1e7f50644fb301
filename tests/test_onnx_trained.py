"""Trained models of others, which packages carry: chainrule runs them as they are imported, and onnxruntime agrees."""

import numpy as np
import pytest
from trained_models import SPECTRUM, carried, parts_of_silero

import chainrule as cr

onnx = pytest.importorskip("onnx")
runtime = pytest.importorskip("onnxruntime")


def session(path):
    return runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])


@pytest.mark.parametrize(("name", "parameters"), [("model_v8", 54_945), ("sig", 184_097), ("bak_ovr", 184_227)])
def test_dnsmos(name, parameters):
    path = carried("speechmos", f"dnsmos_models/{name}.onnx")
    net = cr.from_onnx(path)
    assert net.parameter_count == parameters
    theirs = session(path)
    (given,) = theirs.get_inputs()
    # Spectra in decibels, scaled as the package does.
    sizes = [size if isinstance(size, int) else 1 for size in given.shape]
    X = np.random.default_rng(0).uniform(-1, 1, (1, *sizes[1:])).astype(np.float32)
    (expected,) = theirs.run(None, {given.name: X})
    outputs = net.predict(X.reshape(1, *net.shapes[0]))
    np.testing.assert_allclose(outputs, expected.reshape(outputs.shape), atol=1e-5)


def test_silero_vad_from_after_its_spectrum_on(tmp_path):
    path = carried("silero_vad", "data/silero_vad_16k_sequence.onnx")
    encoder, decoder = map(cr.from_onnx, parts_of_silero(path, tmp_path))
    assert [type(layer).__name__ for layer in encoder.layers[1:5]] == ["Conv1D"] * 4
    assert {type(layer).__name__ for layer in decoder.layers} >= {"LSTM", "Conv1D"}

    model = onnx.load(path)
    model.graph.output.append(onnx.helper.make_tensor_value_info(SPECTRUM, onnx.TensorProto.FLOAT, None))
    onnx.save(model, tmp_path / "whole.onnx")
    time = np.arange(16_000 * 3) / 16_000
    sound = np.sin(2 * np.pi * 180 * time * (1 + 0.1 * np.sin(9 * time))) * (np.sin(5 * time) > 0)
    sound = (0.4 * sound + 0.02 * np.random.default_rng(0).standard_normal(time.size)).astype(np.float32)
    frames = np.lib.stride_tricks.sliding_window_view(sound, 576)[::512]
    nothing = np.zeros((1, 1, 128), np.float32)
    given = {"input": frames, "h": nothing, "c": nothing}
    expected, spectra = session(tmp_path / "whole.onnx").run(["speech_probs", SPECTRUM], given)
    encoded = encoder.predict(np.moveaxis(spectra, 1, -1)).reshape(1, -1, 128)
    outputs = decoder.predict(encoded)
    assert np.ptp(expected) > 0.1
    np.testing.assert_allclose(outputs.ravel(), expected, atol=1e-5)
    stepper = decoder.stepper()
    by_step = [stepper.step(encoded[:, step]) for step in range(encoded.shape[1])]
    np.testing.assert_array_equal(np.concatenate(by_step), outputs[0])
