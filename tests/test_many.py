"""Many networks side by side: each as if it were alone, whatever the others do."""

import pickle
import signal
import threading
from pathlib import Path

import numpy as np
import pytest

import chainrule as cr

RNG = np.random.default_rng(0)
X = RNG.standard_normal((120, 3)).astype(np.float32)
Y = (X[:, :1] * X[:, 1:2]).astype(np.float32)
LABELS = (X[:, 0] > X[:, 1]).astype(int)


def networks():
    return [
        cr.Network([3, 8, 1], seed=0),
        cr.Network([cr.Input(3), cr.Dense(40, "relu"), cr.BatchNorm(), cr.Dropout(0.2), cr.Dense(1)], seed=1),
        cr.Network([3, 5, 5, 1], activation="tanh", seed=2, dtype="float64"),
        cr.Network([cr.Input(3), cr.Dense(16, "gelu", l2=0.1), cr.Dense(1)], seed=3),
    ]


SETTINGS = [
    {"optimizer": cr.Adam(0.01)},
    {"optimizer": cr.SGD(0.05, momentum=0.9), "epochs": 4, "validation_split": 0.2},
    {"sample_weight": np.linspace(0, 1, 120), "batch_size": 7},
    {"callbacks": cr.EarlyStopping("loss", patience=1), "keep": "last"},
]


@pytest.mark.parametrize("n_jobs", [None, 1, 3])
def test_each_is_as_if_it_were_alone(n_jobs):
    fits = cr.fit_many(networks(), X, Y, settings=SETTINGS, epochs=6, n_jobs=n_jobs, verbose=0)
    for network, own, fit in zip(networks(), SETTINGS, fits, strict=True):
        network.fit(X, Y, **{"epochs": 6, "verbose": 0, **own})
        assert fit.network.parameters.tobytes() == network.parameters.tobytes()
        assert dict(fit.history) == dict(network.history)
        assert fit.error is None


def test_rows_are_the_samples_of_each():
    rows = [np.arange(60), np.arange(120) % 3 > 0, [5, 5, 5, 9], np.arange(100)[::-1]]
    fits = cr.fit_many(networks(), X, Y, rows=rows, epochs=2, verbose=0)
    for network, some, fit in zip(networks(), rows, fits, strict=True):
        network.fit(X[np.asarray(some)], Y[np.asarray(some)], epochs=2, verbose=0)
        assert fit.network.parameters.tobytes() == network.parameters.tobytes()


def test_one_that_diverges_does_not_stop_the_others():
    settings = [{}, {"optimizer": cr.SGD(1e30)}, {}, {}]
    with pytest.warns(cr.ChainruleWarning, match="1 of 4 networks diverged: 1"):
        fits = cr.fit_many(networks(), X, Y, settings=settings, epochs=3, verbose=0)
    assert isinstance(fits[1].error, cr.DivergedError)
    assert "diverged in epoch" in repr(fits[1])
    assert np.isfinite(fits[1].network.parameters).all()
    assert [len(fit.history["loss"]) for fit in fits if fit.error is None] == [3, 3, 3]


def test_mistakes_are_told_before_anything_is_trained():
    each = networks()
    before = [network.parameters for network in each]
    for arguments, message in [
        ({"settings": [{}] * 3}, "one entry for each of the 4 networks"),
        ({"settings": [{}, {}, {"epochs": -1}, {}]}, "network 2: epochs must be"),
        ({"settings": [{}, {}, {}, {"epoch": 2}]}, "network 3: got an unexpected keyword argument 'epoch'"),
        ({"settings": [{"X": X}, {}, {}, {}]}, "network 0: settings must not have"),
        ({"rows": [[0], [1], [2], [120]]}, "network 3: rows must be from 0 to 119"),
        ({"rows": [[0], [1], [2], [0.5]]}, "network 3: rows must be indices"),
        ({"rows": [[0], [1], [2], [True] * 3]}, "network 3: rows as a mask must have shape"),
        ({"checkpoint": "some.safetensors"}, "checkpoint must be in the settings of each network"),
        ({"n_jobs": 0}, "n_jobs must be"),
        ({"settings": [{}, None, {}, {}]}, "settings must have a mapping for each network, got None"),
        ({"communicator": object()}, "network 0: communicator must be None for many networks"),
    ]:
        with pytest.raises((TypeError, ValueError), match=message):
            cr.fit_many(each, X, Y, verbose=0, **arguments)
    with pytest.raises(ValueError, match="each once, got 2, 1 of them different"):
        cr.fit_many([each[0], each[0]], X, Y, verbose=0)
    with pytest.raises(ValueError, match="as many samples"):
        cr.fit_many(each, X, Y[:7], verbose=0)
    for none in (each[0], None, [3]):
        with pytest.raises(TypeError, match="sequence of Network objects"):
            cr.fit_many(none, X, Y, verbose=0)
    with pytest.raises(TypeError, match="y must be an array, as many networks take no batches"):
        cr.fit_many(each, [(X, Y)], None, verbose=0)
    for network, values in zip(each, before, strict=True):
        np.testing.assert_array_equal(network.parameters, values)


