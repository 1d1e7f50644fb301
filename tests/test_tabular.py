"""Networks for tables: kinds of columns, scikit-learn's contract, what probabilities and intervals promise."""

import dataclasses
import datetime
import decimal
import os
import pickle
import signal
import threading
import time

import numpy as np
import pandas as pd
import pytest
from sklearn.utils.estimator_checks import check_estimator

import chainrule as cr
from chainrule import tabular
from chainrule.tabular import TabularClassifier, TabularRegressor
from chainrule.tabular import recipe as recipes


@pytest.fixture(scope="module", autouse=True)
def small():
    """Make the networks small: what is tested here does not depend on their size."""
    with pytest.MonkeyPatch.context() as patch:
        for name, preset in recipes.PRESETS.items():
            quick = dataclasses.replace(preset.few, members=1, width=32, hidden=2, epochs=20, fewest_steps=250)
            patch.setitem(recipes.PRESETS, name, recipes.Preset(quick, quick))
        yield


def table(rows=240, seed=0):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "age": np.where(rng.random(rows) < 0.1, np.nan, rng.uniform(18, 90, rows).round()),
            "city": pd.Categorical(rng.choice(["Oslo", "Rome", "Paris"], rows)),
            "member": rng.random(rows) < 0.5,
            "job": np.where(rng.random(rows) < 0.2, None, rng.choice(list("abcdefghijkl"), rows)),
            "same": 7,
        }
    )
    score = frame.age.fillna(50) / 40 + frame.member + (frame.city == "Rome") + (frame.job == "c")
    return frame, score.to_numpy() + 0.1 * rng.standard_normal(rows)


@pytest.fixture(scope="module")
def fitted():
    X, score = table()
    labels = np.where(score > np.median(score), "yes", "no")
    return (
        X,
        labels,
        score,
        TabularClassifier(random_state=0).fit(X, labels),
        TabularRegressor(random_state=0).fit(X, score),
    )


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
@pytest.mark.parametrize("estimator", [TabularClassifier(), TabularRegressor()])
def test_scikit_learn_accepts_it_without_expected_failures(estimator):
    check_estimator(estimator)


def test_it_learns_from_every_kind_of_column(fitted):
    X, score = table(200, seed=1)
    *_, classifier, regressor = fitted
    assert classifier.score(X, np.where(score > np.median(score), "yes", "no")) > 0.85
    assert regressor.score(X, score) > 0.8


def test_libraries_of_frames_give_the_same_bytes(fitted):
    polars = pytest.importorskip("polars")
    X, labels, _, classifier, _ = fitted
    as_polars = polars.DataFrame({name: X[name].astype(object).where(X[name].notna(), None).tolist() for name in X})
    other = TabularClassifier(random_state=0).fit(as_polars, labels)
    assert np.array_equal(other.predict_proba(as_polars), classifier.predict_proba(X))
    # A warning is an error here.
    found, expected = (
        model.permutation_importances(each, labels, n_repeats=1, random_state=0)
        for model, each in ((other, as_polars), (classifier, X))
    )
    assert found == expected


@pytest.mark.filterwarnings("ignore:Determining the column names of a LazyFrame")
def test_tables_whose_rows_are_not_there_yet_are_refused(fitted):
    polars = pytest.importorskip("polars")
    with pytest.raises(TypeError, match="X must be a DataFrame or an array, got LazyFrame: collect"):
        TabularRegressor().fit(polars.LazyFrame({"a": [1.0, 2.0]}), [1, 2])


def test_arrays_of_objects_are_tables_too(fitted):
    X, labels, _, classifier, _ = fitted
    array = X.astype(object).to_numpy()
    other = TabularClassifier(random_state=0).fit(array, labels)
    assert np.array_equal(other.predict_proba(array), classifier.predict_proba(X))


@pytest.mark.parametrize("other", [["Rome", "Oslo"] * 20, [True, False, False, True] * 10])
def test_values_of_lists_keep_their_types(other):
    ages = np.arange(20.0, 60.0)
    rows = [list(row) for row in zip(ages.tolist(), other, strict=True)]
    frame = pd.DataFrame({"0": ages, "1": other})
    model, expected = (TabularRegressor(random_state=0).fit(X, ages) for X in (rows, frame))
    assert model.encoding_ == expected.encoding_
    predicted = model.predict(rows)
    np.testing.assert_array_equal(predicted, expected.predict(frame))
    assert [model.row_predictor()(row) for row in rows] == predicted.tolist()
    importances = model.permutation_importances(rows, ages, random_state=0)
    assert importances == expected.permutation_importances(frame, ages, random_state=0)


