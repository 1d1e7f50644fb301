"""The losses `quantile` and `log_cosh` against closed forms, and the outputs and targets that they take."""

import math
from fractions import Fraction

import numpy as np
import pytest

import chainrule as cr

RANDOM = np.random.default_rng(0)
X = RANDOM.standard_normal((60, 2))


def pinball(outputs, targets, quantiles):
    """Return the loss of each sample, written out."""
    a = outputs.astype(float).reshape(len(outputs), len(quantiles), -1)
    e = targets[:, None, :] - a
    q = np.array(quantiles)[:, None]
    return np.maximum(q * e, (q - 1) * e).sum(axis=(1, 2))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("quantiles", "targets"), [([0.5], 3), ([0.1, 0.5, 0.9], 1), ([0.2, 0.7], 5), ([0.3, 0.9], 17)]
)
def test_quantile_loss_is_the_closed_form_block_by_block(quantiles, targets, dtype):
    y = RANDOM.standard_normal((60, targets))
    net = cr.Network([2, 12, targets * len(quantiles)], activation="tanh", seed=1, dtype=dtype)
    weights = np.arange(60) % 4
    metrics = net.evaluate(X, y, loss=cr.Quantile(quantiles), sample_weight=weights)
    outputs = net.predict(X)
    tolerance = {"float32": 1e-5, "float64": 1e-12}[dtype]
    expected = np.average(pinball(outputs, y, quantiles), weights=weights)
    assert metrics["loss"] == pytest.approx(expected, rel=tolerance)
    nearest = int(np.argmin(np.abs(np.array(quantiles) - 0.5)))
    predicted = outputs.reshape(60, -1, targets)[:, nearest]
    mae = np.average(np.abs(predicted - y).mean(axis=1), weights=weights)
    assert metrics["mae"] == pytest.approx(mae, rel=tolerance)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("loss", [cr.Quantile([0.1, 0.5, 0.9]), cr.Quantile(0.2), cr.LogCosh()])
def test_core_agrees_with_its_twins(loss, dtype):
    net = cr.Network([2, 9, 6], activation="tanh", seed=2, dtype=dtype)
    y = RANDOM.standard_normal((20, loss.target_columns(6)))
    report = net.check(X[:20], y, loss=loss, sample_weight=np.linspace(0.5, 2, 20))
    assert report.ok, report


def test_quantiles_cover_what_they_say():
    y = RANDOM.standard_normal((1000, 2)) * [1, 10]
    net = cr.Network([1, 6], weights=0.0, seed=0)
    optimizer = cr.Adam(cr.CosineDecay(0.3))
    net.fit(np.zeros((1000, 1)), y, epochs=40, optimizer=optimizer, loss=cr.Quantile((0.1, 0.5, 0.9)), verbose=0)
    below = (y[:, None] < net.predict([[0.0]]).reshape(1, 3, 2)).mean(axis=0)
    assert below == pytest.approx(np.array([[0.1] * 2, [0.5] * 2, [0.9] * 2]), abs=0.02)


def test_a_name_means_the_median_and_files_keep_the_quantiles(tmp_path):
    y = RANDOM.standard_normal((60, 1))
    net = cr.Network([2, 1], seed=0)
    assert net.evaluate(X, y, loss="quantile")["loss"] == pytest.approx(net.evaluate(X, y, loss="mae")["loss"] / 2)
    net = cr.Network([2, 3], seed=0)
    net.fit(X, y[:, 0], epochs=1, loss=cr.Quantile(np.array([0.1, 0.5, 0.9])), verbose=0)
    net.save(tmp_path / "net.safetensors")
    loaded = cr.load(tmp_path / "net.safetensors")
    assert loaded.loss == net.copy().loss == cr.Quantile([0.1, 0.5, 0.9])
    assert loaded.evaluate(X, y) == net.evaluate(X, y)


@pytest.mark.parametrize(
    ("quantiles", "error"),
    [(0, ValueError), (1.0, ValueError), ([], ValueError), ([0.5, 0.5], ValueError), ([0.9, 0.1], ValueError),
     ([0.1, np.nan], ValueError), ("median", TypeError), (None, TypeError), ([[0.1]], TypeError), (True, TypeError)],
)  # fmt: skip
def test_bad_quantiles_are_refused(quantiles, error):
    with pytest.raises(error, match="quantiles must"):
        cr.Quantile(quantiles)


def test_other_outputs_and_targets_are_refused():
    loss = cr.Quantile([0.1, 0.9])
    rows = cr.Network([cr.Input(2), cr.Dense(6), cr.Reshape((3, 2))], seed=0)
    for net, message in ((cr.Network([2, 3]), r"got shape \(3,\)"), (rows, r"got shape \(3, 2\)")):
        for call in (net.fit, net.evaluate, net.loss_and_gradient, net.check):
            with pytest.raises(ValueError, match=f"2 for each target as there are 2 quantiles; {message}"):
                call(X, np.zeros((60, 3)), loss=loss)
    with pytest.raises(ValueError, match=r"y must have shape \(60, 2\) or be labels, got \(60, 4\)"):
        cr.Network([2, 4]).fit(X, np.zeros((60, 4)), loss=loss)


def log_cosh(e):
    """Return log cosh e: its series where it is small, else without the part that overflows."""
    e = abs(e)
    if e < 0.01:
        x = Fraction(e)
        return float(x**2 / 2 - x**4 / 12 + x**6 / 45)
    return e + math.log1p(math.exp(-2 * e)) - math.log(2)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("error", [0.0, 1e-10, 1e-3, 0.3, 0.999, 1.001, 1.3, 5.0, 90.0, 800.0, 1e30])
def test_log_cosh_is_exact_for_errors_of_any_size(error, dtype):
    net = cr.Network([1, 1], weights=0.0, seed=0, dtype=dtype)
    sizes = {"float32": 1e-6, "float64": 2e-15}
    for target in (error, -error):
        value, gradient = net.loss_and_gradient([[1.0]], [target], "log_cosh")
        exact = float(np.dtype(dtype).type(error))
        assert value == pytest.approx(log_cosh(exact), rel=sizes[dtype], abs=1e-300)
        assert gradient[1] == pytest.approx(-math.tanh(target), rel=sizes[dtype], abs=1e-300)