def test_files_that_two_networks_would_write_are_refused(tmp_path):
    log, model, run = tmp_path / "log.csv", tmp_path / "model.safetensors", tmp_path / "run.safetensors"
    for arguments in [
        {"callbacks": [cr.CSVLog(log)]},
        {
            "settings": [
                {"callbacks": cr.SaveModel(model)},
                {"callbacks": [cr.EarlyStopping(), cr.SaveModel(str(model))]},
            ]
        },
        {"settings": [{"checkpoint": run}, {"checkpoint": run}]},
    ]:
        with pytest.raises(ValueError, match=r"network 1: .* is written by network 0 already"):
            cr.fit_many(networks()[:2], X, Y, verbose=0, **arguments)
    each = [{"callbacks": cr.CSVLog(log)}, {"callbacks": cr.CSVLog(tmp_path / "other.csv")}]
    cr.fit_many(networks()[:2], X, Y, settings=each, epochs=2, verbose=0)
    assert len(log.read_text().splitlines()) == 3


def test_iterators_serve_all_networks():
    """The first network, or the checks before it, would use them up."""
    called = []
    fits = cr.fit_many(
        (network for network in networks()[:2]), X, Y, epochs=2, metrics=iter(["r2"]), verbose=0,
        callbacks=(function for function in [lambda net, epoch, metrics: called.append(net.seed)]),
    )  # fmt: skip
    assert all(len(fit.history["r2"]) == 2 for fit in fits)
    assert sorted(called) == [0, 0, 1, 1]


def test_weights_go_with_their_rows():
    rows, weights = [np.arange(60), [7, 7, 3]], RNG.uniform(size=120)
    each = networks()[:2]
    cr.fit_many(each, X, Y, rows=rows, sample_weight=weights, epochs=1, verbose=0)
    for network, alone, some in zip(each, networks(), rows, strict=False):
        alone.fit(X[some], Y[some], sample_weight=weights[some], epochs=1, verbose=0)
        assert alone.parameters.tobytes() == network.parameters.tobytes()


def test_weights_of_rows_are_checked_before_any_is_trained():
    each, first = networks()[:2], np.arange(120) < 60
    for weights, message in [
        (np.ones(60), r"network 0: sample_weight must have shape \(120,\), got \(60,\)"),
        (first, "network 1: sample_weight must have no negative weight and at least one that is not zero"),
    ]:
        with pytest.raises(ValueError, match=message):
            cr.fit_many(each, X, Y, rows=[first, ~first], sample_weight=weights * 1.0, epochs=1, verbose=0)
    assert [network.epochs for network in each] == [0, 0]


def test_rows_may_lack_a_label():
    labels = np.where(np.arange(120) == 5, "rare", np.array(["no", "yes"])[LABELS])
    each = [cr.Network([3, 4, 3], output="softmax", seed=i) for i in range(2)]
    cr.fit_many(each, X, labels, rows=[np.arange(6, 120), np.arange(5)], epochs=1, verbose=0)
    numbers = np.unique(labels, return_inverse=True)[1][6:]
    alone = cr.Network([3, 4, 3], output="softmax", seed=0)
    alone.fit(X[6:], numbers, epochs=1, verbose=0)
    assert alone.parameters.tobytes() == each[0].parameters.tobytes()
    assert set(each[0].predict_classes(X)) <= {"no", "rare", "yes"}


def test_an_interrupt_that_another_thread_receives_ends_all():
    """Python tells the thread that waits for the others, which no signal wakes."""
    first, second = networks()[:2]

    def interrupt(net, epoch, metrics):
        if net.seed == first.seed and epoch == 2000:
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        cr.fit_many([first, second], X[:8], Y[:8], epochs=10**8, n_jobs=2, callbacks=interrupt, verbose=0)
    assert first.epochs >= 2000 and second.epochs > 0


