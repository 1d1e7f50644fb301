"""MLPClassifier and MLPRegressor compared with scikit-learn's: the same numbers for the same order of samples."""

import inspect
import pickle
import re
import sys
import threading
import tracemalloc
from unittest import mock

import numpy as np
import pytest
import scipy.sparse
import sklearn
from sklearn import neural_network
from sklearn.base import clone
from sklearn.datasets import load_wine
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator

import chainrule as cr
from chainrule import Network
from chainrule.sklearn import MLPClassifier, MLPRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

RNG = np.random.default_rng(0)
X = RNG.normal(size=(90, 7))
WEIGHTS = RNG.uniform(0.1, 2, 90)
CLASSES = {
    "two classes": (X[:, 0] > 0).astype(int),
    "three classes": np.array(["a", "b", "c"])[RNG.integers(0, 3, 90)],
    "labels": RNG.integers(0, 2, (90, 4)),
}
NUMBERS = {"one output": X[:, 0] ** 2 + 0.1 * RNG.normal(size=90), "two outputs": RNG.normal(size=(90, 2))}
TARGETS = CLASSES | NUMBERS
TWINS = {
    "classifier": (neural_network.MLPClassifier, MLPClassifier),
    "regressor": (neural_network.MLPRegressor, MLPRegressor),
}


def twins(name):
    return TWINS["classifier" if name in CLASSES else "regressor"]


def both(name, y=None, sample_weight=None, **options):
    """Fit scikit-learn's and ours, without shuffling."""
    options = {"hidden_layer_sizes": (9, 5), "shuffle": False, "random_state": 3, "max_iter": 20, **options}
    y = TARGETS[name] if y is None else y
    return [kind(**options).fit(X, y, **weighted(sample_weight)) for kind in twins(name)]


def weighted(sample_weight):
    """Return the argument if scikit-learn's estimators have it, which is so since 1.7."""
    if sample_weight is None:
        return {}
    if "sample_weight" not in inspect.signature(neural_network.MLPClassifier.fit).parameters:
        pytest.skip("scikit-learn is older than its MLP's sample weights")
    return {"sample_weight": sample_weight}


def assert_same_weights(theirs, ours, tolerance=1e-10):
    for expected, got in zip(theirs.coefs_ + theirs.intercepts_, ours.coefs_ + ours.intercepts_, strict=True):
        np.testing.assert_allclose(got, expected, rtol=tolerance, atol=tolerance)


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
    model = MLPRegressor(hidden_layer_sizes=(), solver="lbfgs", alpha=0.0, tol=1e-8)
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


# --- inside scikit-learn


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


# --- beyond scikit-learn


def test_an_activation_for_each_layer():
    model = MLPClassifier((8, 4), ["tanh", "logistic"], max_iter=2).fit(X, CLASSES["two classes"])
    assert [layer.activation for layer in model.network_.layers[1:]] == ["tanh", "sigmoid", "sigmoid"]
    theirs, _ = both("two classes", activation="logistic", hidden_layer_sizes=4, max_iter=1)
    assert theirs.out_activation_ == model.out_activation_ == "logistic"


@pytest.mark.parametrize("class_weight", ["balanced", {"a": 3.0, "b": 0.5}])
def test_class_weights_are_sample_weights(class_weight):
    y = np.where(X[:, 0] > 1, "a", np.where(X[:, 1] > 0, "b", "c"))
    if class_weight == "balanced":
        of_class = {label: 90 / (3 * np.sum(y == label)) for label in "abc"}
    else:
        of_class = {"c": 1.0, **class_weight}
    weights = WEIGHTS * [of_class[label] for label in y]
    weighted = MLPClassifier(class_weight=class_weight, max_iter=5, random_state=0).fit(X, y, WEIGHTS)
    assert_same_weights(MLPClassifier(max_iter=5, random_state=0).fit(X, y, weights), weighted, 1e-12)


def test_callbacks_are_called_and_can_stop():
    seen = []
    plateau = cr.ReduceOnPlateau(monitor="val_loss", patience=1, min_delta=1e9)
    model = MLPRegressor(
        early_stopping=True,
        random_state=0,
        callbacks=[plateau, lambda net, epoch, metrics: seen.append(epoch) or epoch == 4],
    ).fit(X, NUMBERS["one output"])
    assert seen == [1, 2, 3, 4]
    assert model.n_iter_ == 4
    assert model.network_.history["learning_rate"] == pytest.approx([1e-3, 1e-3, 5e-4, 2.5e-4])


@pytest.mark.parametrize(
    "optimizer", [kind() for kind in cr.optimizers.OPTIMIZERS.values()], ids=lambda o: type(o).__name__
)
def test_every_optimiser_of_the_package(optimizer):
    model = MLPRegressor(solver=optimizer, random_state=0, max_iter=30).fit(X, NUMBERS["one output"])
    assert model.loss_curve_[-1] < model.loss_curve_[0]
    assert model.network_.optimizer == optimizer


