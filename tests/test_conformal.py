"""Intervals that hold their share of new targets, and what they cannot be made of."""

import numpy as np
import pytest

import chainrule as cr

RNG = np.random.default_rng(0)
X = RNG.standard_normal((120, 3)).astype(np.float32)
Y = (X[:, :1] * X[:, 1:2]).astype(np.float32)


def test_intervals_hold_their_share():
    rng = np.random.default_rng(5)
    x = rng.uniform(-2, 2, (3000, 1))
    y = x**2 + rng.standard_t(3, (3000, 1)) * (0.1 + 0.2 * np.abs(x))

    def make():
        return cr.Network([1, 16, 1], activation="tanh", seed=0)

    options = {"epochs": 30, "optimizer": cr.Adam(0.01), "verbose": 0}
    net = make()
    net.fit(x[:500], y[:500], **options)
    cross = cr.cross_validate(make, x[:1000], y[:1000], **options)
    for coverage in (0.5, 0.8, 0.95):
        for intervals in (
            cr.conformal.split(net, x[500:1000], y[500:1000], coverage=coverage),
            cr.conformal.cv_plus(cross, x[:1000], y[:1000], coverage=coverage),
        ):
            lower, upper = intervals.predict(x[1000:])
            assert abs(((lower <= y[1000:]) & (y[1000:] <= upper)).mean() - coverage) < 0.05
            assert f"coverage={coverage:g}" in repr(intervals)


def test_intervals_by_hand():
    class Zero:
        def predict(self, X):
            return np.zeros(len(X))

    y = np.array([0.1, -0.2, 0.3, -0.4])
    # Four residuals: the ⌈5 · 0.8⌉ = fourth smallest; for more there are too few.
    lower, upper = cr.conformal.split(Zero(), np.zeros((4, 1)), y, coverage=0.8).predict(np.zeros((2, 1)))
    np.testing.assert_array_equal(upper, [[0.4], [0.4]])
    np.testing.assert_array_equal(lower, -upper)
    _, upper = cr.conformal.split(Zero(), np.zeros((4, 1)), y, coverage=0.9).predict(np.zeros((2, 1)))
    assert np.isinf(upper).all()
    with pytest.raises(ValueError, match="coverage must be"):
        cr.conformal.split(Zero(), np.zeros((4, 1)), y, coverage=1)
    with pytest.raises(ValueError, match="y must have the shape of the predictions"):
        cr.conformal.split(Zero(), np.zeros((4, 1)), np.zeros((4, 2)))


@pytest.mark.parametrize(
    ("y", "error", "message"),
    [
        (np.where(Y > 1, np.nan, Y), ValueError, r"y and the predictions must be finite, got \[nan\]"),
        (np.full((120, 1), "a"), TypeError, "y must be an array of real numbers"),
        (Y[:5], ValueError, "y must have the shape of the predictions"),
    ],
)
def test_targets_without_a_distance_are_refused(y, error, message):
    net = cr.Network([3, 4, 1], seed=0)
    with pytest.raises(error, match=message):
        cr.conformal.split(net, X, y)


def test_labels_have_no_intervals():
    net = cr.Network([3, 4, 2], output="softmax", seed=0)
    with pytest.raises(ValueError, match=r"predictions, \(120, 2\), got \(120,\); labels have no intervals"):
        cr.conformal.split(net, X, np.zeros(120, int))


def test_intervals_need_a_model_and_the_samples_of_their_cross_validation():
    with pytest.raises(TypeError, match="model must have predict, as a network does, got 3"):
        cr.conformal.split(3, X, Y)

    class Empty:
        def predict(self, X):
            return np.zeros((0, 1))

    with pytest.raises(ValueError, match=r"y must have at least one target, got shape \(0, 1\)"):
        cr.conformal.split(Empty(), X[:0], Y[:0])
    with pytest.raises(TypeError, match=r"validation must be what chainrule\.cross_validate returns, got 3"):
        cr.conformal.cv_plus(3, X, Y)
    result = cr.cross_validate(lambda: cr.Network([3, 4, 1], seed=0), X, Y, cv=3, epochs=1, verbose=0)
    cr.conformal.cv_plus(result, X.tolist(), Y)
    for samples in (X[::-1], X[:7]):
        with pytest.raises(ValueError, match="X must be the samples of the cross-validation"):
            cr.conformal.cv_plus(result, samples, Y)