def test_an_error_in_one_ends_the_others_after_their_epochs():
    def fails(network, epoch, metrics):
        raise RuntimeError("of the user")

    each = networks()
    with pytest.raises(RuntimeError, match="of the user"):
        cr.fit_many(each, X, Y, settings=[{"callbacks": fails}, {}, {}, {}], epochs=10_000, verbose=0)
    assert threading.active_count() < 20
    for network in each:
        network.fit(X, Y, epochs=1, verbose=0)


def test_threads_that_train_do_not_keep_their_limit():
    before = cr.get_num_threads()
    cr.fit_many(networks(), X, Y, epochs=1, verbose=0)
    assert cr.get_num_threads() == before


def test_cross_validation_holds_each_sample_back_once():
    def make():
        return cr.Network([3, 8, 2], output="softmax", seed=4)

    result = cr.cross_validate(make, X, LABELS, cv=4, epochs=5, verbose=0)
    assert sorted(np.concatenate(result.held)) == list(range(120))
    shares = [LABELS[held].mean() for held in result.held]
    assert max(shares) - min(shares) < 0.05
    for network, held, accuracy in zip(result.networks, result.held, result.scores["accuracy"], strict=True):
        alone = make()
        rest = np.setdiff1d(np.arange(120), held)
        alone.fit(X[rest], LABELS[rest], epochs=5, verbose=0)
        assert alone.parameters.tobytes() == network.parameters.tobytes()
        np.testing.assert_array_equal(result.predictions[held], alone.predict(X[held]))
        assert accuracy == alone.evaluate(X[held], LABELS[held])["accuracy"]
    assert "4 folds: loss" in repr(result)


def test_cross_validation_takes_the_folds_of_scikit_learn():
    selection = pytest.importorskip("sklearn.model_selection")
    splitter = selection.KFold(3)
    result = cr.cross_validate(lambda: cr.Network([3, 4, 1], seed=0), X, Y, cv=splitter, epochs=1, verbose=0)
    for held, (_, expected) in zip(result.held, splitter.split(X), strict=True):
        np.testing.assert_array_equal(held, expected)
    with pytest.raises(ValueError, match="cv must be at most the number of samples"):
        cr.cross_validate(lambda: cr.Network([3, 4, 1]), X, Y, cv=121, verbose=0)


FIRST, LAST = np.arange(60), np.arange(60, 120)


@pytest.mark.parametrize(
    ("cv", "message"),
    [
        ([], "cv must have at least one fold"),
        ("5", "cv must be an integer, got '5'"),
        ([FIRST], r"cv must have pairs of indices, \(train, held\), got array"),
        ([(FIRST, LAST), (LAST, [])], r"held of fold 1 must be indices \(count,\) or a mask \(120,\), got \[\]"),
        ([(FIRST, [120])], "held of fold 0 must be from 0 to 119, got 120 to 120"),
        ([(FIRST, LAST), (FIRST, FIRST[5:])], "hold back samples that are not trained with, got 55 of fold 1 in both"),
    ],
)
def test_folds_that_cannot_be_are_refused_before_training(cv, message):
    network = cr.Network([3, 4, 1], seed=0)
    with pytest.raises((TypeError, ValueError), match=message):
        cr.cross_validate(lambda: network, X, Y, cv=cv, verbose=0)
    assert network.epochs == 0


def test_each_fold_needs_a_network_of_its_own():
    network = cr.Network([3, 4, 1], seed=0)
    with pytest.raises(TypeError, match="make_network must be a function that returns a new network, got Network"):
        cr.cross_validate(network, X, Y, verbose=0)
    with pytest.raises(ValueError, match="make_network must return a new network at each call"):
        cr.cross_validate(lambda: network, X, Y, verbose=0)


def test_metrics_are_among_the_scores():
    result = cr.cross_validate(
        lambda: cr.Network([3, 4, 1], seed=0), X, Y, cv=[(FIRST, LAST)], metrics=iter(["r2"]), epochs=2, verbose=0
    )
    assert result.scores["r2"] == [result.networks[0].evaluate(X[60:], Y[60:], metrics="r2")["r2"]]
    assert len(result.fits[0].history["r2"]) == 2


