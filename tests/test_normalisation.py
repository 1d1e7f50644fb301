"""The running statistics of normalisations, beyond what test_layers.py checks for every layer."""

import numpy as np
import pytest

import chainrule as cr
from chainrule import _core

RANDOM = np.random.default_rng(0)


def made(*layers, size=3, **options):
    return cr.Network([cr.Input(size), *layers, cr.Dense(2, "softmax")], seed=0, **options)


def statistics(net, layer=1):
    return net.layers[layer].running_mean.tobytes(), net.layers[layer].running_variance.tobytes()


def test_a_training_pass_gives_each_feature_mean_zero_and_variance_one():
    net = cr.Network([cr.Input(19), cr.BatchNorm(epsilon=1e-12)], seed=0, dtype="float64")
    z = net.forward(5 + 3 * RANDOM.standard_normal((40, 19)), training=True)
    assert z.mean(axis=0) == pytest.approx(0, abs=1e-12)
    assert z.var(axis=0) == pytest.approx(1)
    z = cr.Network([cr.Input(4, 19), cr.LayerNorm(1e-12)], seed=0, dtype="float64").predict(
        RANDOM.standard_normal((6, 4, 19)) * 7
    )
    assert z.mean(axis=-1) == pytest.approx(0, abs=1e-12)
    assert z.var(axis=-1) == pytest.approx(1)


def test_prediction_and_gradients_take_the_running_statistics_and_leave_them():
    net = made(cr.BatchNorm(0.5))
    net.layers[1].running_mean = [1, 2, 3]
    net.layers[1].running_variance = [4, 1, 9]
    X, y = RANDOM.standard_normal((8, 3)), np.zeros(8, int)
    before = statistics(net)
    normalised = (X - [1, 2, 3]) / np.sqrt(np.array([4, 1, 9]) + 1e-5)
    net.forward(X)
    assert net.core.activations(0) == pytest.approx(normalised, rel=1e-5, abs=1e-6)
    net.predict(X), net.evaluate(X, y), net.loss_and_gradient(X, y)
    net.check(X, y)
    assert statistics(net) == before


def test_the_statistics_are_those_of_a_whole_batch_however_large():
    X = RANDOM.standard_normal((1000, 8)) + np.arange(8)
    net = cr.Network([cr.Input(8), cr.BatchNorm(0.0), cr.Dense(4000, "relu"), cr.Dense(1, "relu")], seed=0)
    net.train_on_batch(X, np.zeros(1000))
    assert net.layers[1].running_mean == pytest.approx(X.mean(axis=0), rel=1e-5, abs=1e-6)
    assert net.layers[1].running_variance == pytest.approx(X.var(axis=0), rel=1e-5)


def test_gradients_of_float32_are_sums_in_float64():
    X = RANDOM.standard_normal((50000, 1)).astype(np.float32)
    deltas = (1 + 1e-3 * RANDOM.standard_normal((50000, 1))).astype(np.float32)
    net = cr.Network([cr.Input(1), cr.BatchNorm()], seed=0)
    normalised = net.forward(X, training=True)
    net.backward(deltas)
    ((of_gamma, of_beta),) = net.gradients
    assert of_gamma == pytest.approx(np.sum(deltas.astype(float) * normalised), abs=1e-9, rel=1e-7)
    assert of_beta == pytest.approx(deltas.sum(dtype=float), rel=1e-7)


def test_an_epoch_that_is_stopped_has_the_statistics_of_its_steps():
    # The core asks ten times a second; an epoch must take much longer than that, on any machine.
    steps_of_epoch = 500000
    X, y = RANDOM.standard_normal((2 * steps_of_epoch, 3)), RANDOM.integers(0, 2, 2 * steps_of_epoch)
    stopped, short = (made(cr.Dense(40, "relu"), cr.BatchNorm()) for _ in range(2))
    rates = np.full(steps_of_epoch, 0.01)
    options = _core.EpochOptions(cr.CrossEntropy().core_loss(), cr.SGD().core_optimizer(), rates, 2, True, 0, 0)
    steps, _, _ = stopped.core.train_epoch(X, y, None, options, poll=lambda _: True)
    assert 0 < steps < steps_of_epoch
    short.core.train_epoch(X, y, None, options, _core.EpochPart(0, steps))
    assert statistics(stopped, 2) == statistics(short, 2)
    assert stopped.parameters.tobytes() == short.parameters.tobytes()


def test_an_epoch_that_diverges_gives_the_statistics_back():
    net = made(cr.Dense(4, "identity"), cr.BatchNorm())
    X = RANDOM.standard_normal((50, 3))
    net.fit(X, np.zeros(50, int), epochs=1, verbose=0)
    before = statistics(net, 2)
    with pytest.raises(cr.DivergedError):
        net.fit(1e38 * X, np.zeros(50, int), epochs=1, optimizer=cr.SGD(1e30), verbose=0)
    assert statistics(net, 2) == before


