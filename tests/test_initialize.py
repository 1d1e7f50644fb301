"""Weights from data: pre-activations of variance 1, kinks among the samples, the same bytes, and what stays."""

import numpy as np
import pytest
import scipy.sparse

import chainrule as cr


def skewed(rows=700, features=6):
    """Return samples of which a column is constant, and others have quite different sizes."""
    X = np.random.default_rng(0).exponential(size=(rows, features)) * np.logspace(-2, 2, features)
    X[:, 1] = 3.0
    return X


def pre_activations(net, X, layers):
    z = net.truncated(layers).pre_activations(X)
    return z.reshape(-1, z.shape[-1])


@pytest.mark.parametrize("activation", ["relu", "selu", "tanh"])
def test_each_pre_activation_has_the_variance_1(activation):
    X = skewed()
    net = cr.Network([6, 40, 30, 20, 3], activation=activation, seed=0)
    net.initialize_from(X)
    for layers in (1, 2, 3, 4):
        assert pre_activations(net, X, layers).std(axis=0) == pytest.approx(1, abs=1e-4)


def test_hidden_units_bend_among_the_samples():
    X = skewed()
    net = cr.Network([6, 400, 3], seed=0)
    net.initialize_from(X)
    active = (pre_activations(net, X, 1) > 0).mean(axis=0)
    assert active.min() > 0 and active.max() < 1
    plain = cr.Network([6, 400, 3], seed=0)
    active = (pre_activations(plain, X, 1) > 0).mean(axis=0)
    assert ((active == 0) | (active == 1)).mean() > 0.2


def test_convolutions_and_layers_in_blocks_have_it_too():
    X = np.random.default_rng(0).standard_normal((50, 8, 8, 2)) * [3.0, 0.1]
    block = cr.Residual([cr.Conv2D(6, 3, "relu", padding="same"), cr.BatchNorm(), cr.Conv2D(6, 1)])
    up = cr.Conv2DTranspose(5, 3, "gelu")
    net = cr.Network([cr.Input(8, 8, 2), cr.Conv2D(6, 3, "relu"), block, up, cr.Flatten(), cr.Dense(4)], seed=0)
    net.initialize_from(X)
    for layers in (1, 3, 5):
        assert pre_activations(net, X, layers).std(axis=0) == pytest.approx(1, abs=1e-3)
    first, _, last = block.layers
    inputs = net.truncated(1).predict(X)
    alone = cr.Network([cr.Input(6, 6, 6), first.copy(), cr.BatchNorm(), last.copy()], seed=1)
    assert pre_activations(alone, inputs, 1).std(axis=0) == pytest.approx(1, abs=1e-3)
    assert pre_activations(alone, inputs, 3).std(axis=0) == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("factors", ["signs", "normal", 1.0])
def test_members_have_it_too(factors):
    X = skewed()
    first = cr.BatchEnsemble(30, "relu", factors=factors)
    layers = [cr.Repeat(4), first, cr.SeparateDense(20, "relu"), cr.BatchEnsemble(5), cr.SeparateDense(2)]
    net = cr.Network([cr.Input(6), *layers], seed=0)
    kept = [first.input_factors, first.output_factors, net.layers[5].bias]
    net.initialize_from(X)
    assert all((old == new).all() for old, new in zip(
        kept, [first.input_factors, first.output_factors, net.layers[5].bias], strict=True))  # fmt: skip
    z = [net.truncated(layers).pre_activations(X) for layers in (2, 3, 4, 5)]
    # Members share the weights of a BatchEnsemble, but not its biases.
    for shared in (z[0] - first.bias, z[2] - net.layers[4].bias):
        assert shared.std(axis=(0, 1)) == pytest.approx(1, abs=1e-3)
    for separate in (z[1], z[3]):
        assert separate.std(axis=0) == pytest.approx(1, abs=1e-3)
    for hidden in z[:2]:
        active = (hidden > 0).mean(axis=0)
        assert active.min() > 0 and active.max() < 1


def test_members_keep_what_was_given():
    separate, shared = cr.SeparateDense(5, "relu", bias=0.25), cr.BatchEnsemble(5, "relu", weights="orthogonal")
    net = cr.Network([cr.Input(6), cr.Repeat(3), separate, shared, cr.SeparateDense(1)], seed=0)
    weights = separate.weights, shared.weights
    net.initialize_from(skewed())
    assert (separate.bias == 0.25).all() and (separate.weights != weights[0]).all()
    assert (shared.weights == weights[1]).all() and (shared.bias == 0).all()


def test_each_step_of_a_sequence_counts():
    X = np.random.default_rng(0).standard_normal((40, 7, 3)) * 20
    net = cr.Network([cr.Input(None, 3), cr.Dense(9, "tanh"), cr.GRU(4), cr.Dense(2)], seed=0)
    recurrent = net.layers[2].weights
    net.initialize_from(X)
    assert pre_activations(net, X, 1).std(axis=0) == pytest.approx(1, abs=1e-4)
    assert pre_activations(net, X, 3).std(axis=0) == pytest.approx(1, abs=1e-3)
    assert (net.layers[2].weights == recurrent).all()


