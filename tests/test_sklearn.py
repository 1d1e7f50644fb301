"""MLPClassifier and MLPRegressor compared with scikit-learn's: the same numbers for the same order of samples."""

import pickle
import threading
import tracemalloc

import numpy as np
import pytest
import scipy.sparse
import sklearn
from estimators import CLASSES, NUMBERS, RNG, TARGETS, TWINS, WEIGHTS, X, assert_same_weights, both, twins, weighted
from sklearn import neural_network
from sklearn.base import clone
from sklearn.datasets import load_wine
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator

import chainrule as cr
from chainrule.sklearn import MLPClassifier, MLPRegressor

pytestmark = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning", "ignore::chainrule.ChainruleWarning"
)


def test_estimator_checks_pass():
    for estimator in (MLPClassifier(), MLPRegressor()):
        check_estimator(estimator, on_skip=None)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"activation": "logistic"},
        {"activation": "tanh", "hidden_layer_sizes": 6},
        {"activation": "identity", "hidden_layer_sizes": ()},
        {"nesterovs_momentum": False},
        {"momentum": 0.0, "alpha": 0.0, "batch_size": 25},
        {"learning_rate": "invscaling", "power_t": 0.3, "batch_size": 30, "learning_rate_init": 0.1},
        {"learning_rate": "adaptive", "batch_size": 30, "n_iter_no_change": 1, "tol": 0.1, "max_iter": 100},
        {"alpha": 1.0, "sample_weight": WEIGHTS},
        {"early_stopping": True, "max_iter": 100, "learning_rate_init": 0.05},
        {"early_stopping": True, "sample_weight": WEIGHTS, "validation_fraction": 0.3},
    ],
    ids=lambda options: "-".join(options),
)
@pytest.mark.parametrize("name", TARGETS)
def test_sgd_gives_the_weights_of_scikit_learn(name, options):
    if (
        name == "three classes"
        and "early_stopping" in options
        and tuple(map(int, sklearn.__version__.split(".")[:2])) < (1, 8)
    ):
        pytest.skip("scikit-learn before 1.8 takes strings for codes in early stopping")
    theirs, ours = both(name, **{"solver": "sgd", **options})
    assert_same_weights(theirs, ours)
    assert ours.loss_curve_ == pytest.approx(theirs.loss_curve_, abs=1e-4)
    assert ours.loss_ == ours.loss_curve_[-1]
    assert ours.validation_scores_ == (theirs.validation_scores_ and pytest.approx(theirs.validation_scores_))
    for attribute in ("best_loss_", "best_validation_score_"):
        expected = getattr(theirs, attribute)
        assert getattr(ours, attribute) == (expected and pytest.approx(expected, abs=1e-6))
    for attribute in ("n_iter_", "t_", "n_layers_", "n_outputs_", "out_activation_", "n_features_in_"):
        assert getattr(ours, attribute) == getattr(theirs, attribute)
    np.testing.assert_allclose(
        ours.predict(X), theirs.predict(X)
    ) if name in NUMBERS else np.testing.assert_array_equal(ours.predict(X), theirs.predict(X))


@pytest.mark.parametrize("name", TARGETS)
def test_adam_gives_the_weights_of_scikit_learn(name):
    # scikit-learn adds epsilon before the bias correction; both agree where gradients are much larger than epsilon.
    theirs, ours = both(name, activation="tanh", alpha=0.1, epsilon=1e-12, sample_weight=WEIGHTS)
    assert_same_weights(theirs, ours, 1e-6)


@pytest.mark.parametrize("name", [name for name in TARGETS if name != "two outputs"])
def test_lbfgs_gives_the_weights_of_scikit_learn(name):
    theirs, ours = both(name, solver="lbfgs", activation="tanh", alpha=1.0, max_iter=8)
    assert_same_weights(theirs, ours, 1e-6)
    assert ours.loss_ == pytest.approx(theirs.loss_)
    assert ours.n_iter_ == theirs.n_iter_ == len(ours.loss_curve_)


def test_lbfgs_ends_by_tol_and_by_max_fun():
    y = TARGETS["one output"]
    assert MLPRegressor(solver="lbfgs", tol=1e-2, random_state=0).fit(X, y).n_iter_ < 200
    assert MLPRegressor(solver="lbfgs", max_fun=5, random_state=0).fit(X, y).n_iter_ <= 5


def test_lbfgs_of_several_outputs_minimises_one_objective():
    model = MLPRegressor(hidden_layer_sizes=(), solver="lbfgs", alpha=0.0, tol=1e-8, random_state=0)
    y = TARGETS["two outputs"]
    model.fit(X, y)
    expected = np.linalg.lstsq(np.column_stack([X, np.ones(90)]), y, rcond=None)[0]
    np.testing.assert_allclose(model.coefs_[0], expected[:-1], atol=1e-5)
    assert model.loss_ == pytest.approx(0.5 * np.mean((model.predict(X) - y) ** 2))


@pytest.mark.skipif(
    "loss" not in neural_network.MLPRegressor().get_params(), reason="scikit-learn is older than its Poisson loss"
)
@pytest.mark.parametrize("solver", ["sgd", "lbfgs"])
@pytest.mark.parametrize("name", NUMBERS)
def test_poisson_gives_the_weights_of_scikit_learn(name, solver):
    theirs, ours = both(name, np.abs(NUMBERS[name]), solver=solver, loss="poisson", activation="tanh", max_iter=8)
    assert_same_weights(theirs, ours, 1e-6)
    assert ours.loss_ == pytest.approx(theirs.loss_)
    assert ours.out_activation_ == "exp"