@pytest.mark.parametrize("ordered", [False, True])
@pytest.mark.parametrize("count", [2, 5, 12])
def test_numbers_that_are_said_to_be_categories_are_categories(count, ordered):
    zones = np.random.default_rng(0).permutation(np.arange(10 * count) % count) + 90_210
    y = 1.0 * (zones % 2)
    X, texts = (pd.DataFrame({"zone": pd.Categorical(each, ordered=ordered)}) for each in (zones, zones.astype(str)))
    model, expected = (TabularRegressor(random_state=0).fit(each, y) for each in (X, texts))
    assert model.encoding_ == expected.encoding_
    predicted = model.predict(X)
    np.testing.assert_array_equal(predicted, expected.predict(texts))
    np.testing.assert_array_equal(predicted, model.predict(pd.DataFrame({"zone": zones})))
    assert [model.row_predictor()([zone]) for zone in zones.tolist()] == predicted.tolist()
    missing = pd.DataFrame({"zone": pd.Categorical([None, 1], categories=[1, 90_210])})
    assert len(set(model.predict(missing))) == 1


@pytest.mark.filterwarnings("ignore:X does not have valid feature names")
def test_an_array_has_the_columns_of_training_in_their_order(fitted):
    X, _, _, classifier, regressor = fitted
    np.testing.assert_array_equal(regressor.predict(X.to_numpy(dtype=object)), regressor.predict(X))
    np.testing.assert_array_equal(classifier.predict_proba(X.to_numpy(dtype=object)), classifier.predict_proba(X))


def test_columns_of_one_name_are_refused(fitted):
    X, _, score, _, _ = fitted
    twice = pd.concat([X, X[["age"]]], axis=1)
    with pytest.raises(ValueError, match=r"X must have columns of different names, got 'age' 2 times"):
        TabularRegressor().fit(twice, score)


def test_missing_and_unseen_values_are_allowed_everywhere(fitted):
    *_, classifier, regressor = fitted
    X = pd.DataFrame(
        {"age": [np.nan, 30.0], "city": ["Atlantis", None], "member": [None, True], "job": ["zz", None], "same": [1, 2]}
    )
    assert np.isfinite(classifier.predict_proba(X)).all() and np.isfinite(regressor.predict(X)).all()


@pytest.mark.parametrize(
    "values",
    [
        pd.date_range("2026-01-01", periods=4),
        [datetime.date(2026, 1, day) for day in (1, 2, 3, 4)],
        pd.to_timedelta([1, 2, 3, 4], unit="D"),
        pd.period_range("2026-01", periods=4, freq="M"),
        pd.Categorical(pd.date_range("2026-01-01", periods=4)),
    ],
)
def test_dates_are_refused_by_name(values):
    with pytest.raises(TypeError, match=r"column 'when' must be of numbers or categories.*days since a date"):
        TabularRegressor().fit(pd.DataFrame({"when": values, "x": [1, 2, 3, 4]}), [1, 2, 3, 4])


def test_many_categories_have_a_vector_each_and_few_a_flag(fitted):
    X, *_, classifier, regressor = fitted
    assert [type(column).__name__ for column in regressor.encoding_.columns[1:]] == [
        "CategoryColumn", "CategoryColumn", "CodeColumn"]  # fmt: skip
    for model in (classifier, regressor):
        kinds = model.networks_[0].layers[1].columns
        assert [repr(kind) for kind in kinds[1:]] == ["Numbers(5)", "Embedding(13, 8, zero_is_missing=True)"]
    # A missing and an unseen category have no vector.
    rows = pd.concat([X[:1]] * 3, ignore_index=True).assign(job=[None, "zz", "c"])
    missing, unseen, known = regressor.predict(rows)
    assert missing == unseen != known
    assert known - missing > 0.5


def test_a_column_of_many_categories_tells_what_each_means():
    rng = np.random.default_rng(0)
    code = rng.integers(0, 60, 1800)
    X = pd.DataFrame({"x": rng.standard_normal(1800), "city": [f"city {i}" for i in code]})
    y = rng.standard_normal(60)[code] + 0.3 * X["x"]
    model = TabularRegressor(random_state=0).fit(X[:1200], y[:1200])
    assert model.score(X[1200:], y[1200:]) > 0.9


