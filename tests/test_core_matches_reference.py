"""The core follows the reference: every activation, loss and optimiser in both precisions, and random networks."""

import dataclasses

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from networks_of_layers import ACTIVATIONS

import chainrule as cr
from chainrule import _core, reference
from chainrule.losses import LOSSES
from chainrule.verification.report import compare
from chainrule.verification.twins import in_float64, reference_loss, reference_of, reference_optimizer

HIDDEN = [a for a in ACTIVATIONS if a != "softmax"]
PAIRINGS = [
    (loss, activation)
    for loss, cls in LOSSES.items()
    for activation in ACTIVATIONS
    if cls.activations is None or activation in cls.activations
]
OPTIMIZERS = [
    cr.SGD(0.1),
    cr.SGD(0.1, momentum=0.9),
    cr.SGD(0.1, momentum=0.9, nesterov=True),
    cr.Adagrad(0.05),
    cr.Adadelta(1.0),
    cr.RMSprop(0.01),
    cr.Adam(0.01),
    cr.AdamW(0.01, weight_decay=0.1),
    cr.Nadam(0.01),
    cr.DeltaBarDelta(0.1, momentum=0.5),
    cr.IRprop(),
]
TOLERANCE = {"float32": 2e-5, "float64": 1e-10}


def made_data(loss, activation, inputs, outputs, samples, seed):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((samples, inputs))
    if loss == "cross_entropy" and activation == "softmax":
        y = rng.dirichlet(np.ones(outputs), samples)
    elif loss == "cross_entropy":
        y = rng.uniform(size=(samples, outputs))
    elif loss == "poisson":
        y = rng.poisson(2.0, (samples, outputs)).astype(float)
    elif loss == "hinge":
        y = rng.choice([-1.0, 1.0], (samples, outputs))
    else:
        y = rng.standard_normal((samples, LOSSES[loss]().target_columns(outputs)))
    return X, y


def assert_agree(got, expected, tolerance, what):
    line = compare(what, "reference", np.asarray(got), np.asarray(expected), tolerance)
    assert line.ok, f"{what}: error {line.error:.2e} at {line.where}, allowed {tolerance:.0e}"


def train_both(net, X, y, loss, optimizer, *, epochs=2, batch_size=5, weights=None, noise=0.0, shuffle=True):
    """Train core and reference alike; return both losses by epoch."""
    ref, pupil = reference_of(net), reference_optimizer(optimizer)
    net.core.reset_optimizer()
    steps = -(-len(X) // batch_size)
    losses = []
    for epoch in range(epochs):
        rates = optimizer.rates(epoch * steps, steps)
        options = _core.EpochOptions(
            loss.core_loss(), optimizer.core_optimizer(), rates, batch_size, shuffle, net.seed, epoch, noise
        )
        got = net.core.train_epoch(X, y, weights, options)
        expected = ref.train_epoch(
            X, y, reference_loss(loss), pupil, rates, batch_size, shuffle, net.seed, epoch, weights, noise
        )
        weight, *sums = got[1]
        losses.append(([total / weight for total in sums], expected))
    return ref, losses


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("activation", HIDDEN)
def test_hidden_activation_matches_reference(activation, dtype):
    net = cr.Network([7, 19, 17, 3], activation=activation, seed=3, dtype=dtype)
    X, y = made_data("mse", "identity", 7, 3, 11, seed=1)
    report = net.check(X, y, loss="mse", optimizer="sgd")
    assert report.ok, report


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("loss", "activation"), PAIRINGS)
def test_loss_with_output_activation_matches_reference(loss, activation, dtype):
    net = cr.Network([6, 18, 6], activation="tanh", output=activation, seed=4, dtype=dtype)
    X, y = made_data(loss, activation, 6, 6, 9, seed=2)
    report = net.check(X, y, loss=loss, optimizer="sgd", sample_weight=np.linspace(0.5, 2, 9))
    assert report.ok, report


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("clip", [{}, {"clip_norm": 0.2}, {"clip_value": 0.01}], ids=["", "norm", "value"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=lambda o: type(o).__name__)
def test_optimizer_follows_reference_over_training(optimizer, clip, dtype):
    optimizer = dataclasses.replace(optimizer, **clip)
    net = cr.Network([6, 18, 3], activation="tanh", seed=5, dtype=dtype, l2=0.01, l1=0.003, max_norm=2.0)
    X, y = made_data("mse", "identity", 6, 3, 23, seed=3)
    batch = 23 if isinstance(optimizer, cr.IRprop) else 5
    ref, losses = train_both(net, X, y, cr.MSE(), optimizer, epochs=3, batch_size=batch)
    tolerance = {"float32": 2e-3, "float64": 1e-9}[dtype]
    assert_agree([got for got, _ in losses], [expected for _, expected in losses], tolerance, "loss and metric")
    assert_agree(net.parameters, ref.parameters, tolerance, "parameters")


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=lambda o: type(o).__name__)
@pytest.mark.parametrize(("loss", "activation"), PAIRINGS)
def test_every_loss_with_every_optimizer(loss, activation, optimizer):
    net = cr.Network([4, 9, 4], activation="softsign", output=activation, seed=6, dtype="float64")
    X, y = made_data(loss, activation, 4, 4, 8, seed=4)
    ref, losses = train_both(net, X, y, LOSSES[loss](), optimizer, epochs=2, batch_size=8)
    assert_agree(net.parameters, ref.parameters, 1e-8, "parameters")
    assert_agree([got for got, _ in losses], [expected for _, expected in losses], 1e-8, "loss and metric")


