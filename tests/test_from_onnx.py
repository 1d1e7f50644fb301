"""Files of ONNX become networks: those written here, byte for byte, those of others, or an error that says why not."""

import numpy as np
import pytest
from networks_of_layers import ACTIVATIONS, NETWORKS
from onnx_files import assert_runs_the_same, made, samples, shaken

import chainrule as cr

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")
RNG = np.random.default_rng(0)


def numbers(*shape):
    return RNG.standard_normal(shape).astype(np.float32)


def round_trip(net, path):
    net.to_onnx(path)
    again = cr.from_onnx(path)
    X = samples(net)
    outputs, expected = again.predict(X), net.predict(X)
    assert outputs.shape == expected.shape
    return outputs, expected


@pytest.mark.parametrize("name", NETWORKS)
def test_what_is_written_here_comes_back(name, tmp_path):
    layers, shape = NETWORKS[name]
    net = shaken(cr.Network([cr.Input(*shape), *(make() for make in layers)], seed=0))
    outputs, expected = round_trip(net, tmp_path / "net.onnx")
    if name == "batch norm of channels":
        # Neither layer changes the order of its sums, but epsilon is float32 in the file.
        np.testing.assert_allclose(outputs, expected, atol=1e-6)
    else:
        np.testing.assert_array_equal(outputs, expected)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_activations_come_back(activation, tmp_path):
    net = cr.Network([cr.Input(5), cr.Dense(6, "tanh"), cr.Dense(9, activation)], seed=0)
    outputs, expected = round_trip(net, tmp_path / "net.onnx")
    np.testing.assert_array_equal(outputs, expected)


def test_layers_come_back_as_they_were(tmp_path):
    layers = [
        cr.Conv2D(4, 3, "relu", padding=((1, 1), (0, 2))),
        cr.BatchNorm(),
        cr.MaxPool2D(),
        cr.Flatten(),
        cr.Dense(5, "silu"),
        cr.Dense(3, "softmax"),
    ]
    net = cr.Network([cr.Input(8, 8, 2), *layers], seed=0)
    net.to_onnx(tmp_path / "net.onnx")
    again = cr.from_onnx(tmp_path / "net.onnx")
    assert [type(layer) for layer in again.layers[1:]] == [type(layer) for layer in layers]
    assert again.layers[1].padding == ((1, 1), (0, 2)) and again.layers[5].activation == "silu"
    again.fit(np.zeros((8, 8, 8, 2)), np.arange(8) % 3, epochs=1, verbose=0)


def test_sequences_of_any_length_come_back(tmp_path):
    net = cr.Network([cr.Input(None, 3), cr.Masking(), cr.GRU(4, return_sequences=True), cr.Dense(2)], seed=0)
    net.to_onnx(tmp_path / "net.onnx")
    again = cr.from_onnx(tmp_path / "net.onnx")
    for steps in (3, 8):
        X = np.random.default_rng(1).standard_normal((4, steps, 3))
        X[1, 1:] = 0
        np.testing.assert_array_equal(again.predict(X), net.predict(X))


def test_images_with_channels_first_and_rows_after_a_flatten(tmp_path):
    nodes = [
        ("Conv", ["x", numbers(4, 2, 3, 3), numbers(4)], ["a"], {"pads": [1, 1, 1, 1], "strides": [2, 2]}),
        ("LeakyRelu", ["a"], ["b"], {"alpha": 0.1}),
        ("MaxPool", ["b"], ["c"], {"kernel_shape": [2, 2], "strides": [1, 1]}),
        ("Flatten", ["c"], ["d"], {}),
        ("BatchNormalization", ["d", *(numbers(36) ** 2 for _ in range(4))], ["e"], {}),
        ("Gemm", ["e", numbers(3, 36), numbers(3)], ["f"], {"transB": 1}),
        ("Softmax", ["f"], ["y"], {}),
    ]
    assert_runs_the_same(made(nodes, (2, 8, 7)), tmp_path, channels_first=True)


