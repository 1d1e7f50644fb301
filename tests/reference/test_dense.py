"""The common properties of layers, tested on dense ones, and layers in a network."""

import numpy as np
import pytest

from chainrule import reference
from chainrule.reference import random
from chainrule.reference.losses import CrossEntropy, GaussianNLL


def test_dense_gradients(rng, assert_gradients_are_differences):
    layer = reference.Dense(rng.standard_normal((4, 3)), rng.standard_normal(3), "tanh")
    assert_gradients_are_differences(layer, rng.standard_normal((5, 4)))


@pytest.mark.parametrize("activation", ["gelu", "softmax"])
def test_activation_gradients(rng, assert_gradients_are_differences, activation):
    assert_gradients_are_differences(reference.Activation(activation), rng.standard_normal((2, 3, 4)))


def test_named_arrays_are_those_of_the_dictionaries(rng):
    layer = reference.Dense(rng.standard_normal((4, 3)), rng.standard_normal(3))
    layer.weights, layer.bias_gradient = np.ones((4, 3)), np.full(3, 2.0)
    assert layer.parameters["weights"].tolist() == np.ones((4, 3)).tolist()
    assert layer.gradients["bias"].tolist() == [2.0, 2.0, 2.0]
    assert list(layer.parameters) == list(layer.gradients) == ["weights", "bias"]


def test_penalty_is_that_of_the_weights():
    layer = reference.Dense(np.array([[1.0, -2.0]]), np.array([5.0, 5.0]), l1=0.5, l2=0.1)
    assert layer.penalty() == pytest.approx(0.05 * 5 + 0.5 * 3)
    layer.add_penalty_gradient()
    assert layer.weight_gradient == pytest.approx(np.array([[0.6, -0.7]]))
    assert layer.bias_gradient.tolist() == [0.0, 0.0]


@pytest.mark.parametrize(
    ("make", "name", "axes"),
    [
        (lambda w: reference.Dense(w((4, 3)), w(3), max_norm=0.5), "weights", 0),
        (lambda w: reference.Conv2D(w((2, 2, 4, 3)), w(3), max_norm=0.5), "weights", (0, 1, 2)),
        (lambda w: reference.Conv2DTranspose(w((2, 2, 3, 4)), w(3), max_norm=0.5), "weights", (0, 1, 3)),
        (lambda w: reference.LSTM(w((4, 8)), w((2, 8)), w(8), max_norm=0.5), "recurrent_weights", 0),
        (lambda w: reference.Embedding(w((4, 3)), max_norm=0.5), "weights", 1),
    ],
)
def test_norm_of_a_unit_is_limited(rng, make, name, axes):
    layer = make(lambda shape: rng.uniform(0.5, 1.0, shape))
    before = layer.parameters[name].copy()
    layer.limit_norm()
    after = layer.parameters[name]
    assert np.sqrt((after**2).sum(axis=axes)) == pytest.approx(0.5)
    assert after / before == pytest.approx(
        np.broadcast_to((after / before).mean(axis=axes, keepdims=True), after.shape)
    )
    assert layer.parameters.get("bias", np.ones(1)).min() >= 0.5


def test_frozen_layer_has_no_gradient_but_passes_it_on(rng):
    layer = reference.Conv1D(rng.standard_normal((2, 3, 4)), np.zeros(4), trainable=False, l2=1.0)
    layer.forward(rng.standard_normal((2, 5, 3)))
    assert np.any(layer.backward(rng.standard_normal((2, 4, 4))))
    layer.add_penalty_gradient()
    assert not any(np.any(gradient) for gradient in layer.gradients.values())


def image_network(rng):
    def w(*shape):
        return 0.5 * rng.standard_normal(shape)

    return reference.Network(
        [
            reference.Conv2D(w(3, 3, 2, 4), w(4), "tanh", padding="same", l2=0.1),
            reference.BatchNorm(np.ones(4), np.zeros(4), np.zeros(4), np.ones(4)),
            reference.Residual([reference.Conv2D(w(1, 1, 4, 4), w(4), "gelu", l1=0.01, trainable=False)]),
            reference.MaxPool2D(2),
            reference.Dropout(0.4, index=4),
            reference.Flatten(),
            reference.Dense(w(16, 3), w(3), "softmax"),
        ]
    )


