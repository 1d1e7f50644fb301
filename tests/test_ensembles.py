"""scikit-learn's place for ensembles: members trained side by side, each as alone."""

import pickle

import numpy as np
import pytest
from estimators import CLASSES, NUMBERS, WEIGHTS, X
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import cross_val_score
from sklearn.utils.estimator_checks import check_estimator

import chainrule as cr
from chainrule.sklearn import EnsembleClassifier, EnsembleRegressor, MLPClassifier, MLPRegressor

pytestmark = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning", "ignore::chainrule.ChainruleWarning"
)

QUICK = {"hidden_layer_sizes": (8,), "max_iter": 8}


def classifier(**options):
    return EnsembleClassifier(MLPClassifier(**QUICK), 3, random_state=0, **options)


def regressor(**options):
    return EnsembleRegressor(MLPRegressor(**QUICK), 3, random_state=0, **options)


@pytest.mark.parametrize(
    "model", [EnsembleClassifier(MLPClassifier(max_iter=60), 2), EnsembleRegressor(MLPRegressor(max_iter=60), 2)]
)
def test_estimator_checks_pass(model):
    check_estimator(model, on_skip=None)


def test_a_file_that_all_members_would_write_is_refused(tmp_path):
    model = EnsembleClassifier(MLPClassifier(**QUICK, callbacks=[cr.CSVLog(tmp_path / "log.csv")]), 2)
    with pytest.raises(ValueError, match=r"must write no files, as all members would write .*log\.csv"):
        model.fit(X, CLASSES["three classes"])
    model.set_params(n_estimators=1).fit(X, CLASSES["three classes"])
    assert len((tmp_path / "log.csv").read_text().splitlines()) == 9


def test_a_sample_is_predicted_as_among_others():
    """NumPy adds the numbers of eight members and more in another order if there is one sample."""
    model = EnsembleRegressor(MLPRegressor(**QUICK), 12, random_state=0).fit(X, NUMBERS["one output"])
    together = np.stack(model.predict(X, return_std=True), axis=1)
    alone = [np.hstack(model.predict(X[i : i + 1], return_std=True)) for i in range(len(X))]
    np.testing.assert_array_equal(together, alone)


@pytest.mark.parametrize("n_jobs", [1, 2, -1])
@pytest.mark.parametrize("bootstrap", [False, True])
def test_members_are_those_that_are_trained_alone(n_jobs, bootstrap):
    y = CLASSES["three classes"]
    model = classifier(n_jobs=n_jobs, bootstrap=bootstrap).fit(X, y, WEIGHTS)
    random = np.random.RandomState(0)
    for member in model.estimators_:
        alone = MLPClassifier(**QUICK, random_state=random.randint(2**31 - 1))
        assert member.get_params() == alone.get_params()
        weights = WEIGHTS
        if bootstrap:
            drawn = random.randint(len(X), size=len(X))
            weights = WEIGHTS * np.bincount(drawn, minlength=len(X))
        alone.fit(X, y, weights)
        assert np.array_equal(alone.network_.parameters, member.network_.parameters)


@pytest.mark.parametrize("name", CLASSES)
def test_a_classifier_averages_probabilities(name):
    model = classifier().fit(X, CLASSES[name])
    mean = sum(member.predict_proba(X) for member in model.estimators_) / 3
    assert model.predict_proba(X) == pytest.approx(mean, abs=1e-12)
    for member in model.estimators_[1:]:
        member.network_.parameters = model.estimators_[0].network_.parameters
    assert np.array_equal(model.predict(X), model.estimators_[0].predict(X))


@pytest.mark.parametrize("name", NUMBERS)
def test_a_regressor_averages_predictions_and_tells_how_far_they_are_apart(name):
    model = regressor(bootstrap=True).fit(X, NUMBERS[name])
    each = np.array([member.predict(X) for member in model.estimators_])
    mean, deviation = model.predict(X, return_std=True)
    assert mean.shape == NUMBERS[name].shape
    assert mean == pytest.approx(each.mean(axis=0), abs=1e-12)
    assert deviation == pytest.approx(each.std(axis=0), abs=1e-12)
    assert np.array_equal(model.predict(X), mean)


def test_scikit_learn_takes_it():
    y = CLASSES["two classes"]
    model = classifier()
    assert len(cross_val_score(model, X, y, cv=3)) == 3
    again = pickle.loads(pickle.dumps(model.fit(X, y)))
    assert np.array_equal(again.predict_proba(X), model.predict_proba(X))
    assert clone(model).get_params()["estimator__max_iter"] == 8


def test_mistakes_are_told():
    with pytest.raises(NotFittedError):
        classifier().predict(X)
    with pytest.raises(ValueError, match="n_estimators"):
        EnsembleClassifier(n_estimators=0).fit(X, CLASSES["two classes"])
    with pytest.raises(ValueError, match="'estimator' parameter of EnsembleRegressor"):
        EnsembleRegressor("mlp").fit(X, NUMBERS["one output"])
    with pytest.raises(ValueError, match=r"parameter of EnsembleRegressor must be an instance of .*MLPRegressor"):
        EnsembleRegressor(MLPClassifier()).fit(X, NUMBERS["one output"])


def test_an_error_of_a_member_is_raised_and_leaves_the_ensemble_as_it_was():
    model = EnsembleRegressor(MLPRegressor(solver="sgd", learning_rate_init=1e30), 2, n_jobs=2)
    with pytest.raises(ValueError, match="finite"):
        model.fit(X, 1e20 * NUMBERS["one output"])
    assert not hasattr(model, "estimators_")
