"""What MLPClassifier and MLPRegressor offer beyond scikit-learn's, and their messages."""

import re
import sys
from unittest import mock

import numpy as np
import pytest
from estimators import CLASSES, NUMBERS, TWINS, WEIGHTS, X, assert_same_weights, both
from sklearn import metrics
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.metrics import roc_auc_score

import chainrule as cr
from chainrule import Network
from chainrule.sklearn import MLPClassifier, MLPRegressor
from chainrule.tabular import TabularClassifier

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


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
        ({"activation": "softmax"}, ValueError, "unknown activation 'softmax'; known: elu"),
        ({"activation": 3}, ValueError, "The 'activation' parameter of MLPClassifier must be"),
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
    with pytest.raises(ValueError, match=r"y must have one label per sample, .* under warm_start; got \(90, 4\)"):
        model.fit(X, CLASSES["labels"])
    with pytest.raises(ValueError, match=r"`y` has classes not in `self.classes_`"):
        model.set_params(warm_start=False).partial_fit(X, np.where(y == "a", "d", y))
    assert np.array_equal(model.network_.parameters, weights)


def test_missing_scikit_learn_is_said(monkeypatch):
    for name in [name for name in sys.modules if name.startswith("chainrule.sklearn")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "sklearn.base", None)
    with pytest.raises(ImportError, match=r'pip install "chainrule\[sklearn\]"'):
        import chainrule.sklearn  # noqa: F401


def huber(t, y):
    return np.where(np.abs(t - y) < 0.7, (t - y) ** 2 / 2, 0.7 * (np.abs(t - y) - 0.35)).mean()


SCALES = {
    "absolute_error": (metrics.mean_absolute_error, {}),
    "huber": (huber, {"delta": 0.7}),
    "quantile": (lambda t, y: metrics.mean_pinball_loss(t, y, alpha=0.8), {"quantile": 0.8}),
}


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
@pytest.mark.parametrize("loss", SCALES)
def test_losses_are_those_of_the_metrics(loss, solver):
    measure, options = SCALES[loss]
    for name, y in NUMBERS.items():
        model = MLPRegressor(loss, (), solver=solver, alpha=0.0, random_state=0, max_iter=300, **options)
        model.set_params(learning_rate_init=1e-300 if solver == "adam" else 1e-3, n_iter_no_change=1).fit(X, y)
        assert model.loss_ == pytest.approx(measure(y, model.predict(X))), name
        assert model.n_outputs_ == np.atleast_2d(y.T).shape[0]


@pytest.mark.parametrize(
    ("loss", "options", "expected"),
    [
        ("absolute_error", {}, 1.0),
        ("quantile", {"quantile": 0.5}, 1.0),
        ("quantile", {"quantile": 0.9}, 4.0),
        ("huber", {"delta": 1e-3}, 1.0),
        ("huber", {"delta": 1e3}, 2.05),
        ("squared_error", {}, 2.05),
    ],
)
def test_losses_have_their_minima(loss, options, expected):
    y = np.repeat([1.0, 4.0], [65, 35])
    model = MLPRegressor(loss, (), alpha=0.0, random_state=0, max_iter=600, learning_rate_init=0.02, **options)
    model.set_params(n_iter_no_change=600).fit(np.zeros((100, 1)), y)
    assert model.predict([[0.0]])[0] == pytest.approx(expected, abs=0.05)


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


QUICK = {MLPClassifier: {"solver": "lbfgs", "max_iter": 5}, TabularClassifier: {"n_members": 1, "time_limit": 0}}


@pytest.mark.parametrize("kind", [MLPClassifier, TabularClassifier])
def test_weights_of_labels_that_y_does_not_have_are_named(kind):
    X, y = np.random.default_rng(0).standard_normal((20, 3)), np.array(["no", "yes"] * 10)
    with pytest.raises(ValueError, match=r"class_weight has labels that y does not have: 'yep'; y has \['no', 'yes'\]"):
        kind(class_weight={"yep": 5}).fit(X, y)
    every = {"no": 1, "yes": 2, "rare": 9}
    with pytest.warns(cr.ChainruleWarning, match="labels that y does not have: 'rare'; y has"):
        warned = kind(class_weight=every, random_state=0, **QUICK[kind]).fit(X, y)
    del every["rare"]
    plain = kind(class_weight=every, random_state=0, **QUICK[kind]).fit(X, y)
    assert (warned.predict_proba(X) == plain.predict_proba(X)).all()
    kind(class_weight={"no": 2}, random_state=0, **QUICK[kind]).fit(X, y)


def test_weights_of_a_label_that_comes_later_are_no_mistake():
    X, y = np.random.default_rng(0).standard_normal((20, 3)), np.array(["no", "yes"] * 10)
    MLPClassifier(class_weight={"rare": 9}).partial_fit(X, y, classes=["no", "rare", "yes"])


def test_weights_are_repetitions_under_lbfgs():
    draws = np.random.default_rng(0)
    X, y = draws.standard_normal((60, 3)), draws.standard_normal(60)
    weights = np.tile([2, 0, 1], 20)
    options = {"hidden_layer_sizes": (5,), "solver": "lbfgs", "alpha": 1.0, "random_state": 0, "tol": 1e-9}
    weighed = MLPRegressor(**options, max_iter=2000).fit(X, y, sample_weight=weights)
    repeated = MLPRegressor(**options, max_iter=2000).fit(np.repeat(X, weights, axis=0), np.repeat(y, weights))
    assert weighed.predict(X) == pytest.approx(repeated.predict(X), abs=1e-4)
