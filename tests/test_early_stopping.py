"""Early stopping of MLPClassifier and MLPRegressor: by given samples, and by any scorer."""

import warnings
from unittest import mock

import numpy as np
import pytest
import scipy.sparse
from estimators import CLASSES, NUMBERS, RNG, TARGETS, WEIGHTS, X, assert_same_weights, twins
from sklearn import metrics
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.class_weight import compute_sample_weight

from chainrule.sklearn import MLPClassifier, MLPRegressor
from chainrule.sklearn.held_out import split

pytestmark = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning", "ignore::chainrule.ChainruleWarning"
)
TRAIN, HELD = slice(0, 60), slice(60, 90)
OPTIONS = {"hidden_layer_sizes": (9,), "early_stopping": True, "random_state": 0, "max_iter": 12}
HELD_WEIGHTS = WEIGHTS[HELD]


def held(y, weights=None):
    more = {} if weights is None else {"sample_weight_val": weights}
    return {"X_val": X[HELD], "y_val": y[HELD], **more}


def fitted(name, weights=None, **options):
    y = TARGETS[name]
    model = twins(name)[1](**OPTIONS, **options)
    return model.fit(X[TRAIN], y[TRAIN], **held(y, weights))


@pytest.mark.parametrize("name", TARGETS)
def test_given_samples_do_what_a_share_of_the_samples_does(name):
    y, kind, options = TARGETS[name], twins(name)[1], {**OPTIONS, "shuffle": False, "solver": "sgd"}
    with mock.patch("chainrule.sklearn.perceptron.split", wraps=split) as made:
        places = []
        made.side_effect = lambda *arguments: places.append(split(*arguments)) or places[-1]
        shared = kind(**options).fit(X, y, WEIGHTS)
    train, others = places[0]
    given = kind(**options).fit(
        X[train], y[train], WEIGHTS[train], X_val=X[others], y_val=y[others], sample_weight_val=WEIGHTS[others]
    )
    assert_same_weights(shared, given, 0)
    assert given.validation_scores_ == shared.validation_scores_


def own_scorer(estimator, X, y):
    return float(np.mean(estimator.predict(X).round(1) == np.round(y, 1)))


SCORINGS = {
    "two classes": ["roc_auc", "neg_log_loss", "f1", own_scorer],
    "three classes": ["roc_auc_ovr", "f1_macro", "balanced_accuracy"],
    "labels": ["roc_auc", "f1_micro"],
    "one output": ["neg_mean_absolute_error", "neg_root_mean_squared_error", "r2", own_scorer],
    "two outputs": ["neg_mean_squared_error", "explained_variance"],
}


@pytest.mark.parametrize(("name", "scoring"), [(name, s) for name, names in SCORINGS.items() for s in names])
def test_any_scorer_decides(name, scoring):
    model = fitted(name, scoring=scoring)
    scorer = metrics.get_scorer(scoring)
    y = TARGETS[name]
    assert model.best_validation_score_ == max(model.validation_scores_)
    assert scorer(model, X[HELD], y[HELD]) == pytest.approx(model.best_validation_score_)
    if scoring in ("neg_log_loss", "f1", "neg_mean_absolute_error"):
        weighed = fitted(name, HELD_WEIGHTS, scoring=scoring)
        expected = scorer(weighed, X[HELD], y[HELD], sample_weight=HELD_WEIGHTS)
        assert expected == pytest.approx(weighed.best_validation_score_)


def squared_error(model, y):
    return 0.5 * metrics.mean_squared_error(y, model.predict(X[HELD]), sample_weight=HELD_WEIGHTS)


def half_deviance(model, y):
    return 0.5 * metrics.mean_poisson_deviance(y, model.predict(X[HELD]), sample_weight=HELD_WEIGHTS)


def log_loss(model, y):
    return metrics.log_loss(y, model.predict_proba(X[HELD]), sample_weight=HELD_WEIGHTS)


@pytest.mark.parametrize(
    ("model", "y", "expected"),
    [
        (MLPClassifier(), CLASSES["two classes"], log_loss),
        (MLPClassifier(), CLASSES["three classes"], log_loss),
        (MLPRegressor(), NUMBERS["one output"], squared_error),
        (MLPRegressor(), NUMBERS["two outputs"], squared_error),
        (MLPRegressor("poisson"), RNG.poisson(2.0, 90), half_deviance),
    ],
    ids=["two classes", "three classes", "one output", "two outputs", "poisson"],
)
def test_the_loss_decides(model, y, expected):
    model.set_params(**OPTIONS, scoring="loss").fit(X[TRAIN], y[TRAIN], **held(y, HELD_WEIGHTS))
    assert -expected(model, y[HELD]) == pytest.approx(model.best_validation_score_)


def test_balanced_classes_of_given_samples_count_as_in_the_training():
    y = np.where(X[:, 0] > 1, "a", "b")
    model = MLPClassifier(**OPTIONS, class_weight="balanced").fit(X[TRAIN], y[TRAIN], **held(y, HELD_WEIGHTS))
    of_class = dict(zip(y[TRAIN], compute_sample_weight("balanced", y[TRAIN]), strict=True))
    weights = HELD_WEIGHTS * [of_class[label] for label in y[HELD]]
    expected = -metrics.log_loss(y[HELD], model.predict_proba(X[HELD]), sample_weight=weights)
    assert expected == pytest.approx(model.best_validation_score_)


