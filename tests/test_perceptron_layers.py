"""Dropout, batch normalisation and more outputs of MLPClassifier and MLPRegressor."""

import pickle

import numpy as np
import pytest
from estimators import CLASSES, NUMBERS, TARGETS, WEIGHTS, X, assert_same_weights, twins
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.utils.estimator_checks import check_estimator

import chainrule as cr
from chainrule.sklearn import MLPClassifier, MLPRegressor

pytestmark = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning", "ignore::chainrule.ChainruleWarning"
)
BOTH = {"hidden_layer_sizes": (8, 5), "dropout": [0.3, 0.1], "batch_norm": True, "random_state": 0, "max_iter": 5}


def kinds(model):
    return [type(layer).__name__ for layer in model.network_.layers[1:]]


def test_layers_are_where_they_should_be():
    y = CLASSES["three classes"]
    model = MLPClassifier(**BOTH, activation=["tanh", "relu"]).fit(X, y)
    block = ["Dense", "BatchNorm", "Activation", "Dropout"]
    assert kinds(model) == [*block, *block, "Dense"]
    activations = [layer.activation for layer in model.network_.layers[1:]][::2]
    assert activations == ["identity", "tanh", "identity", "relu", "softmax"]
    assert [layer.rate for layer in model.network_.layers[1:][3::4]] == [0.3, 0.1]
    assert kinds(MLPClassifier((8, 5), dropout=[0.0, 0.5], max_iter=1).fit(X, y)) == ["Dense"] * 2 + [
        "Dropout",
        "Dense",
    ]
    assert kinds(MLPClassifier(8, dropout=0.5, max_iter=1).fit(X, y)) == ["Dense", "Dropout", "Dense"]


@pytest.mark.parametrize("name", TARGETS)
def test_what_scikit_learn_promises_holds_with_them(name):
    y = TARGETS[name]
    model = twins(name)[1](**BOTH, early_stopping=True).fit(X, y, WEIGHTS)
    assert [w.shape for w in model.coefs_] == [(7, 8), (8, 5), (5, model.n_outputs_)]
    assert [b.shape for b in model.intercepts_] == [(8,), (5,), (model.n_outputs_,)]
    assert (model.n_layers_, model.n_outputs_) == (4, model.coefs_[-1].shape[1])
    again = clone(model).fit(X, y, WEIGHTS)
    assert_same_weights(model, again, 0)
    copy = pickle.loads(pickle.dumps(model))
    assert np.array_equal(copy.predict(X), model.predict(X))
    model.coefs_ = [2 * weights for weights in model.coefs_]
    assert np.array_equal(model.coefs_[1], 2 * copy.coefs_[1])
    for one in (again, copy):
        one.set_params(warm_start=True, early_stopping=False).fit(X, y)
    assert_same_weights(again, copy, 0)


def test_estimator_checks_pass_with_them():
    # Statistics of a batch do not count weights, and repeated samples are dropped each for itself.
    why = {f"check_sample_weight_equivalence_on_{data}_data": "weights" for data in ("dense", "sparse")}
    check_estimator(
        MLPClassifier((8,), dropout=0.1, batch_norm=True), on_skip=None, on_fail="raise", expected_failed_checks=why
    )


def test_initial_weights_are_those_without_them():
    options = {"hidden_layer_sizes": (8, 5), "random_state": 3, "max_iter": 1, "learning_rate_init": 1e-300}
    plain, more = (
        MLPRegressor(**options, **layers).fit(X, NUMBERS["one output"])
        for layers in ({}, {"dropout": 0.4, "batch_norm": True})
    )
    assert_same_weights(plain, more, 0)


def test_alpha_is_a_penalty_on_weights_alone():
    model = MLPRegressor(**{**BOTH, "max_iter": 1}, alpha=8.0, learning_rate_init=1e-300, solver="sgd")
    model.fit(X, NUMBERS["one output"])
    squares = sum(float((weights**2).sum()) for weights in model.coefs_)
    assert model.network_.core.penalty() == pytest.approx(0.5 * 8.0 / 90 * squares, rel=1e-6)


def test_dropout_is_drawn_in_training_alone_and_from_random_state():
    y = CLASSES["three classes"]
    first, same, other = (MLPClassifier(dropout=0.5, random_state=s, max_iter=3).fit(X, y) for s in (0, 0, 1))
    assert_same_weights(first, same, 0)
    assert not np.array_equal(first.coefs_[0], other.coefs_[0])
    assert np.array_equal(first.predict_proba(X), first.predict_proba(X))


def test_batch_normalisation_learns_digits_in_their_own_scale():
    data, y = load_digits(return_X_y=True)
    model = MLPClassifier((32,), batch_norm=True, dropout=0.1, random_state=0, max_iter=12, learning_rate_init=0.01)
    assert model.fit(1000 * data[:1000], y[:1000]).score(1000 * data[1000:], y[1000:]) > 0.88


