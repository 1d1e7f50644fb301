"""Pipelines with estimators of this package are converted by skl2onnx, and onnxruntime predicts the same."""

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import VotingRegressor
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, OrdinalEncoder, StandardScaler

import chainrule.sklearn
import chainrule.tabular
from chainrule.sklearn import EnsembleClassifier, EnsembleRegressor, MLPClassifier, MLPRegressor
from chainrule.tabular import TabularClassifier, TabularRegressor

skl2onnx = pytest.importorskip("skl2onnx")
runtime = pytest.importorskip("onnxruntime")
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X = np.random.default_rng(0).standard_normal((80, 4)).astype(np.float32)
OPTIONS = {"hidden_layer_sizes": (8,), "max_iter": 20, "random_state": 0}
PLACES = (X[:, 0] > -0.3).astype(int) + (X[:, 1] > 0.5)
LABELS = {
    "words": np.array(["low", "middle", "high"])[PLACES],
    "numbers": np.array([7, -2, 30])[PLACES],
    "two": PLACES > 0,
}


@pytest.fixture(autouse=True)
def registered():
    chainrule.sklearn.register_skl2onnx()
    chainrule.tabular.register_skl2onnx()


def run(model, samples, **options):
    file = skl2onnx.to_onnx(model, samples[:1], target_opset=20, **options)
    session = runtime.InferenceSession(file.SerializeToString(), providers=["CPUExecutionProvider"])
    outputs = session.run(None, {"X": samples})
    for declared, values in zip(session.get_outputs(), outputs, strict=True):
        assert isinstance(values, list) or declared.shape[1:] == list(values.shape[1:])
    return outputs


@pytest.mark.parametrize("activation", ["relu", "gelu", "leaky_relu(0.2)"])
@pytest.mark.parametrize("kind", LABELS)
def test_classifiers_in_pipelines(kind, activation):
    model = make_pipeline(StandardScaler(), MLPClassifier(activation=activation, **OPTIONS)).fit(X, LABELS[kind])
    labels, probabilities = run(model, X, options={"zipmap": False})
    assert (labels == model.predict(X)).all()
    np.testing.assert_allclose(probabilities, model.predict_proba(X), atol=1e-5)


def test_probabilities_by_label():
    model = make_pipeline(StandardScaler(), MLPClassifier(**OPTIONS)).fit(X, LABELS["words"])
    _, probabilities = run(model, X)
    expected = model.predict_proba(X[:1])[0]
    assert list(probabilities[0]) == list(model.classes_)
    np.testing.assert_allclose(list(probabilities[0].values()), expected, atol=1e-5)


def test_several_labels():
    y = np.stack([X[:, 0] > 0, X[:, 1] > 0.3, X[:, 2] < 0], axis=1).astype(int)
    model = make_pipeline(MinMaxScaler(), MLPClassifier(**OPTIONS)).fit(X, y)
    labels, probabilities = run(model, X, options={"zipmap": False})
    assert (labels == model.predict(X)).all()
    np.testing.assert_allclose(probabilities, model.predict_proba(X), atol=1e-5)


@pytest.mark.parametrize("y", [X[:, 0], X[:, :2] * [1, 30]], ids=["one", "two"])
def test_regressors_in_pipelines(y):
    model = make_pipeline(StandardScaler(), MLPRegressor(**OPTIONS, batch_norm=True)).fit(X, y)
    (outputs,) = run(model, X)
    assert outputs.shape == (80, 1 if y.ndim == 1 else 2)
    np.testing.assert_allclose(outputs, model.predict(X).reshape(outputs.shape), atol=1e-4)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_ensembles_in_pipelines(dtype):
    samples = X.astype(dtype)
    classifier = EnsembleClassifier(MLPClassifier(**OPTIONS), 3, random_state=0)
    model = make_pipeline(StandardScaler(), classifier).fit(samples, LABELS["words"])
    labels, probabilities = run(model, samples, options={"zipmap": False})
    assert (labels == model.predict(samples)).all()
    np.testing.assert_allclose(probabilities, model.predict_proba(samples), atol=1e-5)
    regressor = EnsembleRegressor(MLPRegressor(**OPTIONS), 3, random_state=0)
    model = make_pipeline(StandardScaler(), regressor).fit(samples, samples[:, 0])
    np.testing.assert_allclose(run(model, samples)[0].ravel(), model.predict(samples), atol=1e-4)


def test_regressors_within_others_and_after_columns():
    columns = ColumnTransformer([("scaled", StandardScaler(), [0, 1]), ("codes", OneHotEncoder(), [3])])
    table = np.column_stack([X[:, :3], np.arange(80) % 3]).astype(np.float32)
    regressors = VotingRegressor([("net", MLPRegressor(**OPTIONS)), ("line", Ridge())])
    model = make_pipeline(columns, regressors).fit(table, X[:, 0])
    (outputs,) = run(model, table)
    np.testing.assert_allclose(outputs.ravel(), model.predict(table), atol=1e-4)