def test_weights_of_classes_need_not_all_be_met():
    y = CLASSES["three classes"]
    model = MLPClassifier(**{**OPTIONS, "early_stopping": False}, class_weight={"a": 2.0, "b": 3.0})
    model.partial_fit(X, y, classes=["a", "b", "c"])
    only = y == "a"
    twin = clone(model).partial_fit(X, y, classes=["a", "b", "c"]).set_params(class_weight=None)
    assert_same_weights(model.partial_fit(X[only], y[only]), twin.partial_fit(X[only], y[only], np.full(only.sum(), 2)))


def test_named_columns_make_no_warnings():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X, columns=list("abcdefg"))
    y = CLASSES["two classes"]
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message=".*feature names")
        model = MLPClassifier(**OPTIONS, scoring="roc_auc")
        model.fit(frame[TRAIN], y[TRAIN], X_val=frame[HELD], y_val=y[HELD])
        clone(model).fit(frame, y)
    with pytest.raises(ValueError, match="X_val, y_val and sample_weight_val do not go with the fit: The feature"):
        model.fit(frame[TRAIN], y[TRAIN], X_val=frame[HELD].rename(columns={"a": "z"}), y_val=y[HELD])


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.UndefinedMetricWarning")
def test_scores_that_are_no_numbers_do_not_lose_the_training():
    y, same = CLASSES["two classes"], np.zeros(30, int)
    model = MLPClassifier(**OPTIONS, scoring="roc_auc")
    with pytest.warns(ConvergenceWarning, match="No score of the samples for early stopping is a number"):
        model.fit(X[TRAIN], y[TRAIN], X_val=X[HELD], y_val=same)
    assert np.isnan(model.validation_scores_).all()
    plain = MLPClassifier(**{**OPTIONS, "early_stopping": False, "max_iter": model.n_iter_}).fit(X[TRAIN], y[TRAIN])
    assert_same_weights(plain, model, 0)


def test_sparse_samples_are_given():
    y = CLASSES["three classes"]
    dense, sparse = (
        MLPClassifier(**OPTIONS, scoring="accuracy").fit(data[:60], y[:60], X_val=data[60:], y_val=y[60:])
        for data in (X, scipy.sparse.csr_array(X))
    )
    assert dense.validation_scores_ == sparse.validation_scores_


def test_partial_fit_scores_given_samples_and_trains_with_all_others():
    y = CLASSES["two classes"]
    model = MLPClassifier(**OPTIONS).partial_fit(X[TRAIN], y[TRAIN], classes=[0, 1], **held(y))
    twin = MLPClassifier(**{**OPTIONS, "early_stopping": False}).partial_fit(X[TRAIN], y[TRAIN], classes=[0, 1])
    assert_same_weights(model, twin, 0)
    model.partial_fit(X[TRAIN], y[TRAIN], **held(y))
    assert model.validation_scores_[1] == model.score(X[HELD], y[HELD])


def test_a_pipeline_takes_transformed_samples():
    y = NUMBERS["one output"]
    steps = make_pipeline(StandardScaler(), MLPRegressor(**OPTIONS))
    scaled = StandardScaler().fit(X[TRAIN]).transform(X[HELD])
    steps.fit(X[TRAIN], y[TRAIN], mlpregressor__X_val=scaled, mlpregressor__y_val=y[HELD])
    assert steps.score(X[HELD], y[HELD]) == pytest.approx(steps[-1].best_validation_score_)


@pytest.mark.parametrize(
    ("changes", "options", "error", "message"),
    [
        ({"y_val": None}, {}, ValueError, "y_val must be given with the other samples for early stopping, got None"),
        ({"X_val": None}, {}, ValueError, "X_val must be given with the other samples"),
        ({"X_val": None, "y_val": None, "sample_weight_val": [1]}, {}, ValueError, "X_val must be given"),
        ({}, {"early_stopping": False}, ValueError, "early_stopping must be True for X_val and y_val, got False"),
        ({}, {"solver": "lbfgs"}, ValueError, "solver must be stochastic for X_val and y_val, got 'lbfgs'"),
        ({"X_val": X[HELD, :3]}, {}, ValueError, "do not go with the fit: X has 3 features, but .* is expecting 7"),
        ({"X_val": X}, {}, ValueError, "do not go with the fit: Found input variables with inconsistent numbers"),
        ({"y_val": np.full(30, "z")}, {}, ValueError, "do not go with the fit: `y` has classes not in"),
        ({"y_val": np.ones((30, 3), int)}, {}, ValueError, "y_val must be targets as y, of shape"),
        ({"sample_weight_val": -HELD_WEIGHTS}, {}, ValueError, "sample_weight must have no negative weight"),
        ({}, {"scoring": "accurate"}, ValueError, "The 'scoring' parameter of MLPClassifier must be"),
        ({}, {"scoring": lambda *_: "good"}, TypeError, "scoring must return a number, got 'good'"),
        ({}, {"scoring": lambda *_: np.ones(3)}, TypeError, "scoring must return a number, got array"),
    ],
)
def test_what_cannot_decide_is_named(changes, options, error, message):
    y = CLASSES["three classes"]
    with pytest.raises(error, match=message):
        MLPClassifier(**{**OPTIONS, **options}).fit(X[TRAIN], y[TRAIN], **{**held(y), **changes})


def test_numbers_of_another_shape_cannot_decide():
    y = NUMBERS["two outputs"]
    with pytest.raises(ValueError, match=r"y_val must have the columns of y, of shape \(60, 2\); got \(30,\)"):
        MLPRegressor(**OPTIONS).fit(X[TRAIN], y[TRAIN], X_val=X[HELD], y_val=y[HELD, 0])
