"""The promises of every kind of layer: agreement with the reference, the same bytes everywhere, files."""

import pickle

import numpy as np
import pytest
from guarded import guarded
from networks_of_layers import NETWORKS

import chainrule as cr
from chainrule.activations import ACTIVATIONS
from chainrule.inference import Predictor


def network(name, **options):
    layers, shape = NETWORKS[name]
    made = [make() for make in layers]
    return cr.Network([cr.Input(*shape), *made, cr.Flatten(), cr.Dense(3, "softmax")], seed=3, **options)


def data(name):
    layers, shape = NETWORKS[name]
    rng = np.random.default_rng(0)
    words = layers[0]().vocabulary is not None
    X = rng.integers(0, 9, (11, *shape)) if words else rng.standard_normal((11, *shape))
    if "masking" in name:
        for number, length in enumerate([6, 3, 1, 0, 5, 6, 2, 0, 1, 4, 3]):
            X[number, length:] = 0
            # Padding comes after the steps, before them, or in between.
            X[number] = np.roll(X[number], number % 5, axis=0)
    return X, np.arange(11) % 3


def fit_options(name):
    return {"batch_size": 4, "optimizer": cr.Adam(0.01), "shuffle": "stateful" not in name, "verbose": 0}


def trained(name, epochs=3, **options):
    net = network(name, **options)
    net.fit(*data(name), epochs=epochs, **fit_options(name))
    return net


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", NETWORKS)
def test_core_is_the_reference(name, dtype):
    net = network(name, dtype=dtype)
    report = net.check(*data(name), steps=6)
    assert report.ok, report


@pytest.mark.parametrize("name", NETWORKS)
def test_threads_and_instruction_sets_change_no_byte(name, many_threads):
    X, y = data(name)

    def outcome():
        net = trained(name)
        net.forward(X, training=True)
        back = net.backward(np.ones((len(X), 3)))
        objective = net.loss_and_gradient(X, y)
        return net.parameters.tobytes(), net.predict(X).tobytes(), back.tobytes(), objective[1].tobytes(), objective[0]

    fused = [isa for isa in cr.info()["isas"].split(", ") if isa != "baseline"]
    outcomes = []
    try:
        for isa in fused:
            cr.set_isa(isa)
            for threads in (1, 3):
                cr.set_num_threads(threads)
                outcomes.append(outcome())
    finally:
        cr.set_isa(None)
        cr.set_num_threads(None)
    assert all(other == outcomes[0] for other in outcomes)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", NETWORKS)
def test_one_sample_has_the_bytes_that_it_has_in_a_batch(name, dtype):
    X = np.tile(data(name)[0], (3, *[1] * len(NETWORKS[name][1])))
    net = trained(name, dtype=dtype)
    # Nothing is read after the last sample.
    X = guarded(X.astype(dtype))
    outputs = net.predict(X)
    predictor = Predictor(net)
    for i in range(len(X) - 11, len(X)):
        assert predictor(X[i]).tobytes() == net.predict(X[i : i + 1]).tobytes() == outputs[i].tobytes()
    for count in (2, 5, 16):
        assert net.predict(X[-count:]).tobytes() == outputs[-count:].tobytes()


@pytest.mark.parametrize("name", NETWORKS)
def test_files_pickles_and_copies_hold_all_of_it(name, tmp_path):
    X, y = data(name)
    net = trained(name)
    net.save(tmp_path / "net.safetensors")
    for other in (cr.load(tmp_path / "net.safetensors"), pickle.loads(pickle.dumps(net)), net.copy()):
        assert repr(other.layers) == repr(net.layers)
        assert other.predict(X).tobytes() == net.predict(X).tobytes()
        for each in (net.copy(), other):
            each.fit(X, y, epochs=1, **fit_options(name))
        expected = net.copy()
        expected.fit(X, y, epochs=1, **fit_options(name))
        assert other.parameters.tobytes() == expected.parameters.tobytes()


@pytest.mark.parametrize("name", NETWORKS)
def test_a_fit_goes_on_from_its_checkpoint(name, tmp_path):
    X, y = data(name)
    options = fit_options(name)
    file = tmp_path / "run.safetensors"
    network(name).fit(X, y, epochs=2, checkpoint=file, **options)
    resumed = cr.load(file)
    resumed.fit(X, y, epochs=4, resume=True, **options)
    assert resumed.parameters.tobytes() == trained(name, epochs=4).parameters.tobytes()


@pytest.mark.parametrize("name", NETWORKS)
def test_a_large_batch_in_chunks_has_the_gradient_of_its_samples(name):
    X, y = data(name)
    net = network(name, dtype="float64")
    _, whole = net.loss_and_gradient(X, y)
    apart = sum(net.loss_and_gradient(X[i : i + 1], y[i : i + 1])[1] for i in range(len(X))) / len(X)
    assert whole == pytest.approx(apart, rel=1e-12, abs=1e-14)


