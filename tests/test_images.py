"""Convolutions, pools and other layers of images: known values, shapes, initial weights, errors."""

import numpy as np
import pytest

import chainrule as cr


def through(shape, *layers, dtype="float64"):
    """Return a function from samples to the outputs of the layers."""
    net = cr.Network([cr.Input(*shape), *layers], seed=0, dtype=dtype)
    return net.predict


def test_a_convolution_by_hand():
    X = np.arange(9.0).reshape(1, 3, 3, 1)
    weights = np.array([[1.0, 2.0], [3.0, 4.0]]).reshape(2, 2, 1, 1)
    out = through((3, 3, 1), cr.Conv2D(1, 2, weights=weights, bias=0.5))(X)
    # 0·1 + 1·2 + 3·3 + 4·4 + ½, and so on.
    assert out[0, :, :, 0].tolist() == [[27.5, 37.5], [57.5, 67.5]]


def test_same_puts_the_larger_half_behind():
    out = through((2, 2, 1), cr.Conv2D(1, 2, padding="same", weights=1.0))(np.arange(1.0, 5).reshape(1, 2, 2, 1))
    assert out[0, :, :, 0].tolist() == [[10, 6], [7, 4]]


def test_a_transposed_convolution_by_hand():
    X = np.array([[1.0, 2.0]]).reshape(1, 1, 2, 1)
    weights = np.array([1.0, 10.0, 100.0]).reshape(1, 3, 1, 1)
    out = through((1, 2, 1), cr.Conv2DTranspose(1, (1, 3), strides=(1, 2), weights=weights))(X)
    assert out.ravel().tolist() == [1, 10, 102, 20, 200]


def test_pools_by_hand():
    X = np.array([[1.0, 5, 2], [4, 3, 0]]).reshape(1, 2, 3, 1)
    assert through((2, 3, 1), cr.MaxPool2D())(X).ravel().tolist() == [5]
    # The last window has two pixels and no padding.
    assert through((2, 3, 1), cr.AvgPool2D(padding="same"))(X).ravel().tolist() == [3.25, 1]
    assert through((2, 3, 1), cr.GlobalAvgPool2D())(X).ravel().tolist() == [2.5]
    # In max pooling, padding is less than any number.
    assert through((2, 3, 1), cr.MaxPool2D(3, padding="same"))(-X).ravel().tolist() == [0]


def test_the_first_of_equal_maxima_takes_the_gradient():
    net = cr.Network([cr.Input(2, 2, 1), cr.MaxPool2D()], seed=0, dtype="float64")
    net.forward(np.array([[1.0, 2], [2, 2]]).reshape(1, 2, 2, 1))
    assert net.backward(np.ones((1, 1))).ravel().tolist() == [0, 1, 0, 0]


@pytest.mark.parametrize("place", range(4))
def test_a_nan_goes_through_a_maximum(place):
    # Infinity minus infinity where the input is not zero.
    large = cr.Conv2D(1, 1, weights=1e300)
    both = cr.Conv2D(2, 1, weights=np.array([1e300, -1e300]).reshape(1, 1, 1, 2))
    total = cr.Conv2D(1, 1, weights=1.0)
    X = np.zeros((1, 2, 2, 1))
    X.reshape(-1)[place] = 1.0
    with pytest.warns(cr.ChainruleWarning, match="not finite"):
        assert np.isnan(through((2, 2, 1), large, both, total, cr.MaxPool2D())(X)).all()


def test_resizing_by_hand():
    X = np.array([[1.0, 2.0]]).reshape(1, 1, 2, 1)
    assert through((1, 2, 1), cr.UpSample2D((2, 2)))(X)[0, :, :, 0].tolist() == [[1, 1, 2, 2], [1, 1, 2, 2]]
    assert through((1, 2, 1), cr.ZeroPad2D(((1, 0), (0, 1))))(X)[0, :, :, 0].tolist() == [[0, 0, 0], [1, 2, 0]]


@pytest.mark.parametrize(
    ("layer", "shape", "expected"),
    [
        (cr.Conv2D(6, 5), (28, 28, 1), (24, 24, 6)),
        (cr.Conv2D(6, 5, padding="same"), (28, 28, 1), (28, 28, 6)),
        (cr.Conv2D(4, 3, strides=(2, 1), padding="same"), (5, 5, 1), (3, 5, 4)),
        (cr.Conv2D(4, 3, dilation=2, padding=((1, 2), (0, 3))), (6, 6, 2), (5, 5, 4)),
        (cr.Conv1D(4, 3, strides=2, padding=(2, 0)), (7, 2), (4, 4)),
        (cr.Conv2DTranspose(3, 3, strides=2), (4, 5, 2), (9, 11, 3)),
        (cr.Conv2DTranspose(3, 3, strides=2, padding="same"), (4, 5, 2), (8, 10, 3)),
        (cr.MaxPool2D(), (5, 7, 3), (2, 3, 3)),
        (cr.MaxPool2D(padding="same"), (5, 7, 3), (3, 4, 3)),
        (cr.AvgPool1D(3, strides=1), (5, 3), (3, 3)),
        (cr.GlobalAvgPool1D(), (5, 3), (3,)),
    ],
)
def test_shapes(layer, shape, expected):
    net = cr.Network([cr.Input(*shape), layer], seed=0)
    assert net.shapes[-1] == expected
    assert net.predict(np.ones((2, *shape))).shape == (2, *expected)


