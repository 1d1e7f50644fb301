"""Pools against central differences, PyTorch and windows computed by hand."""

import numpy as np
import pytest

from chainrule import reference
from chainrule.reference import AvgPool1D, AvgPool2D, GlobalAvgPool1D, GlobalAvgPool2D, MaxPool1D, MaxPool2D


def distinct(rng, *shape):
    """Return values so far apart that a small difference does not change which is largest."""
    return rng.permutation(np.prod(shape)).reshape(shape) / 10.0


@pytest.mark.parametrize("pool", [MaxPool2D, AvgPool2D])
@pytest.mark.parametrize(
    "options",
    [
        {"pool_size": 2},
        {"pool_size": (3, 2), "strides": 1},
        {"pool_size": 3, "strides": (2, 1), "padding": "same"},
        {"pool_size": 2, "padding": ((1, 0), (0, 1))},
    ],
)
def test_gradients_in_two_dimensions(rng, assert_gradients_are_differences, pool, options):
    assert_gradients_are_differences(pool(**options), distinct(rng, 2, 5, 6, 3))


@pytest.mark.parametrize("pool", [MaxPool1D, AvgPool1D])
@pytest.mark.parametrize("options", [{"pool_size": 2}, {"pool_size": 3, "strides": 2, "padding": "same"}])
def test_gradients_in_one_dimension(rng, assert_gradients_are_differences, pool, options):
    assert_gradients_are_differences(pool(**options), distinct(rng, 2, 6, 3))


def test_gradients_of_the_global_means(rng, assert_gradients_are_differences):
    assert_gradients_are_differences(GlobalAvgPool1D(), rng.standard_normal((2, 5, 3)))
    assert_gradients_are_differences(GlobalAvgPool2D(), rng.standard_normal((2, 5, 4, 3)))


def test_global_means_by_hand():
    x = np.arange(12.0).reshape(1, 2, 3, 2)
    assert GlobalAvgPool2D().forward(x).tolist() == [[5.0, 6.0]]
    assert GlobalAvgPool1D().forward(x[:, 0]).tolist() == [[2.0, 3.0]]


def test_first_of_equal_maxima_in_row_major_order_takes_the_gradient():
    pool = MaxPool2D(2)
    pool.forward(np.array([[1.0, 3.0], [3.0, 3.0]]).reshape(1, 2, 2, 1))
    assert pool.backward(np.full((1, 1, 1, 1), 5.0)).ravel().tolist() == [0.0, 5.0, 0.0, 0.0]


def test_padding_neither_wins_nor_counts():
    x = np.array([-1.0, -2.0, -6.0]).reshape(1, 3, 1)
    assert MaxPool1D(2, padding="same").forward(x).ravel().tolist() == [-1.0, -6.0]
    assert AvgPool1D(2, padding="same").forward(x).ravel().tolist() == [-1.5, -6.0]
    assert AvgPool1D(2, padding=((1, 0),)).forward(x).ravel().tolist() == [-1.0, -4.0]


@pytest.mark.parametrize("kind", ["max", "avg"])
@pytest.mark.parametrize(("size", "strides", "padding"), [(2, 2, 0), (3, 2, 1), ((3, 2), (1, 2), (1, 0))])
def test_forward_and_backward_are_those_of_pytorch(rng, kind, size, strides, padding):
    torch = pytest.importorskip("torch")
    x = rng.standard_normal((2, 7, 6, 3))
    pairs = [(p, p) for p in ((padding,) * 2 if isinstance(padding, int) else padding)]
    layer = (MaxPool2D if kind == "max" else AvgPool2D)(size, strides, pairs)
    inputs = torch.tensor(x.transpose(0, 3, 1, 2).copy(), requires_grad=True)
    if kind == "max":
        theirs = torch.nn.functional.max_pool2d(inputs, size, strides, padding)
    else:
        theirs = torch.nn.functional.avg_pool2d(inputs, size, strides, padding, count_include_pad=False)
    z = layer.forward(x)
    assert z.transpose(0, 3, 1, 2) == pytest.approx(theirs.detach().numpy(), rel=1e-13)
    deltas = rng.standard_normal(z.shape)
    theirs.backward(torch.tensor(deltas.transpose(0, 3, 1, 2).copy()))
    assert layer.backward(deltas).transpose(0, 3, 1, 2) == pytest.approx(inputs.grad.numpy(), rel=1e-13, abs=1e-15)


def test_pools_have_no_parameters():
    for pool in (MaxPool1D(2), AvgPool2D(2), GlobalAvgPool1D()):
        assert isinstance(pool, reference.Layer)
        assert pool.parameters == pool.gradients == {}
        assert pool.penalty() == 0.0
