"""Files of C make the bytes of the core, sample by sample and step by step, with any compiler and its optimisation."""

import csv
import io

import numpy as np
import pytest
from c_files import STRICT, Library, everything, from_table, has, made, pointer, run
from networks_of_layers import NETWORKS
from onnx_files import samples

import chainrule as cr

pytestmark = pytest.mark.skipif(not has("cc"), reason="there is no C compiler")


def assert_same_bytes(library, name, X):
    expected = library.networks[name].predict(X)
    outputs = library.predict(name, X)
    assert outputs.tobytes() == expected.tobytes(), np.abs(outputs - expected).max()


@pytest.fixture(scope="module")
def of_layers(tmp_path_factory):
    nets = {name: from_table(name) for name in NETWORKS}
    return Library(nets, tmp_path_factory.mktemp("layers"), "-O0")


@pytest.mark.parametrize("name", NETWORKS)
def test_layers_have_the_same_bytes(name, of_layers):
    assert_same_bytes(of_layers, name, samples(of_layers.networks[name]))


def in_steps(net):
    try:
        net.stepper()
    except ValueError:
        return False
    return True


def test_steps_have_the_bytes_of_a_stepper(of_layers):
    stepped = [name for name, net in of_layers.networks.items() if in_steps(net)]
    assert len(stepped) > 12
    for name in stepped:
        net = of_layers.networks[name]
        stepper = net.stepper()
        for x in samples(net):
            stepper.reset()
            expected = np.stack([stepper.step(step).ravel() for step in x])
            assert of_layers.steps(name, x, expected.shape[1]).tobytes() == expected.tobytes(), name
    others = [name for name in of_layers.networks if name not in stepped]
    assert not any("_step(" in of_layers.text(name, ".h") for name in others)


@pytest.mark.parametrize(
    ("dtype", "compiler", "flags"),
    [
        ("float64", "cc", "-O1"),
        ("float32", "cc", "-O3 -march=native -ffp-contract=fast"),
        ("float32", "clang-14", "-O2 -march=native"),
    ],
)
def test_compilers_make_the_same_bytes(dtype, compiler, flags, tmp_path):
    if not has(compiler):
        pytest.skip(f"there is no {compiler}")
    nets = everything(dtype)
    library = Library(nets, tmp_path, *flags.split(), compiler=compiler)
    for name, net in nets.items():
        X = samples(net)
        assert_same_bytes(library, name, X)
        if net.border.vocabulary is None:
            # Far out, where activations are flat and powers vanish, and near zero, where products do.
            for scale in (1e-20, 1e-37, *([] if name == "activations" else [30, 3000])):
                assert_same_bytes(library, name, (X * scale).astype(dtype))


def drawn(rng):
    """A network of layers over images and signals, with shapes and settings by chance."""
    rows, columns, channels = (int(n) for n in rng.integers(3, 9, 3))
    first = dict(strides=tuple(rng.integers(1, 4, 2).tolist()), padding=str(rng.choice(["valid", "same"])))
    window = tuple(rng.integers(1, 4, 2).tolist())
    image = [
        cr.Conv2D(int(rng.integers(1, 20)), window, "tanh", **first),
        cr.MaxPool2D(2, padding="same") if rng.random() < 0.5 else cr.AvgPool2D(2, strides=1, padding="same"),
        cr.Conv2DTranspose(int(rng.integers(1, 18)), window, strides=int(rng.integers(1, 3))),
        cr.Conv2D(6, 2, dilation=int(rng.integers(1, 4)), padding="same", groups=1),
        cr.Flatten(),
        cr.Dense(int(rng.integers(1, 20)), "sigmoid"),
    ]
    return made(*image, shape=(rows, columns, channels))


def test_shapes_by_chance_have_the_same_bytes(tmp_path):
    rng = np.random.default_rng(5)
    library = Library({number: drawn(rng) for number in range(8)}, tmp_path, "-O1")
    for number, net in library.networks.items():
        assert_same_bytes(library, number, samples(net))