@st.composite
def problems(draw):
    sizes = draw(st.lists(st.integers(1, 40), min_size=2, max_size=5))
    loss, output = draw(st.sampled_from(PAIRINGS))
    sizes[-1] *= 2 if loss == "gaussian_nll" else 1
    layers = [cr.Input(sizes[0])]
    for units in sizes[1:-1]:
        layers.append(
            cr.Dense(
                units,
                # Smooth activations only: at a kink, rounding decides the side. Other tests cover kinks.
                activation=draw(
                    st.sampled_from(["sigmoid", "tanh", "softplus", "softsign", "gelu", "silu", "identity"])
                ),
                l1=draw(st.sampled_from([0.0, 0.001])),
                l2=draw(st.sampled_from([0.0, 0.01])),
                max_norm=draw(st.sampled_from([None, 1.0])),
                trainable=draw(st.sampled_from([True, True, False])),
            )
        )
    kinked = reference.activations.kinks(output) != ()
    layers.append(cr.Dense(sizes[-1], activation="identity" if kinked else output))
    optimizer = draw(st.sampled_from(OPTIMIZERS[:-1]))
    samples = draw(st.integers(1, 40))
    return {
        "net": cr.Network(layers, seed=draw(st.integers(0, 2**64 - 1)), dtype="float64"),
        "data": made_data(loss, layers[-1].activation, sizes[0], sizes[-1], samples, draw(st.integers(0, 99))),
        "loss": LOSSES[loss](),
        "optimizer": optimizer,
        "batch_size": draw(st.integers(1, samples)),
        "weights": np.linspace(0.1, 2, samples) if draw(st.booleans()) else None,
        "noise": draw(st.sampled_from([0.0, 0.1])),
        "shuffle": draw(st.booleans()),
    }


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(problems())
def test_random_network_follows_reference(problem):
    X, y = problem["data"]
    net = problem["net"]
    ref, losses = train_both(
        net, X, y, problem["loss"], problem["optimizer"], batch_size=problem["batch_size"],
        weights=problem["weights"], noise=problem["noise"], shuffle=problem["shuffle"],
    )  # fmt: skip
    # Momentum and division by small roots amplify rounding errors over the steps.
    assert_agree(net.parameters, ref.parameters, 1e-6, "parameters")
    assert_agree([g[0] for g, _ in losses], [e[0] for _, e in losses], 1e-6, "loss")