def test_seed_and_samples_decide_the_bytes(many_threads):
    X = skewed()

    def outcome(threads=None, seed=None, drawn_by=0):
        cr.set_num_threads(threads)
        net = cr.Network([6, 40, 30, 3], seed=seed)
        net.initialize_from(X, seed=drawn_by)
        return [layer.weights.tobytes() for layer in net.layers[1:]]

    try:
        first = outcome(1)
        assert outcome(3, seed=5) == outcome(2) == first
        assert outcome(drawn_by=np.random.default_rng(0)) == first
        assert outcome(drawn_by=1) != first
        assert outcome(seed=1, drawn_by=None) == outcome(drawn_by=1)
    finally:
        cr.set_num_threads(None)


def test_codes_images_in_bytes_and_other_precisions_are_read_as_in_training():
    rng = np.random.default_rng(0)
    X = np.stack([rng.standard_normal(300), rng.integers(0, 5, 300)], axis=1)
    net = cr.Network([cr.Input(2), cr.Columns([cr.Numbers(), cr.OneHot(5)]), cr.Dense(9, "relu"), cr.Dense(1)], seed=0)
    net.initialize_from(X)
    assert pre_activations(net, X, 2).std(axis=0) == pytest.approx(1, abs=1e-4)
    images = rng.integers(0, 256, (60, 5, 5)).astype(np.uint8)
    layers = [cr.Input(5, 5, scale=1 / 255), cr.Flatten(), cr.Dense(9, "relu"), cr.Dense(1)]
    for dtype in ("float32", "float64"):
        net = cr.Network(layers, seed=0, dtype=dtype)
        net.initialize_from(images)
        assert pre_activations(net, images, 2).std(axis=0) == pytest.approx(1, abs=1e-4)


def test_what_was_given_or_is_frozen_stays():
    X = skewed()
    donor = cr.Network([6, 5], seed=9)
    named = cr.Dense(5, "relu", weights="orthogonal")
    biased = cr.Dense(6, "relu", bias=0.25)
    frozen = cr.Dense(4, "relu", trainable=False)
    net = cr.Network([cr.Input(6), donor.layers[1], named, biased, frozen, cr.Dense(7), cr.Dense(2)], seed=0)
    before = [layer.weights for layer in net.layers[1:]], net.layers[6].bias, net.layers[5].bias
    net.initialize_from(X)
    changed = [bool((layer.weights != old).any()) for layer, old in zip(net.layers[1:], before[0], strict=True)]
    assert changed == [False, False, True, False, True, True]
    assert (biased.bias == 0.25).all() and (net.layers[6].bias == before[1]).all()
    assert (net.layers[5].bias != before[2]).all()


def test_a_unit_that_sees_no_difference_has_weights_of_a_usual_size():
    net = cr.Network([3, 8, 1], seed=0)
    net.initialize_from(np.ones((10, 3)))
    assert np.isfinite(net.parameters).all() and np.abs(net.layers[1].weights).max() < 4
    net.initialize_from(np.ones((1, 3)))
    assert np.isfinite(net.parameters).all()


@pytest.mark.parametrize(
    ("X", "options", "error", "message"),
    [
        (np.zeros((4, 5)), {}, ValueError, "X must have 6 features, got 5"),
        (np.full((4, 6), np.nan), {}, ValueError, "X must be finite"),
        (np.zeros((0, 6)), {}, ValueError, "at least one sample"),
        (scipy.sparse.csr_matrix(np.eye(6)), {}, TypeError, "X must be a dense array here, got a sparse matrix"),
        (np.zeros((4, 6)), {"seed": -1}, ValueError, "seed must be at least 0"),
        (np.zeros((4, 6)), {"seed": "a"}, TypeError, "seed must be"),
    ],
)
def test_it_refuses_before_anything_is_changed(X, options, error, message):
    net = cr.Network([6, 4, 1], seed=0)
    before = net.parameters
    with pytest.raises(error, match=message):
        net.initialize_from(X, **options)
    assert (net.parameters == before).all()


def test_a_callback_may_start_anew():
    net = cr.Network([6, 4, 1], seed=0)
    X = np.random.default_rng(0).standard_normal((50, 6))
    net.fit(X, X[:, 0], epochs=1, verbose=0, callbacks=lambda *_: net.initialize_from(X))
    expected = cr.Network([6, 4, 1], seed=0)
    expected.initialize_from(X)
    assert (net.layers[1].weights == expected.layers[1].weights).all()


def test_deep_networks_of_relu_learn_from_it():
    X = skewed(300) / np.logspace(-2, 2, 6)
    y = np.sin(X[:, 3:4]) + X[:, 2:3]
    net = cr.Network([6, *[30] * 20, 1], seed=0)
    net.initialize_from(X)
    assert pre_activations(net, X, 20).std(axis=0) == pytest.approx(1, abs=1e-3)
    history = net.fit(X, y, epochs=40, optimizer=cr.Adam(1e-3), verbose=0)
    assert history["loss"][-1] < 0.5 * history["loss"][0]
