"""What layers remember from call to call, as inputs and outputs of files: as steppers have it."""

import numpy as np
import pytest
from onnx_files import samples, shaken

import chainrule as cr

runtime = pytest.importorskip("onnxruntime")

STEPPED = {
    "lstm, then layers of the whole": ([cr.Input(6, 3, scale=0.5), cr.LSTM(4), cr.Dense(5, "relu"), cr.Dense(2)]),
    "peepholes, every step": ([cr.Input(6, 3), cr.LSTM(4, peepholes=True, return_sequences=True), cr.Dense(2)]),
    "two layers": ([cr.Input(6, 3), cr.GRU(4, return_sequences=True), cr.GRU(5, reset_after=False), cr.Dense(2)]),
    "blocks": (
        [
            cr.Input(6, 4),
            cr.Residual([cr.Dense(4), cr.SimpleRNN(4, return_sequences=True)]),
            cr.Concatenate([[cr.Dense(2)], [cr.Dense(3), cr.LSTM(2, return_sequences=True)]]),
            cr.LSTM(3),
        ]
    ),
    "windows": (
        [
            cr.Input(6, 3),
            cr.Conv1D(4, 3, "relu", padding="causal", dilation=2),
            cr.Conv1D(2, 1),
            cr.Conv1D(4, 2, "tanh", padding="causal"),
        ]
    ),
    "padding": ([cr.Input(6, 3), cr.Masking(), cr.LSTM(4, return_sequences=True), cr.GRU(3), cr.Dense(2)]),
    "tokens": ([cr.Input(6), cr.Embedding(9, 4, mask_zero=True), cr.SimpleRNN(4), cr.Dense(2)]),
    "a shape in front": ([cr.Input(18), cr.Reshape(6, 3), cr.LSTM(4), cr.Dense(2)]),
}


def run(session, **values):
    results = session.run(None, values)
    return dict(zip([output.name for output in session.get_outputs()], results, strict=True))


def opened(path):
    return runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])


@pytest.mark.parametrize("name", STEPPED)
def test_steps_are_those_of_a_stepper(name, tmp_path):
    net = shaken(cr.Network(STEPPED[name], seed=0))
    net.to_onnx(tmp_path / "step.onnx", by_step=True)
    session = opened(tmp_path / "step.onnx")
    X = samples(net).reshape(7, 6, -1)
    kind = np.int64 if "int64" in session.get_inputs()[0].type else np.float32
    X = X[:, :, 0] if kind is np.int64 else X
    stepper = net.stepper(7)
    states = {state: np.zeros_like(values) for state, values in stepper.state.items()}
    assert {each.name for each in session.get_inputs()} == {"input", *states}
    for step in range(6):
        results = run(session, input=X[:, step].astype(kind), **states)
        expected = stepper.step(X[:, step])
        assert results["output"].shape == expected.shape
        np.testing.assert_allclose(results["output"], expected, rtol=1e-5, atol=1e-5)
        states = {state: results[f"{state}.next"] for state in states}
        for state, values in stepper.state.items():
            np.testing.assert_allclose(states[state], values, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("cell", [cr.LSTM, cr.GRU, cr.SimpleRNN])
def test_stateful_layers_go_on_from_their_state(cell, tmp_path):
    layers = [cr.Dense(3), cell(4, stateful=True, return_sequences=True), cr.LSTM(2, return_sequences=True)]
    net = cr.Network([cr.Input(6, 3), *layers], seed=0)
    net.to_onnx(tmp_path / "net.onnx")
    session = opened(tmp_path / "net.onnx")
    names = {each.name for each in session.get_inputs()} - {"input"}
    assert names == ({"2.h", "2.c"} if cell is cr.LSTM else {"2.h"})  # the last layer starts anew in each call
    assert [layer.stateful for layer in cr.from_onnx(tmp_path / "net.onnx").layers[1:]] == [False, True, False]
    X = np.random.default_rng(0).standard_normal((3, 12, 3)).astype(np.float32)
    zero = {name: np.zeros((3, 4), np.float32) for name in names}
    first = run(session, input=X[:, :6], **zero)
    np.testing.assert_allclose(first["output"], net.predict(X[:, :6]), rtol=1e-5, atol=1e-5)
    second = run(session, input=X[:, 6:], **{name: first[f"{name}.next"] for name in names})
    inner = cr.Network([cr.Input(12, 3), cr.Dense(3), cell(4, return_sequences=True)], seed=0)
    inner.parameters = net.parameters[: inner.parameter_count]
    outer = cr.Network([cr.Input(6, 4), cr.LSTM(2, return_sequences=True)], seed=0)
    outer.parameters = net.parameters[inner.parameter_count :]
    np.testing.assert_allclose(second["output"], outer.predict(inner.predict(X)[:, 6:]), rtol=1e-5, atol=1e-5)


def test_what_needs_several_steps_is_refused(tmp_path):
    net = cr.Network([cr.Input(6, 3), cr.Bidirectional(cr.LSTM(4))], seed=0)
    with pytest.raises(ValueError, match="layers that work step by step, got Bidirectional"):
        net.to_onnx(tmp_path / "net.onnx", by_step=True)
    assert not (tmp_path / "net.onnx").exists()
    with pytest.raises(TypeError, match="by_step must be True or False"):
        net.to_onnx(tmp_path / "net.onnx", by_step="yes")