@pytest.mark.parametrize(("shape", "layer"), [((12,), cr.Dense), ((6, 6, 2), lambda *a: cr.Conv2D(20, 3, *a[1:]))])
@pytest.mark.parametrize("activation", sorted(set(ACTIVATIONS) - {"softmax"}))
def test_an_activation_of_its_own_trains_to_the_bytes_of_one_in_the_layer_below(shape, layer, activation):
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((40, *shape)), rng.standard_normal((40, 2))
    apart, together = (
        cr.Network([cr.Input(*shape), *layers, cr.Flatten(), cr.Dense(2)], seed=0)
        for layers in ([layer(20), cr.Activation(activation)], [layer(20, activation)])
    )
    together.parameters = apart.parameters
    for net in (apart, together):
        net.fit(X, y, epochs=3, batch_size=8, verbose=0)
    assert apart.parameters.tobytes() == together.parameters.tobytes()


@pytest.mark.parametrize("name", NETWORKS)
def test_a_repr_says_how_to_make_the_layer(name):
    for layer in network(name).layers[1:]:
        assert repr(eval(repr(layer), vars(cr))) == repr(layer)


@pytest.mark.parametrize("name", NETWORKS)
def test_what_it_was_built_with_cannot_be_set(name):
    """The core would not notice, and a file would tell of another network."""
    net = network(name)
    for leaf in net.leaves:
        for setting in leaf.settings:
            with pytest.raises(AttributeError, match=rf"{setting} of .* cannot be changed in a network"):
                setattr(leaf, setting, getattr(leaf, setting))


@pytest.mark.parametrize("name", NETWORKS)
def test_it_is_shown(name):
    X, y = data(name)
    net = network(name)
    assert f"{net.parameter_count:,} parameters" in net.summary()
    assert len(net.diagnose(X, y).lines) == len(net.computing)
    assert cr.plot.architecture(net).axes


def test_drawing_differs_from_epoch_to_epoch_and_not_in_prediction():
    net = network("dropout")
    X, _ = data("dropout")
    assert net.predict(X).tobytes() == net.forward(X).tobytes()
    first = net.forward(X, training=True)
    assert first.tobytes() == net.forward(X, training=True).tobytes()
    net.backward(np.ones((len(X), 3)))
    net.step(cr.SGD(1e-12))
    assert first.tobytes() != net.forward(X, training=True).tobytes()


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: cr.Input(), TypeError, "shape must have at least one number"),
        (lambda: cr.Input(2, 0), ValueError, "shape must be at least 1 and at most"),
        (lambda: cr.Dropout(1.0), ValueError, r"rate must be finite and in \[0, 1\), got 1.0"),
        (lambda: cr.GaussianNoise(-1), ValueError, "deviation must be"),
        (lambda: cr.Activation("tan"), ValueError, "unknown activation 'tan'; did you mean 'tanh'"),
        (lambda: cr.Activation("relu(0.1)"), ValueError, r"'relu\(0.1\)'; only 'leaky_relu\(…\)' and 'elu\(…\)' take"),
        (lambda: cr.Activation("elu(0.1"), ValueError, r"must have a number in its parentheses, got 'elu\(0.1'"),
        (lambda: cr.Activation("lu(0.1)"), ValueError, "unknown activation 'lu'; did you mean 'elu'"),
        (lambda: cr.Activation("elu(x)"), ValueError, "activation must have a number in its parentheses, got 'elu"),
        (lambda: cr.Activation("elu(-1)"), ValueError, r"α of 'elu' must be finite and in \[1e-06, 1e\+06\], got -1.0"),
        (lambda: cr.Activation("elu(nan)"), ValueError, "α of 'elu' must be finite"),
        (lambda: cr.Activation(3), TypeError, "activation must be a name, .*; got 3"),
        (lambda: cr.Activation("swish"), ValueError, "unknown activation 'swish'; use 'silu'"),
        (
            lambda: cr.Add([cr.Dense(2), []]),
            TypeError,
            r"each of the branches must be a sequence of layers, got Dense\(2",
        ),
        (lambda: cr.Concatenate(None), TypeError, "branches must be sequences of layers, got None"),
        (lambda: cr.Residual(cr.Dense(2)), TypeError, r"layers must be a sequence of layers, got Dense\(2"),
        (
            lambda: cr.Network([cr.Input(2, 2, 1), cr.Dense(3)]),
            ValueError,
            r"samples of shape \(2, 2, 1\); put a Flatten",
        ),
        (lambda: cr.Network([cr.Input(4), cr.Reshape((3,))]), ValueError, r"as many values as \(4,\), got \(3,\)"),
        (lambda: cr.Network([cr.Input(4), cr.Reshape((2, 2))]), ValueError, "at least one that computes"),
    ],
)
def test_it_refuses(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_a_sparse_matrix_needs_a_dense_first_layer():
    sparse = pytest.importorskip("scipy.sparse")
    net = cr.Network([cr.Input(5), cr.Dropout(0.1), cr.Dense(2, "softmax")], seed=0)
    with pytest.raises(ValueError, match="a sparse X needs a dense first layer"):
        net.fit(sparse.csr_matrix(np.eye(5)), np.zeros(5, int), verbose=0)


def test_samples_of_another_shape_are_refused():
    net = network("reshape")
    with pytest.raises(ValueError, match=r"X must have shape \(samples, 10\), got \(3, 5, 2\)"):
        net.predict(np.zeros((3, 5, 2)))