def test_slopes_of_rows_after_a_flatten(tmp_path):
    nodes = [
        ("Conv", ["x", numbers(3, 2, 2, 2)], ["a"], {}),
        ("Flatten", ["a"], ["b"], {}),
        ("PRelu", ["b", numbers(18)], ["y"], {}),
    ]
    assert_runs_the_same(made(nodes, (2, 3, 4)), tmp_path, channels_first=True)


def test_residuals_and_concatenations_of_others(tmp_path):
    nodes = [
        ("Conv", ["x", numbers(6, 2, 3, 3)], ["a"], {"pads": [1, 1, 1, 1]}),
        ("Relu", ["a"], ["b"], {}),
        ("Conv", ["b", numbers(6, 6, 3, 3)], ["c"], {"pads": [1, 1, 1, 1]}),
        ("BatchNormalization", ["c", *(numbers(6) ** 2 for _ in range(4))], ["d"], {}),
        ("Add", ["b", "d"], ["e"], {}),
        ("Conv", ["e", numbers(3, 6, 1, 1)], ["f"], {}),
        ("AveragePool", ["e"], ["g"], {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1], "count_include_pad": 1}),
        ("Concat", ["f", "g"], ["h"], {"axis": 1}),
        ("GlobalAveragePool", ["h"], ["i"], {}),
        ("Squeeze", ["i", np.array([2, 3])], ["j"], {}),
        ("MatMul", ["j", numbers(9, 2)], ["y"], {}),
    ]
    assert_runs_the_same(made(nodes, (2, 6, 5)), tmp_path, channels_first=True)


def test_sums_of_branches_that_compute(tmp_path):
    nodes = [
        ("Conv", ["x", numbers(6, 2, 3, 3), numbers(6)], ["a"], {"pads": [1, 1, 1, 1], "strides": [2, 2]}),
        ("LeakyRelu", ["a"], ["b"], {"alpha": 0.2}),
        ("Conv", ["b", numbers(6, 6, 3, 3)], ["c"], {"pads": [1, 1, 1, 1]}),
        ("Conv", ["x", numbers(6, 2, 1, 1), numbers(6)], ["d"], {"strides": [2, 2]}),
        ("Add", ["c", "d"], ["e"], {}),
        ("Elu", ["e"], ["f"], {"alpha": 1.5}),
        ("Tanh", ["f"], ["g"], {}),
        ("Sigmoid", ["f"], ["h"], {}),
        ("Sum", ["f", "g", "h"], ["i"], {}),
        ("Add", ["i", "i"], ["j"], {}),
        ("GlobalMaxPool", ["j"], ["k"], {}),
        ("Flatten", ["k"], ["y"], {}),
    ]
    assert_runs_the_same(made(nodes, (2, 7, 6)), tmp_path, channels_first=True)


def test_recurrent_layers_of_pytorch(tmp_path):
    nodes = [
        ("Transpose", ["x"], ["t"], {"perm": [1, 0, 2]}),
        ("LSTM", ["t", numbers(2, 20, 3), numbers(2, 20, 5), numbers(2, 40)], ["a"], {
            "hidden_size": 5, "direction": "bidirectional"}),
        ("Transpose", ["a"], ["b"], {"perm": [0, 2, 1, 3]}),
        ("Reshape", ["b", np.array([0, 0, -1])], ["c"], {}),
        ("GRU", ["c", numbers(1, 12, 10), numbers(1, 12, 4), numbers(1, 24)], ["", "d"], {
            "hidden_size": 4, "linear_before_reset": 1}),
        ("Squeeze", ["d", np.array([0])], ["y"], {}),
    ]  # fmt: skip
    assert_runs_the_same(made(nodes, (6, 3)), tmp_path)


