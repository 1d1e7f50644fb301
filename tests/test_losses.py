"""Losses beyond the comparison with the reference: the targets that they take, and the metrics."""

import numpy as np
import pytest
import scipy.stats

import chainrule as cr

RANDOM = np.random.default_rng(0)
X = RANDOM.standard_normal((60, 2))
SIDES = np.where(X @ [1, -2] > 0.3, 1, -1)


def hinge_network(outputs=1):
    return cr.Network([2, outputs], seed=0)


def test_hinge_takes_two_classes_by_any_name():
    outcomes = set()
    for y in (SIDES, SIDES.astype(float), SIDES[:, None], (SIDES + 1) // 2, SIDES > 0, (SIDES > 0).astype(float)):
        net = hinge_network()
        net.fit(X, y, epochs=3, loss="hinge", optimizer=cr.SGD(0.1), verbose=0)
        outcomes.add((net.parameters.tobytes(), net.evaluate(X, y)["loss"]))
    assert len(outcomes) == 1


def test_hinge_finds_a_separating_line():
    net = hinge_network()
    history = net.fit(X, SIDES, epochs=300, loss="hinge", optimizer=cr.Adam(0.05), verbose=0)
    assert history["accuracy"][-1] > 0.95
    assert (net.predict_classes(X) == (SIDES > 0)).mean() > 0.95


def test_hinge_tells_each_of_several_classes_from_the_others():
    y = np.digitize(X[:, 0], [-0.5, 0.5])
    net = cr.Network([2, 16, 3], activation="tanh", seed=0)
    net.fit(X, y, epochs=300, loss="hinge", optimizer=cr.Adam(0.02), verbose=0)
    assert net.evaluate(X, y)["accuracy"] > 0.95
    rows = np.where(np.eye(3)[y] > 0, 1.0, -1.0)
    assert net.evaluate(X, y)["loss"] == net.evaluate(X, rows)["loss"]
    assert net.check(X, y, loss="hinge").ok


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (SIDES * 0.5, r"y must be -1 and 1 for loss 'hinge', got -?0.5"),
        (SIDES + 1.0, "y must be 0 and 1 for loss 'hinge', got 2.0"),
        (np.arange(60), r"y as labels must be in \[0, 1\]"),
    ],
)
def test_hinge_refuses_other_targets(y, message):
    with pytest.raises(ValueError, match=message):
        hinge_network().fit(X, y, loss="hinge", verbose=0)


def of_normal(outputs):
    """Return samples, and targets whose noise depends on the sample."""
    y = RANDOM.normal(X[:, :1], np.exp(X[:, 1:] / 2), (60, outputs // 2))
    return X, y


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("outputs", [2, 6, 16, 18, 34, 64])
def test_gaussian_likelihood_is_that_of_scipy(outputs, dtype):
    X, y = of_normal(outputs)
    net = cr.Network([2, 12, outputs], activation="tanh", seed=1, dtype=dtype)
    mean, log_variance = np.split(net.predict(X).astype(float), 2, axis=1)
    density = scipy.stats.norm.logpdf(y, mean, np.exp(log_variance / 2)) + 0.5 * np.log(2 * np.pi)
    weights = np.arange(60) % 4
    metrics = net.evaluate(X, y, loss="gaussian_nll", sample_weight=weights)
    tolerance = {"float32": 1e-5, "float64": 1e-12}[dtype]
    assert metrics["loss"] == pytest.approx(np.average(-density.sum(axis=1), weights=weights), rel=tolerance)
    assert metrics["mae"] == pytest.approx(np.average(np.abs(y - mean).mean(axis=1), weights=weights), rel=tolerance)


@pytest.mark.parametrize("outputs", [4, 34])
def test_gaussian_gradient_is_the_difference_of_the_loss(outputs):
    X, y = of_normal(outputs)
    net = cr.Network([2, outputs], activation="tanh", seed=1, dtype="float64")
    start = net.parameters
    _, gradient = net.loss_and_gradient(X, y, "gaussian_nll")
    for index in range(0, len(start), 7):
        values = []
        for h in (1e-5, -1e-5):
            net.parameters = start + h * (np.arange(len(start)) == index)
            values.append(net.evaluate(X, y, loss="gaussian_nll")["loss"])
        assert (values[0] - values[1]) / 2e-5 == pytest.approx(gradient[index], abs=1e-8)


@pytest.mark.parametrize("outputs", [2, 34])
def test_gaussian_loss_has_the_same_bytes_for_any_threads_and_instruction_set(outputs, many_threads):
    X, y = of_normal(outputs)
    found = set()
    for isa in [isa for isa in cr.info()["isas"].split(", ") if isa != "baseline"]:
        for threads in (1, 3, 8):
            cr.set_isa(isa)
            cr.set_num_threads(threads)
            net = cr.Network([2, 40, outputs], activation="tanh", seed=0)
            history = net.fit(X, y, epochs=3, batch_size=37, loss="gaussian_nll", verbose=0, validation_data=(X, y))
            found.add((net.parameters.tobytes(), str(history)))
    assert len(found) == 1


def test_gaussian_loss_finds_mean_and_variance():
    y = 3 + 2 * RANDOM.standard_normal((500, 1))
    net = cr.Network([1, 2], weights=0.0, seed=0, dtype="float64")
    history = net.fit(np.zeros((500, 1)), y, epochs=300, batch_size="full", optimizer=cr.Adam(0.05),
                      loss=cr.GaussianNLL(), verbose=0)  # fmt: skip
    assert net.layers[1].bias == pytest.approx([y.mean(), np.log(y.var())], abs=1e-2)
    assert history["loss"][-1] == pytest.approx(0.5 * (np.log(y.var()) + 1), abs=1e-4)


def test_gaussian_loss_is_kept_in_files(tmp_path):
    X, y = of_normal(2)
    net = cr.Network([2, 8, 2], seed=0)
    net.fit(X, y[:, 0], epochs=1, loss="gaussian_nll", verbose=0)
    net.save(tmp_path / "net.safetensors")
    other = cr.load(tmp_path / "net.safetensors")
    assert other.loss == cr.GaussianNLL()
    assert other.evaluate(X, y) == net.evaluate(X, y[:, 0])


@pytest.mark.parametrize(
    ("layers", "columns", "message"),
    [
        ([cr.Input(2), cr.Dense(3, "identity")], 1, r"even number of outputs in a row, got shape \(3,\)"),
        ([cr.Input(2), cr.Dense(6, "identity"), cr.Reshape((3, 2))], 3, r"in a row, got shape \(3, 2\)"),
        ([cr.Input(2), cr.Dense(4, "relu")], 2, "loss 'gaussian_nll' needs an output activation of identity"),
        ([cr.Input(2), cr.Dense(4, "identity")], 4, r"y must have shape \(60, 2\) or be labels, got \(60, 4\)"),
    ],
)
def test_gaussian_loss_refuses_other_outputs_and_targets(layers, columns, message):
    net = cr.Network(layers, seed=0)
    for call in (net.fit, net.evaluate, net.loss_and_gradient, net.check):
        with pytest.raises(ValueError, match=message):
            call(X, np.zeros((60, columns)), loss="gaussian_nll")
    assert net.epochs == 0
