"""Normalisations against central differences, PyTorch and their definitions."""

import numpy as np
import pytest

from chainrule.reference import BatchNorm, LayerNorm

SHAPES = [(6, 3), (4, 5, 3), (3, 2, 4, 3)]


def batch_norm(rng, **options):
    return BatchNorm(
        rng.uniform(0.5, 2.0, 3), rng.standard_normal(3), rng.standard_normal(3), rng.uniform(0.5, 2.0, 3), **options
    )


def layer_norm(rng, **options):
    return LayerNorm(rng.uniform(0.5, 2.0, 3), rng.standard_normal(3), **options)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("training", [True, False])
def test_batch_norm_gradients(rng, assert_gradients_are_differences, shape, training):
    layer = batch_norm(rng)
    layer.training = training
    assert_gradients_are_differences(layer, rng.standard_normal(shape))


@pytest.mark.parametrize("shape", SHAPES)
def test_layer_norm_gradients(rng, assert_gradients_are_differences, shape):
    assert_gradients_are_differences(layer_norm(rng, epsilon=0.1), rng.standard_normal(shape))


def test_batch_has_mean_beta_and_deviation_gamma(rng):
    layer = batch_norm(rng, epsilon=0.0)
    layer.training = True
    z = layer.forward(rng.standard_normal((50, 4, 3)))
    assert z.mean(axis=(0, 1)) == pytest.approx(layer.parameters["beta"])
    assert z.std(axis=(0, 1)) == pytest.approx(layer.parameters["gamma"])


def test_running_statistics_move_in_training_only():
    layer = BatchNorm(np.ones(1), np.zeros(1), np.array([2.0]), np.array([5.0]), momentum=0.75, epsilon=0.0)
    x = np.array([[1.0], [3.0], [8.0]])
    assert layer.forward(x) == pytest.approx((x - 2.0) / np.sqrt(5.0))
    assert layer.running_mean.tolist() == [2.0]
    layer.training = True
    layer.forward(x)
    # The batch's mean is 4, its biased variance (9 + 1 + 16) / 3.
    assert layer.running_mean == pytest.approx([0.75 * 2 + 0.25 * 4])
    assert layer.running_variance == pytest.approx([0.75 * 5 + 0.25 * 26 / 3])


def test_neither_is_penalised(rng):
    assert batch_norm(rng, l2=1.0).penalty() == 0.0
    assert layer_norm(rng, l1=1.0).penalty() == 0.0


@pytest.mark.parametrize("training", [True, False])
def test_batch_norm_is_that_of_pytorch(rng, training):
    torch = pytest.importorskip("torch")
    layer, x = batch_norm(rng), rng.standard_normal((4, 5, 3))
    layer.training = training
    inputs = torch.tensor(x.reshape(20, 3), requires_grad=True)
    gamma, beta = (torch.tensor(layer.parameters[name].copy(), requires_grad=True) for name in ("gamma", "beta"))
    mean, variance = torch.tensor(layer.running_mean.copy()), torch.tensor(layer.running_variance.copy())
    theirs = torch.nn.functional.batch_norm(inputs, mean, variance, gamma, beta, training, momentum=0.1)
    assert layer.forward(x).reshape(20, 3) == pytest.approx(theirs.detach().numpy(), rel=1e-11)
    assert layer.running_mean == pytest.approx(mean.numpy(), rel=1e-12)
    deltas = rng.standard_normal(x.shape)
    theirs.backward(torch.tensor(deltas.reshape(20, 3)))
    assert layer.backward(deltas).reshape(20, 3) == pytest.approx(inputs.grad.numpy(), rel=1e-9, abs=1e-12)
    assert layer.gradients["gamma"] == pytest.approx(gamma.grad.numpy(), rel=1e-11)
    assert layer.gradients["beta"] == pytest.approx(beta.grad.numpy(), rel=1e-11)


def test_layer_norm_is_that_of_pytorch(rng):
    torch = pytest.importorskip("torch")
    layer, x = layer_norm(rng), rng.standard_normal((4, 5, 3))
    inputs = torch.tensor(x, requires_grad=True)
    gamma, beta = (torch.tensor(layer.parameters[name].copy(), requires_grad=True) for name in ("gamma", "beta"))
    theirs = torch.nn.functional.layer_norm(inputs, (3,), gamma, beta)
    assert layer.forward(x) == pytest.approx(theirs.detach().numpy(), rel=1e-11)
    deltas = rng.standard_normal(x.shape)
    theirs.backward(torch.tensor(deltas))
    assert layer.backward(deltas) == pytest.approx(inputs.grad.numpy(), rel=1e-8, abs=1e-11)
    assert layer.gradients["gamma"] == pytest.approx(gamma.grad.numpy(), rel=1e-11)
