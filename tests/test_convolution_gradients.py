"""Weights of convolutions with many values are trained with channels in the lanes of vectors: the same numbers."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.verification.twins import reference_loss, reference_of

# Each has more values in an image and its result than the core takes for 16 samples in the lanes.
CONVOLUTIONS = {
    "same": ((18, 17, 16), lambda: [cr.Conv2D(16, 3, "relu", padding="same")]),
    "after another": ((20, 20, 2), lambda: [cr.Conv2D(16, 3, "tanh"), cr.Conv2D(29, 2, "gelu"), cr.MaxPool2D(3)]),
    "before another": ((16, 16, 24), lambda: [cr.Conv2D(16, 1, "relu"), cr.Conv2D(3, 3, "relu", padding="same")]),
    "strides": ((33, 34, 13), lambda: [cr.Conv2D(14, 3, strides=(2, 3), padding="same")]),
    "wide strides": ((40, 41, 13), lambda: [cr.Conv2D(14, 2, "relu", strides=(3, 4))]),
    "dilation": ((19, 18, 15), lambda: [cr.Conv2D(15, 3, dilation=(2, 3), padding="same")]),
    "groups": ((16, 16, 26), lambda: [cr.Conv2D(26, (2, 3), "relu", groups=2)]),
    "each channel": ((16, 17, 20), lambda: [cr.Conv2D(20, 3, groups=20), cr.Conv2D(40, (2, 3), groups=20)]),
    "each channel, strides": ((24, 25, 30), lambda: [cr.Conv2D(30, 3, "relu", groups=30, padding="same", strides=2)]),
    "transposed": ((9, 10, 16), lambda: [cr.Conv2DTranspose(31, 3, "relu", strides=2, padding="same")]),
    "transposed, apart": ((9, 10, 16), lambda: [cr.Conv2DTranspose(16, 2, strides=3), cr.AvgPool2D(9)]),
    "sequence": ((300, 16), lambda: [cr.Conv1D(32, 5, "relu"), cr.GlobalAvgPool1D()]),
    "causal": ((320, 14), lambda: [cr.Conv1D(16, 3, "relu", padding="causal", dilation=2), cr.AvgPool1D(40)]),
    "softmax at pixels": ((17, 17, 16), lambda: [cr.Conv2D(13, 3, "silu"), cr.Conv2D(4, 2, "softmax")]),
    "residual": ((16, 16, 16), lambda: [cr.Residual([cr.Conv2D(16, 3, "relu", padding="same"), cr.BatchNorm()])]),
    "small images": ((4, 4, 260), lambda: [cr.Conv2D(300, 2, "relu")]),
}


def made(name, **options):
    """Return a network, samples and targets."""
    shape, layers = CONVOLUTIONS[name]
    net = cr.Network([cr.Input(*shape), *layers()], seed=1, **options)
    random = np.random.default_rng(2)
    net.parameters = random.normal(0, 0.1, net.parameter_count)
    X = random.standard_normal((7, *shape)).astype(net.dtype)
    y = random.random((7, *net.shapes[-1])).astype(net.dtype)
    return net, X, y / y.sum(axis=-1, keepdims=True)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_gradients_are_those_of_the_reference(name, dtype):
    net, X, y = made(name, dtype=dtype)
    loss = cr.CrossEntropy() if net.shapes[-1][-1] == 4 else cr.MSE()
    value, ours = net.loss_and_gradient(X, y, loss)
    twin = reference_of(net)
    expected = twin.loss_and_gradient(X.astype("float64"), y.astype("float64").reshape(7, -1), reference_loss(loss))
    assert value == pytest.approx(expected, rel=1e-5)
    allowed = {"float32": 3e-6, "float64": 1e-13}[dtype] * np.abs(twin.gradients).max()
    np.testing.assert_allclose(ours, twin.gradients, atol=allowed)


def trained(name, threads, isa, batch_size):
    net, X, y = made(name)
    cr.set_num_threads(threads)
    cr.set_isa(isa)
    try:
        net.fit(X, y, epochs=2, batch_size=batch_size, verbose=0)
    finally:
        cr.set_num_threads(None)
        cr.set_isa(None)
    return net.parameters.tobytes()


@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_training_has_the_same_bytes_with_any_threads_and_vectors(name):
    fused = [isa for isa in cr.info()["isas"].split(", ") if isa != "baseline"]
    if not fused:
        pytest.skip("needs fused multiply-add")
    expected = trained(name, 1, fused[0], 5)
    assert all(trained(name, threads, isa, 5) == expected for isa in fused for threads in (1, 2, 5))


@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_threads_that_share_a_few_samples_predict_the_same_bytes(name, many_threads):
    net, X, _ = made(name)
    cr.set_num_threads(1)
    expected = net.predict(X)
    cr.set_num_threads(5)
    for _ in range(20):
        for count in (1, 2, 7):
            assert net.predict(X[:count]).tobytes() == expected[:count].tobytes()