def test_columns_are_checked_by_name(fitted):
    X, *_, regressor = fitted
    with pytest.raises(ValueError, match="feature names"):
        regressor.predict(X.drop(columns="age"))
    with pytest.raises(TypeError, match=r"column 'age' must be of numbers.*'old'"):
        regressor.predict(X.assign(age="old"))
    with pytest.raises(ValueError, match="column 'age' must be finite or missing, got inf"):
        regressor.predict(X.assign(age=np.inf))


@pytest.mark.parametrize("labels", [[True, False], [3, 7], ["a", "b"], [0.0, 1.0]])
def test_labels_are_returned_as_they_are(labels):
    X = np.linspace(-1, 1, 60)[:, None]
    y = np.array(labels)[(X[:, 0] > 0).astype(int)]
    predicted = TabularClassifier(random_state=0).fit(X, y).predict(X)
    assert predicted.dtype == y.dtype and (predicted == y).mean() > 0.95


def test_nullable_booleans_are_booleans():
    y = pd.array([True, False] * 20, dtype="boolean")
    model = TabularClassifier(random_state=0).fit(np.tile([[1.0], [0.0]], (20, 1)), pd.Series(y))
    assert model.classes_.tolist() == [False, True] and model.classes_.dtype == bool
    with pytest.raises(ValueError, match="NaN"):
        TabularClassifier().fit(np.ones((3, 1)), pd.array([True, None, False], dtype="boolean"))


def test_any_scale_of_target_is_learned_as_well(fitted):
    X, _, score, _, regressor = fitted
    other = TabularRegressor(random_state=0).fit(X, 1e9 + 1e6 * score)
    assert other.score(X, 1e9 + 1e6 * score) == pytest.approx(regressor.score(X, score), abs=0.05)
    # Whose squares are zero.
    tiny = 2.0**-990
    other = TabularRegressor(random_state=0).fit(X, score * tiny)
    np.testing.assert_array_equal(other.predict(X), regressor.predict(X) * tiny)


def test_predictions_stay_within_the_targets_seen(fitted):
    X, _, score, _, regressor = fitted
    far = regressor.predict(X.assign(age=X.age * 1e6))
    assert score.min() <= far.min() and far.max() <= score.max()


def test_weights_are_repetitions_and_order_does_not_matter(fitted):
    X, labels, *_ = fitted
    counts = np.random.default_rng(0).integers(0, 3, len(X))
    weighted = TabularClassifier(random_state=0).fit(X, labels, sample_weight=counts)
    rows = np.random.default_rng(1).permutation(np.repeat(np.arange(len(X)), counts))
    repeated = TabularClassifier(random_state=0).fit(X.iloc[rows], labels[rows])
    assert np.array_equal(weighted.predict_proba(X), repeated.predict_proba(X))


def test_targets_of_any_order_give_the_same_bytes(fitted):
    X, _, score, _, regressor = fitted
    shuffled = np.random.default_rng(2).permutation(len(X))
    again = TabularRegressor(random_state=0).fit(X.iloc[shuffled], score[shuffled])
    assert np.array_equal(again.predict(X), regressor.predict(X))
    rows = np.repeat(np.arange(len(X)), np.arange(len(X)) % 3)
    repeated = TabularRegressor(random_state=0).fit(X.iloc[rows], score[rows])
    weighted = TabularRegressor(random_state=0).fit(X, score, sample_weight=np.arange(len(X)) % 3)
    assert np.array_equal(repeated.predict(X), weighted.predict(X))
    weights = np.random.default_rng(3).random(len(X))
    one = TabularRegressor(random_state=0).fit(X, score, sample_weight=weights)
    other = TabularRegressor(random_state=0).fit(X.iloc[shuffled], score[shuffled], sample_weight=weights[shuffled])
    assert np.array_equal(one.predict(X), other.predict(X))


def test_weights_whose_sum_overflows_are_refused(fitted):
    X, _, score, _, _ = fitted
    with pytest.raises(ValueError, match=r"sample_weight must have a finite sum, got weights up to 1e\+308"):
        TabularRegressor().fit(X, score, sample_weight=np.full(len(X), 1e308))