@pytest.mark.parametrize("name", cr.layers.initializers.INITIALIZERS)
@pytest.mark.parametrize("shape", [(30, 7), (7, 30), (16, 16)])
def test_initial_weights_match_reference(name, shape):
    net = cr.Network([5, shape[0], shape[1]], weights=name, dtype="float64", seed=2**64 - 1)
    for index, (n_in, n_out) in enumerate([(5, shape[0]), shape]):
        expected = reference.initializers.weights(name, n_in, n_out, 2**64 - 1, index)
        assert_agree(net.layers[index + 1].weights, expected, 1e-11, f"{name}, layer {index}")


@pytest.mark.parametrize("hidden", [0, 4, 5, 20])
def test_default_initial_weights_match_reference(hidden):
    net = cr.Network([30, *[16] * hidden, 5], dtype="float64", seed=3)
    for index, layer in enumerate(net.layers[1:]):
        n_in, n_out = layer.weights.shape
        scale = reference.initializers.default_scale(n_in, hidden + 1)
        expected = reference.initializers.weights("uniform", n_in, n_out, 3, index, scale)
        assert_agree(layer.weights, expected, 1e-11, f"layer {index}")
        assert 0.5 * scale < np.abs(layer.bias).max() < scale


def test_biases_are_zero_where_weights_are_given():
    for layer in (cr.Dense(3, weights="he_normal"), cr.Dense(3, weights=np.ones((2, 3)))):
        assert not cr.Network([cr.Input(2), layer], seed=0).layers[1].bias.any()


def test_shallow_networks_start_from_the_weights_of_pytorch():
    torch = pytest.importorskip("torch")
    net = cr.Network([200, 300, 100, 10], seed=0)
    for layer in net.layers[1:]:
        theirs = torch.nn.Linear(*layer.weights.shape)
        assert np.abs(layer.weights).max() == pytest.approx(theirs.weight.abs().max().item(), rel=1e-2)
        assert np.abs(layer.bias).max() < 1 / np.sqrt(len(layer.weights))


@pytest.mark.parametrize(("samples", "seed", "epoch"), [(1, 0, 0), (2, 1, 0), (1000, 2**63 + 5, 7)])
def test_shuffling_matches_reference_word_for_word(samples, seed, epoch):
    assert np.array_equal(_core.shuffled_order(samples, seed, epoch), reference.random.order(samples, seed, epoch))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "source",
    [
        lambda x: x,
        lambda x: x.astype(np.float32),
        np.asfortranarray,
        lambda x: np.repeat(x, 2, axis=0)[::2],
        lambda x: np.repeat(x, 3, axis=1)[:, ::3],
        lambda x: x[::-1][::-1],
        lambda x: x.copy()[::-1],
    ],
    ids=["float64", "float32", "fortran", "row stride", "column stride", "twice reversed", "reversed"],
)
def test_every_layout_of_input_gives_the_same_bytes(source, dtype):
    X = np.round(np.random.default_rng(0).standard_normal((21, 6)), 2).astype(np.float32).astype(np.float64)
    y = np.arange(21) % 3
    viewed = source(X)
    nets = [cr.Network([6, 9, 3], output="softmax", seed=1, dtype=dtype) for _ in range(2)]
    for net, data in zip(nets, (viewed, np.ascontiguousarray(viewed, dtype=np.float64)), strict=True):
        net.fit(data, y, epochs=2, batch_size=4, verbose=0)
    assert nets[0].parameters.tobytes() == nets[1].parameters.tobytes()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("zeros", [0.0, 0.9], ids=["dense", "zeros"])