@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_a_schedule_gives_the_rates(solver):
    schedule = cr.CosineDecay(0.01, steps=20)
    model = MLPRegressor(solver=solver, learning_rate=schedule, max_iter=4, batch_size=30).fit(X, NUMBERS["one output"])
    assert model.network_.history["learning_rate"] == pytest.approx(schedule([2, 5, 8, 11]))


def test_weights_can_be_set_but_not_written_into():
    model = MLPRegressor(hidden_layer_sizes=(), max_iter=1).fit(X, NUMBERS["one output"])
    with pytest.raises(ValueError, match="read-only"):
        model.coefs_[0][:] = 1
    model.coefs_, model.intercepts_ = [np.ones((7, 1))], [[0.5]]
    np.testing.assert_allclose(model.predict(X), X.sum(axis=1) + 0.5)


# --- messages


def test_ends_are_said():
    y = NUMBERS["one output"]
    with pytest.warns(ConvergenceWarning, match=r"Maximum iterations \(2\) reached"):
        MLPRegressor(max_iter=2).fit(X, y)
    with pytest.warns(UserWarning, match="batch_size=200 is more than the 90 samples"):
        MLPRegressor(max_iter=2, batch_size=200).fit(X, y)


def test_divergence_returns_to_the_best_weights_of_early_stopping():
    model = MLPRegressor(
        activation="identity", solver="sgd", learning_rate_init=2.0, early_stopping=True, random_state=0
    )
    with pytest.warns(ConvergenceWarning, match="Solver produced non-finite"), np.errstate(over="ignore"):
        model.fit(X, NUMBERS["one output"])
    assert np.isnan(model.validation_scores_[-1])
    assert model.score(X, NUMBERS["one output"]) > -1e6


def test_interrupt_leaves_a_usable_model():
    def interrupt(net, epoch, metrics):
        if epoch == 3:
            raise KeyboardInterrupt

    with pytest.warns(UserWarning, match="Training interrupted by user"):
        model = MLPRegressor(callbacks=[interrupt], early_stopping=True).fit(X, NUMBERS["one output"])
    assert model.n_iter_ == 3
    assert np.isfinite(model.predict(X)).all()


def test_verbose_prints_as_scikit_learn(capsys):
    printed = []
    for solver in ({"solver": "sgd"}, {"solver": "sgd", "learning_rate": "adaptive"}, {"early_stopping": True}):
        for kind in TWINS["regressor"]:
            options = {"shuffle": False, "random_state": 0, "n_iter_no_change": 2, "tol": 10.0, "max_iter": 9, **solver}
            kind(verbose=True, **options).fit(X, NUMBERS["one output"])
            printed.append(re.sub(r"\d\.\d+", "…", capsys.readouterr().out))
        assert printed[-2] == printed[-1]


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"solver": "sdg"}, ValueError, "The 'solver' parameter of MLPClassifier must be"),
        ({"activation": "softmax"}, ValueError, "The 'activation' parameter of MLPClassifier must be"),
        ({"activation": ["tanh", "relu"]}, ValueError, "activation must be a name, or one for each of 1 hidden layers"),
        ({"activation": ["tnh"]}, ValueError, "unknown activation 'tnh'; did you mean 'tanh'"),
        ({"hidden_layer_sizes": (5, 0)}, ValueError, "hidden_layer_sizes must be at least 1, got 0"),
        ({"hidden_layer_sizes": (5.5,)}, TypeError, "hidden_layer_sizes must be an integer, got"),
        ({"alpha": -1}, ValueError, "The 'alpha' parameter of MLPClassifier must be"),
        ({"class_weight": "even"}, ValueError, "The 'class_weight' parameter of MLPClassifier must be"),
        ({"callbacks": [3]}, TypeError, "callbacks must be Callback objects or functions"),
        ({"callbacks": [print], "solver": "lbfgs"}, ValueError, "callbacks must be empty for solver 'lbfgs'"),
        ({"solver": cr.IRprop(), "batch_size": 20}, ValueError, "batch_size must be 'full' for IRprop"),
        (
            {"solver": cr.SGD(1e30), "activation": "identity"},
            ValueError,
            "Solver produced non-finite parameter weights",
        ),
        ({"early_stopping": True, "validation_fraction": 0.005}, ValueError, "validation"),
    ],
)
def test_bad_parameters_are_named(options, error, message):
    with pytest.raises(error, match=message):
        MLPClassifier(**options).fit(X, CLASSES["three classes"])