@pytest.mark.parametrize("samples", [1, 5, 16, 17, 40])
def test_a_sample_is_convolved_the_same_in_any_company(samples):
    X = np.random.default_rng(0).standard_normal((40, 6, 5, 2))
    f = through((6, 5, 2), cr.Conv2D(7, 3, "tanh", padding="same"), cr.MaxPool2D(), dtype="float32")
    assert f(X[:samples]).tobytes() == f(X)[:samples].tobytes()


def test_initial_weights_follow_the_connections_of_a_place():
    layers = [cr.Input(8, 8, 32), cr.Conv2D(64, 3, "relu"), cr.Conv2D(64, 3, "tanh", groups=8)]
    net = cr.Network(layers, seed=0)
    first, second = (layer.weights for layer in net.layers[1:])
    assert np.abs(first).max() == pytest.approx(1 / np.sqrt(9 * 32), rel=0.03)
    assert np.abs(second).max() == pytest.approx(1 / np.sqrt(9 * 8), rel=0.03)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: cr.Conv2D(0, 3), ValueError, "filters must be at least 1"),
        (lambda: cr.Conv2D(4, (3, 3, 3)), ValueError, r"kernel_size must be one number or 2, got \(3, 3, 3\)"),
        (lambda: cr.Conv1D(4, (3,)), TypeError, "kernel_size must be an integer"),
        (lambda: cr.Conv2D(4, 3, padding="sane"), ValueError, "did you mean 'same'"),
        (lambda: cr.Conv2D(4, 3, padding=(1, 1)), ValueError, r"or \(\(top, bottom\), \(left, right\)\), got 1"),
        (lambda: cr.Conv2D(4, 3, groups=3), ValueError, "filters must be a multiple of groups, got 4 filters in 3"),
        (lambda: cr.MaxPool2D(2, padding=((2, 0), (0, 0))), ValueError, "padding must be smaller than pool_size 2"),
        (lambda: cr.ZeroPad2D((1, 2)), ValueError, r"a number or \(\(top, bottom\), \(left, right\)\), got \(1, 2\)"),
        (lambda: through((5, 5), cr.Conv2D(1, 3)), ValueError, r"takes samples \(height, width, channels\), got"),
        (lambda: through((5, 4, 3), cr.Conv2D(2, 1, groups=2)), ValueError, r"groups must divide the channels"),
        (lambda: through((5, 4, 3), cr.Conv2D(2, 5)), ValueError, r"needs width >= 5, got samples of shape"),
        (lambda: through((3, 4), cr.MaxPool1D(4)), ValueError, "needs steps >= 4"),
        (lambda: through((5, 4, 3), cr.GlobalAvgPool1D()), ValueError, r"takes samples \(steps, channels\)"),
    ],
)
def test_it_refuses(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_pytorch_has_the_same_convolutions():
    torch = pytest.importorskip("torch")
    X = np.random.default_rng(0).standard_normal((3, 7, 8, 4))
    images = torch.from_numpy(X.transpose(0, 3, 1, 2).copy())
    net = cr.Network(
        [cr.Input(7, 8, 4), cr.Conv2D(6, 3, strides=2, groups=2, dilation=(1, 2))], seed=0, dtype="float64"
    )
    kernel = torch.from_numpy(net.layers[1].weights.transpose(3, 2, 0, 1).copy())
    theirs = torch.nn.functional.conv2d(images, kernel, stride=2, groups=2, dilation=(1, 2)).numpy()
    assert net.predict(X) == pytest.approx(theirs.transpose(0, 2, 3, 1), abs=1e-12)


@pytest.mark.parametrize("samples", [3, 16, 37])
def test_signals_in_lanes_and_in_rows_are_the_same(samples):
    # Training and prediction keep images in lanes between such layers; passes whose values users can read keep rows.
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((samples, 9, 10, 3)), rng.integers(0, 3, samples)
    layers = [
        cr.Conv2D(5, 3, "gelu", padding="same"),
        cr.MaxPool2D(3, strides=2, padding="same"),
        cr.Conv2D(4, 2, "tanh", padding="same", l2=0.01),
        cr.Conv2DTranspose(3, 3, "relu", strides=2, padding="same"),
        cr.AvgPool2D(),
        cr.Flatten(),
        cr.Dense(3, "softmax"),
    ]
    net = cr.Network([cr.Input(9, 10, 3), *layers], seed=0)
    assert net.predict(X).tobytes() == net.forward(X).tobytes()
    _, gradient = net.loss_and_gradient(X, y)
    expected = net.parameters - np.float32(0.1) * gradient
    net.fit(X, y, epochs=1, batch_size=samples, shuffle=False, optimizer=cr.SGD(0.1), verbose=0)
    assert net.parameters == pytest.approx(expected, rel=1e-5, abs=1e-6)