@pytest.mark.parametrize("dtype", [np.float64, np.int64])
def test_samples_of_other_types(dtype):
    samples = (10 * X).astype(dtype)
    model = MLPRegressor(**OPTIONS).fit(samples, X[:, 0])
    (outputs,) = run(model, samples)
    np.testing.assert_allclose(outputs.ravel(), model.predict(samples), atol=1e-4)


def test_what_cannot_be_converted_says_why():
    model = MLPRegressor(**OPTIONS).fit(X, X[:, 0])
    with pytest.raises(ValueError, match="target_opset must be at least 20, got 17"):
        skl2onnx.to_onnx(model, X[:1], target_opset=17)
    with pytest.raises(NotFittedError):
        skl2onnx.to_onnx(MLPRegressor(**OPTIONS), X[:1], target_opset=20)


# --- estimators for tables


FRAME = pd.DataFrame(
    {
        "size": X[:, 0].astype(np.float64),
        "colour": np.array(["red", "green", "blue"])[PLACES],
        "depth": np.where(X[:, 2] > 1, np.nan, 100 * X[:, 2]).astype(np.float64),
        "count": (10 * X[:, 1]).astype(np.int64),
        "town": np.array([f"town {i % 11}" for i in range(80)]),
        "old": X[:, 3] > 0,
    }
)


def fed(model, frame, types, **options):
    file = skl2onnx.to_onnx(model, initial_types=list(types.items()), target_opset=20, **options)
    session = runtime.InferenceSession(file.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {name: frame[[name]].to_numpy() for name in types})


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_tables_after_other_steps(dtype):
    samples = X.astype(dtype)
    classifier = TabularClassifier(n_members=2, random_state=0)
    model = make_pipeline(StandardScaler(), classifier).fit(samples, LABELS["words"])
    labels, probabilities = run(model, samples, options={"zipmap": False})
    assert (labels == model.predict(samples)).all()
    np.testing.assert_allclose(probabilities, model.predict_proba(samples), atol=1e-5)
    model = make_pipeline(StandardScaler(), TabularRegressor(n_members=2, random_state=0)).fit(samples, 40 * X[:, 0])
    (outputs,) = run(model, samples)
    np.testing.assert_allclose(outputs, model.predict(samples)[:, None], atol=1e-3)


def test_tables_of_columns():
    kinds = skl2onnx.common.data_types
    types = {
        "size": kinds.DoubleTensorType([None, 1]),
        "colour": kinds.StringTensorType([None, 1]),
        "depth": kinds.DoubleTensorType([None, 1]),
        "count": kinds.Int64TensorType([None, 1]),
        "town": kinds.StringTensorType([None, 1]),
        "old": kinds.BooleanTensorType([None, 1]),
    }
    model = TabularClassifier(n_members=1, random_state=0).fit(FRAME, LABELS["numbers"])
    labels, probabilities = fed(model, FRAME, types, options={"zipmap": False})
    assert (labels == model.predict(FRAME)).all()
    np.testing.assert_allclose(probabilities, model.predict_proba(FRAME), atol=1e-5)


def test_tables_that_another_step_has_made():
    columns = ColumnTransformer(
        [("codes", OrdinalEncoder(), ["colour"]), ("numbers", "passthrough", ["size", "depth"])]
    )
    model = make_pipeline(columns, TabularRegressor(n_members=1, random_state=0)).fit(FRAME, 3 * X[:, 0])
    kinds = skl2onnx.common.data_types
    types = {
        "size": kinds.DoubleTensorType([None, 1]),
        "colour": kinds.StringTensorType([None, 1]),
        "depth": kinds.DoubleTensorType([None, 1]),
    }
    (outputs,) = fed(model, FRAME, types)
    np.testing.assert_allclose(outputs, model.predict(FRAME)[:, None], atol=1e-4)


def test_tables_that_are_not_those_of_training_are_refused():
    model = TabularRegressor(n_members=1, random_state=0).fit(FRAME, X[:, 0])
    kinds = skl2onnx.common.data_types
    with pytest.raises(ValueError, match="TabularRegressor must read the 6 columns of training, got X of 4"):
        skl2onnx.to_onnx(model, X[:1], target_opset=20)
    strings = [(name, kinds.StringTensorType([None, 1])) for name in FRAME]
    with pytest.raises(ValueError, match="column 'size' must be of numbers, as it was in training, got strings"):
        skl2onnx.to_onnx(model, initial_types=strings, target_opset=20)
    with pytest.raises(NotFittedError):
        skl2onnx.to_onnx(TabularRegressor(), X[:1], target_opset=20)
