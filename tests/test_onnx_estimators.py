"""Files of estimators return what these predict: labels of any type with probabilities, and numbers."""

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import NotFittedError

from chainrule.sklearn import EnsembleClassifier, EnsembleRegressor, MLPClassifier, MLPRegressor
from chainrule.tabular import TabularClassifier, TabularRegressor

onnx = pytest.importorskip("onnx")
runtime = pytest.importorskip("onnxruntime")
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X = np.random.default_rng(0).standard_normal((60, 4))
OPTIONS = {"hidden_layer_sizes": (8,), "max_iter": 20, "random_state": 0}
PLACES = (X[:, 0] > -0.3).astype(int) + (X[:, 1] > 0.5)
LABELS = {
    "words": np.array(["low", "middle", "häh"])[PLACES],
    "objects": np.array(["a", "b", "c"], dtype=object)[PLACES],
    "numbers": np.array([7, -2, 30], dtype=np.int32)[PLACES],
    "halves": np.array([0.0, 1.0, 5.0])[PLACES],
    "two words": np.array(["no", "yes", "yes"])[PLACES],
    "truth": PLACES > 0,
}


def run(model, path, samples):
    model.to_onnx(path)
    onnx.checker.check_model(str(path), full_check=True)
    session = runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(None, {"input": samples.astype(np.float32)}), strict=True))


@pytest.mark.parametrize("kind", LABELS)
def test_labels_and_probabilities(kind, tmp_path):
    model = MLPClassifier(**OPTIONS).fit(X, LABELS[kind])
    outputs = run(model, tmp_path / "model.onnx", X)
    assert list(outputs) == ["label", "probabilities"]
    assert (outputs["label"] == model.predict(X)).all()
    np.testing.assert_allclose(outputs["probabilities"], model.predict_proba(X), atol=1e-5)


def test_several_labels(tmp_path):
    y = np.stack([X[:, 0] > 0, X[:, 1] > 0.3, X[:, 2] < 0], axis=1).astype(int)
    model = MLPClassifier(**OPTIONS).fit(X, y)
    outputs = run(model, tmp_path / "model.onnx", X)
    assert (outputs["label"] == model.predict(X)).all()
    np.testing.assert_allclose(outputs["probabilities"], model.predict_proba(X), atol=1e-5)


@pytest.mark.parametrize("y", [X[:, 0], X[:, :2] * [1, 30]], ids=["one", "two"])
def test_numbers(y, tmp_path):
    model = MLPRegressor(**OPTIONS, batch_norm=True, dropout=0.1).fit(X, y)
    outputs = run(model, tmp_path / "model.onnx", X)
    np.testing.assert_allclose(outputs["prediction"], model.predict(X), atol=1e-4)


@pytest.mark.parametrize("kind", ["words", "truth"])
def test_ensembles_of_classifiers(kind, tmp_path):
    model = EnsembleClassifier(MLPClassifier(**OPTIONS), 3, bootstrap=True, random_state=0).fit(X, LABELS[kind])
    outputs = run(model, tmp_path / "model.onnx", X)
    assert (outputs["label"] == model.predict(X)).all()
    np.testing.assert_allclose(outputs["probabilities"], model.predict_proba(X), atol=1e-5)


@pytest.mark.parametrize("y", [X[:, 0], X[:, :2] * [1, 30]], ids=["one", "two"])
def test_ensembles_of_regressors(y, tmp_path):
    model = EnsembleRegressor(MLPRegressor(**OPTIONS), 3, random_state=0).fit(X, y)
    np.testing.assert_allclose(run(model, tmp_path / "model.onnx", X)["prediction"], model.predict(X), atol=1e-4)


def test_what_is_not_fitted_is_refused(tmp_path):
    for model in (MLPClassifier(), MLPRegressor(), EnsembleClassifier(), EnsembleRegressor()):
        with pytest.raises(NotFittedError):
            model.to_onnx(tmp_path / "model.onnx")


def table(rows=200, seed=0):
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "age": np.where(rng.random(rows) < 0.1, np.nan, rng.uniform(18, 90, rows)),
            "city": rng.choice(["Oslo", "Rome", "Paris"], rows),
            "member": rng.random(rows) < 0.5,
            "job": np.where(rng.random(rows) < 0.2, None, rng.choice(list("abcdefghijk"), rows)),
            "same": 7,
            "size": rng.normal(size=rows) * 1e-3 + 1e6,
            "spent": np.where(rng.random(rows) < 0.8, 0.0, rng.exponential(size=rows)),
            "visits": np.where(rng.random(rows) < 0.2, np.nan, np.maximum(rng.poisson(2.0, rows) - 3.0, 0.0)),
        }
    )


def given(frame):
    """The columns as inputs of a file."""
    texts = {
        name: frame[name].map(lambda value: "" if value is None else str(value)) for name in ("city", "member", "job")
    }
    columns = {**texts, **{name: frame[name] for name in ("age", "size", "spent", "visits")}}
    return {
        name: np.array(values.tolist(), object if name in texts else np.float64)[:, None]
        for name, values in columns.items()
    }


@pytest.mark.parametrize("kind", [TabularClassifier, TabularRegressor])
def test_tables_with_all_that_is_made_of_columns(kind, tmp_path):
    X, new = table(), table(60, seed=1)
    new.loc[3, "city"], new.loc[4, "age"] = "Atlantis", 1e30
    new.loc[5, "spent"], new.loc[6, "spent"] = -1.0, 1e300
    score = 1e9 + 1e8 * (X.age.fillna(50) / 40 + X.member + (X.job == "c") + X.spent.clip(upper=2) + X.visits.fillna(0))
    labels = np.array(["low", "middle", "high"])[np.digitize(score, np.quantile(score, [0.3, 0.6]))]
    y = score if kind is TabularRegressor else labels
    model = kind(n_members=2, random_state=0, time_limit=0.5).fit(X, y)
    model.to_onnx(tmp_path / "model.onnx")
    onnx.checker.check_model(str(tmp_path / "model.onnx"), full_check=True)
    session = runtime.InferenceSession(str(tmp_path / "model.onnx"), providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    outputs = dict(zip(names, session.run(None, given(new)), strict=True))
    if kind is TabularRegressor:
        np.testing.assert_allclose(outputs["prediction"], model.predict(new), rtol=1e-5)
    else:
        np.testing.assert_allclose(outputs["probabilities"], model.predict_proba(new), atol=1e-5)
        assert (outputs["label"] == model.predict(new)).all()


@pytest.mark.parametrize("name", ["label", "probabilities", ""])
def test_columns_that_would_be_outputs_are_refused_before_writing(name, tmp_path):
    model = TabularClassifier(n_members=1, random_state=0).fit(pd.DataFrame({name: range(20)}), np.arange(20) % 2)
    with pytest.raises(ValueError, match="columns must have names other than label, probabilities"):
        model.to_onnx(tmp_path / "model.onnx")
    assert not list(tmp_path.iterdir())
