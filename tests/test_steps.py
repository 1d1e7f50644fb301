"""Losses, metrics and weights at each step of a sequence."""

import numpy as np
import pytest
from recurrent import LENGTHS, padded, randomised, sequences, tagged

import chainrule as cr

LOSSES = [
    ("tanh", "mse"),
    ("sigmoid", "cross_entropy"),
    ("gelu", "mae"),
    ("identity", "hinge"),
    ("softplus", "poisson"),
]


@pytest.mark.parametrize(("output", "loss"), LOSSES)
def test_losses_at_each_step_are_checked(output, loss):
    layers = [cr.GRU(6, return_sequences=True), cr.Dense(2, output)]
    net = randomised(cr.Network([cr.Input(7, 3), *layers], seed=0))
    report = net.check(sequences(), (sequences(5, 7, 2) > 0).astype(float), loss=loss)
    assert report.ok, report


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("output", "loss"), LOSSES)
def test_weights_of_steps_are_checked(output, loss, dtype):
    net, y, weights = tagged(output, dtype=dtype)
    report = net.check(padded(), y, loss=loss, sample_weight=weights, steps=4)
    assert report.ok, report


def test_weighted_steps_are_as_samples_without_padding():
    net, y, _ = tagged(dtype="float64")
    weights = (np.arange(7) < np.array(LENGTHS)[:, None]).astype(float)
    X = padded()
    loss, gradient = 0.0, np.zeros(net.parameter_count)
    for sample, target, length in zip(X, y, LENGTHS, strict=True):
        if length == 0:
            continue
        layers = [cr.GRU(6, return_sequences=True), cr.Dense(2, "tanh")]
        short = cr.Network([cr.Input(length, 3), *layers], seed=0, dtype="float64")
        short.parameters = net.parameters
        alone_loss, alone_gradient = short.loss_and_gradient(sample[None, :length], target[None, :length], "mse")
        loss, gradient = loss + alone_loss, gradient + alone_gradient
    got_loss, got = net.loss_and_gradient(X, y, "mse", weights)
    assert got_loss == pytest.approx(7 * loss / sum(LENGTHS), rel=1e-12)
    np.testing.assert_allclose(got, 7 * gradient / sum(LENGTHS), rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize(
    ("output", "loss", "name", "right"),
    [
        ("tanh", "mse", "mae", lambda a, y: abs(a - y)),
        ("sigmoid", "cross_entropy", "accuracy", lambda a, y: (a > 0.5) == (y > 0.5)),
    ],
)
def test_metrics_are_weighted_by_steps_too(output, loss, name, right):
    net, y, weights = tagged(output, dtype="float64")
    expected = np.average(right(net.predict(padded()), y).mean(axis=2), weights=weights)
    assert net.evaluate(padded(), y, loss=loss, sample_weight=weights)[name] == pytest.approx(expected, rel=1e-12)


def test_weights_of_steps_are_those_of_samples_where_they_are_equal():
    net, y, _ = tagged()
    of_samples = np.array([1.0, 0.5, 2.0, 0.0, 4.0])
    of_steps = np.repeat(of_samples[:, None], 7, axis=1)
    ones, none, steps, samples = net.copy(), net.copy(), net.copy(), net.copy()
    options = {"epochs": 2, "batch_size": 2, "verbose": 0, "validation_data": (padded(), y, of_steps)}
    ones.fit(padded(), y, sample_weight=np.ones((5, 7)), **options)
    none.fit(padded(), y, **options)
    assert ones.parameters.tobytes() == none.parameters.tobytes()
    assert ones.history == none.history
    steps.fit([(padded(), y, of_steps)] * 3, epochs=1, verbose=0)
    samples.fit([(padded(), y, of_samples)] * 3, epochs=1, verbose=0)
    assert steps.parameters.tobytes() == samples.parameters.tobytes()
    assert net.evaluate(padded(), y, sample_weight=of_steps) == net.evaluate(padded(), y, sample_weight=of_samples)


def test_threads_change_no_byte_of_weighted_steps(many_threads):
    _, y, weights = tagged()
    outcomes = []
    for threads in (1, 3):
        cr.set_num_threads(threads)
        net, _, _ = tagged()
        net.fit(padded(), y, epochs=3, sample_weight=weights, batch_size=4, verbose=0)
        outcomes.append((net.parameters.tobytes(), net.evaluate(padded(), y, sample_weight=weights)))
    cr.set_num_threads(None)
    assert outcomes[0] == outcomes[1]
