"""Layers made of layers against central differences and their parts."""

import numpy as np
import pytest

from chainrule.reference import Add, Concatenate, Conv2D, Dense, Dropout, MaxPool2D, Residual


def dense(rng, n_in, n_out, **options):
    return Dense(rng.standard_normal((n_in, n_out)), rng.standard_normal(n_out), "tanh", **options)


def test_residual_gradients(rng, assert_gradients_are_differences):
    layer = Residual([dense(rng, 4, 3), dense(rng, 3, 4)])
    assert_gradients_are_differences(layer, rng.standard_normal((5, 4)))


def test_residual_adds_its_input(rng):
    f, x = dense(rng, 3, 3), rng.standard_normal((5, 3))
    assert Residual([f]).forward(x) == pytest.approx(x + f.forward(x))


def test_add_gradients(rng, assert_gradients_are_differences):
    layer, x = Add([[dense(rng, 4, 3)], [dense(rng, 4, 2), dense(rng, 2, 3)]]), rng.standard_normal((5, 4))
    (f,), g = layer.branches
    assert layer.forward(x) == pytest.approx(f.forward(x) + g[1].forward(g[0].forward(x)))
    assert_gradients_are_differences(layer, x)


def test_concatenate_gradients(rng, assert_gradients_are_differences):
    def conv(size, filters):
        weights = rng.standard_normal((size, size, 2, filters))
        return Conv2D(weights, rng.standard_normal(filters), "softplus", padding="same")

    branches = [[conv(1, 3)], [conv(3, 2), MaxPool2D(2, 1, "same")], []]
    layer, x = Concatenate(branches), rng.standard_normal((2, 4, 3, 2))
    assert layer.forward(x).shape == (2, 4, 3, 7)
    assert layer.forward(x)[..., 5:] == pytest.approx(x)
    assert_gradients_are_differences(layer, x)


def test_composites_in_composites(rng, assert_gradients_are_differences):
    layer = Concatenate([[Residual([dense(rng, 3, 3)])], [dense(rng, 3, 2)]])
    assert_gradients_are_differences(layer, rng.standard_normal((4, 3)))
    assert list(layer.parameters) == ["0.0.weights", "0.0.bias", "1.weights", "1.bias"]
    assert layer.weight_names == ("0.0.weights", "1.weights")
    assert len(layer.leaves()) == 2


def test_parameters_are_those_of_the_parts(rng):
    part = dense(rng, 3, 3, l2=2.0, max_norm=0.1)
    layer = Residual([part, Dropout(0.5)])
    part.weights = np.eye(3)
    assert layer.parameters["0.weights"].tolist() == np.eye(3).tolist()
    assert layer.penalty() == 3.0
    layer.forward(np.zeros((1, 3)))
    layer.backward(np.zeros((1, 3)))
    layer.add_penalty_gradient()
    assert layer.gradients["0.weights"].tolist() == (2 * np.eye(3)).tolist()
    layer.limit_norm()
    assert part.weights == pytest.approx(0.1 * np.eye(3))


def test_flags_and_draws_reach_the_parts(rng):
    learner, dropout = dense(rng, 3, 3), Dropout(0.5)
    layer = Concatenate([[Residual([learner])], [dropout]])
    assert layer.trainable
    assert not layer.training
    layer.training, layer.trainable = True, False
    layer.set_draw(1, 2, 3)
    assert dropout.training
    assert not learner.trainable
    assert dropout.draw == (1, 2, 3)
