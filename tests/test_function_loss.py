"""Losses by a function of outputs and targets, against the built-in losses of the same formula."""

import copy
import pickle
import threading

import numpy as np
import pytest

import chainrule as cr

rng = np.random.default_rng(0)
X = rng.standard_normal((90, 3))
Y = np.column_stack([X[:, 0] - 1, 2 * X[:, 1]])
WEIGHTS = rng.uniform(0, 2, 90)
LABELS = np.arange(90) % 2


def squares(outputs, targets):
    errors = outputs - targets
    return 0.5 * (errors**2).reshape(len(errors), -1).sum(axis=1), errors


def squares_of_steps(outputs, targets):
    return 0.5 * ((outputs - targets) ** 2).sum(axis=-1), outputs - targets


def likelihood(outputs, targets):
    rows = np.arange(len(outputs))
    likely = outputs[rows, targets]
    gradient = np.zeros_like(outputs)
    gradient[rows, targets] = -1 / likely
    return -np.log(likely), gradient


def normal(outputs, targets):
    mean, log_variance = outputs[:, :1], outputs[:, 1:]
    precision = np.exp(-log_variance)
    errors = mean - targets
    values = 0.5 * (log_variance + errors**2 * precision)
    return values[:, 0], np.hstack([errors * precision, 0.5 * (1 - errors**2 * precision)])


def absolute(outputs, targets):
    return np.abs(outputs - targets).sum(axis=1), np.sign(outputs - targets)


def likelihood_of_steps(outputs, targets):
    likely = np.take_along_axis(outputs, targets[..., None], -1)
    gradient = np.zeros_like(outputs)
    np.put_along_axis(gradient, targets[..., None], -1 / likely, -1)
    return -np.log(likely[..., 0]), gradient


def steps():
    return cr.Network([cr.Input(4, 3), cr.Masking(), cr.GRU(2, return_sequences=True)], seed=0, dtype="float64")


def dense(outputs=2, output="identity"):
    return cr.Network([3, 8, outputs], activation="tanh", output=output, seed=0, dtype="float64")


def tagger():
    return cr.Network(
        [cr.Input(4, 3), cr.GRU(4, return_sequences=True), cr.Dense(3, "softmax")], dtype="float64", seed=0
    )


PADDED = rng.standard_normal((30, 4, 3)) * (np.arange(4) < rng.integers(1, 5, 30)[:, None])[..., None]
STEPS = rng.standard_normal((30, 4, 2))
CASES = {
    "mse": (dense, X, Y, squares, "mse", {}),
    "weights": (dense, X, Y, squares, "mse", {"sample_weight": WEIGHTS}),
    "classes": (lambda: dense(2, "softmax"), X, LABELS, likelihood, "cross_entropy", {"class_weight": {0: 1, 1: 3}}),
    "two outputs of one target": (dense, X, Y[:, :1], normal, "gaussian_nll", {}),
    "numbers of type float": (dense, X, Y[:, 0], normal, "gaussian_nll", {}),
    "kinks": (dense, X, Y, absolute, "mae", {}),
    "labels of steps": (tagger, PADDED, rng.integers(0, 3, (30, 4)), likelihood_of_steps, "cross_entropy", {}),
    "padded steps": (steps, PADDED, STEPS, squares_of_steps, "mse", {}),
}


@pytest.mark.parametrize("case", CASES)
def test_it_trains_as_the_built_in_loss_of_its_formula(case):
    make, samples, targets, function, name, options = CASES[case]
    histories, parameters = [], []
    for loss in (function, name):
        net = make()
        held = {"validation_data": (samples[:20], targets[:20])}
        history = net.fit(samples, targets, epochs=3, batch_size=16, loss=loss, verbose=0, **held, **options)
        histories.append(history)
        parameters.append(net.parameters)
    assert parameters[0] == pytest.approx(parameters[1], rel=1e-9, abs=1e-12)
    for metric in set(histories[0]):
        assert histories[0][metric] == pytest.approx(histories[1][metric], rel=1e-9)
    assert {"loss", "val_loss"} <= set(histories[0])
    assert set(histories[0]) == set(histories[1]) or targets.size < 180


@pytest.mark.parametrize("case", CASES)
def test_the_check_compares_it_with_the_reference(case):
    make, samples, targets, function, _, _ = CASES[case]
    report = make().check(samples[:12], targets[:12], loss=function)
    assert report.ok, report


