"""Every kind of layer predicts in onnxruntime what it predicts here, and files say what they are."""

import numpy as np
import pytest
from networks_of_layers import ACTIVATIONS, NETWORKS
from onnx_files import samples, shaken

import chainrule as cr

onnx = pytest.importorskip("onnx")
reference = pytest.importorskip("onnx.reference")
runtime = pytest.importorskip("onnxruntime")
# Before 1.26, RNN ends with numbers from outside of its memory where all steps of a sample are padding.
READS_EMPTY_SAMPLES = tuple(int(part) for part in runtime.__version__.split(".")[:2]) >= (1, 26)


def session(net, path, **options):
    net.to_onnx(path, **options)
    onnx.checker.check_model(str(path), full_check=True)
    settings = runtime.SessionOptions()
    settings.intra_op_num_threads = 1
    settings.log_severity_level = 3
    return runtime.InferenceSession(str(path), settings, providers=["CPUExecutionProvider"])


def assert_same(net, path, X):
    made = session(net, path)
    kind = made.get_inputs()[0].type
    given = X.astype(np.int64 if "int64" in kind else np.float32)
    states = {each.name: np.zeros((len(X), *each.shape[1:]), np.float32) for each in made.get_inputs()[1:]}
    (outputs,) = made.run(["output"], {"input": given, **states})
    expected = net.predict(X)
    assert outputs.shape == expected.shape
    np.testing.assert_allclose(outputs, expected, rtol=1e-5, atol=1e-5)
    # Any number of samples.
    two = made.run(["output"], {"input": given[:2], **{name: values[:2] for name, values in states.items()}})[0]
    np.testing.assert_allclose(two, expected[:2], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", NETWORKS)
def test_layers_predict_the_same(name, tmp_path):
    layers, shape = NETWORKS[name]
    net = shaken(cr.Network([cr.Input(*shape), *(make() for make in layers)], seed=0))
    X = samples(net)
    if name == "dropout of inputs, masking" and not READS_EMPTY_SAMPLES:
        X = X[X.any(axis=(1, 2))]
    assert_same(net, tmp_path / "net.onnx", X)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_activations_are_the_same(activation, tmp_path):
    net = cr.Network([cr.Input(5), cr.Dense(6, "tanh"), cr.Dense(9, activation)], seed=0)
    assert_same(shaken(net), tmp_path / "net.onnx", 3 * samples(net))
    net = cr.Network([cr.Input(5, 4, 2), cr.Conv2D(3, 2, activation)], seed=0)
    assert_same(shaken(net), tmp_path / "net.onnx", 3 * samples(net))


RECURRENT = ("identity", "sigmoid", "tanh", "relu", "leaky_relu", "elu", "softplus", "softsign", "hard_sigmoid")
RECURRENT += ("leaky_relu(0.2)", "elu(1.5)")


@pytest.mark.parametrize("kind", [cr.SimpleRNN, cr.LSTM, cr.GRU])
@pytest.mark.parametrize("activation", sorted({*ACTIVATIONS} - {"softmax"}))
def test_recurrent_activations_are_the_same_or_refused(kind, activation, tmp_path):
    net = cr.Network([cr.Input(5, 3), cr.Bidirectional(kind(4, activation)), cr.Dense(2)], seed=0)
    path = tmp_path / "net.onnx"
    if activation in RECURRENT:
        assert_same(net, path, samples(net))
    else:
        message = rf"^Bidirectional\({kind.__name__}.*has no form in ONNX.*no activation '{activation}'"
        with pytest.raises(ValueError, match=message):
            net.to_onnx(path)
        assert not path.exists()


def test_scales_of_inputs_and_targets_are_inside(tmp_path):
    X = np.random.default_rng(0).integers(0, 256, (30, 4, 4, 1)).astype(np.uint8)
    y = X.mean(axis=(1, 2)) * [1, -50] + [0, 1000]
    layers = [cr.Input(4, 4, 1, scale=1 / 255), cr.Conv2D(2, 2, "relu"), cr.Flatten(), cr.Dense(2)]
    net = cr.Network(layers, seed=0, target_scale="auto")
    net.fit(X, y, epochs=2, verbose=0)
    (outputs,) = session(net, tmp_path / "net.onnx").run(None, {"input": X.astype(np.float32)})
    np.testing.assert_allclose(outputs, net.predict(X), rtol=1e-5)
    assert abs(outputs[:, 1].mean()) > 1000


@pytest.mark.parametrize(
    "layers",
    [
        [cr.Masking(), cr.Conv1D(4, 3, padding="causal"), cr.GRU(3, return_sequences=True), cr.Dense(2)],
        [cr.Conv1D(4, 3), cr.MaxPool1D(2), cr.Bidirectional(cr.LSTM(3)), cr.Dense(2)],
        [cr.LayerNorm(), cr.GlobalMaxPool1D()],
    ],
    ids=["mask", "windows", "pool"],
)
def test_sequences_may_have_any_length(layers, tmp_path):
    net = cr.Network([cr.Input(None, 3), *layers], seed=0)
    made = session(net, tmp_path / "net.onnx")
    assert made.get_inputs()[0].shape == ["N", "steps", 3]
    for steps in (4, 9, 20):
        X = np.random.default_rng(0).standard_normal((3, steps, 3)).astype(np.float32)
        X[0, 3:] = 0
        np.testing.assert_allclose(made.run(None, {"input": X})[0], net.predict(X), atol=1e-5)


def test_tokens_of_any_number(tmp_path):
    net = cr.Network([cr.Input(None), cr.Embedding(9, 4, mask_zero=True), cr.GRU(3), cr.Dense(2)], seed=0)
    made = session(net, tmp_path / "net.onnx")
    assert made.get_inputs()[0].shape == ["N", "steps"] and "int64" in made.get_inputs()[0].type
    X = np.random.default_rng(0).integers(0, 9, (4, 6))
    np.testing.assert_allclose(made.run(None, {"input": X})[0], net.predict(X), atol=1e-5)
    np.testing.assert_array_equal(cr.from_onnx(tmp_path / "net.onnx").predict(X), net.predict(X))


def test_a_padding_that_depends_on_the_number_of_steps_is_refused(tmp_path):
    net = cr.Network([cr.Input(None, 3), cr.Conv1D(4, 4, strides=3, padding="same"), cr.GRU(3)], seed=0)
    with pytest.raises(ValueError, match="layer 1_Conv1D depends on the number of steps"):
        net.to_onnx(tmp_path / "net.onnx")


@pytest.mark.parametrize("name", ["lenet", "lstm with peepholes", "gru that resets before", "periodic", "columns"])
def test_float64_keeps_its_numbers(name, tmp_path):
    layers, shape = NETWORKS[name]
    net = shaken(cr.Network([cr.Input(*shape), *(make() for make in layers)], seed=0, dtype="float64"))
    X = samples(net)
    net.to_onnx(tmp_path / "net.onnx", dtype="float64")
    model = onnx.load(tmp_path / "net.onnx")
    (outputs,) = reference.ReferenceEvaluator(model).run(None, {"input": X.astype(np.float64)})
    np.testing.assert_allclose(outputs, net.predict(X), rtol=1e-11, atol=1e-11)
    with pytest.warns(cr.ChainruleWarning, match="float64 numbers are rounded to float32"):
        net.to_onnx(tmp_path / "net.onnx")


def test_images_are_turned_around_once(tmp_path):
    layers, shape = NETWORKS["lenet"]
    net = cr.Network([cr.Input(*shape), *(make() for make in layers)], seed=0)
    net.to_onnx(tmp_path / "net.onnx")
    model = onnx.load(tmp_path / "net.onnx")
    ops = [node.op_type for node in model.graph.node]
    assert ops.count("Transpose") == 2 and ops[0] == "Transpose" and ops.index("Flatten") == 8
    assert model.ir_version == 9 and model.opset_import[0].version == 20
    shape = model.graph.output[0].type.tensor_type.shape.dim
    assert shape[0].dim_param == "N" and shape[1].dim_value == 12


def test_a_file_is_whole_or_not_there(tmp_path):
    net = cr.Network([3, 2], seed=0)
    with pytest.raises(ValueError, match="unknown dtype 'float16'"):
        net.to_onnx(tmp_path / "net.onnx", dtype="float16")
    with pytest.raises(OSError):
        net.to_onnx(tmp_path / "nowhere" / "net.onnx")
    assert list(tmp_path.iterdir()) == []