@pytest.mark.parametrize("training", [False, True])
def test_gradient_of_a_network_of_images_is_the_central_difference(rng, training):
    net = image_network(rng)
    X, y, loss, start = rng.standard_normal((5, 4, 4, 2)), rng.integers(0, 3, 5), CrossEntropy(), net.parameters
    for layer in net.layers:
        layer.training = training
        layer.set_draw(3, 1, 0)
    net.loss_and_gradient(X, y, loss)
    gradient, learns = net.gradients, net._for_each(lambda leaf, _: leaf.trainable)

    def objective(i, step):
        moved = start.copy()
        moved[i] += step
        net.parameters = moved
        return net.loss_and_gradient(X, y, loss)

    h = 1e-4
    differences = np.array(
        [
            (8 * (objective(i, h) - objective(i, -h)) - (objective(i, 2 * h) - objective(i, -2 * h))) / (12 * h)
            for i in range(start.size)
        ]
    )
    assert gradient == pytest.approx(np.where(learns, differences, 0.0), rel=1e-7, abs=1e-9)
    assert start.size - learns.sum() == 4 * 4 + 4


def test_weights_are_told_from_the_other_parameters(rng):
    is_weight = image_network(rng)._for_each(lambda leaf, name: name in leaf.weight_names)
    assert is_weight.tolist() == [
        part for count, part in [(72, 1), (4 + 4 + 4, 0), (16, 1), (4, 0), (48, 1), (3, 0)] for _ in range(count)
    ]


def test_an_epoch_draws_by_place_and_leaves_training(rng):
    net = image_network(rng)
    X, y = rng.standard_normal((5, 4, 4, 2)), rng.integers(0, 3, 5)
    before = net.parameters
    rates = np.full(3, 0.1)
    net.train_epoch(X, y, CrossEntropy(), reference.optimizers.SGD(), rates, 2, seed=3, epoch=1)
    # The last batch is the single sample at position 4.
    factors = net.layers[4].factors
    kept = random.keeps((3, 1, 4), 4, 1, factors.size, 0.4)
    assert (factors != 0).ravel().tolist() == kept.ravel().tolist()
    assert not any(layer.training for layer in net.layers)
    frozen = net.layers[2].parameters["0.weights"].ravel()
    assert frozen.tolist() == before[84:100].tolist()
    assert np.all(net.parameters[:84] != before[:84])


def test_an_epoch_moves_the_running_statistics_once_a_step(rng):
    norm = reference.BatchNorm(np.ones(2), np.zeros(2), np.zeros(2), np.ones(2), momentum=0.5)
    net = reference.Network([norm, reference.Dense(rng.standard_normal((2, 1)), np.zeros(1), "identity")])
    X, y = rng.standard_normal((4, 2)), rng.standard_normal((4, 1))
    sgd = reference.optimizers.SGD()
    net.train_epoch(X, y, reference.losses.MSE(), sgd, np.full(2, 0.1), 2, shuffle=False)
    assert norm.running_mean == pytest.approx(0.25 * X[:2].mean(axis=0) + 0.5 * X[2:].mean(axis=0))


def test_gaussian_outputs_are_twice_the_targets(rng):
    net = reference.Network([reference.Dense(rng.standard_normal((3, 2)), rng.standard_normal(2), "identity")])
    X, y = rng.standard_normal((6, 3)), rng.standard_normal(6)
    loss, error = net.evaluate(X, y[:, None], GaussianNLL())
    mean, log_variance = net.predict(X).T
    density = np.exp(-((y - mean) ** 2) / (2 * np.exp(log_variance))) / np.sqrt(2 * np.pi * np.exp(log_variance))
    assert loss == pytest.approx(-np.log(density).mean() - 0.5 * np.log(2 * np.pi))
    assert error == pytest.approx(np.abs(y - mean).mean())
    assert net.evaluate(X, y, GaussianNLL()) == (loss, error)
