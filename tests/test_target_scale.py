"""Targets of any scale: the network learns them in a unit that suits it, and predicts in their own."""

import pickle

import numpy as np
import pytest

import chainrule as cr
from chainrule.inference import Predictor

rng = np.random.default_rng(0)
X = rng.standard_normal((200, 3))
Y = np.column_stack([1e6 * X[:, 0] + 3e6, 1e-3 * X[:, 1] ** 2])


def network(scale="auto", outputs=2, **options):
    return cr.Network([3, 16, outputs], activation="tanh", seed=0, target_scale=scale, **options)


def fitted(scale="auto", epochs=60, **options):
    net = network(scale, **options)
    net.fit(X, Y, epochs=epochs, optimizer=cr.Adam(0.01), verbose=0)
    return net


def test_targets_far_from_one_are_learned():
    assert fitted().score(X, Y) > 0.9
    with pytest.warns(cr.ChainruleWarning, match="y is 1.*e\\+06, .* pass target_scale='auto' to a Network"):
        assert fitted(scale=None).score(X, Y) < 0.1


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_it_is_the_network_of_scaled_targets(dtype):
    mean, std = Y.mean(axis=0), Y.std(axis=0)
    plain = network(None, dtype=dtype)
    plain.fit(X, (Y - mean) / std, epochs=5, verbose=0)
    for scale in ("auto", (mean, std)):
        net = network(scale, dtype=dtype)
        history = net.fit(X, Y, epochs=5, verbose=0)
        assert net.parameters.tobytes() == plain.parameters.tobytes()
        assert history["loss"] == plain.history["loss"]
        assert net.predict(X).dtype == dtype
        np.testing.assert_allclose(net.predict(X), plain.predict(X) * std + mean, rtol=1e-6, atol=1e-9)


def test_the_unit_is_kept_everywhere(tmp_path):
    net = fitted(epochs=3)
    expected = net.predict(X)
    net.save(tmp_path / "net.safetensors")
    for other in (cr.load(tmp_path / "net.safetensors"), net.copy(), pickle.loads(pickle.dumps(net))):
        assert other.predict(X).tobytes() == expected.tobytes()
    assert np.array_equal(net.forward(X), expected)
    assert np.array_equal(cr.predict_population(net, [net.parameters], X)[0], expected)
    assert net.check(X, Y).ok
    assert net.truncated(1).predict(X).shape == (200, 16)
    folded = net.folded()
    assert np.abs((folded.predict(X) - expected) / Y.std(axis=0)).max() < 1e-5
    with pytest.raises(ValueError, match=r"network must have no target_scale, which net.folded\(\) merges"):
        Predictor(net)
    assert np.array_equal(Predictor(folded)(X[0].astype(np.float32)), folded.predict(X[:1].astype(np.float32))[0])


def test_gradients_are_by_outputs_in_units():
    net = fitted(epochs=1, dtype="float64")
    gradient = rng.standard_normal((200, 2)) / Y.std(axis=0)
    net.forward(X)
    back = net.backward(gradient)
    moved = X.copy()
    moved[:, 1] += 1e-6
    difference = ((net.predict(moved) - net.predict(X)) * gradient).sum(axis=1) / 1e-6
    np.testing.assert_allclose(back[:, 1], difference, rtol=1e-3, atol=1e-4)


def test_a_fit_is_resumed_with_its_unit(tmp_path):
    options = {"optimizer": cr.Adam(0.01), "verbose": 0}
    whole = network()
    whole.fit(X, Y, epochs=4, **options)
    network().fit(X, Y, epochs=2, checkpoint=tmp_path / "run.safetensors", **options)
    again = cr.load(tmp_path / "run.safetensors")
    again.fit(X, Y, epochs=4, resume=True, **options)
    assert again.predict(X).tobytes() == whole.predict(X).tobytes()


def test_steps_and_quantiles_have_the_unit_of_their_targets():
    sequences, targets = rng.standard_normal((20, 5, 3)), 1e4 + rng.standard_normal((20, 5, 2))
    layers = [cr.Input(5, 3), cr.LSTM(4, return_sequences=True), cr.Dense(2)]
    net = cr.Network(layers, seed=0, target_scale="auto")
    net.fit(sequences, targets, epochs=2, verbose=0)
    assert abs(net.predict(sequences) - 1e4).max() < 10
    stepper = net.stepper()
    steps = [stepper.step(row) for row in sequences[0].astype(np.float32)]
    assert np.array_equal(steps, net.predict(sequences[:1].astype(np.float32))[0])
    assert abs(net.folded().predict(sequences) - net.predict(sequences)).max() < 0.01
    band = network(outputs=3)
    band.fit(X, Y[:, 0], loss=cr.Quantile([0.1, 0.5, 0.9]), epochs=60, optimizer=cr.Adam(0.01), verbose=0)
    assert 0.6 < ((band.predict(X)[:, 0] < Y[:, 0]) & (Y[:, 0] < band.predict(X)[:, 2])).mean() < 0.95
    last = cr.Network([cr.Input(5, 3), cr.LSTM(2)], seed=0, target_scale=(5.0, 2.0))
    assert np.allclose(last.folded().predict(sequences), last.predict(sequences))


def test_constant_targets_are_only_shifted():
    net = network(outputs=1)
    net.fit(X, np.full(200, 7.0), epochs=100, optimizer=cr.Adam(0.05), verbose=0)
    assert np.allclose(net.predict(X), 7.0, atol=0.05)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: network("standard"), ValueError, "unknown target_scale 'standard'"),
        (lambda: network(3.0), TypeError, r"target_scale must be 'auto' or \(mean, std\), got 3.0"),
        (lambda: network((0.0, 0.0)), ValueError, "std of target_scale must be > 0, got 0.0"),
        (lambda: network(([0.0] * 3, 1.0)), ValueError, r"one for each target, got \(3,\)"),
        (lambda: network((np.nan, 1.0)), ValueError, "mean of target_scale must be finite"),
        (
            lambda: cr.Network([3, 2], output="softmax", target_scale="auto"),
            ValueError,
            "needs an output of activation 'identity', got 'softmax'",
        ),
        (lambda: network().evaluate(X, Y), ValueError, "target_scale 'auto' is found by the first fit"),
        (lambda: network().fit([(X, Y)], verbose=0), ValueError, r"must be \(mean, std\) for batches"),
        (lambda: network().fit(X, np.arange(200) % 2, verbose=0), ValueError, "targets that are numbers, got labels"),
        (
            lambda: network((0.0, 1.0)).fit(X, np.arange(200) % 2, verbose=0),
            ValueError,
            "targets that are numbers, got labels",
        ),
        (lambda: network((0.0, 1.0)).evaluate(X, Y, loss="gaussian_nll"), ValueError, "needs a loss of differences"),
    ],
)
def test_it_refuses(make, error, message):
    with pytest.raises(error, match=message):
        make()
