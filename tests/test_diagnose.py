"""The diagnosis agrees with the reference; warnings are given where they should be, and nowhere else."""

import itertools
import re
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse
from networks_of_layers import ACTIVATIONS

import chainrule as cr
from chainrule.reference.activations import DERIVATIVES
from chainrule.training import fitting
from chainrule.verification.twins import reference_loss, reference_of


def data(samples=100, features=6, classes=3):
    rng = np.random.default_rng(0)
    return rng.standard_normal((samples, features)), np.arange(samples) % classes


def deep(activation, layers, width=20, **options):
    return cr.Network([6, *[width] * layers, 3], activation=activation, output="softmax", seed=0, **options)


def warnings_of(net, X, y, **options):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        net.fit(X, y, **{"epochs": 1, "verbose": 0, **options})
    assert all(issubclass(w.category, cr.ChainruleWarning) for w in caught)
    return [str(w.message) for w in caught]


def sent_back(net, X, *, from_pre_activations=True):
    """Return the deltas of the reference for errors of ±1 at the outputs, or before the last activation."""
    model = reference_of(net)
    if from_pre_activations:
        model.layers[-1].activation = "identity"
    model.forward(X)
    model.backward(np.where(np.add.outer(np.arange(len(X)), np.arange(net.outputs)) % 2 == 0, 1.0, -1.0))
    return [layer.deltas for layer in model.layers]


@pytest.mark.parametrize("activation", [name for name in ACTIVATIONS if name != "softmax"])
def test_numbers_are_those_of_the_reference(activation):
    X, y = data()
    net = deep(activation, 2, dtype="float64", l2=0.1)
    model = reference_of(net)
    model.loss_and_gradient(X, y, reference_loss(cr.CrossEntropy()))
    diagnosis = net.diagnose(X, y)
    assert diagnosis.inputs == pytest.approx((X.mean(), X.std()))
    deltas = sent_back(net, X)
    for line, layer, delta in zip(diagnosis.lines, model.layers, deltas, strict=True):
        flow = line.flow
        assert line.activations == pytest.approx((layer.activations.mean(), layer.activations.std()))
        assert line.gradient == pytest.approx((layer.weight_gradient.mean(), layer.weight_gradient.std()))
        assert flow.signal == pytest.approx(np.sqrt((delta**2).mean() / (deltas[-1] ** 2).mean()))


@pytest.mark.parametrize("output", ["tanh", "softmax", "gelu"])
def test_errors_of_other_losses_come_through_the_last_activation(output):
    X, y = data()
    net = cr.Network([6, 20, 20, 3], activation="tanh", output=output, dtype="float64", seed=0)
    diagnosis = net.diagnose(X, np.eye(3)[y], loss="mse")
    deltas = sent_back(net, X, from_pre_activations=False)
    for line, delta in zip(diagnosis.lines, deltas, strict=True):
        assert line.flow.signal == pytest.approx(np.sqrt((delta**2).mean() / (deltas[-1] ** 2).mean()))
    outputs = net.predict(X)
    assert diagnosis.lines[-1].activations == pytest.approx((outputs.mean(), outputs.std()))
    assert (diagnosis.lines[-1].flow.saturated is None) == (output != "tanh")


def test_blocks_frozen_layers_and_sequences_are_looked_through():
    X = np.random.default_rng(0).standard_normal((40, 5, 3))
    block = cr.Residual([cr.Dense(4, "tanh"), cr.Dense(4)])
    layers = [cr.Input(None, 3), cr.Masking(0.0), cr.LSTM(4), block, cr.Dense(4, "relu"), cr.Dense(1, "sigmoid")]
    net = cr.Network(layers, dtype="float64", seed=0)
    net.layers[4].trainable = False
    expected = sent_back(net.fixed(X), X.reshape(40, -1))
    lines = net.diagnose(X, X[:, 0, 0] > 0).lines
    signals = [np.sqrt((delta**2).mean() / (expected[-1] ** 2).mean()) for delta in expected[-len(lines) :]]
    assert np.isnan(lines[3].flow.signal)
    assert [line.flow.signal for line in (lines[1], lines[2])] == pytest.approx(signals[1:3])