def test_scales_of_inputs_and_targets_are_inside(tmp_path):
    X = np.random.default_rng(0).integers(0, 256, (30, 4, 4, 1))
    y = X.mean(axis=(1, 2)) * [1, -50] + [0, 1000]
    layers = [cr.Input(4, 4, 1, scale=1 / 255), cr.Conv2D(2, 2, "relu"), cr.Flatten(), cr.Dense(2)]
    net = cr.Network(layers, seed=0, target_scale="auto")
    net.fit(X, y, epochs=2, verbose=0)
    library = Library({"net": net}, tmp_path)
    assert_same_bytes(library, "net", X)
    assert library.predict("net", X[:1].astype(np.uint8)).tobytes() == net.predict(X[:1].astype(np.uint8)).tobytes()


@pytest.mark.parametrize("labels", [["no", "yes"], ["a", "b", "c"]])
def test_a_classifier_gives_probabilities(labels, tmp_path):
    sklearn = pytest.importorskip("chainrule.sklearn")
    X = np.random.default_rng(0).standard_normal((60, 4)).astype(np.float32)
    y = np.array(labels)[np.arange(60) % len(labels)]
    model = sklearn.MLPClassifier((8,), tol=1.0, n_iter_no_change=2, random_state=0).fit(X, y)
    library = Library({"net": model.network_}, tmp_path)
    probabilities = model.predict_proba(X)
    expected = probabilities if len(labels) > 2 else probabilities[:, 1:]
    assert library.predict("net", X).tobytes() == np.ascontiguousarray(expected).tobytes()


def rounded(net, weights):
    """The network with the weights that are read from a file of this form."""
    twin = net.copy()
    for layer in twin.stack:
        names = layer.parameter_arrays().keys() & {"weights", "input_weights", "recurrent_weights"}
        for name in names:
            values = layer.parameter_arrays()[name]
            if weights == "float16":
                values = values.astype(np.float16).astype(values.dtype)
            else:
                axis = -2 if isinstance(layer, cr.Conv2DTranspose) else -1
                others = tuple(a for a in range(values.ndim) if a != axis % values.ndim)
                units = np.abs(values).max(axis=others, keepdims=True) / np.float32(127)
                values = np.rint(values / units).astype(np.int8) * units
            layer.set_parameter(name, values)
    return twin


@pytest.mark.parametrize(("weights", "share"), [("float16", 1 / 2), ("int8", 1 / 4)])
def test_short_weights_are_read_as_rounded_ones(weights, share, tmp_path):
    nets = {
        "dense": made(cr.Dense(70, "tanh"), cr.Dense(3, "softmax"), shape=(40,)),
        "images": made(
            cr.Conv2D(6, 3, "relu"), cr.Conv2DTranspose(5, 3, strides=2), cr.Conv2D(5, 2, groups=5), shape=(7, 6, 2)
        ),
        "steps": made(cr.LSTM(9, return_sequences=True), cr.GRU(7), cr.Dense(2), shape=(5, 6)),
        "tokens": made(cr.Embedding(11, 5), cr.SimpleRNN(4), shape=(6,)),
    }
    nets["dense"].stack[0].weights = nets["dense"].stack[0].weights * 1e-6  # below the normal numbers of float16
    library = Library(nets, tmp_path, "-O1", weights=weights)
    for name, net in nets.items():
        X = samples(net)
        assert library.predict(name, X).tobytes() == rounded(net, weights).predict(X).tobytes(), name
    biases = 4 * (70 + 3)
    assert library.sizes["dense"].constants == pytest.approx(biases + share * 4 * (40 * 70 + 70 * 3), abs=4 * 73)


def test_a_double_network_may_have_float_weights(tmp_path):
    net = made(cr.Dense(9, "tanh"), cr.Dense(2), shape=(4,), dtype="float64")
    library = Library({"net": net}, tmp_path, weights="float32")
    X = samples(net)
    np.testing.assert_allclose(library.predict("net", X), net.predict(X), rtol=1e-6)
    for layer in net.stack:
        layer.weights = layer.weights.astype(np.float32)
    assert_same_bytes(library, "net", X)


def test_the_workspace_is_as_large_as_it_says(of_layers):
    for name, net in of_layers.networks.items():
        size = of_layers.sizes[name].workspace // 4
        workspace = np.full(size + 16, 7, np.float32)
        x = samples(net)[:1].astype(np.float32)
        y = np.zeros_like(net.predict(x))
        of_layers.function(name, "predict_with")(pointer(x), pointer(y), pointer(workspace))
        assert (workspace[size:] == 7).all(), name
        assert y.tobytes() == net.predict(x).tobytes()
        assert f"_WORKSPACE {size}\n" in of_layers.text(name, ".h")