def test_bad_data_is_named():
    y = CLASSES["three classes"]
    with pytest.raises(NotFittedError):
        MLPClassifier().predict(X)
    with pytest.raises(AttributeError, match="no attribute 'partial_fit'"):
        MLPRegressor(solver="lbfgs").partial_fit(X, y)
    with pytest.raises(ValueError, match="class_weight must be a mapping for partial_fit"):
        MLPClassifier(class_weight="balanced").partial_fit(X, y, classes=["a", "b", "c"])
    with pytest.raises(ValueError, match="y must be counts >= 0"):
        MLPRegressor("poisson").fit(X, X[:, 0])
    model = MLPClassifier(warm_start=True, max_iter=2).fit(X, y)
    weights = model.network_.parameters
    with pytest.raises(ValueError, match="warm_start can only be used where `y` has the same classes"):
        model.fit(X, np.where(y == "a", "d", y))
    with pytest.raises(ValueError, match=r"`y` has classes not in `self.classes_`"):
        model.set_params(warm_start=False).partial_fit(X, np.where(y == "a", "d", y))
    assert np.array_equal(model.network_.parameters, weights)


def test_missing_scikit_learn_is_said(monkeypatch):
    for name in [name for name in sys.modules if name.startswith("chainrule.sklearn")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "sklearn.base", None)
    with pytest.raises(ImportError, match=r'pip install "chainrule\[sklearn\]"'):
        import chainrule.sklearn  # noqa: F401


def unbalanced(share=0.135, samples=400):
    draws = np.random.default_rng(1)
    labels = (draws.random(samples) < share).astype(int)
    return draws.standard_normal((samples, 6)) + labels[:, None] * 0.8, np.array(["good", "fail"])[labels]


@pytest.mark.parametrize("seed", range(4))
def test_early_stopping_counts_with_the_weights_of_classes(seed):
    X, y = unbalanced()
    model = MLPClassifier((16,), early_stopping=True, class_weight="balanced", random_state=seed, max_iter=100)
    model.fit(X, y)
    assert roc_auc_score(y == model.classes_[1], model.predict_proba(X)[:, 1]) > 0.75


def test_a_rare_class_is_always_trained():
    X = np.random.default_rng(0).standard_normal((200, 3))
    y = np.repeat([0, 1, 2], [98, 98, 4])
    for seed in range(100):
        model = MLPClassifier((4,), early_stopping=True, random_state=seed, max_iter=1)
        with mock.patch.object(Network, "fit", autospec=True) as fit:
            model.fit(X, y)
        assert 2 in fit.call_args.args[2]


def test_a_class_with_a_single_sample_is_trained():
    X = np.random.default_rng(0).standard_normal((60, 3))
    model = MLPClassifier((4,), early_stopping=True, random_state=0, max_iter=2)
    model.fit(X, np.array(["no"] * 59 + ["yes"]))
    assert model.classes_.tolist() == ["no", "yes"]


def test_logarithms_of_probabilities_stay_finite():
    model = MLPClassifier((), max_iter=1, random_state=0).fit([[0.0], [1.0]] * 5, [0, 1] * 5)
    model.coefs_, model.intercepts_ = [np.array([[800.0]])], [np.zeros(1)]
    assert model.predict_log_proba([[1.0]]).tolist() == [[-800.0, 0.0]]


def test_partial_fit_takes_some_of_the_classes_under_warm_start():
    X = np.random.default_rng(0).standard_normal((30, 3))
    model = MLPClassifier((4,), warm_start=True, max_iter=1, random_state=0).fit(X, np.arange(30) % 3)
    before = model.coefs_[0]
    model.partial_fit(X[:5], np.zeros(5, int))
    assert not np.array_equal(before, model.coefs_[0])


def test_partial_fit_stops_nothing_but_scores_what_it_holds_back():
    X = np.random.default_rng(0).standard_normal((60, 3))
    model = MLPClassifier((4,), early_stopping=True, max_iter=3, random_state=0).fit(X, X[:, 0] > 0)
    scores = len(model.validation_scores_)
    model.partial_fit(X, X[:, 0] > 0)
    assert len(model.validation_scores_) == scores + 1


@pytest.mark.parametrize(
    ("options", "weights", "message"),
    [
        ({"class_weight": {0: 0, 1: 0}}, None, "leave no sample with a weight above zero"),
        ({}, -np.ones(20), "sample_weight must have no negative weight, got -1"),
    ],
)
def test_weights_without_a_meaning_are_named(options, weights, message):
    X = np.random.default_rng(0).standard_normal((20, 3))
    with pytest.raises(ValueError, match=message):
        MLPClassifier(max_iter=2, **options).fit(X, np.arange(20) % 2, sample_weight=weights)


def test_weights_are_repetitions_under_lbfgs():
    draws = np.random.default_rng(0)
    X, y = draws.standard_normal((60, 3)), draws.standard_normal(60)
    weights = np.tile([2, 0, 1], 20)
    options = {"hidden_layer_sizes": (5,), "solver": "lbfgs", "alpha": 1.0, "random_state": 0, "tol": 1e-9}
    weighed = MLPRegressor(**options, max_iter=2000).fit(X, y, sample_weight=weights)
    repeated = MLPRegressor(**options, max_iter=2000).fit(np.repeat(X, weights, axis=0), np.repeat(y, weights))
    assert weighed.predict(X) == pytest.approx(repeated.predict(X), abs=1e-4)