@pytest.mark.parametrize("activation", ["sigmoid", "tanh", "softsign", "hard_sigmoid"])
def test_saturated_is_where_the_slope_is_below_three_percent_of_the_steepest(activation):
    X, y = data(features=6)
    net = deep(activation, 1, width=200, dtype="float64")
    z = 5 * X @ net.layers[1].weights + net.layers[1].bias
    slopes = DERIVATIVES[activation](z)
    share = (slopes <= 0.03 * DERIVATIVES[activation](np.zeros(1))).mean()
    assert net.diagnose(5 * X, y).lines[0].flow.saturated == pytest.approx(share, abs=0.02)


@pytest.mark.parametrize("activation", ["relu", "elu", "selu", "softplus"])
def test_dead_is_who_has_no_slope_for_any_sample(activation):
    X, y = data()
    net = deep(activation, 1, dtype="float64")
    net.layers[1].bias = np.where(np.arange(20) < 5, -50.0, 0.0)
    assert net.diagnose(X, y).lines[0].flow.dead == 0.25


def test_table_tells_a_sick_layer():
    X, y = data()
    net = deep("relu", 2)
    assert net.diagnose(X, y).ok
    net.layers[2].bias = np.full(20, -100.0)
    diagnosis = net.diagnose(X, y)
    lines = repr(diagnosis).splitlines()
    assert not diagnosis.ok
    assert len(lines) == 6
    assert lines[0].split() == [
        "layer", "activation", "units", "activations", "gradient", "signal", "saturated", "dead", "try",
    ]  # fmt: skip
    assert "100%  leaky_relu or elu" in lines[4]
    assert max(map(len, lines)) == len(lines[1])


def test_bytes_and_sparse_samples_are_the_samples_they_mean():
    rng = np.random.default_rng(0)
    bytes_ = rng.integers(0, 256, (50, 6), dtype=np.uint8) * (rng.random((50, 6)) < 0.3).astype(np.uint8)
    y = np.arange(50) % 3
    expected = repr(deep("tanh", 2).diagnose(bytes_.astype(float), y))
    assert repr(deep("tanh", 2).diagnose(bytes_, y)) == expected
    assert repr(deep("tanh", 2).diagnose(scipy.sparse.csr_array(bytes_.astype(float)), y)) == expected


def test_diagnosis_leaves_the_network_alone():
    X, y = data()
    nets = [deep("tanh", 2) for _ in range(2)]
    for net in nets:
        net.forward(X)
    nets[0].diagnose(X, y)
    back = [net.backward(np.ones((100, 3))).tobytes() for net in nets]
    for net in nets:
        net.fit(X, y, epochs=2, verbose=0)
    assert back[0] == back[1]
    assert nets[0].parameters.tobytes() == nets[1].parameters.tobytes()


def test_mistakes_are_named():
    X, y = data()
    with pytest.raises(ValueError, match="X must have 6 features, got 5"):
        deep("relu", 1).diagnose(X[:, :5], y)
    with pytest.raises(ValueError, match="loss 'poisson' needs"):
        deep("relu", 1).diagnose(X, y, loss="poisson")


def test_page_shows_what_its_code_prints(capsys):
    page = (Path(__file__).parents[1] / "docs" / "diagnosing.md").read_text(encoding="utf-8")
    code, table = re.search(r"```python\n(.*?)```\n```\n(.*?)```", page, re.DOTALL).groups()
    exec(code, {})
    assert capsys.readouterr().out == table


# --- warnings before training


def test_unscaled_inputs_that_saturate():
    X, y = data()
    (message,) = warnings_of(deep("tanh", 2), 300 * X + 100, y)
    assert message.startswith("layer 1 (tanh) will hardly learn: 9")
    assert "with inputs of" in message
    assert message.endswith("try inputs scaled to mean 0 and spread 1")


def test_large_weights_that_saturate():
    X, y = data()
    (message,) = warnings_of(deep("sigmoid", 2, weights=cr.Normal(100.0)), X, y)
    assert "layer 1 (sigmoid)" in message
    assert "smaller weights" in message


def test_dead_layer():
    X, y = data()
    net = deep("relu", 3)
    net.layers[2].bias = np.full(20, -100.0)
    (message,) = warnings_of(net, X, y)
    assert message.startswith("layer 2 (relu) will hardly learn: 100% of its units are dead")


