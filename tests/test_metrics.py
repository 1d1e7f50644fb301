"""Metrics in `fit` and `evaluate`: built-in ones against scikit-learn, and functions that a user passes."""

import numpy as np
import pytest
from sklearn import metrics as sklearn_metrics

import chainrule as cr

pytestmark = pytest.mark.filterwarnings("ignore::chainrule.ChainruleWarning")

rng = np.random.default_rng(0)
X = rng.standard_normal((120, 3))
Y = np.column_stack([X[:, 0] + 5, 100 * X[:, 1]])
WEIGHTS = rng.uniform(0.1, 2, 120)


def largest_error(outputs, targets):
    return np.abs(outputs - targets).max()


@pytest.mark.parametrize("weights", [None, WEIGHTS])
@pytest.mark.parametrize("scale", [None, "auto"])
def test_built_in_metrics_are_those_of_scikit_learn(weights, scale):
    net = cr.Network([3, 8, 2], seed=0, target_scale=scale, dtype="float64")
    options = {"metrics": ["r2", "rmse", largest_error], "validation_data": (X[:40] + 0.1, Y[:40]), "verbose": 0}
    history = net.fit(X, Y, sample_weight=weights, epochs=3, **options)
    outputs = net.predict(X)
    r2 = sklearn_metrics.r2_score(Y, outputs, sample_weight=weights, multioutput="raw_values")
    rmse = np.sqrt(np.average((Y - outputs) ** 2, axis=0, weights=weights))
    for name, values in (("r2", r2), ("rmse", rmse)):
        assert history[name][-1] == pytest.approx(values.mean(), rel=1e-9)
        assert [history[f"{name}[{i}]"][-1] for i in range(2)] == pytest.approx(values, rel=1e-9)
    assert history["largest_error"][-1] == pytest.approx(np.abs(outputs - Y).max(), rel=1e-9)
    held = net.predict(X[:40] + 0.1)
    assert history["val_r2"][-1] == pytest.approx(sklearn_metrics.r2_score(Y[:40], held), rel=1e-9)
    found = net.evaluate(X, Y, sample_weight=weights, metrics=("r2", largest_error))
    assert list(found) == ["loss", "mae", "r2", "r2[0]", "r2[1]", "largest_error"]


def test_early_stopping_goes_by_a_metric():
    net = cr.Network([3, 8, 1], seed=0)
    stops = cr.EarlyStopping("val_largest_error", mode="min", patience=2)
    options = {"metrics": largest_error, "validation_split": 0.3, "callbacks": stops, "verbose": 0}
    history = net.fit(X, Y[:, 0], epochs=200, optimizer=cr.Adam(0.05), **options)
    assert history.epochs == stops.best_epoch + 2
    assert cr.EarlyStopping("r2[1]").on_epoch_end(net, 1, {"r2[1]": 0.5}) is False


def test_functions_get_labels_as_they_are_and_steps_in_their_shape():
    seen = []

    def shapes(outputs, targets):
        seen.append((outputs.shape, targets.shape, targets.dtype.kind))
        return 0.0

    labels = np.arange(120) % 3
    cr.Network([3, 3], output="softmax", seed=0).fit(X, labels, epochs=1, metrics=["accuracy", shapes], verbose=0)
    steps = cr.Network([cr.Input(4, 3), cr.GRU(2, return_sequences=True)], seed=0)
    steps.evaluate(X.reshape(30, 4, 3), np.zeros((30, 4, 2)), metrics=shapes)
    tags = cr.Network([cr.Input(4, 3), cr.GRU(2, return_sequences=True), cr.Dense(3, "softmax")], seed=0)
    tags.evaluate(X.reshape(30, 4, 3), labels.reshape(30, 4), metrics=shapes)
    assert seen == [
        ((120, 3), (120,), "i"),
        ((30, 4, 2), (30, 4, 2), "f"),
        ((30, 4, 3), (30, 4), "i"),
    ]


def test_a_fit_is_resumed_with_the_same_metrics(tmp_path):
    def made():
        return cr.Network([3, 8, 2], seed=0)

    options = {"metrics": ["r2", largest_error], "verbose": 0}
    whole = made().fit(X, Y, epochs=4, **options)
    made().fit(X, Y, epochs=2, checkpoint=tmp_path / "run.safetensors", **options)
    again = cr.load(tmp_path / "run.safetensors")
    with pytest.raises(ValueError, match=r"metrics must be .* to resume"):
        again.fit(X, Y, epochs=4, resume=True, verbose=0)
    assert dict(again.fit(X, Y, epochs=4, resume=True, **options)) == dict(whole)


@pytest.mark.parametrize(
    ("metrics", "error", "message"),
    [
        ("r3", ValueError, "unknown metric 'r3'.*r2"),
        ([3], TypeError, r"metrics must be names or functions of \(outputs, targets\), got 3"),
        ([lambda outputs, targets: 0], ValueError, "a metric needs a name"),
        (["r2", "r2"], ValueError, "metrics must have different names"),
        ("accuracy", ValueError, "metric 'accuracy' does not go with these targets and this loss, which have 'mae'"),
        ([cr.Callback], TypeError, "metrics must be names or functions"),
    ],
)
def test_it_refuses(metrics, error, message):
    net = cr.Network([3, 2], seed=0)
    for use in (net.evaluate, net.fit):
        with pytest.raises(error, match=message):
            use(X, Y, metrics=metrics)
    assert net.epochs == 0


def test_a_stream_needs_validation_for_metrics():
    net = cr.Network([3, 2], seed=0)
    with pytest.raises(ValueError, match="metrics need validation_data for batches"):
        net.fit([(X, Y)], epochs=1, metrics="r2", verbose=0)
    history = net.fit([(X, Y)], epochs=1, metrics="r2", validation_data=(X, Y), verbose=0)
    assert "val_r2" in history and "r2" not in history