def test_all_ways_that_take_a_loss_take_a_function():
    net, other = dense(), dense()
    assert net.evaluate(X, Y, loss=squares) == pytest.approx(other.evaluate(X, Y, loss="mse"))
    value, gradient = net.loss_and_gradient(X, Y, squares, WEIGHTS)
    expected, wanted = other.loss_and_gradient(X, Y, "mse", WEIGHTS)
    assert value == pytest.approx(expected)
    assert gradient == pytest.approx(wanted)
    assert net.train_on_batch(X, Y, loss=squares) == pytest.approx(other.train_on_batch(X, Y, loss="mse"))
    assert net.diagnose(X, Y, loss=squares).ok
    for copied in (net.copy(), pickle.loads(pickle.dumps(net)), net.rebuilt(lambda *_: None)):
        assert copied.evaluate(X, Y) == pytest.approx(net.evaluate(X, Y))
    batches = [(X[:40], Y[:40]), (X[40:], Y[40:])]
    assert net.fit(batches, loss=squares, epochs=2, verbose=0).epochs == 2


@pytest.mark.parametrize("threads", [2, 3])
def test_threads_do_not_change_the_bytes(threads, many_threads):
    trained = []
    for count in (1, threads):
        cr.set_num_threads(count)
        net = cr.Network([3, 40, 2], seed=0)
        net.fit(X, Y, epochs=3, batch_size=32, loss=squares, verbose=0)
        trained.append(net.parameters)
    assert trained[0].tobytes() == trained[1].tobytes()


def test_outputs_and_targets_are_in_the_units_of_the_targets():
    seen = []

    def look(outputs, targets):
        seen.append((outputs.copy(), targets.copy(), outputs.flags.writeable))
        return squares(outputs, targets)

    far = 1000 + 50 * Y
    net = cr.Network([3, 2], seed=0, target_scale="auto", dtype="float64")
    net.fit(X, far, epochs=1, batch_size="full", shuffle=False, loss=look, verbose=0, optimizer=cr.SGD(0.0))
    outputs, targets, writeable = seen[-1]
    assert outputs == pytest.approx(net.predict(X))
    assert targets == pytest.approx(far)
    assert not writeable
    assert net.check(X[:10], far[:10]).ok


def test_a_checkpoint_resumes_with_the_function_of_the_same_name(tmp_path):
    path = tmp_path / "net.safetensors"
    options = {"loss": squares, "verbose": 0, "checkpoint": path, "callbacks": cr.EarlyStopping("loss", patience=9)}
    whole = dense()
    whole.fit(X, Y, epochs=4, **options)
    dense().fit(X, Y, epochs=2, **options)
    net = cr.load(path)
    assert net.loss == cr.FunctionLoss(f"{__name__}:squares")
    with pytest.raises(ValueError, match=r"squares' is a function, which no file holds; pass it as loss"):
        net.fit(X, Y, epochs=4, resume=True, verbose=0, callbacks=cr.EarlyStopping("loss", patience=9))
    with pytest.raises(ValueError, match=r"loss must be .*squares.* to resume"):
        net.fit(X, Y, epochs=4, resume=True, **{**options, "loss": absolute})
    net.fit(X, Y, epochs=4, resume=True, **options)
    assert net.parameters.tobytes() == whole.parameters.tobytes()


def test_what_a_name_does_not_tell_is_refused_for_checkpoints_only(tmp_path):
    net = dense()
    net.fit(X, Y, epochs=1, loss=lambda a, t: squares(a, t), verbose=0)
    with pytest.raises(ValueError, match=r"<lambda>.* define it with def at the top level of a module"):
        net.fit(X, Y, epochs=1, loss=lambda a, t: squares(a, t), verbose=0, checkpoint=tmp_path / "net")
    net.save(tmp_path / "net")
    assert np.array_equal(cr.load(tmp_path / "net").predict(X), net.predict(X))
    with pytest.raises(ValueError, match="pass it as loss"):
        pickle.loads(pickle.dumps(net)).fit(X, Y, epochs=1, verbose=0)
    assert copy.deepcopy(net).evaluate(X, Y) == net.evaluate(X, Y)


def failing(after, error):
    calls = []

    def loss(outputs, targets):
        calls.append(len(outputs))
        if len(calls) > after:
            raise error
        return squares(outputs, targets)

    return loss


@pytest.mark.parametrize("error", [ZeroDivisionError("mine"), KeyboardInterrupt()])
@pytest.mark.parametrize("after", [0, 30])
def test_an_error_in_the_function_is_raised_and_the_network_stays_usable(error, after, many_threads):
    cr.set_num_threads(2)
    net = cr.Network([3, 40, 2], seed=0)
    with pytest.raises(type(error)) as caught:
        net.fit(X, Y, epochs=30, batch_size=10, loss=failing(after, error), verbose=0)
    assert "test_function_loss" in str(caught.traceback[-1].path)
    with pytest.raises(type(error)):
        net.evaluate(X, Y, loss=failing(0, error))
    with pytest.raises(type(error)):
        net.loss_and_gradient(X, Y, failing(0, error))
    assert np.isfinite(net.predict(X)).all()
    assert np.isfinite(net.fit(X, Y, epochs=1, loss=squares, verbose=0)["loss"]).all()