def test_layer_of_which_half_is_dead_still_learns():
    X, y = data()
    net = deep("relu", 3)
    net.layers[2].bias = np.where(np.arange(20) < 10, -100.0, 0.0)
    assert net.diagnose(X, y).lines[1].advice.startswith("leaky_relu")
    assert warnings_of(net, X, y) == []


def test_vanishing_and_exploding_gradients():
    X, y = data()
    (message,) = warnings_of(deep("sigmoid", 16), X, y)
    assert "layer 1 (sigmoid)" in message and "arrives" in message
    (message,) = warnings_of(deep("relu", 10, weights=cr.Normal(4.0)), X, y, optimizer=cr.SGD(1e-30))
    assert "layer 1 (relu)" in message and "times that at the outputs" in message


def test_labels_with_independent_outputs():
    X, y = data()

    def message(labels, output="sigmoid", outputs=3, loss="cross_entropy"):
        return warnings_of(cr.Network([6, outputs], output=output, seed=0), X, labels, loss=loss)

    (found,) = message(y)
    assert "the 3 sigmoid outputs are independent" in found
    assert message(np.eye(3)[y]) == []
    assert message(y, "softmax") == []
    assert message(y, loss="mse") == []
    assert message(y % 2, outputs=1) == []


SCALES = {"standard": 1.0, "bytes": 1 / 255}


# Hidden layers of exp overflow.
@pytest.mark.parametrize("activation", [name for name in ACTIVATIONS if name not in ("exp", "softmax")])
def test_sensible_networks_give_no_warning(activation):
    rng = np.random.default_rng(0)
    for samples, width, layers, seed in itertools.product((8, 100), (4, 100), (1, 2, 4), (0, 1)):
        y = rng.standard_normal((samples, 2))
        inputs = (
            rng.standard_normal((samples, 30)),
            2 * rng.random((samples, 30)) ** 3,
            rng.random((samples, 30)) < 0.1,
        )
        for X in inputs:
            net = cr.Network([30, *[width] * layers, 2], activation=activation, seed=seed)
            assert warnings_of(net, X, y) == []


def test_trained_network_is_not_looked_at():
    X, y = data()
    net = deep("tanh", 2)
    net.fit(X, y, epochs=1, verbose=0)
    net.layers[1].weights = net.layers[1].weights * 1000
    assert warnings_of(net, X, y, optimizer=cr.SGD(0.01)) == []


@pytest.mark.parametrize("way", ["fit", "partial_fit", "train_on_batch", "stream"])
def test_warning_points_at_the_line_of_the_user(way):
    X, y = data()
    net = deep("tanh", 2)
    with pytest.warns(cr.ChainruleWarning, match="layer 1") as caught:
        if way == "stream":
            line = sys._getframe().f_lineno + 1
            net.fit([(1000 * X, y)] * 3, verbose=0)
        else:
            options = {"verbose": 0} if way == "fit" else {}
            line = sys._getframe().f_lineno + 1
            getattr(net, way)(1000 * X, y, **options)
    assert [(w.filename, w.lineno) for w in caught] == [(__file__, line)]


def test_warning_as_error_leaves_the_network_untrained():
    X, y = data()
    net = deep("tanh", 2)
    before = net.parameters.tobytes()
    with pytest.raises(cr.ChainruleWarning):
        net.fit(1000 * X, y, verbose=0)
    assert net.parameters.tobytes() == before
    assert (net.epochs, net.history.epochs) == (0, 0)


@pytest.mark.parametrize("sparse", [False, True])
def test_look_changes_no_byte(sparse, monkeypatch):
    X, y = data(300)
    results = []
    for look in (fitting.warn_of_first_samples, lambda *arguments: None):
        monkeypatch.setattr(fitting, "warn_of_first_samples", look)
        net = deep("relu", 2)
        net.fit(scipy.sparse.csr_array(X) if sparse else X, y, epochs=2, verbose=0, input_noise=0.0 if sparse else 0.1)
        with pytest.raises(RuntimeError, match="no gradients"):
            net.gradients  # noqa: B018
        results.append(net.parameters.tobytes())
    assert results[0] == results[1]