# Numbers for as many samples as there are, as PyTorch's exporters write initial states.
COUNTED = [
    ("Shape", ["x"], ["samples"], {"end": 1}),
    ("Concat", [np.array([1]), "samples", np.array([4])], ["sizes"], {"axis": 0}),
    ("Transpose", ["x"], ["t"], {"perm": [1, 0, 2]}),
]
MADE_OF_ZEROS = {
    "of a shape": [("ConstantOfShape", ["sizes"], ["h"], {})],
    "expanded": [("Expand", [np.zeros((1, 1, 1), np.float32), "sizes"], ["h"], {})],
    "cut": [
        ("Concat", [np.array([2]), "samples", np.array([4])], ["twice"], {"axis": 0}),
        ("ConstantOfShape", ["twice"], ["both"], {"value": onnx.numpy_helper.from_array(np.zeros(1, np.float32))}),
        ("Slice", ["both", np.array([1]), np.array([2]), np.array([0])], ["h"], {}),
    ],
}


@pytest.mark.parametrize("name", MADE_OF_ZEROS)
def test_zero_states_for_any_number_of_samples(name, tmp_path):
    weights = [numbers(1, 16, 3), numbers(1, 16, 4), numbers(1, 32)]
    nodes = [
        *COUNTED,
        *MADE_OF_ZEROS[name],
        ("LSTM", ["t", *weights, "", "h", "h"], ["", "e"], {"hidden_size": 4}),
        # The state of the one direction.
        ("Gather", ["e", np.array(-1)], ["y"], {"axis": 0}),
    ]
    assert_runs_the_same(made(nodes, (6, 3)), tmp_path)


@pytest.mark.parametrize("every", [True, False])
@pytest.mark.parametrize(("op", "gates"), [("RNN", 1), ("LSTM", 4), ("GRU", 3)])
def test_sequences_are_read_from_their_end(op, gates, every, tmp_path):
    operands = ["t", numbers(1, 5 * gates, 3), numbers(1, 5 * gates, 5), numbers(1, 10 * gates)]
    options = {"hidden_size": 5, "direction": "reverse"}
    nodes = [
        ("Transpose", ["x"], ["t"], {"perm": [1, 0, 2]}),
        (op, operands, ["o"] if every else ["", "o"], options),
        ("Transpose", ["o"], ["y"], {"perm": [2, 1, 0, 3] if every else [1, 0, 2]}),
    ]
    assert_runs_the_same(made(nodes, (6, 3)), tmp_path)


def test_numbers_on_the_way_are_folded(tmp_path):
    nodes = [
        ("Constant", [], ["two"], {"value": onnx.numpy_helper.from_array(np.float32([2.0]))}),
        ("Unsqueeze", ["two", np.array([0])], ["twos"], {}),
        ("Sub", ["x", numbers(4)], ["a"], {}),
        ("Div", ["a", "twos"], ["b"], {}),
        ("Dropout", ["b"], ["c"], {}),
        ("PRelu", ["c", numbers(4) ** 2], ["d"], {}),
        ("Mul", ["d", np.float32(3)], ["e"], {}),
        ("Add", ["e", numbers(4)], ["y"], {}),
    ]
    assert_runs_the_same(made(nodes, (4,)), tmp_path)


def test_numbers_for_each_value_and_values_in_other_places(tmp_path):
    nodes = [
        ("Add", ["x", numbers(3, 4)], ["a"], {}),
        ("Mul", ["a", numbers(3, 4)], ["b"], {}),
        ("Relu", ["b"], ["c"], {}),
        ("Transpose", ["c"], ["d"], {"perm": [0, 2, 1]}),
        ("Pad", ["d", np.array([0, 1, 2, 0, 0, 1])], ["e"], {"mode": "reflect"}),
        ("Slice", ["e", np.array([5]), np.array([-9]), np.array([2]), np.array([-2])], ["f"], {}),
        ("Gather", ["f", np.array([[0, 2], [4, 1]])], ["g"], {"axis": 1}),
        ("ReduceMin", ["g", np.array([2])], ["h"], {"keepdims": 0}),
        ("Split", ["h"], ["i", "j"], {"axis": 1, "num_outputs": 2}),
        ("Clip", ["j", np.float32(-0.5), np.float32(0.7)], ["k"], {}),
        ("Max", ["k", np.float32(-0.3)], ["y"], {}),
    ]
    assert_runs_the_same(made(nodes, (3, 4)), tmp_path)