def test_ensemble_predicts_means_and_spreads():
    ensemble = cr.Ensemble([cr.Network([3, 8, 2], seed=i) for i in range(3)])
    ensemble.fit(X, Y, loss="gaussian_nll", epochs=5, verbose=0)
    outputs = np.stack([network.predict(X).astype(np.float64) for network in ensemble.networks])
    means, variances = outputs[:, :, :1], np.exp(outputs[:, :, 1:])
    mean, variance = ensemble.predict_spread(X)
    np.testing.assert_allclose(ensemble.predict(X), means.mean(axis=0), rtol=1e-6)
    np.testing.assert_array_equal(mean, ensemble.predict(X))
    # The law of total variance.
    expected = (means**2 + variances).mean(axis=0) - means.mean(axis=0) ** 2
    np.testing.assert_allclose(variance, expected, rtol=1e-4)


def test_ensemble_in_files(tmp_path):
    ensemble = cr.Ensemble([cr.Network([3, width, 2], output="softmax", seed=width) for width in (4, 6)])
    names = np.array(["no", "yes"])[LABELS]
    ensemble.fit(X, names, epochs=3, bootstrap=True, seed=1, verbose=0)
    ensemble.save(tmp_path / "both.safetensors")
    again = cr.Ensemble.load(tmp_path / "both.safetensors")
    np.testing.assert_array_equal(again.predict(X), ensemble.predict(X))
    assert set(again.predict_classes(X)) <= {"no", "yes"}
    assert len(again) == 2
    ensemble.networks[0].save(tmp_path / "one.safetensors")
    with pytest.raises(cr.ModelFileError, match=r"is no ensemble; read a network with chainrule\.load"):
        cr.Ensemble.load(tmp_path / "one.safetensors")
    with pytest.raises(cr.ModelFileError, match=r"is an ensemble; read it with chainrule\.Ensemble\.load"):
        cr.load(tmp_path / "both.safetensors")
    Path(tmp_path / "both.safetensors").write_bytes(b"nothing")
    with pytest.raises(cr.ModelFileError):
        cr.Ensemble.load(tmp_path / "both.safetensors")


def test_samples_that_are_there_twice_are_not_split_for_validation():
    """A sample would be trained with and held back, and keep="best" would choose what is learned by heart."""
    for fit in (
        lambda **options: cr.Ensemble(networks()[:2]).fit(X, Y, bootstrap=True, verbose=0, **options),
        lambda **options: cr.fit_many(networks()[:2], X, Y, rows=[range(9), [0, 1, 1, 2]], verbose=0, **options),
    ):
        with pytest.raises(ValueError, match="validation_split must be 0 for rows that have a sample several times"):
            fit(validation_split=0.3, epochs=1)
        assert len(fit(validation_data=(X, Y), epochs=1)) == 2


def test_bootstrap_draws_other_samples_for_each():
    ensemble = cr.Ensemble([cr.Network([3, 4, 1], seed=0) for _ in range(2)])
    ensemble.fit(X, Y, epochs=1, bootstrap=True, verbose=0)
    one, other = (network.parameters for network in ensemble.networks)
    assert not np.array_equal(one, other)


def test_ensemble_of_one_file_of_onnx(tmp_path):
    runtime = pytest.importorskip("onnxruntime")
    ensemble = cr.Ensemble([cr.Network([cr.Input(3, scale=0.5), width, 2], seed=width) for width in (4, 6)])
    for dtype in ("float32", "float64"):
        ensemble.to_onnx(tmp_path / "both.onnx", dtype=dtype)
        session = runtime.InferenceSession(str(tmp_path / "both.onnx"), providers=["CPUExecutionProvider"])
        outputs = session.run(None, {"input": X.astype(dtype)})[0]
        np.testing.assert_allclose(outputs, ensemble.predict(X), rtol=1e-5, atol=1e-6)
    one = cr.from_onnx(tmp_path / "both.onnx")
    np.testing.assert_allclose(one.predict(X), ensemble.predict(X), rtol=1e-5, atol=1e-6)


def test_a_sample_has_the_mean_and_the_spread_that_it_has_among_others():
    """NumPy adds eight numbers and more in another order if there is one sample with one output."""
    ensemble = cr.Ensemble([cr.Network([3, 8, 1], seed=i, dtype="float64") for i in range(20)])
    together = ensemble.predict(X), *ensemble.predict_spread(X)
    for i in range(40):
        alone = ensemble.predict(X[i : i + 1]), *ensemble.predict_spread(X[i : i + 1])
        assert [values[0] for values in alone] == [values[i] for values in together]


