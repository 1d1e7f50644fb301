"""Single rows are predicted as tables of one row, by any number of threads."""

import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import NotFittedError

from chainrule.tabular import TabularClassifier, TabularRegressor

COLUMNS = ["age", "city", "member", "job", "same", "code"]


def table(rows=200, seed=0):
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "age": np.where(rng.random(rows) < 0.1, np.nan, rng.uniform(18, 90, rows)),
            "city": pd.Categorical(rng.choice(["Oslo", "Rome", "Paris"], rows)),
            "member": rng.random(rows) < 0.5,
            "job": np.where(rng.random(rows) < 0.2, None, rng.choice(list("abcdefghijk"), rows)),
            "same": 7,
            "code": np.maximum(rng.integers(-20, 5, rows), 0),
        }
    )


@pytest.fixture(scope="module")
def models():
    X = table()
    score = X.age.fillna(50) / 40 + X.member + X.code
    labels = np.array(["low", "middle", "high"])[np.digitize(score, np.quantile(score, [0.3, 0.6]))]
    options = {"random_state": 0, "n_members": 2}
    return TabularClassifier(**options).fit(X, labels), TabularRegressor(**options).fit(X, score)


def rows_of(X):
    """The rows as lists of plain values."""
    rows = X.astype(object).to_numpy()
    return [[None if value is None or value != value else value for value in row] for row in rows]


def test_a_row_is_predicted_as_a_table_of_it_alone(models):
    classifier, regressor = models
    X = table(40, seed=1)
    label, proba, number = classifier.row_predictor(), classifier.row_predictor(proba=True), regressor.row_predictor()
    for i, row in enumerate(rows_of(X)):
        alone = X.iloc[[i]]
        assert label(row) == classifier.predict(alone)[0]
        np.testing.assert_array_equal(proba(row), classifier.predict_proba(alone)[0])
        assert number(row) == regressor.predict(alone)[0]
        assert number(dict(zip(COLUMNS, row, strict=True))) == number(row)


@pytest.mark.parametrize(
    "change",
    [{"age": np.float32(30)}, {"age": 30}, {"city": "Atlantis"}, {"city": None}, {"job": pd.NA}, {"code": np.int64(3)},
     {"member": np.True_}, {"age": float("nan")}, {"same": "anything"}],
)  # fmt: skip
def test_values_are_read_as_in_a_table(models, change):
    _, regressor = models
    row = {"age": 40.5, "city": "Rome", "member": True, "job": "a", "same": 7, "code": 2} | change
    frame = pd.DataFrame({name: pd.Series([value], dtype=object) for name, value in row.items()})
    if change.keys() != {"same"}:
        assert regressor.row_predictor()(row) == regressor.predict(frame)[0]
    else:  # a column that never varies is not read
        assert np.isfinite(regressor.row_predictor()(row))


@pytest.mark.parametrize(
    ("row", "error", "message"),
    [
        ([1, 2], ValueError, "row must have 6 values, for .'age', 'city'"),
        ("abcdef", TypeError, "row must be a sequence"),
        ({"age": 1}, ValueError, "row must have the columns .'age', 'city'.*, got .'age'"),
        (["old", "Rome", True, "a", 7, 2], TypeError, "column 'age' must be of numbers.*got 'old'"),
        ([float("inf"), "Rome", True, "a", 7, 2], ValueError, "column 'age' must be finite or missing, got inf"),
        ([pd.Timestamp("2020-01-01"), "Rome", True, "a", 7, 2], TypeError, "column 'age' .*: make numbers of it"),
        ([[1], "Rome", True, "a", 7, 2], (TypeError, ValueError), "column 'age' must be of numbers"),
    ],
)
def test_rows_that_are_none_are_refused(models, row, error, message):
    with pytest.raises(error, match=message):
        models[1].row_predictor()(row)


def test_a_row_is_predicted_as_among_others_by_many_networks():
    """NumPy adds eight numbers and more in another order if there is one row."""
    X = np.random.default_rng(0).normal(size=(60, 2))
    model = TabularRegressor(n_members=9, random_state=0).fit(X[:30], X[:30, 0])
    predict, together = model.row_predictor(), model.predict(X)
    assert [predict(row) for row in X] == together.tolist()
    assert [model.predict(X[i : i + 1])[0] for i in range(20)] == together[:20].tolist()