def test_mixed_precision_has_the_same_bytes(tmp_path):
    nets = {
        "dense": made(cr.Dense(37, "relu"), cr.Dense(3, "softmax"), shape=(100,), precision="mixed"),
        "without a bias": made(cr.Dense(5, use_bias=False), shape=(31,), precision="mixed"),
        "steps": made(cr.Dense(40, "tanh"), cr.LSTM(33, return_sequences=True), shape=(4, 3), precision="mixed"),
        "units": made(cr.GRU(35, return_sequences=True), cr.SimpleRNN(4), shape=(5, 65), precision="mixed"),
        "tokens": made(cr.Embedding(9, 5), cr.GRU(4, reset_after=False), shape=(5,), precision="mixed"),
        "image": made(
            cr.Conv2D(6, 5, "relu"), cr.Conv2D(33, 3, strides=2, padding="same"), shape=(9, 8, 2), precision="mixed"
        ),
        "groups": made(
            cr.Conv2D(6, 3, groups=2, dilation=2), cr.Conv2D(6, 2, groups=6), shape=(9, 8, 4), precision="mixed"
        ),
        "signal": made(cr.Conv1D(20, 4, "tanh", padding="causal"), cr.Conv1D(3, 2), shape=(12, 5), precision="mixed"),
        "causal": made(cr.Conv1D(20, 4, "tanh", padding="causal", dilation=2), shape=(12, 5), precision="mixed"),
        "back": made(
            cr.Conv2DTranspose(5, 3, strides=2),
            cr.Conv2DTranspose(3, (2, 4), strides=(3, 2), padding="same"),
            shape=(4, 3, 6),
            precision="mixed",
        ),
    }
    library = Library(nets, tmp_path, "-O1")
    for name, net in nets.items():
        X = samples(net)
        assert_same_bytes(library, name, X)
        if net.border.vocabulary is None:
            for scale in (1e-30, 1e30):
                assert_same_bytes(library, name, (X * scale).astype(np.float32))
    for x in samples(nets["steps"]):
        expected = nets["steps"].predict(x[None])[0]
        assert library.steps("steps", x, 33).tobytes() == expected.tobytes()
    for x in samples(nets["causal"]):
        assert library.steps("causal", x, 20).tobytes() == nets["causal"].predict(x[None])[0].tobytes()


def test_sequences_of_any_length_are_read_in_steps(tmp_path):
    net = made(cr.LSTM(4, return_sequences=True), cr.Dense(2, "softmax"), shape=(None, 3))
    library = Library({"net": net}, tmp_path)
    assert library.sizes["net"].workspace == 0
    assert "_predict" not in library.text("net", ".h")
    assert "input (any number, 3)" in library.text("net", ".h")
    run("cc", *STRICT, "-DNET0_MAIN", tmp_path / "net0.c", "-o", tmp_path / "program", "-lm")
    for steps in (1, 4, 9):
        x = np.random.default_rng(steps).standard_normal((steps, 3)).astype(np.float32)
        expected = net.predict(x[None])[0]
        assert library.steps("net", x, 2).tobytes() == expected.tobytes()
        lines = run(tmp_path / "program", input="\n".join(",".join(map(str, step)) for step in x.tolist()))
        printed = np.loadtxt(io.StringIO(lines), delimiter=",", dtype=np.float32, ndmin=2)
        assert printed.tobytes() == expected.tobytes()


def test_a_program_reads_lines_of_numbers(tmp_path):
    net = made(cr.Dense(3, "softmax"), shape=(4,))
    net.to_c(tmp_path / "digits.c", name="Digits")
    run("cc", *STRICT, "-DDIGITS_MAIN", tmp_path / "digits.c", "-o", tmp_path / "digits", "-lm")
    X = samples(net)
    text = io.StringIO()
    csv.writer(text).writerows(X.tolist())
    for given in (text.getvalue(), text.getvalue().replace(",", " ").rstrip("\n")):
        printed = run(tmp_path / "digits", input=given)
        lines = np.loadtxt(io.StringIO(printed), delimiter=",", dtype=np.float32)
        assert lines.tobytes() == net.predict(X).tobytes()
    for wrong, message in {
        "1,2,3,4\n1,2,3\n": "line 2: expected 4 numbers, got 3",
        "1,2,3,4,5\n": "line 1: expected 4 numbers, got more",
        "1,2,x,4\n": "line 1: expected 4 numbers, got x",
        "1," + 80 * "2": "line 1: expected 4 numbers, got 222",
    }.items():
        with pytest.raises(AssertionError, match=message):
            run(tmp_path / "digits", input=wrong)


