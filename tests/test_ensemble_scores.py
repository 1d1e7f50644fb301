"""An ensemble is evaluated by what it predicts, with the names and the numbers that a network has."""

import numpy as np
import pytest

import chainrule as cr


def of_squares(outputs, targets):
    return ((outputs - targets) ** 2).sum(axis=1), 2 * (outputs - targets)


SCORED = [
    ("cross_entropy", "softmax", np.arange(40) % 3),
    ("cross_entropy", "softmax", np.array(list("abc"))[np.arange(40) % 3]),
    ("cross_entropy", "sigmoid", np.arange(120).reshape(40, 3) % 2),
    ("mse", "tanh", np.linspace(-1, 1, 120).reshape(40, 3)),
    ("mae", "softmax", np.arange(40) % 3),
    ("poisson", "softplus", np.arange(120).reshape(40, 3) % 4),
    ("poisson", "sigmoid", np.arange(120).reshape(40, 3) % 4),
    ("hinge", "identity", np.arange(40) % 3),
    (cr.Quantile([0.1, 0.5, 0.9]), "identity", np.linspace(-1, 1, 40)),
    (of_squares, "relu", np.linspace(-1, 1, 120).reshape(40, 3)),
]


@pytest.mark.parametrize(("loss", "output", "y"), SCORED)
def test_an_ensemble_of_one_is_evaluated_as_its_network(loss, output, y):
    rng = np.random.default_rng(0)
    samples, weights = rng.normal(size=(40, 3)), rng.uniform(size=40)
    net = cr.Network([3, 8, 3], output=output, seed=0)
    net.fit(samples, y, loss=loss, epochs=2, verbose=0)
    ensemble = cr.Ensemble([net])
    assert ensemble.evaluate(samples, y, sample_weight=weights) == pytest.approx(
        net.evaluate(samples, y, sample_weight=weights), rel=1e-6
    )
    if np.ndim(y) == 1 and output == "softmax":
        assert ensemble.score(samples, y) == net.score(samples, y)
        assert np.array_equal(ensemble.predict_proba(samples), net.predict_proba(samples))


def test_an_ensemble_is_evaluated_by_its_mean_prediction():
    rng = np.random.default_rng(0)
    samples = rng.normal(size=(60, 3))
    classes = (samples[:, 0] > samples[:, 1]).astype(int)
    ensemble = cr.Ensemble([cr.Network([3, 8, 2], output="softmax", seed=i) for i in range(5)])
    ensemble.fit(samples, classes, epochs=20, verbose=0)
    found = ensemble.evaluate(samples, classes)
    expected = -np.log(ensemble.predict(samples).astype(float)[np.arange(60), classes]).mean()
    assert found["loss"] == pytest.approx(expected, rel=1e-6)
    assert (
        found["accuracy"] == ensemble.score(samples, classes) == np.mean(ensemble.predict_classes(samples) == classes)
    )
    assert found["loss"] < np.mean([net.evaluate(samples, classes)["loss"] for net in ensemble.networks])


def test_a_probability_of_zero_has_a_finite_loss():
    ensemble = cr.Ensemble([cr.Network([1, 2], output="softmax", weights=1.0, seed=0)])
    ensemble.networks[0].layers[1].weights = [[-4000.0, 4000.0]]
    assert 500 < ensemble.evaluate([[1.0]], [0])["loss"] < np.inf


def test_numbers_are_evaluated_in_the_unit_of_the_network():
    rng = np.random.default_rng(0)
    samples = rng.normal(size=(60, 3))
    y = 100 * samples[:, 0] + 500
    networks = [cr.Network([3, 8, 1], target_scale=(500, 100), seed=i) for i in range(3)]
    ensemble = cr.Ensemble(networks)
    ensemble.fit(samples, y, epochs=20, optimizer=cr.Adam(0.05), verbose=0)
    error = ensemble.predict(samples)[:, 0] - y
    found = ensemble.evaluate(samples, y, metrics=["rmse"])
    assert found["loss"] == pytest.approx(0.5 * np.mean((error / 100) ** 2), rel=1e-5)
    assert found["rmse"] == pytest.approx(np.sqrt(np.mean(error**2)), rel=1e-6)
    assert ensemble.score(samples, y) == pytest.approx(1 - np.sum(error**2) / np.sum((y - y.mean()) ** 2))
    with pytest.raises(ValueError, match="predict_proba needs an output of softmax or sigmoid"):
        ensemble.predict_proba(samples)


def test_means_and_variances_are_evaluated_as_one_normal_distribution():
    rng = np.random.default_rng(0)
    samples = rng.normal(size=(60, 3))
    y = samples[:, 0] + 0.1 * rng.normal(size=60)
    ensemble = cr.Ensemble([cr.Network([3, 8, 2], seed=i) for i in range(3)])
    with pytest.raises(ValueError, match=r"loss must be GaussianNLL\(\) for networks trained with it"):
        ensemble.evaluate(samples, y, loss="gaussian_nll")
    ensemble.fit(samples, y, loss="gaussian_nll", epochs=20, verbose=0)
    mean, variance = (values[:, 0].astype(float) for values in ensemble.predict_spread(samples))
    alone = cr.Ensemble(ensemble.networks[:1])
    offset = alone.networks[0].evaluate(samples, y)["loss"]
    first_mean, first_variance = (values[:, 0].astype(float) for values in alone.predict_spread(samples))

    def nll(mean, variance):
        return np.mean(0.5 * (np.log(variance) + (y - mean) ** 2 / variance))

    offset -= nll(first_mean, first_variance)
    assert ensemble.evaluate(samples, y)["loss"] == pytest.approx(nll(mean, variance) + offset, rel=1e-5)
    assert ensemble.evaluate(samples, y, metrics="r2")["r2"] == pytest.approx(ensemble.score(samples, y))
    r2 = 1 - np.sum((first_mean - y) ** 2) / np.sum((y - y.mean()) ** 2)
    assert alone.score(samples, y) == alone.networks[0].score(samples, y) == pytest.approx(r2)
    with pytest.raises(ValueError, match=r"loss must be GaussianNLL\(\) for networks trained with it"):
        ensemble.evaluate(samples, y, loss="mse")


def test_sequences_are_evaluated_without_their_padding():
    rng = np.random.default_rng(0)
    samples = rng.normal(size=(20, 6, 3))
    samples[::2, 4:] = 0
    y = rng.normal(size=(20, 6, 2))
    net = cr.Network([cr.Input(None, 3), cr.Masking(), cr.GRU(4, return_sequences=True), cr.Dense(2)], seed=0)
    net.fit(samples, y, epochs=1, verbose=0)
    assert cr.Ensemble([net]).evaluate(samples, y) == pytest.approx(net.evaluate(samples, y), rel=1e-6)


def test_outputs_without_a_target_each_have_no_score():
    net = cr.Network([3, 8, 3], seed=0)
    samples = np.random.default_rng(0).normal(size=(50, 3))
    net.fit(samples, samples[:, 0], loss=cr.Quantile([0.1, 0.5, 0.9]), epochs=1, verbose=0)
    for model in (net, cr.Ensemble([net])):
        with pytest.raises(ValueError, match="metrics of numbers need a target for each output, got 1 for 3"):
            model.score(samples, samples[:, 0])
