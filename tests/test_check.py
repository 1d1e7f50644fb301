"""The check finds errors, and recognises kinks."""

import numpy as np
import pytest

import chainrule as cr
from chainrule import reference


def data(samples=6):
    rng = np.random.default_rng(0)
    return rng.standard_normal((samples, 5)), rng.standard_normal((samples, 3))


def test_check_leaves_the_network_alone():
    net = cr.Network([5, 6, 3], seed=0)
    X, y = data()
    net.fit(X, y, epochs=2, verbose=0)
    other = net.copy()
    net.check(X, y)
    for n in (net, other):
        n.fit(X, y, epochs=1, verbose=0)
    assert net.parameters.tobytes() == other.parameters.tobytes()


@pytest.mark.parametrize("activation", reference.activations.DERIVATIVES)
def test_check_sees_a_wrong_sign_in_a_derivative(activation, monkeypatch):
    right = reference.activations.DERIVATIVES[activation]
    monkeypatch.setitem(reference.activations.DERIVATIVES, activation, lambda z: -right(z))
    report = cr.Network([5, 6, 3], activation=activation, seed=0).check(*data())
    assert not report.ok
    assert "first difference: deltas, layer" in repr(report)


def test_strict_check_raises(monkeypatch):
    monkeypatch.setitem(reference.activations.ACTIVATIONS, "tanh", np.sin)
    with pytest.raises(cr.CheckError, match="first difference: activations, layer 1"):
        cr.Network([5, 6, 3], activation="tanh", seed=0).check(*data(), strict=True)


def test_inputs_of_zero_put_every_unit_on_its_kink():
    net = cr.Network([5, 6, 3], activation="relu", weights="he_normal", seed=0)
    X, y = data()
    X[0] = 0
    report = net.check(X, y)
    assert report.ok, report
    assert any(line.kinks for line in report.lines)


def test_object_model_takes_part_where_it_reaches():
    X, y = cr.data.identity8()
    stages = [
        line.against for line in cr.Network([8, 3, 8], "sigmoid", "sigmoid", seed=0).check(X, y, loss="mse").lines
    ]
    assert stages.count("object model") == 2


def test_report_is_a_table():
    report = cr.Network([5, 6, 3], activation="tanh", seed=0).check(*data())
    text = repr(report)
    assert "activations, layer 1" in text
    assert text.endswith("all agree")
    assert 0 < report.largest_error < 1e-4


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_gradients_that_are_zero_agree(dtype):
    net = cr.Network([cr.Input(1), cr.Dense(1), cr.LayerNorm(), cr.Dense(3, "softmax")], seed=0, dtype=dtype)
    rng = np.random.default_rng(0)
    report = net.check(rng.normal(size=(8, 1)), rng.integers(0, 3, 8))
    assert report.ok, report


def test_the_terms_that_cancel_in_a_normalisation_count():
    # Two features become ±1, so that hardly anything is left of the terms of their deltas.
    net = cr.Network([cr.Input(5), cr.Dense(2), cr.LayerNorm(), cr.Dense(2)], seed=1)
    rng = np.random.default_rng(1)
    report = net.check(rng.normal(size=(16, 5)), rng.normal(size=(16, 2)))
    assert report.ok, report


def test_steps_that_diverge_are_left_out():
    """Plain gradient descent diverges with inputs that are far from 1, in the core as in the reference."""
    X, y = data()
    for scale, steps in [(1, 4), (1e6, 0)]:
        report = cr.Network([5, 6, 3], seed=0).check(scale * X, y, steps=4)
        stages = [line.stage for line in report.lines]
        assert report.ok
        assert f"{steps} steps, SGD, float32: parameters" in stages
        assert "4 steps, Adam, float64: parameters" in stages


@pytest.mark.parametrize("activation", ["relu", "tanh", "identity"])
@pytest.mark.parametrize("scale", [1, 1e3, 1e5])
def test_differences_agree_for_inputs_of_any_size(scale, activation):
    """Neither steps of training by which the network diverges nor too long steps of differences count."""
    X, y = data(40)
    report = cr.Network([5, 8, 3], activation=activation, seed=0).check(scale * X, y, optimizer=cr.SGD(0.1))
    lines = [line for line in report.lines if line.against == "differences"]
    assert len(lines) == 2 and all(line.ok for line in lines), report


@pytest.mark.parametrize("scale", [1, 1e3])
def test_differences_see_a_gradient_that_is_not_that_of_the_loss(scale, monkeypatch):
    right = reference.losses.MSE.value
    monkeypatch.setattr(reference.losses.MSE, "value", lambda *arguments: 1.001 * right(*arguments))
    X, y = data()
    report = cr.Network([5, 6, 3], activation="tanh", seed=0).check(scale * X, y)
    lines = [line for line in report.lines if line.against == "differences"]
    assert lines and not any(line.ok for line in lines)


def test_frozen_layers_in_blocks_have_no_gradient_to_compare():
    X, y = data(12)[0], np.arange(12) % 3
    inner = cr.Residual([cr.Dense(6, trainable=False)])
    block = cr.Add([[cr.Dense(6, "tanh")], [cr.BatchNorm(trainable=False), inner]])
    report = cr.Network([cr.Input(5), cr.Dense(6), block, cr.Dense(3, "softmax")], seed=1).check(X, y, steps=3)
    assert report.ok, report