@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_lbfgs_takes_the_statistics_of_all_samples(weights):
    y = NUMBERS["one output"]
    options = {"hidden_layer_sizes": (8, 5), "solver": "lbfgs", "batch_norm": True, "random_state": 0}
    model = MLPRegressor(**options, max_iter=1, tol=1e300).fit(5 + 100 * X, y, weights)
    for index, layer in enumerate(model.network_.layers[1:]):
        if isinstance(layer, cr.BatchNorm):
            values = model.network_.truncated(index + 1).predict(5 + 100 * X)
            assert np.average(values, axis=0, weights=weights) == pytest.approx(np.zeros(layer.gamma.size), abs=1e-6)
            assert np.average(values**2, axis=0, weights=weights) == pytest.approx(np.ones(layer.gamma.size), rel=1e-3)
    assert MLPRegressor(**options).fit(5 + 100 * X, y).score(5 + 100 * X, y) > 0.9


STILL = {"learning_rate_init": 1e-300, "alpha": 0.0, "batch_size": 90}


def log_odds(model, classes):
    """The logarithms of the probabilities of classes, up to a number for each sample."""
    logs = model.predict_log_proba(X)[:, [model.classes_.tolist().index(label) for label in classes]]
    return logs - logs.mean(axis=1, keepdims=True)


@pytest.mark.parametrize(
    ("before", "after"),
    [("ab", "abc"), ("bd", "abcde"), ("acd", "abcde"), ("bcd", "ad"), ("cd", "a"), ("bc", "bc"), ("abc", "c")],
)
@pytest.mark.parametrize("more", [{}, {"batch_norm": True, "dropout": 0.2}])
def test_new_classes_leave_what_is_known(before, after, more):
    first, then = (np.array(list(labels))[np.arange(90) % len(labels)] for labels in (before, after))
    model = MLPClassifier((8,), warm_start=True, random_state=0, max_iter=20, **more).fit(X, first)
    odds, hidden, steps, epochs = log_odds(model, before), model.coefs_[0], model.t_, model.n_iter_
    model.set_params(max_iter=1, **STILL).fit(X, then)
    assert model.classes_.tolist() == sorted({*before, *after})
    assert np.array_equal(model.coefs_[0], hidden)
    if not more:  # the statistics of another batch are others
        assert log_odds(model, before) == pytest.approx(odds, abs=1e-5)
    assert model.t_ == steps + 90
    assert model.predict_proba(X).shape == (90, len(model.classes_))
    assert model.network_.history.epochs == epochs + 1
    model.set_params(max_iter=99, learning_rate_init=0.05, early_stopping=True, batch_size="auto").fit(X, then)
    assert set(model.predict(X)) <= set(model.classes_)
    model.set_params(early_stopping=False).partial_fit(X[:5], first[:5])


def test_a_single_class_gets_others():
    model = MLPClassifier((8,), warm_start=True, random_state=0, max_iter=2).fit(X, np.full(90, 5))
    for labels in ([3, 5], [3, 5, 9]):
        y = np.array(labels)[np.arange(90) % len(labels)]
        assert model.fit(X, y).classes_.tolist() == labels
        assert model.n_outputs_ == (1 if len(labels) == 2 else 3)


def test_new_labels_of_several_leave_what_is_known():
    y = CLASSES["labels"]
    model = MLPClassifier((8,), warm_start=True, random_state=0, max_iter=5).fit(X, y[:, :3])
    before = model.predict_proba(X)
    model.set_params(max_iter=1, **STILL).fit(X, y)
    assert model.predict_proba(X)[:, :3] == pytest.approx(before, abs=1e-6)
    assert model.predict(X).shape == (90, 4)
    with pytest.raises(ValueError, match=r"y must have 4 columns of labels, or more classes, .*; got \(90, 3\)"):
        model.fit(X, y[:, :3])


def test_what_does_not_go_with_known_classes_changes_nothing():
    y = CLASSES["three classes"]
    model = MLPClassifier((8,), warm_start=True, early_stopping=True, random_state=0, max_iter=2).fit(X, y)
    before = model.network_.parameters.tobytes()
    new = np.where(y == "a", "z", y)
    for labels, given in ((np.arange(90) % 3, {}), (new, {"X_val": X, "y_val": y[:5]}), (new, {"X_val": X})):
        with pytest.raises(ValueError, match=r"Mix of label input types|do not go with the fit|y_val must be given"):
            model.fit(X, labels, **given)
        assert model.classes_.tolist() == ["a", "b", "c"]
        assert model.network_.parameters.tobytes() == before


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"dropout": 1.0}, ValueError, "The 'dropout' parameter of MLPClassifier must be"),
        ({"dropout": -0.1}, ValueError, "The 'dropout' parameter of MLPClassifier must be"),
        ({"dropout": "much"}, ValueError, "The 'dropout' parameter of MLPClassifier must be"),
        ({"dropout": [0.1]}, ValueError, r"dropout must be a number, or one for each of 2 hidden layers; got \[0.1\]"),
        ({"dropout": [0.1, 1.0]}, ValueError, "dropout must be finite and in"),
        ({"dropout": [0.1, None]}, TypeError, "dropout must be a number, got None"),
        ({"dropout": [0.1, 0.0], "solver": "lbfgs"}, ValueError, r"dropout must be 0 for solver 'lbfgs', got \[0.1"),
        ({"batch_norm": "yes"}, ValueError, "The 'batch_norm' parameter of MLPClassifier must be"),
    ],
)
def test_bad_layers_are_named(options, error, message):
    model = MLPClassifier((8, 5), **options)
    with pytest.raises(error, match=message):
        model.fit(X, CLASSES["three classes"])
    assert not hasattr(model, "network_")