WRONG = {
    "values of .* shape \\(8,\\), one for each sample, got \\(\\)": lambda a, t: (0.5 * ((a - t) ** 2).sum(), a - t),
    "values of .* got \\(8, 2\\)": lambda a, t: (0.5 * (a - t) ** 2, a - t),
    "gradient of .* shape \\(8, 2\\), got \\(8,\\)": lambda a, t: (squares(a, t)[0], (a - t).sum(axis=1)),
    "return \\(values, gradient\\), got float64": lambda a, t: ((a - t) ** 2).sum(),
    "real numbers, got dtype complex128": lambda a, t: (squares(a, t)[0], (a - t) * 1j),
    "by output 0 of sample 0 it is .* differences of the sample's value give": lambda a, t: (
        squares(a, t)[0],
        2 * (a - t),
    ),
    "by output 1 of": lambda a, t: (squares(a, t)[0], (a - t) * [1, 1.1]),
    "values of .* must be numbers, got nan for sample 3": lambda a, t: (
        np.where(np.arange(len(a)) == 3, np.nan, squares(a, t)[0]),
        a - t,
    ),
}


@pytest.mark.parametrize("message", WRONG)
def test_what_is_wrong_is_said_before_anything_is_changed(message):
    net = cr.Network([3, 8, 2], seed=0)
    before = net.parameters
    with pytest.raises((ValueError, TypeError), match=message):
        net.fit(X, Y, epochs=1, loss=WRONG[message], verbose=0)
    assert net.parameters.tobytes() == before.tobytes()
    assert net.fit(X, Y, epochs=1, loss="mse", verbose=0).epochs == 1


def test_a_function_that_computes_in_float32_and_kinks_give_no_false_alarm():
    def single(outputs, targets):
        values, gradient = squares(outputs.astype(np.float32), targets.astype(np.float32))
        return values, gradient

    net = cr.Network([3, 2], weights=0.0, seed=0)
    assert net.fit(X, Y, epochs=1, loss=single, verbose=0).epochs == 1
    at_kinks = cr.Network([3, 2], weights=0.0, seed=0)
    assert at_kinks.fit(X, np.zeros((90, 2)), epochs=1, loss=absolute, verbose=0).epochs == 1


def test_infinite_values_are_a_diverged_fit():
    def steep(outputs, targets):
        return np.exp(1000 * outputs**2).sum(axis=1), 2000 * outputs * np.exp(1000 * outputs**2)

    net = cr.Network([3, 2], seed=0)
    before = net.parameters
    with pytest.raises(cr.DivergedError), np.errstate(all="ignore"):
        net.fit(X, Y, epochs=3, loss=steep, verbose=0)
    assert net.parameters.tobytes() == before.tobytes()


def test_weights_of_steps_need_a_value_for_each():
    with pytest.raises(ValueError, match=r"must have shape \(\d+, 4\), one for each step, as steps have weights"):
        steps().fit(PADDED, STEPS, epochs=1, loss=squares, verbose=0)


def test_a_function_may_not_change_the_network_and_does_not_wait_for_itself():
    net = dense()

    def changes(outputs, targets):
        net.parameters = net.parameters * 2
        return squares(outputs, targets)

    def predicts(outputs, targets):
        net.predict(X[:2])
        return squares(outputs, targets)

    with pytest.raises(RuntimeError, match="must not change the network that it evaluates"):
        net.evaluate(X, Y, loss=changes)
    net.evaluate(X, Y, loss=predicts)
    errors = []

    def run():
        try:
            net.train_on_batch(X, Y, loss=predicts)
        except RuntimeError as error:
            errors.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(20)
    assert not thread.is_alive()
    assert len(errors) == 1


def test_targets_that_are_neither_labels_nor_rows_are_told_what_they_lack():
    with pytest.raises(ValueError, match=r"in \[0, 1\], got 89; give numbers that are no labels as floats"):
        dense().fit(X, np.arange(90), loss=normal)
    with pytest.raises(ValueError, match=r"y must have shape \(90, 2\) or be labels, got \(90, 3, 2\)"):
        dense().fit(X, np.zeros((90, 3, 2)), loss=squares)


def test_classes_of_losses_are_refused_by_name():
    with pytest.raises(TypeError, match=r"got the class MSE; write MSE\(\)"):
        dense().fit(X, Y, loss=cr.MSE)