def test_headers_say_what_a_network_is(tmp_path):
    X = np.random.default_rng(0).standard_normal((30, 3))
    net = cr.Network([cr.Input(3), cr.Dense(4), cr.Dense(3, "softmax")], seed=0)
    net.fit(X, np.array(["*/ Höhe", "b??/", "real"])[np.arange(30) % 3], epochs=1, verbose=0)
    two = cr.Network([cr.Input(3), cr.Dense(1, "sigmoid")], seed=0)
    two.fit(X, np.array(["no", "yes"])[np.arange(30) % 2], epochs=1, verbose=0)
    two.to_c(tmp_path / "net.c")
    assert "low for the class no, and high for yes" in (tmp_path / "net.h").read_text()
    sizes = net.to_c(tmp_path / "net.c")
    text = (tmp_path / "net.h").read_text()
    for part in ("1. Dense(4", "to 4 numbers", "classes * / H\\xf6he, b? ?/, real, in", "MODEL_PARAMETERS 31"):
        assert part in text
    assert (sizes.constants, sizes.workspace, sizes.state) == (4 * 31, 4 * 4, 0)
    run("cc", *STRICT, "-c", tmp_path / "net.c", "-o", tmp_path / "net.o")
    run("c++", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-x", "c++", "-fsyntax-only", tmp_path / "net.h")
    run("cc", "-std=c99", "-x", "c", "-c", tmp_path / "net.h", "-o", tmp_path / "header.o")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"path": "net.txt"}, r"path must be of a file of C.*net\.txt"),
        ({"path": 'a".c'}, "path must be of a file of C"),
        ({"path": "nowhere/net.c"}, "must be in a folder that exists"),
        ({"name": "2d"}, "name must be a name in C.*'2d'"),
        ({"name": "größe"}, "name must be a name in C"),
        ({"name": "int"}, "no keyword; got 'int'"),
        ({"name": "a b"}, "name must be a name in C"),
        ({"weights": "int4"}, "unknown weights 'int4'"),
        ({"weights": "float64"}, "weights must be 'float32', 'float16' or 'int8'"),
    ],
)
def test_mistakes_are_refused(arguments, message, tmp_path):
    net = made(cr.Dense(2), shape=(3,))
    path = tmp_path / arguments.pop("path", "net.c")
    with pytest.raises((ValueError, OSError), match=message):
        net.to_c(path, **arguments)
    assert not list(tmp_path.iterdir())


def test_networks_without_a_form_are_refused(tmp_path):
    path = tmp_path / "net.c"
    with pytest.raises(ValueError, match=r"Input\(None, 3\) must have a number of steps.*got Bidirectional"):
        cr.Network([cr.Input(None, 3), cr.Bidirectional(cr.GRU(2))]).to_c(path)
    with pytest.raises(ValueError, match=r"weights must be 'float32' for a network in mixed precision, got 'int8'"):
        cr.Network([3, 2], precision="mixed").to_c(path, weights="int8")
    net = made(cr.Dense(4), cr.Dense(2), shape=(3,))
    net.stack[1].weights = np.full((4, 2), 1e5)
    with pytest.raises(ValueError, match=r"^layer 2, Dense\(2.*its weights are beyond the range of float16"):
        net.to_c(path, weights="float16")
    assert not path.exists()


def test_a_failure_leaves_the_files_that_were_there(tmp_path):
    net = made(cr.Dense(2), shape=(3,))
    net.to_c(tmp_path / "net.c")
    before = (tmp_path / "net.c").read_bytes()
    (tmp_path / "other.h").mkdir()
    with pytest.raises(OSError, match=r"other\.h must be a file"):
        net.to_c(tmp_path / "other.c")
    assert (tmp_path / "net.c").read_bytes() == before
    assert not (tmp_path / "other.c").exists()