def test_an_ensemble_that_depends_on_the_number_of_steps_is_not_written(tmp_path):
    def network(seed):
        strided = cr.Conv1D(4, 3, strides=2, padding="same")
        return cr.Network([cr.Input(None, 3), strided, cr.GlobalAvgPool1D(), cr.Dense(2)], seed=seed)

    with pytest.raises(ValueError, match="layer 1_Conv1D depends on the number of steps"):
        cr.Ensemble([network(0), network(1)]).to_onnx(tmp_path / "any.onnx")


def ensemble_of(name):
    if name == "spread":
        ensemble = cr.Ensemble([cr.Network([3, 8, 2], seed=i) for i in range(2)])
        ensemble.fit(X, Y, loss="gaussian_nll", epochs=1, verbose=0)
    elif name == "units":
        ensemble = cr.Ensemble([cr.Network([3, 8, 1], seed=i, dtype="float64", target_scale="auto") for i in range(9)])
        ensemble.fit(X, 1e5 + 300 * Y, epochs=1, verbose=0)
    elif name == "classes":
        ensemble = cr.Ensemble([cr.Network([cr.Input(3, scale=0.5), 8, 3], output="softmax", seed=i) for i in range(3)])
        ensemble.fit(X, np.arange(120) % 3, epochs=1, verbose=0)
    else:
        layers = [[cr.Input(3, 1), cr.LSTM(4, return_sequences=True)], [cr.Input(3, 1), cr.Conv1D(4, 1)]]
        ensemble = cr.Ensemble([cr.Network(each, seed=0) for each in layers])
    return ensemble


@pytest.mark.parametrize("name", ["spread", "units", "classes", "steps"])
def test_a_predictor_of_an_ensemble_has_the_bytes_of_predict(name):
    ensemble = ensemble_of(name)
    samples = X.reshape(120, 3, 1) if name == "steps" else X
    expected, predict = ensemble.predict(samples), ensemble.predictor()
    for i in range(20):
        assert predict(samples[i]).tobytes() == predict(X[i].tolist()).tobytes() == expected[i].tobytes()
    assert predict(samples[0]).shape == expected.shape[1:]
    again = pickle.loads(pickle.dumps(predict))
    ensemble.networks[0].parameters = ensemble.networks[0].parameters * 2
    assert again(samples[0]).tobytes() == predict(samples[0]).tobytes() == expected[0].tobytes()
    with pytest.raises(ValueError, match="x must be finite"):
        predict(np.full(3, np.nan))
    assert f"EnsemblePredictor({len(ensemble)} networks" in repr(predict)


def test_ensembles_that_cannot_be():
    with pytest.raises(ValueError, match="inputs and outputs of the same shapes"):
        cr.Ensemble([cr.Network([3, 2]), cr.Network([4, 2])])
    one = cr.Network([3, 2], seed=0)
    for networks, error, message in [
        ([], ValueError, "at least one, and each once"),
        ([one, one], ValueError, "at least one, and each once, got 2, 1 of them different"),
        (one, TypeError, "networks must be a sequence of Network objects, got Network"),
        (None, TypeError, "networks must be a sequence of Network objects, got None"),
    ]:
        with pytest.raises(error, match=message):
            cr.Ensemble(networks)
    ensemble = cr.Ensemble([one, cr.Network([3, 2], seed=1)])
    with pytest.raises(ValueError, match="rows must be None with bootstrap"):
        ensemble.fit(X, Y, bootstrap=True, rows=[[0], [1]], verbose=0)
    with pytest.raises(TypeError, match="y must be an array"):
        ensemble.fit(X, None, bootstrap=True, verbose=0)


def test_networks_that_mean_other_things_by_their_outputs_have_no_mean():
    one, other = (cr.Network([3, 4, 2], seed=i) for i in range(2))
    ensemble = cr.Ensemble([one, other])
    one.fit(X, Y, loss="gaussian_nll", epochs=1, verbose=0)
    assert ensemble.predict(X).shape == (120, 1)
    other.fit(X, np.hstack([Y, Y]), epochs=1, verbose=0)
    with pytest.raises(ValueError, match="all be trained with GaussianNLL or none"):
        ensemble.predict(X)
    labelled = [cr.Network([3, 2], output="softmax", seed=i) for i in range(2)]
    for network, names in zip(labelled, [["a", "b"], ["c", "d"]], strict=True):
        network.fit(X, np.array(names)[LABELS], epochs=1, verbose=0)
    with pytest.raises(ValueError, match="networks must have been fitted to the same labels, got"):
        cr.Ensemble(labelled).predict_classes(X)
