"""Estimators of scikit-learn and of this package, and small data for both."""

import inspect

import numpy as np
import pytest
from sklearn import neural_network

from chainrule.sklearn import MLPClassifier, MLPRegressor

RNG = np.random.default_rng(0)


X = RNG.normal(size=(90, 7))


WEIGHTS = RNG.uniform(0.1, 2, 90)


CLASSES = {
    "two classes": (X[:, 0] > 0).astype(int),
    "three classes": np.array(["a", "b", "c"])[RNG.integers(0, 3, 90)],
    "labels": RNG.integers(0, 2, (90, 4)),
}


NUMBERS = {"one output": X[:, 0] ** 2 + 0.1 * RNG.normal(size=90), "two outputs": RNG.normal(size=(90, 2))}


TARGETS = CLASSES | NUMBERS


TWINS = {
    "classifier": (neural_network.MLPClassifier, MLPClassifier),
    "regressor": (neural_network.MLPRegressor, MLPRegressor),
}


def twins(name):
    return TWINS["classifier" if name in CLASSES else "regressor"]


def both(name, y=None, sample_weight=None, **options):
    """Fit scikit-learn's and ours, without shuffling."""
    options = {"hidden_layer_sizes": (9, 5), "shuffle": False, "random_state": 3, "max_iter": 20, **options}
    y = TARGETS[name] if y is None else y
    return [kind(**options).fit(X, y, **weighted(sample_weight)) for kind in twins(name)]


def weighted(sample_weight):
    """Return the argument if scikit-learn's estimators have it, which is so since 1.7."""
    if sample_weight is None:
        return {}
    if "sample_weight" not in inspect.signature(neural_network.MLPClassifier.fit).parameters:
        pytest.skip("scikit-learn is older than its MLP's sample weights")
    return {"sample_weight": sample_weight}


def assert_same_weights(theirs, ours, tolerance=1e-10):
    for expected, got in zip(theirs.coefs_ + theirs.intercepts_, ours.coefs_ + ours.intercepts_, strict=True):
        np.testing.assert_allclose(got, expected, rtol=tolerance, atol=tolerance)