def test_targets_whose_squares_overflow_are_refused(fitted):
    X, _, score, _, _ = fitted
    with pytest.raises(ValueError, match=r"y must be of numbers up to ±1e\+150, got "):
        TabularRegressor().fit(X, score * 1e300)


def test_threads_change_no_byte(fitted):
    X, _, score, *_ = fitted
    one, two = (TabularRegressor(n_members=3, random_state=5, n_jobs=jobs).fit(X, score) for jobs in (None, 2))
    assert one.predict(X).tobytes() == two.predict(X).tobytes()


@pytest.mark.parametrize("far", [1e100, 1e160, 1.7e308])
def test_a_number_that_is_far_away_is_no_missing_one(fitted, far):
    X, _, _, _, regressor = fitted
    one = X.iloc[:1]
    row = one.iloc[0].to_dict()
    for value, like in ((far, 1e20), (-far, -1e20)):
        expected = regressor.predict(one.assign(age=like))[0]
        assert (
            regressor.predict(one.assign(age=value))[0] == expected == regressor.row_predictor()(row | {"age": value})
        )


@pytest.mark.filterwarnings("ignore::chainrule.ChainruleWarning")
@pytest.mark.filterwarnings("ignore:invalid value encountered in reduce")
@pytest.mark.parametrize("size", [1e-310, 1e-300, 1e300, 1.7e308])
def test_numbers_of_any_size_are_learned(size):
    X = np.linspace(-1, 1, 60)[:, np.newaxis] * size
    model = TabularRegressor(random_state=0).fit(X, np.arange(60))
    assert model.predict(X[-1:])[0] - model.predict(X[:1])[0] > 30


def test_decimals_and_large_integers_are_numbers(fitted):
    numbers = pd.DataFrame({"price": [decimal.Decimal(i) / 4 for i in range(60)]})
    plain = TabularRegressor(random_state=0).fit(numbers.astype(float), np.arange(60))
    exact = TabularRegressor(random_state=0).fit(numbers, np.arange(60))
    assert np.array_equal(exact.predict(numbers), plain.predict(numbers.astype(float)))
    assert exact.row_predictor()([decimal.Decimal("2.5")]) == exact.row_predictor()([2.5])
    for predict in (exact.row_predictor(), lambda row: exact.predict(pd.DataFrame({"price": row}, dtype=object))):
        with pytest.raises(ValueError, match=r"column 'price' must be finite or missing, got inf"):
            predict([10**400])


@pytest.mark.parametrize("jobs", [1, 2])
def test_an_interrupt_stops_all_networks(fitted, jobs):
    X, _, score, _, _ = fitted
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    timer = threading.Timer(0.5, lambda: os.kill(os.getpid(), signal.SIGINT))
    begin = time.monotonic()
    timer.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            TabularRegressor(n_members=200, random_state=0, n_jobs=jobs).fit(X, score)
    finally:
        timer.cancel()
        signal.signal(signal.SIGINT, before)
    assert time.monotonic() - begin < 5


def test_members_hold_back_every_row_once(fitted):
    X, _, score, classifier, _ = fitted
    assert 0.1 < np.isfinite(classifier.oof_proba_[:, 0]).mean() < 0.3
    ensemble = TabularRegressor(n_members=5, random_state=0).fit(X, score)
    assert np.isfinite(ensemble.oof_prediction_).all()
    assert np.corrcoef(ensemble.oof_prediction_, score)[0, 1] > 0.8


def test_intervals_cover_what_they_say():
    X, score = table(1200, seed=2)
    model = TabularRegressor(random_state=0).fit(X[:700], score[:700])
    for coverage in (0.5, 0.9):
        low, high = model.predict_interval(X[700:], coverage).T
        assert coverage - 0.1 < ((low <= score[700:]) & (score[700:] <= high)).mean() < coverage + 0.1
    with pytest.raises(ValueError, match="coverage"):
        model.predict_interval(X, 1.0)


def test_probabilities_are_calibrated_by_held_back_rows():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((600, 4))
    y = (X[:, 0] + rng.logistic(size=600) > 0).astype(int)
    model = TabularClassifier(n_members=5, random_state=0).fit(X[:300], y[:300])
    p = model.predict_proba(X[300:])
    loss = -np.log(p[np.arange(300), y[300:]]).mean()
    assert loss < 0.69
    assert p.sum(axis=1) == pytest.approx(1)