@pytest.mark.parametrize("name", TARGETS)
def test_partial_fit_and_warm_start_go_on_as_in_scikit_learn(name):
    y = TARGETS[name]
    models = [kind(solver="sgd", alpha=1.0, shuffle=False, random_state=0, max_iter=5) for kind in twins(name)]
    classes = np.arange(4) if y.ndim == 2 else np.unique(y)
    first = {"classes": classes} if name in CLASSES else {}
    for model in models:
        model.partial_fit(X[:20], y[:20], **first)
        model.partial_fit(X[20:], y[20:])
        model.partial_fit(X, y, **weighted(WEIGHTS))
    assert_same_weights(*models)
    for model in models:
        model.set_params(warm_start=True).fit(X, y).fit(X, y)
    assert_same_weights(*models)
    assert models[1].t_ == models[0].t_
    assert models[1].loss_curve_ == pytest.approx(models[0].loss_curve_)


def test_scores_are_those_of_scikit_learn_in_distribution():
    data, y = load_wine(return_X_y=True)
    scores = [[], []]
    for seed in range(6):
        train, test, y_train, y_test = train_test_split(data, y, test_size=0.5, random_state=seed)
        for kept, kind in zip(scores, TWINS["classifier"], strict=True):
            model = make_pipeline(StandardScaler(), kind(random_state=seed, max_iter=120))
            kept.append(model.fit(train, y_train).score(test, y_test))
    assert np.mean(scores[0]) == pytest.approx(np.mean(scores[1]), abs=0.02)
    assert np.mean(scores[1]) > 0.94


def test_grid_search_pipeline_clone_and_pickle():
    data, y = load_wine(return_X_y=True, as_frame=True)
    pipeline = make_pipeline(
        StandardScaler().set_output(transform="pandas"), MLPClassifier(max_iter=30, random_state=0)
    )
    grid = {"mlpclassifier__alpha": [1e-4, 1.0], "mlpclassifier__solver": ["adam", cr.SGD(0.1), "lbfgs"]}
    search = GridSearchCV(pipeline, grid, cv=3).fit(data, y)
    assert search.best_score_ > 0.9
    best = search.best_estimator_
    assert best[-1].feature_names_in_.tolist() == data.columns.tolist()
    again = pickle.loads(pickle.dumps(best))
    assert np.array_equal(again.predict_proba(data), best.predict_proba(data))
    assert np.array_equal(clone(best).fit(data, y).predict_proba(data), best.predict_proba(data))


def test_pickle_goes_on_as_the_original():
    y = CLASSES["three classes"]
    model = MLPClassifier(random_state=0).partial_fit(X, y, classes=["a", "b", "c"])
    copy = pickle.loads(pickle.dumps(model))
    for one in (model, copy):
        one.partial_fit(X, y)
    assert_same_weights(model, copy, 0)


def test_weights_are_routed():
    with sklearn.config_context(enable_metadata_routing=True):
        model = MLPRegressor(max_iter=20, random_state=0).set_fit_request(sample_weight=True)
        pipeline = make_pipeline(StandardScaler().set_fit_request(sample_weight=False), model)
        y = NUMBERS["one output"]
        routed = pipeline.fit(X, y, sample_weight=WEIGHTS)[-1]
    plain = MLPRegressor(max_iter=20, random_state=0).fit(StandardScaler().fit_transform(X), y, WEIGHTS)
    assert_same_weights(plain, routed, 0)


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
@pytest.mark.parametrize("kind", ["csr_array", "csc_matrix"])
def test_sparse_input_gives_the_bytes_of_dense_input(kind, solver):
    zeros = np.where(np.abs(X) > 1, X, 0)
    y = CLASSES["three classes"]
    viewed = getattr(scipy.sparse, kind)(zeros)
    options = {"solver": solver, "max_iter": 5, "random_state": 0, "early_stopping": True}
    dense, sparse = (MLPClassifier(**options).fit(data, y) for data in (zeros, viewed))
    assert_same_weights(dense, sparse, 0)
    assert np.array_equal(dense.predict_proba(zeros), sparse.predict_proba(viewed))


def test_float32_is_not_copied():
    data = RNG.normal(size=(40_000, 50)).astype(np.float32)
    y = data[:, 0] > 0
    model = MLPClassifier(8, max_iter=1, random_state=0)
    tracemalloc.start()
    try:
        model.fit(data, y)
        probabilities = model.predict_proba(data)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < data.nbytes / 2
    assert {a.dtype for a in (*model.coefs_, *model.intercepts_, probabilities)} == {np.dtype(np.float32)}


def test_one_random_state_gives_the_same_bytes_for_any_number_of_threads(many_threads):
    y = CLASSES["three classes"]
    before = np.random.get_state()[1].tobytes()
    weights = set()
    for threads in (1, 2, 3):
        cr.set_num_threads(threads)
        model = MLPClassifier(random_state=np.random.RandomState(4), max_iter=5, batch_size=16).fit(X, y)
        weights.add(model.network_.parameters.tobytes())
    assert len(weights) == 1
    assert np.random.get_state()[1].tobytes() == before


def test_predict_from_many_threads():
    model = MLPClassifier(max_iter=5, random_state=0).fit(X, CLASSES["three classes"])
    expected = model.predict_proba(X)
    results = []
    threads = [threading.Thread(target=lambda: results.append(model.predict_proba(X))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(np.array_equal(expected, got) for got in results)
    assert len(results) == 8
