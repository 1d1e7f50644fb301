"""Sampling: the divergence equals its integral, and is part of every loss that is reported or minimised."""

import numpy as np
import pytest
import scipy.integrate
import scipy.stats

import chainrule as cr

RANDOM = np.random.default_rng(0)
X = RANDOM.standard_normal((12, 3))


def coder(kl=0.7, **options):
    layers = [cr.Dense(4, "tanh"), cr.Sampling(kl), cr.Dense(3, "identity")]
    return cr.Network([cr.Input(3), *layers], seed=0, dtype="float64", **options)


def divergence(mean, log_variance):
    """Integrate p log(p / q), where p is this normal distribution and q the standard one."""
    p, q = scipy.stats.norm(mean, np.exp(log_variance / 2)), scipy.stats.norm()
    return scipy.integrate.quad(lambda z: p.pdf(z) * (p.logpdf(z) - q.logpdf(z)), -12, 12)[0]


def test_loss_is_that_of_the_outputs_and_the_divergence():
    net = coder()
    weights = np.arange(12) % 4
    code = np.tanh(X @ net.layers[1].weights + net.layers[1].bias)
    own = [sum(divergence(m, s) for m, s in zip(row[:2], row[2:], strict=True)) for row in code]
    squares = 0.5 * ((net.predict(X) - X) ** 2).sum(axis=1)
    expected = np.average(squares + 0.7 * np.array(own), weights=weights)
    assert net.evaluate(X, X, sample_weight=weights)["loss"] == pytest.approx(expected, rel=1e-9)
    assert net.loss_and_gradient(X, X, sample_weight=weights)[0] == pytest.approx(expected, rel=1e-9)


def test_gradient_is_the_difference_of_the_loss():
    net = coder()
    weights = np.arange(12) % 4
    start = net.parameters
    _, gradient = net.loss_and_gradient(X, X, sample_weight=weights)
    for index in range(len(start)):
        values = []
        for h in (1e-5, -1e-5):
            net.parameters = start + h * (np.arange(len(start)) == index)
            values.append(net.evaluate(X, X, sample_weight=weights)["loss"])
        assert (values[0] - values[1]) / 2e-5 == pytest.approx(gradient[index], abs=1e-8)


def test_below_fit_the_error_is_the_users():
    net = coder()
    for go_forward in (lambda: net.forward(X, training=True), lambda: net.loss_and_gradient(X, X)):
        go_forward()
        back = net.backward(np.zeros((12, 3)))
        assert not back.any()
        assert not any(part.any() for layer in net.gradients for part in layer)


def test_codes_are_drawn_around_their_means_in_training_alone():
    net = cr.Network([cr.Input(2), cr.Sampling()], seed=0)
    inputs = np.tile([[3.0, np.log(4.0)]], (4000, 1))
    assert net.predict(inputs).tolist() == net.forward(inputs).tolist() == [[3.0]] * 4000
    drawn = net.forward(inputs, training=True)
    assert scipy.stats.kstest(drawn[:, 0], scipy.stats.norm(3, 2).cdf).pvalue > 0.01


def test_a_heavy_divergence_leaves_the_standard_normal():
    net = coder(kl=50.0)
    net.layers[1].bias = [0.5, -0.5, 0.7, -0.7]
    net.fit(X, X, epochs=300, batch_size=4, optimizer=cr.Adam(0.02), verbose=0)
    code = np.tanh(X @ net.layers[1].weights + net.layers[1].bias)
    assert np.abs(code).max() < 0.1


def test_frozen_layers_in_front_are_left_alone():
    net = coder()
    net.layers[1].trainable = False
    before = net.layers[1].weights
    net.fit(X, X, epochs=1, verbose=0)
    assert net.layers[1].weights.tobytes() == before.tobytes()
    assert net.check(X, X).ok


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: cr.Sampling(-1.0), "kl must be"),
        (lambda: cr.Network([cr.Input(3), cr.Sampling()]), r"even number of features in a row, got .* \(3,\)"),
        (lambda: cr.Network([cr.Input(3, 2), cr.Sampling()]), r"even number of features in a row, got .* \(3, 2\)"),
    ],
)
def test_it_refuses(make, message):
    with pytest.raises(ValueError, match=message):
        make()