def test_class_weights_count():
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((200, 2)), rng.integers(0, 2, 200)
    heavy = TabularClassifier(class_weight={0: 50, 1: 1}, random_state=0).fit(X, y)
    assert (heavy.predict(X) == 0).mean() > 0.9


@pytest.mark.parametrize("weight", [-2, float("nan"), float("inf")])
def test_class_weights_below_zero_or_not_finite_are_refused(fitted, weight):
    X, labels, *_ = fitted
    with pytest.raises(ValueError, match=r"class_weight must be of finite numbers >= 0, got \{'yes'"):
        TabularClassifier(class_weight={"yes": weight}).fit(X, labels)


def test_importances_find_the_columns_that_count(fitted):
    X, _, score, _, regressor = fitted
    importances = regressor.permutation_importances(X, score, random_state=0)
    assert set(importances) == set(X.columns)
    assert importances["same"] == 0
    assert next(iter(importances)) in ("age", "member", "city")


def test_files_and_pickles_hold_all_of_it(fitted, tmp_path):
    X, *_, classifier, regressor = fitted
    for model in (classifier, regressor):
        path = tmp_path / "model.safetensors"
        model.save(path)
        loaded = tabular.load(path)
        assert type(loaded) is type(model)
        assert np.array_equal(loaded.predict(X), model.predict(X))
        assert np.array_equal(pickle.loads(pickle.dumps(model)).predict(X), model.predict(X))
    assert np.array_equal(loaded.predict_interval(X), regressor.predict_interval(X))
    with pytest.raises(cr.ModelFileError):
        cr.load(path)
    cr.Network([2, 1], seed=0).save(path)
    with pytest.raises(cr.ModelFileError, match="not an estimator"):
        tabular.load(path)
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(cr.ModelFileError):
        tabular.load(path)


@pytest.mark.parametrize("labels", [np.int8([1, 2]), np.array(["a", "b"], dtype=object), np.float32([0, 1])])
def test_files_hold_settings_and_the_type_of_labels(labels, tmp_path):
    X = np.linspace(-1, 1, 40)[:, np.newaxis]
    weights = {label: np.float64(2 + i) for i, label in enumerate(labels)}
    settings = {"n_members": np.int64(1), "random_state": 3, "class_weight": weights}
    model = TabularClassifier(**settings).fit(X, np.tile(labels, 20))
    model.save(tmp_path / "model.safetensors")
    loaded = tabular.load(tmp_path / "model.safetensors")
    assert loaded.get_params() == model.get_params()
    assert loaded.predict(X).dtype == labels.dtype
    again = loaded.fit(X, np.tile(labels, 20)).predict_proba(X)
    assert np.array_equal(again, model.predict_proba(X))


def test_a_time_limit_is_kept(fitted):
    X, _, score, *_ = fitted
    model = TabularRegressor("accurate", time_limit=0.05, random_state=0).fit(X, score)
    assert all(network.epochs >= 1 for network in model.networks_)
    assert model.networks_[0].epochs < 200


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"preset": "quick"}, "unknown preset 'quick'"),
        ({"n_members": 0}, "n_members"),
        ({"time_limit": -1}, "time_limit"),
    ],
)
def test_bad_parameters_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        TabularRegressor(**arguments).fit([[0.0], [1.0], [2.0]], [0, 1, 2])


@pytest.mark.parametrize(
    ("y", "options", "message"),
    [
        (["a", None, 3, "b"], {}, "y must have labels of one type, none of them missing, got NoneType, int, str"),
        (np.arange(4).astype("datetime64[D]"), {}, r"y must be of numbers or labels, got datetime64\[D\]"),
        (["a", "b", "a", "b"], {"n_jobs": 1.5}, "n_jobs must be an integer, got 1.5"),
    ],
)
def test_targets_and_settings_of_other_types_are_refused(y, options, message):
    with pytest.raises(TypeError, match=message):
        TabularClassifier(**options).fit([[1.0], [2.0], [3.0], [4.0]], y)


def test_a_network_is_not_read_from_a_file_of_an_estimator(fitted, tmp_path):
    *_, regressor = fitted
    regressor.save(tmp_path / "model.safetensors")
    with pytest.raises(cr.ModelFileError, match=r"is an estimator for tables; read it with chainrule\.tabular\.load"):
        cr.load(tmp_path / "model.safetensors")