def image_network(channels, activation, dtype, in_lanes):
    # Signals stay in lanes between convolutions and pools; a layer without that, which passes on what it gets, keeps
    # them in rows.
    def passed_on():
        return [] if in_lanes else [cr.Dropout(0.0)]

    layers = [cr.Conv2D(channels, 3, activation, padding="same"), *passed_on(), cr.BatchNorm(), *passed_on()]
    layers += [cr.Activation("gelu"), *passed_on(), cr.Conv2D(5, 3), *passed_on(), cr.Activation("relu"), *passed_on()]
    layers += [cr.BatchNorm(), *passed_on(), cr.MaxPool2D(2), cr.Flatten(), cr.Dense(3, "softmax")]
    return cr.Network([cr.Input(11, 9, 1), *layers], seed=0, dtype=dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
# Batches of one block of samples and of several, some of which begin within a group of 16.
@pytest.mark.parametrize(("samples", "batch"), [(40, 40), (70, 37), (20, 3)])
@pytest.mark.parametrize(("channels", "activation"), [(1, "identity"), (6, "tanh"), (17, "identity")])
def test_it_has_the_same_bytes_in_lanes_and_in_rows(channels, activation, samples, batch, dtype):
    X, y = RANDOM.standard_normal((samples, 11, 9, 1)), RANDOM.integers(0, 3, samples)
    initial = image_network(channels, activation, dtype, in_lanes=True).parameters
    results = set()
    for threads in (1, 2, 3):
        for in_lanes in (True, False):
            cr.set_num_threads(threads)
            net = image_network(channels, activation, dtype, in_lanes)
            net.parameters = initial
            net.fit(X, y, epochs=2, batch_size=batch, verbose=0)
            normalisations = [layer for layer in net.layers if isinstance(layer, cr.BatchNorm)]
            running = b"".join(layer.running_variance.tobytes() for layer in normalisations)
            results.add(net.parameters.tobytes() + running + net.predict(X).tobytes())
    assert len(results) == 1


def test_a_frozen_layer_does_in_training_what_it_does_in_prediction():
    net = cr.Network([cr.Input(3), cr.Dense(6, "relu"), cr.BatchNorm(), cr.Dense(2, "softmax")], seed=0)
    net.fit(RANDOM.standard_normal((40, 3)), np.arange(40) % 2, epochs=2, verbose=0)
    X = RANDOM.standard_normal((20, 3))
    for layer in net.layers[1:]:
        layer.trainable = False
    before = net.predict(X)
    assert np.array_equal(net.forward(X, training=True), before)
    net.fit(X + 9, np.zeros(20, int), epochs=2, verbose=0)
    assert np.array_equal(net.predict(X), before)


def test_layers_around_a_frozen_one_learn_as_in_the_reference():
    norm = cr.BatchNorm(trainable=False)
    net = cr.Network([cr.Input(3), cr.Dense(6, "tanh"), norm, cr.Dense(2, "softmax")], seed=0)
    norm.running_mean, norm.running_variance = np.linspace(-1, 1, 6), np.linspace(0.5, 2, 6)
    assert net.check(RANDOM.standard_normal((20, 3)), np.arange(20) % 2).ok


@pytest.mark.parametrize("samples", [1, 33])
def test_a_batch_of_one_sample_is_warned_of(samples):
    net = cr.Network([cr.Input(3), cr.BatchNorm(), cr.Dense(1)], seed=0)
    with pytest.warns(cr.ChainruleWarning, match="BatchNorm.* batch of one sample, whose variance is zero"):
        net.fit(RANDOM.standard_normal((samples, 3)), np.zeros(samples), epochs=1, verbose=0)
    with pytest.warns(cr.ChainruleWarning, match="batch of one sample"):
        net.train_on_batch(np.ones((1, 3)), np.ones(1))
    net.layers[1].trainable = False
    net.fit(RANDOM.standard_normal((samples, 3)), np.zeros(samples), epochs=1, verbose=0)


def test_files_name_the_statistics(tmp_path):
    safetensors = pytest.importorskip("safetensors.numpy")
    made(cr.BatchNorm()).save(tmp_path / "net.safetensors")
    assert {"layers.0.running_mean", "layers.0.running_variance"} < set(
        safetensors.load_file(tmp_path / "net.safetensors")
    )


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: cr.BatchNorm(1.0), r"momentum must be finite and in \[0, 1\), got 1.0"),
        (lambda: cr.BatchNorm(epsilon=0), r"epsilon must be finite and in \(0, inf\), got 0"),
        (lambda: cr.LayerNorm(-1), "epsilon must be"),
        (lambda: setattr(made(cr.BatchNorm()).layers[1], "running_variance", [1, -1, 1]), "running_variance must be"),
        (lambda: setattr(made(cr.BatchNorm()).layers[1], "running_mean", [1]), r"running_mean must have shape \(3,\)"),
    ],
)
def test_it_refuses(make, message):
    with pytest.raises(ValueError, match=message):
        make()