def test_windows_with_gaps_and_images_in_blocks(tmp_path):
    nodes = [
        ("MaxPool", ["x"], ["a"], {
            "kernel_shape": [2, 3], "dilations": [2, 1], "pads": [1, 0, 1, 1], "strides": [1, 2]}),
        ("AveragePool", ["a"], ["b"], {"kernel_shape": [3, 2], "ceil_mode": 1, "strides": [2, 2]}),
        ("DepthToSpace", ["b"], ["c"], {"blocksize": 2}),
        ("ConvTranspose", ["c", numbers(1, 3, 3, 3)], ["d"], {
            "pads": [1, 0, 2, 1], "strides": [2, 2], "output_padding": [1, 0]}),
        ("Pad", ["d", np.array([0, 0, 1, 0, 0, 0, 0, 2]), np.float32(0.5)], ["e"], {}),
        ("Flatten", ["e"], ["y"], {}),
    ]  # fmt: skip
    assert_runs_the_same(made(nodes, (4, 8, 9)), tmp_path, channels_first=True)


def test_outputs_have_their_axes_in_the_order_of_the_file(tmp_path):
    nodes = [("Transpose", ["x"], ["a"], {"perm": [0, 2, 1]}), ("Tanh", ["a"], ["y"], {})]
    model = made(nodes, (3, 4))
    assert_runs_the_same(model, tmp_path)
    model.graph.input[0].type.tensor_type.shape.dim[1].dim_param = "steps"
    onnx.save(model, tmp_path / "net.onnx")
    with pytest.raises(ValueError, match="needs to know the number of steps"):
        cr.from_onnx(tmp_path / "net.onnx")


def test_steps_may_come_first_with_one_sample(tmp_path):
    nodes = [
        ("GRU", ["x", numbers(1, 12, 3), numbers(1, 12, 4), numbers(1, 24)], ["a"], {"hidden_size": 4}),
        ("Squeeze", ["a", np.array([1])], ["y"], {}),
    ]
    model = made(nodes, (1, 3))
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_param = "steps"
    onnx.save(model, tmp_path / "net.onnx")
    net = cr.from_onnx(tmp_path / "net.onnx")
    X = numbers(7, 1, 3)
    session = onnxruntime.InferenceSession(str(tmp_path / "net.onnx"), providers=["CPUExecutionProvider"])
    (expected,) = session.run(None, {"x": X})
    np.testing.assert_allclose(net.predict(X.swapaxes(0, 1)), expected.swapaxes(0, 1), atol=1e-6)


