"""Convolutions against central differences, SciPy, PyTorch and sums computed by hand."""

import numpy as np
import pytest
import scipy.signal

from chainrule.reference import Conv1D, Conv2D, Conv2DTranspose
from chainrule.reference.windows import Windows

OPTIONS = [
    {},
    {"strides": 2},
    {"strides": (1, 3), "padding": "same"},
    {"dilation": (2, 1), "padding": "same"},
    {"padding": ((2, 0), (1, 3)), "strides": (3, 2)},
    {"groups": 2, "padding": "same", "activation": "tanh"},
    {"groups": 4, "dilation": 2, "strides": 2, "padding": ((1, 1), (0, 2))},
]


def conv2d(rng, kernel=(3, 2), channels=4, filters=8, groups=1, **options):
    weights = rng.standard_normal((*kernel, channels // groups, filters))
    return Conv2D(weights, rng.standard_normal(filters), groups=groups, **options)


@pytest.mark.parametrize("options", OPTIONS)
def test_gradients_in_two_dimensions(rng, assert_gradients_are_differences, options):
    assert_gradients_are_differences(conv2d(rng, **options), rng.standard_normal((2, 6, 5, 4)))


@pytest.mark.parametrize(
    "options",
    [
        {"activation": "softsign"},
        {"strides": 2, "padding": "same"},
        {"dilation": 2, "padding": ((3, 0),)},
        {"groups": 3},
    ],
)
def test_gradients_in_one_dimension(rng, assert_gradients_are_differences, options):
    weights = rng.standard_normal((3, 6 // options.get("groups", 1), 6))
    assert_gradients_are_differences(Conv1D(weights, rng.standard_normal(6), **options), rng.standard_normal((2, 7, 6)))


@pytest.mark.parametrize("options", [{}, {"strides": (2, 3)}, {"padding": "same"}, {"strides": 4, "padding": "same"}])
def test_gradients_of_the_transposed(rng, assert_gradients_are_differences, options):
    layer = Conv2DTranspose(rng.standard_normal((3, 2, 4, 3)), rng.standard_normal(4), "tanh", **options)
    assert_gradients_are_differences(layer, rng.standard_normal((2, 3, 4, 3)))


def test_two_taps_by_hand():
    layer = Conv1D(np.array([[[1.0]], [[10.0]]]), np.array([0.5]), strides=2)
    assert layer.forward(np.array([1.0, 2.0, 3.0, 4.0, 5.0]).reshape(1, 5, 1)).ravel().tolist() == [21.5, 43.5]


def test_transposed_taps_by_hand():
    layer = Conv2DTranspose(np.array([1.0, 10.0, 100.0]).reshape(1, 3, 1, 1), np.array([0.5]), strides=(1, 2))
    assert layer.forward(np.array([1.0, 2.0]).reshape(1, 1, 2, 1)).ravel().tolist() == [1.5, 10.5, 102.5, 20.5, 200.5]
    layer.padding = "same"
    assert layer.forward(np.array([1.0, 2.0]).reshape(1, 1, 2, 1)).ravel().tolist() == [1.5, 10.5, 102.5, 20.5]


def test_filters_are_correlations(rng):
    layer, x = conv2d(rng), rng.standard_normal((2, 6, 5, 4))
    z = layer.forward(x)
    for sample in range(2):
        for f in range(8):
            one = sum(
                scipy.signal.correlate(x[sample, :, :, c], layer.weights[:, :, c, f], mode="valid") for c in range(4)
            )
            assert z[sample, :, :, f] == pytest.approx(one + layer.bias[f], rel=1e-12)


def test_groups_are_convolutions_side_by_side(rng):
    layer, x = conv2d(rng, groups=2), rng.standard_normal((2, 6, 5, 4))
    halves = [Conv2D(layer.weights[..., f], layer.bias[f]) for f in (slice(4), slice(4, 8))]
    expected = np.concatenate([halves[0].forward(x[..., :2]), halves[1].forward(x[..., 2:])], axis=-1)
    assert layer.forward(x) == pytest.approx(expected, rel=1e-12)


def test_dilation_is_a_kernel_with_holes(rng):
    layer, x = conv2d(rng, dilation=(2, 3)), rng.standard_normal((2, 9, 8, 4))
    wide = np.zeros((5, 4, 4, 8))
    wide[::2, ::3] = layer.weights
    assert layer.forward(x) == pytest.approx(Conv2D(wide, layer.bias).forward(x), rel=1e-12)


@pytest.mark.parametrize("n", range(1, 12))
@pytest.mark.parametrize("kernel", [1, 2, 3, 5])
@pytest.mark.parametrize("stride", [1, 2, 3, 6])
@pytest.mark.parametrize("dilation", [1, 2])
def test_same_padding_has_the_outputs_of_the_stride_and_the_larger_half_behind(n, kernel, stride, dilation):
    windows = Windows((n,), (kernel,), (stride,), "same", (dilation,))
    ((before, behind),) = windows.padding
    assert windows.outputs == (-(-n // stride),)
    assert behind - before in (0, 1)


def test_same_padding_is_that_of_tensorflow():
    for n, kernel, stride, pair in [(5, 3, 2, (1, 1)), (6, 3, 2, (0, 1)), (7, 4, 1, (1, 2)), (8, 2, 4, (0, 0))]:
        assert Windows((n,), (kernel,), (stride,), "same").padding == [pair]


@pytest.mark.parametrize(
    ("kernel", "stride", "padding", "outputs"),
    [(3, 2, "valid", 9), (3, 2, "same", 8), (2, 3, "valid", 12), (2, 3, "same", 12), (5, 1, "valid", 8)],
)
def test_transposed_sizes_are_those_of_keras(kernel, stride, padding, outputs):
    layer = Conv2DTranspose(np.ones((kernel, kernel, 2, 1)), np.zeros(2), strides=stride, padding=padding)
    assert layer.forward(np.ones((1, 4, 4, 1))).shape == (1, outputs, outputs, 2)


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("strides", [(1, 1), (2, 3)])
def test_transposed_is_the_way_back_of_a_convolution(rng, padding, strides):
    weights = rng.standard_normal((3, 4, 2, 5))
    transposed = Conv2DTranspose(weights, np.zeros(2), strides=strides, padding=padding)
    x = rng.standard_normal((2, 3, 4, 5))
    z = transposed.forward(x)
    convolution = Conv2D(weights, np.zeros(5), strides=strides, padding=padding)
    assert convolution.forward(np.zeros_like(z)).shape == x.shape
    assert convolution.backward(x) == pytest.approx(z, rel=1e-12, abs=1e-12)


def channels_first(x):
    return np.ascontiguousarray(np.moveaxis(x, -1, 1))


@pytest.mark.parametrize("options", [o for o in OPTIONS if isinstance(o.get("padding", "valid"), str)])
def test_forward_and_backward_are_those_of_pytorch(rng, options):
    torch = pytest.importorskip("torch")
    layer, x = conv2d(rng, **options), rng.standard_normal((2, 6, 5, 4))
    z = layer.forward(x)
    windows = layer.windows
    pad = [side for pair in reversed(windows.padding) for side in pair]
    inputs = torch.tensor(channels_first(x), requires_grad=True)
    weights = torch.tensor(layer.weights.transpose(3, 2, 0, 1).copy(), requires_grad=True)
    bias = torch.tensor(layer.bias.copy(), requires_grad=True)
    theirs = torch.nn.functional.conv2d(
        torch.nn.functional.pad(inputs, pad), weights, bias, layer.strides, 0, layer.dilation, layer.groups
    )
    assert channels_first(layer.pre_activations) == pytest.approx(theirs.detach().numpy(), rel=1e-12, abs=1e-12)
    deltas = rng.standard_normal(z.shape)
    theirs.backward(torch.tensor(channels_first(deltas)))
    assert channels_first(layer.backward(deltas)) == pytest.approx(inputs.grad.numpy(), rel=1e-12, abs=1e-12)
    assert layer.weight_gradient.transpose(3, 2, 0, 1) == pytest.approx(weights.grad.numpy(), rel=1e-12, abs=1e-12)
    assert layer.bias_gradient == pytest.approx(bias.grad.numpy(), rel=1e-12)


def test_transposed_is_that_of_pytorch(rng):
    torch = pytest.importorskip("torch")
    layer = Conv2DTranspose(rng.standard_normal((3, 4, 5, 2)), rng.standard_normal(5), strides=(2, 3))
    x = rng.standard_normal((2, 3, 4, 2))
    weights = torch.tensor(layer.weights.transpose(3, 2, 0, 1).copy())
    theirs = torch.nn.functional.conv_transpose2d(
        torch.tensor(channels_first(x)), weights, torch.tensor(layer.bias.copy()), (2, 3)
    )
    assert channels_first(layer.forward(x)) == pytest.approx(theirs.numpy(), rel=1e-12, abs=1e-12)