@pytest.mark.parametrize("rows", [1, 3, 300])
def test_rows_are_read_where_they_lie(rows, zeros, dtype):
    columns = 100
    rng = np.random.default_rng(0)
    X = rng.standard_normal((rows, columns)).astype(dtype)
    X[rng.random(X.shape) < zeros] = 0
    net = cr.Network([columns, 20, 3], activation="relu", seed=0, dtype=dtype)
    expected = net.predict(X.astype("float64")).tobytes()  # a copy, if the network has another type
    for room in (columns, 117, 256, 1024):  # with the last two strides, rows share sets of the cache
        whole = np.full((rows, room), np.nan, dtype=dtype)
        whole[:, -columns:] = X
        assert net.predict(whole[:, -columns:]).tobytes() == expected, room
    assert net.predict(np.asfortranarray(X)).tobytes() == expected
    assert net.predict(np.ascontiguousarray(X[::-1])[::-1]).tobytes() == expected
    same = np.broadcast_to(X[0], X.shape)
    assert net.predict(same).tobytes() == net.predict(same.copy()).tobytes()


def test_bytes_are_scaled_as_they_are_gathered():
    X = np.random.default_rng(0).integers(0, 256, (20, 6), dtype=np.uint8)
    scaled = cr.Network([cr.Input(6, scale=1 / 255), 4, 2], seed=0, dtype="float64")
    net = cr.Network([6, 4, 2], seed=0, dtype="float64")
    assert np.array_equal(scaled.predict(X), net.predict(X / 255.0))
    assert np.array_equal(scaled.predict(X.astype(float)), net.predict(X / 255.0))


def test_large_batch_in_chunks_follows_reference():
    # So wide that the core divides the batch into several chunks.
    net = cr.Network([700, 900, 2], activation="tanh", seed=0, dtype="float64")
    X, y = made_data("mse", "identity", 700, 2, 900, seed=0)
    ref, _ = train_both(net, X, y, cr.MSE(), cr.SGD(0.01, momentum=0.5), epochs=1, batch_size=900)
    assert_agree(net.parameters, ref.parameters, 1e-10, "parameters")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_threads_do_not_change_a_byte(dtype, many_threads):
    X, y = made_data("mse", "identity", 100, 40, 150, seed=0)
    results = set()
    for threads in (1, 2, 3, 8):
        cr.set_num_threads(threads)
        net = cr.Network([100, 300, 257, 40], activation="gelu", output="softmax", seed=0, dtype=dtype)
        net.fit(X, np.abs(y).argmax(axis=1), epochs=2, batch_size=64, optimizer=cr.Adam(clip_norm=1.0), verbose=0)
        net.fit(X, np.abs(y).argmax(axis=1), epochs=2, batch_size=60, optimizer=cr.SGD(0.1), verbose=0)
        results.add(net.parameters.tobytes() + net.predict(X).tobytes())
    assert len(results) == 1


def test_cross_entropy_stays_finite_where_the_probability_underflows():
    for output, y in (("softmax", [[1.0, 0.0]]), ("sigmoid", [[1.0, 0.0]])):
        net = cr.Network([1, 2], output=output, weights=np.array([[-2000.0, 2000.0]]))
        value, gradient = net.loss_and_gradient([[1.0]], y, "cross_entropy")
        assert value == pytest.approx(4000.0)
        assert np.isfinite(gradient).all()


def test_float64_twin_has_the_same_numbers():
    net = cr.Network([3, 4, 2], seed=0)
    assert np.array_equal(in_float64(net).parameters, net.parameters.astype(np.float64))


@pytest.mark.parametrize("size", [1e200, 1e-200])
def test_a_gradient_is_clipped_whose_square_is_no_number(size):
    net = cr.Network([2, 3, 1], dtype="float64", weights=0.5, seed=0)
    net.forward(np.ones((1, 2)))
    net.backward([[size]])
    direction = np.concatenate([part.ravel() for parts in net.gradients for part in parts]) / size
    before = net.parameters
    net.step(cr.SGD(1.0 / min(size, 1.0), clip_norm=min(size, 1.0)))
    np.testing.assert_allclose(before - net.parameters, direction / np.linalg.norm(direction), rtol=1e-12)
