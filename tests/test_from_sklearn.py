"""scikit-learn's perceptrons become networks, and networks become perceptrons, which predict the same."""

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.neural_network import MLPClassifier, MLPRegressor

import chainrule as cr

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
X = np.random.default_rng(0).standard_normal((60, 4))
PLACES = (X[:, 0] > -0.3).astype(int) + (X[:, 1] > 0.5)
OPTIONS = {"hidden_layer_sizes": (8, 5), "max_iter": 20, "random_state": 0}
LABELS = {
    "three words": np.array(["low", "middle", "high"])[PLACES],
    "two words": np.array(["no", "yes", "yes"])[PLACES],
    "two numbers": np.minimum(PLACES, 1),
    "several": np.stack([X[:, 0] > 0, X[:, 1] > 0.3, X[:, 2] < 0], axis=1).astype(int),
}


@pytest.mark.parametrize("kind", LABELS)
@pytest.mark.parametrize("activation", ["relu", "logistic", "tanh", "identity"])
def test_classifiers_go_both_ways(kind, activation):
    mlp = MLPClassifier(**OPTIONS, activation=activation).fit(X, LABELS[kind])
    net = cr.from_sklearn(mlp)
    proba = net.predict(X) if kind == "several" else net.predict_proba(X)
    np.testing.assert_allclose(proba, mlp.predict_proba(X), rtol=1e-12, atol=1e-14)
    back = net.to_sklearn()
    assert (back.predict(X) == mlp.predict(X)).all()
    if kind != "several":
        assert (net.predict_classes(X) == mlp.predict(X)).all()
    np.testing.assert_allclose(back.predict_proba(X), mlp.predict_proba(X), rtol=1e-12)


@pytest.mark.parametrize("y", [X[:, 0], X[:, :2]], ids=["one", "two"])
def test_regressors_go_both_ways(y):
    mlp = MLPRegressor(**OPTIONS).fit(X.astype(np.float32), y)
    net = cr.from_sklearn(mlp)
    assert net.dtype == "float32"
    np.testing.assert_allclose(net.predict(X).reshape(y.shape), mlp.predict(X.astype(np.float32)), atol=1e-5)
    back = net.to_sklearn()
    np.testing.assert_array_equal(back.coefs_[1], mlp.coefs_[1])
    np.testing.assert_allclose(back.predict(X.astype(np.float32)), mlp.predict(X.astype(np.float32)), atol=1e-6)


def test_both_train_on():
    mlp = MLPClassifier(**OPTIONS).fit(X, LABELS["three words"])
    net = cr.from_sklearn(mlp)
    before = net.evaluate(X, LABELS["three words"])["loss"]
    net.fit(X, LABELS["three words"], epochs=30, verbose=0)
    assert net.evaluate(X, LABELS["three words"])["loss"] < before
    back = net.to_sklearn()
    before = back.score(X, LABELS["three words"])
    for _ in range(3):
        back.partial_fit(X, LABELS["three words"])
    assert back.score(X, LABELS["three words"]) >= before - 0.1


def test_what_is_around_the_layers_is_merged_into_them():
    layers = [cr.Input(4, scale=0.5), cr.Normalization(0.1, [1, 2, 3, 4]), cr.Dense(6, "tanh"), cr.BatchNorm()]
    net = cr.Network([*layers, cr.Dropout(0.1), cr.Dense(2)], seed=0, target_scale=([5, 6], [2, 3]), dtype="float64")
    np.testing.assert_allclose(net.to_sklearn().predict(X), net.predict(X), rtol=1e-10)


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ([cr.Input(4), cr.Dense(3, "gelu"), cr.Dense(1)], r"one activation of scikit-learn, got \['gelu'\]"),
        ([cr.Input(4), cr.Dense(3, "relu"), cr.Dense(3, "tanh"), cr.Dense(1)], r"got \['relu', 'tanh'\]"),
        ([cr.Input(4), cr.Dense(3, "relu"), cr.Dense(1, "exp")], "the output must be .* got 'exp'"),
        ([cr.Input(4, 3), cr.GRU(3), cr.Dense(1)], r"GRU\(3\) is in no perceptron"),
        ([cr.Input(4), cr.Dense(3, use_bias=False)], "has no bias"),
    ],
)
def test_other_networks_are_refused(layers, message):
    with pytest.raises(ValueError, match=message):
        cr.Network(layers, seed=0).to_sklearn()


def test_what_is_no_fitted_perceptron_is_refused():
    with pytest.raises(TypeError, match="mlp must be an MLPClassifier or MLPRegressor, got LinearRegression"):
        cr.from_sklearn(LinearRegression())
    with pytest.raises(ValueError, match="mlp must be fitted"):
        cr.from_sklearn(MLPRegressor())