REFUSED = {
    "further result": (
        [("MaxPool", ["x"], ["z", "y"], {"kernel_shape": [2, 2]})],
        (2, 5, 5),
        r"\(MaxPool\) is asked for its result 'y', which no layer here gives",
    ),
    "operator": ([("Sin", ["x"], ["y"], {})], (4,), r"node 'Sin_y' \(Sin\) has no layer here"),
    "sharpness": ([("Celu", ["x"], ["y"], {"alpha": -1.0})], (4,), r"node 'Celu_y' \(Celu\) has alpha=-1.0, which no"),
    "no sharpness": ([("Celu", ["x"], ["y"], {"alpha": 0.0})], (4,), r"node 'Celu_y' \(Celu\) has alpha=0.0, which no"),
    "attribute": ([("Elu", ["x"], ["y"], {"alpha": -2.0})], (4,), r"node 'Elu_y' \(Elu\) has alpha=-2.0, which no"),
    "unknown attribute": (
        [("MaxPool", ["x"], ["y"], {"kernel_shape": [2, 2], "storage_order": 1})],
        (2, 5, 5),
        r"\(MaxPool\) has storage_order=1",
    ),
    "branches of other shapes": (
        [("GlobalAveragePool", ["x"], ["a"], {}), ("Add", ["x", "a"], ["y"], {})],
        (3, 4, 4),
        r"node 'Add_y' \(Add\) adds branches that end in the shapes",
    ),
    "product": (
        [("Relu", ["x"], ["a"], {}), ("Mul", ["a", "x"], ["y"], {})],
        (4,),
        r"node 'Mul_y' \(Mul\) multiplies two values",
    ),
    "weights": ([("Gemm", ["x", "x"], ["y"], {})], (4,), r"\(Gemm\) of several values has no layer here"),
    "sizes": ([("Add", ["x", numbers(3)], ["y"], {})], (4,), r"\(Add\) has constants of shape \(3,\)"),
    "softmax": ([("Softmax", ["x"], ["y"], {"axis": 0})], (3, 4), r"\(Softmax\) has axis=0"),
    "initial state": (
        [
            *COUNTED,
            ("ConstantOfShape", ["sizes"], ["h"], {"value": onnx.numpy_helper.from_array(np.ones(1, np.float32))}),
            ("GRU", ["t", numbers(1, 12, 3), numbers(1, 12, 4), "", "", "h"], ["", "y"], {"hidden_size": 4}),
        ],
        (6, 3),
        r"^node 'GRU_y' \(GRU\) of several values has no layer here",
    ),
    "no axis": (
        [("Gemm", ["x", numbers(4, 1)], ["a"], {}), ("Squeeze", ["a", np.array([1])], ["y"], {})],
        (4,),
        r"^node 'Squeeze_y' \(Squeeze\) leaves samples no axis",
    ),
    "direction": (
        [
            ("Transpose", ["x"], ["t"], {"perm": [1, 0, 2]}),
            ("LSTM", ["t", numbers(1, 20, 3), numbers(1, 20, 5)], ["y"], {"hidden_size": 5, "direction": "sideways"}),
        ],
        (6, 3),
        r"\(LSTM\) has direction='sideways'",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_no_layer_does_is_named(name, tmp_path):
    nodes, shape, message = REFUSED[name]
    onnx.save(made(nodes, shape), tmp_path / "net.onnx")
    with pytest.raises(ValueError, match=message):
        cr.from_onnx(tmp_path / "net.onnx")


def test_files_with_several_outputs_must_be_asked_for_one(tmp_path):
    nodes = [("Gemm", ["x", numbers(4, 3)], ["z"], {}), ("Softmax", ["z"], ["y"], {})]
    model = made(nodes, (4,))
    model.graph.output.append(onnx.helper.make_tensor_value_info("z", 1, ["N", 3]))
    onnx.save(model, tmp_path / "net.onnx")
    with pytest.raises(ValueError, match=r"output must be one of \['y', 'z'\], got None"):
        cr.from_onnx(tmp_path / "net.onnx")
    assert cr.from_onnx(tmp_path / "net.onnx", output="z").layers[-1].activation == "identity"
    (tmp_path / "cut.onnx").write_bytes((tmp_path / "net.onnx").read_bytes()[:100])
    (tmp_path / "text.onnx").write_text("no file of ONNX")
    (tmp_path / "empty.onnx").write_text("")
    for name in ("cut", "text", "empty"):
        with pytest.raises(cr.ModelFileError, match=rf"{name}\.onnx (is truncated, or no file|holds no graph) of ONNX"):
            cr.from_onnx(tmp_path / f"{name}.onnx")
    with pytest.raises(FileNotFoundError):
        cr.from_onnx(tmp_path / "nowhere.onnx")
