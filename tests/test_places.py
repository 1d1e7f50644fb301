"""Classes at each step of a sequence and at each pixel of an image."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.function_loss import as_loss

RANDOM = np.random.default_rng(0)
NETWORKS = {
    "dense": ((5, 3), lambda: [cr.LSTM(4, return_sequences=True), cr.Dense(3, "softmax")]),
    "activation": ((5, 3), lambda: [cr.LSTM(4, return_sequences=True), cr.Dense(3), cr.Activation("softmax")]),
    "many classes": ((70, 2), lambda: [cr.Dense(19, "softmax")]),
    "signal": ((9, 2), lambda: [cr.Conv1D(4, 3, "relu", padding="same"), cr.Conv1D(3, 3, "softmax", padding="same")]),
    "image": ((4, 5, 2), lambda: [cr.Conv2D(4, 3, "tanh", padding="same"), cr.Conv2D(3, 1, "softmax")]),
    "transposed": ((2, 3, 2), lambda: [cr.Conv2DTranspose(3, 2, "softmax", strides=2)]),
}


def made(name, dtype="float32"):
    """Return a network, samples, labels at each place, and weights of the places."""
    shape, layers = NETWORKS[name]
    net = cr.Network([cr.Input(*shape), *layers()], seed=1, dtype=dtype)
    *places, classes = net.shapes[-1]
    X = RANDOM.standard_normal((18, *shape))
    return net, X, RANDOM.integers(0, classes, (18, *places)), RANDOM.uniform(0.1, 2, (18, *places))


@pytest.mark.parametrize("name", NETWORKS)
def test_outputs_are_the_softmax_of_each_place(name):
    net, X, y, _ = made(name, "float64")
    z, a = net.pre_activations(X), net.predict(X)
    expected = np.exp(z) / np.exp(z).sum(axis=-1, keepdims=True)
    np.testing.assert_allclose(a, expected, rtol=1e-12)
    assert np.array_equal(net.predict_classes(X), expected.argmax(axis=-1))
    assert np.array_equal(net.predict_proba(X), a)
    assert net.score(X, y) == pytest.approx((expected.argmax(axis=-1) == y).mean())
    assert np.array_equal(net.forward(X), a)
    assert np.array_equal(cr.predict_population(net, [net.parameters], X)[0], a)


@pytest.mark.parametrize("name", NETWORKS)
def test_the_loss_of_a_sample_is_the_sum_over_its_places(name):
    net, X, y, w = made(name, "float64")
    a = net.predict(X)
    of_places = -np.log(np.take_along_axis(a, y[..., None], axis=-1)[..., 0])
    places = y[0].size
    one_hot = np.eye(a.shape[-1])[y]
    for targets in (y, one_hot, one_hot.reshape(len(X), -1)):
        assert net.evaluate(X, targets)["loss"] == pytest.approx(of_places.sum() / len(X))
        assert net.evaluate(X, targets, sample_weight=w)["loss"] == pytest.approx(
            places * (w * of_places).sum() / w.sum()
        )
    smooth = one_hot * 0.8 + 0.2 / a.shape[-1]
    assert net.evaluate(X, y, loss=cr.CrossEntropy(0.2))["loss"] == pytest.approx(-(smooth * np.log(a)).sum() / len(X))


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_number_is_that_of_the_reference_and_of_central_differences(name, dtype):
    net, X, y, w = made(name, dtype)
    for options in ({}, {"sample_weight": w}, {"loss": "mse"}, {"loss": cr.CrossEntropy(0.1)}):
        net.check(X[:4], y[:4], strict=True, **{k: v[:4] if k == "sample_weight" else v for k, v in options.items()})
    net.check(X[:4], np.eye(net.shapes[-1][-1])[y[:4]], loss="mse", strict=True)


@pytest.mark.parametrize("name", NETWORKS)
def test_weights_of_classes_are_weights_of_places(name):
    net, X, y, w = made(name)
    other = net.copy()
    net.fit(X, y, epochs=2, class_weight={0: 3.0}, sample_weight=w, verbose=0)
    other.fit(X, y, epochs=2, sample_weight=np.where(y == 0, 3 * w, w), verbose=0)
    assert net.parameters.tobytes() == other.parameters.tobytes()
    assert net.folded().predict(X) == pytest.approx(net.predict(X), abs=1e-6)


def test_labels_at_each_step_go_with_other_losses_and_may_be_strings():
    X, y = RANDOM.standard_normal((8, 5, 3)), RANDOM.integers(0, 2, (8, 5))
    for output, loss in (("identity", "mse"), ("identity", "hinge"), ("sigmoid", "cross_entropy")):
        for units in (1, 2) if loss != "mse" else (2,):
            net = cr.Network([cr.Input(5, 3), cr.GRU(4, return_sequences=True), cr.Dense(units, output)], seed=0)
            net.check(X, y, loss=loss, strict=True)
            net.loss = as_loss(loss)
            assert net.evaluate(X, y)["accuracy"] == pytest.approx((net.predict_classes(X) == y).mean())
    words = np.array(["noun", "verb"])[y]
    net = cr.Network([cr.Input(5, 3), cr.GRU(4, return_sequences=True), cr.Dense(2, "softmax")], seed=0)
    net.fit(X, words, epochs=1, verbose=0)
    assert net.score(X, words) == (net.predict_classes(X) == words).mean()


def test_a_stepper_has_the_softmax_of_each_step():
    net, X, *_ = made("dense")
    stepper = net.stepper()
    outputs = [stepper.step(x) for x in X[0].astype(np.float32)]
    assert np.array_equal(outputs, net.predict(X[:1].astype(np.float32))[0])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda y: y[:, :4], r"must have shape \(18, 5, 3\) or be labels of shape \(18, 5\), got \(18, 4\)"),
        (lambda y: y[:, 0], r"must have shape \(18, 5, 3\) or be labels of shape \(18, 5\), got \(18,\)"),
        (lambda y: y + 1, r"labels must be in \[0, 2\], got 3"),
        (lambda y: 0.5 * np.eye(3)[y], "rows of y must sum to 1"),
    ],
)
def test_other_targets_are_refused(change, message):
    net, X, y, _ = made("dense")
    with pytest.raises(ValueError, match=message):
        net.fit(X, change(y), verbose=0)