def test_threads_share_it_and_a_later_fit_does_not_change_it(models):
    _, regressor = models
    rows = rows_of(table(100, seed=2))
    copied = pickle.loads(pickle.dumps(regressor))
    predict = copied.row_predictor()
    expected = [predict(row) for row in rows]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(predict, rows)) == expected
    copied.fit(table(60), np.arange(60.0))
    assert [predict(row) for row in rows] == expected
    assert "networks=2" in repr(predict)


def test_one_class_and_arrays_without_names():
    X = np.arange(20.0).reshape(10, 2)
    predict = TabularClassifier(random_state=0).fit(X, ["only"] * 10).row_predictor()
    assert predict([1, 2]) == "only"
    model = TabularClassifier(random_state=0).fit(X, np.arange(10) % 2 == 0)
    assert model.row_predictor()(X[0]) == model.predict(X[:1])[0]


def test_columns_may_be_named_by_numbers_or_pairs():
    X = np.random.default_rng(0).normal(size=(40, 2))
    for names in ([3, 7], pd.MultiIndex.from_tuples([("a", 1), ("a", 2)])):
        frame = pd.DataFrame(X, columns=names)
        model = TabularRegressor(random_state=0, n_members=1).fit(frame, X[:, 0])
        predict, expected = model.row_predictor(), model.predict(frame)[0]
        assert predict(frame.iloc[0]) == predict(frame.to_dict("records")[0]) == predict(X[0]) == expected
        assert list(model.permutation_importances(frame, X[:, 0], n_repeats=1)) == [str(name) for name in frame]


def test_a_series_is_read_by_its_names(models):
    _, regressor = models
    predict, X = regressor.row_predictor(), table(5, seed=2)
    for i in range(len(X)):
        row = X.astype(object).iloc[i]
        assert predict(row) == predict(row[COLUMNS[::-1]]) == predict(row.tolist())
    with pytest.raises(ValueError, match="row must have the columns"):
        predict(row.rename({"age": "years"}))


@pytest.mark.parametrize("row", [None, 3.0, b"abcdef", set(range(6)), np.zeros((6, 6)), table(6), table(1)])
def test_what_is_no_row_is_refused(models, row):
    with pytest.raises(TypeError, match="row must be"):
        models[1].row_predictor()(row)


def test_a_pickle_predicts_the_same_without_the_estimator(models):
    classifier, regressor = models
    for predict in (classifier.row_predictor(), classifier.row_predictor(proba=True), regressor.row_predictor()):
        again = pickle.loads(pickle.dumps(predict))
        for row in rows_of(table(5, seed=3)):
            assert np.array_equal(again(row), predict(row))


@pytest.mark.parametrize("estimator", [TabularClassifier(), TabularRegressor()])
def test_an_estimator_that_is_not_fitted_has_none(estimator):
    with pytest.raises(NotFittedError):
        estimator.row_predictor()


def test_numbers_are_read_as_the_truth_values_that_training_had(models):
    _, regressor = models
    X = table(20, seed=3)
    numbers = X.assign(member=X.member.astype(float))
    np.testing.assert_array_equal(regressor.predict(numbers), regressor.predict(X))
    predict = regressor.row_predictor()
    assert [predict(row) for row in rows_of(numbers)] == [predict(row) for row in rows_of(X)]


@pytest.mark.parametrize("count", [3, 12])
def test_numbers_among_names_have_one_name_in_any_batch(count):
    values = [*map(float, range(count - 1)), "other"]
    X = pd.DataFrame({"c": np.array(values * 10, dtype=object)})
    model = TabularRegressor(n_members=1, random_state=0).fit(X, np.arange(count * 10.0) % count)
    together = model.predict(X[:count])
    of_numbers = pd.DataFrame({"c": np.arange(count - 1.0)})
    for part in (X[: count - 1], of_numbers):
        np.testing.assert_array_equal(model.predict(part), together[:-1])
    predict = model.row_predictor()
    np.testing.assert_array_equal([predict([value]) for value in values], together)
    texts = X.astype(str)
    of_texts = TabularRegressor(n_members=1, random_state=0).fit(texts, np.arange(count * 10.0) % count)
    np.testing.assert_array_equal(of_texts.predict(of_numbers), of_texts.predict(texts[: count - 1]))


def test_complex_numbers_are_refused():
    for column in (np.array([1j, 2, 3]), np.array([1j, 2, "a"], dtype=object)):
        with pytest.raises(TypeError, match="column 'c' must be of numbers or categories"):
            TabularRegressor().fit(pd.DataFrame({"c": column, "x": [1, 2, 3]}), [1, 2, 3])
