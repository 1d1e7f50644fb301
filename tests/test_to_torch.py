"""Layers become modules of PyTorch that predict the same, or an error names them; modules come back as layers."""

import numpy as np
import pytest
from networks_of_layers import ACTIVATIONS, NETWORKS
from onnx_files import samples, shaken

import chainrule as cr

torch = pytest.importorskip("torch")
nn = torch.nn
# Networks with a layer that PyTorch has no module for, and what the error says.
REFUSED = {
    "dropout by schedule": "Dropout",
    "masking of words": "marks padding",
    "gru that resets before": "reset_after=False",
    "lstm with peepholes": "peepholes=True",
    "recurrent dropout": "peepholes=True",
    "masking": "Masking",
    "masking, both directions": "Masking",
    "masking in a block": "Masking",
    "masking before a convolution": "Masking",
    "stateful, masking": "Masking",
    "dropout of inputs, masking": "Masking",
    "recurrent dropout, masking": "Masking",
}


# Layers that are the same for channels first and last.
UNASKING = ["Activation", "Dropout", "Rescale", "Scale", "Normalization", "GaussianNoise", "MixedActivation"]


def assert_same(net, X):
    modules = net.to_torch()
    given = torch.from_numpy(X if X.dtype == np.int64 else X.astype(net.dtype))
    if X.ndim == 4:
        given = given.permute(0, 3, 1, 2)
    if X.ndim == 3 and asks_for_channels(net):
        given = given.permute(0, 2, 1)
    with torch.no_grad():
        outputs = modules(given).numpy()
    expected = net.predict(X)
    # A signal that is square may have its channels first.
    plain = outputs.shape == expected.shape and np.allclose(outputs, expected, rtol=1e-4, atol=1e-5)
    if expected.ndim == 4 or (expected.ndim == 3 and not plain):
        outputs = np.moveaxis(outputs, 1, -1)
    np.testing.assert_allclose(outputs, expected, rtol=1e-4, atol=1e-5)


def asks_for_channels(net):
    """Whether the first module that cares for it has the channels first."""
    for layer in net.layers[1:]:
        name = type(layer).__name__
        if name.startswith(("Conv", "MaxPool", "AvgPool", "Global", "BatchNorm")) or getattr(layer, "spatial", False):
            return True
        if name not in UNASKING:
            return False
    return False


@pytest.mark.parametrize("name", NETWORKS)
def test_layers_predict_the_same_or_are_named(name):
    layers, shape = NETWORKS[name]
    net = shaken(cr.Network([cr.Input(*shape), *(make() for make in layers)], seed=0))
    if name in REFUSED:
        with pytest.raises(ValueError, match=REFUSED[name]):
            net.to_torch()
    else:
        assert_same(net, samples(net))


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_activations_are_the_same(activation):
    net = cr.Network([cr.Input(5), cr.Dense(6, "tanh"), cr.Dense(9, activation)], seed=0, dtype="float64")
    assert_same(net, 3 * samples(net))
    net = cr.Network([cr.Input(5, 4, 2), cr.Conv2D(3, 2, activation)], seed=0)
    assert_same(net, 3 * samples(net))


def test_modules_train_on_and_come_back():
    X = np.random.default_rng(0).standard_normal((64, 8, 8, 2)).astype(np.float32)
    y = (X.mean(axis=(1, 2, 3)) > 0).astype(np.int64)
    layers = [cr.Conv2D(4, 3, "relu"), cr.BatchNorm(), cr.MaxPool2D(), cr.Flatten(), cr.Dense(2)]
    net = cr.Network([cr.Input(8, 8, 2), *layers], seed=0)
    modules = net.to_torch().train()
    optimizer = torch.optim.Adam(modules.parameters(), 0.01)
    inputs, labels = torch.from_numpy(X).permute(0, 3, 1, 2), torch.from_numpy(y)
    losses = []
    for _ in range(20):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(modules(inputs), labels)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]
    again = cr.from_torch(modules.eval(), (2, 8, 8))
    assert [type(layer) for layer in again.layers] == [type(layer) for layer in net.layers]
    with torch.no_grad():
        np.testing.assert_allclose(again.predict(X), modules(inputs).numpy(), atol=1e-4)


def test_frozen_layers_stay_so():
    block = [cr.Dense(4, "tanh", trainable=False), cr.Dense(4)]
    net = cr.Network([cr.Input(3), cr.Dense(4, "relu", trainable=False), cr.Residual(block), cr.Dense(2)], seed=0)
    trained = [parameter.requires_grad for parameter in net.to_torch().parameters()]
    assert trained == [False] * 4 + [True] * 4


def test_scales_of_inputs_and_targets_are_inside():
    net = cr.Network([cr.Input(4, scale=0.5), cr.Dense(2)], seed=0, target_scale=([5, 6], [2, 3]))
    assert_same(net, samples(net))


@pytest.mark.parametrize(
    "name",
    [
        "members of shared weights",
        "members by themselves",
        "separate members first",
        "mixed activation of channels",
        "periodic in between",
        "piecewise linear in between",
        "average pool",
    ],
)
def test_modules_of_our_own_have_the_same_gradients(name):
    layers, shape = NETWORKS[name]
    made = [make() for make in layers]
    # Dropout would draw other numbers.
    kept = [layer for layer in made if not isinstance(layer, cr.Dropout)]
    net = shaken(cr.Network([cr.Input(*shape), *kept], seed=0, dtype="float64"))
    X = samples(net)
    outputs = net.forward(X, training=True)
    deltas = np.random.default_rng(1).standard_normal(outputs.shape)
    expected = net.backward(deltas).reshape(X.shape)
    modules = net.to_torch().train()
    first = X.ndim == 4
    given = torch.from_numpy(np.moveaxis(X, -1, 1).copy() if first else X).requires_grad_()
    made = modules(given)
    made.backward(torch.from_numpy(np.moveaxis(deltas, -1, 1).copy() if first else deltas).reshape(made.shape))
    gradient = given.grad.numpy()
    np.testing.assert_allclose(np.moveaxis(gradient, 1, -1) if first else gradient, expected, atol=1e-10)
    assert all(parameter.grad is not None for parameter in modules.parameters())


def test_bins_that_a_feature_does_not_have_stay_zero():
    net = cr.Network([cr.Input(2), cr.PiecewiseLinear([[0, 1], [0, 1, 2, 3]], units=2)], seed=0)
    modules = net.to_torch()
    modules(torch.tensor([[0.5, 1.5], [3.0, -1.0]])).square().sum().backward()
    assert not modules[0].vectors.grad[0, 1:].any() and modules[0].vectors.grad[1].any()


def test_noise_and_samples_are_drawn_in_training():
    net = cr.Network([cr.Input(4), cr.GaussianNoise(0.5), cr.Dense(6), cr.Sampling(0.3), cr.Dense(3)], seed=0)
    modules = net.to_torch()
    X = np.random.default_rng(0).standard_normal((2000, 4)).astype(np.float32)
    x = torch.from_numpy(X)
    y = np.zeros((2000, 3))
    plain = 0.5 * modules(x).square().sum(1).mean() + modules[2].divergence.mean()
    assert plain.item() == pytest.approx(net.evaluate(X, y, loss="mse")["loss"], rel=1e-4)
    torch.manual_seed(0)
    noise = modules[0].train()(x) - x
    assert noise.std().item() == pytest.approx(0.5, rel=0.05)
    z = modules[2].train()(torch.tensor([[1.0, 2.0, 0.0, 2.0]]).repeat(20000, 1))
    np.testing.assert_allclose(z.mean(0).detach(), [1, 2], atol=0.05)
    np.testing.assert_allclose(z.std(0).detach(), [1, np.e], rtol=0.05)


def test_random_numbers_of_pytorch_go_on_as_before():
    net = cr.Network([cr.Input(6, 3), cr.Conv1D(4, 2), cr.LSTM(5), cr.Dropout(0.5), cr.Dense(2)], seed=0)
    before = torch.random.get_rng_state()
    net.to_torch()
    assert torch.equal(torch.random.get_rng_state(), before)


@pytest.mark.parametrize("name", ["periodic in between", "average pool"])
def test_torch_export_takes_the_modules(name):
    layers, shape = NETWORKS[name]
    net = shaken(cr.Network([cr.Input(*shape), *(make() for make in layers)], seed=0))
    modules, x = net.to_torch(), torch.from_numpy(samples(net).astype(np.float32))
    x = x.permute(0, 3, 1, 2) if x.ndim == 4 else x
    exported = torch.export.export(modules, (x,)).module()
    assert torch.allclose(exported(x), modules(x), atol=1e-6)


@pytest.mark.parametrize(
    "first",
    [
        lambda: [cr.Rescale([2, 3, 4], [0, 1, 2]), cr.Scale()],
        lambda: [cr.MixedActivation("relu"), cr.GaussianNoise(0.1)],
        lambda: [cr.Normalization(mean=[1, 2, 3], std=[2, 3, 4])],
    ],
    ids=["rescaled", "mixed", "normalised"],
)
@pytest.mark.parametrize(
    "then",
    [
        lambda: [cr.Conv1D(4, 3), cr.LSTM(2)],
        lambda: [cr.GlobalAvgPool1D(), cr.Dense(2)],
        lambda: [cr.GRU(4, return_sequences=True), cr.Conv1D(2, 2)],
        lambda: [cr.Flatten(), cr.Dense(3), cr.Reshape(3, 1), cr.Conv1D(2, 2)],
        lambda: [cr.Residual([cr.Conv1D(3, 3, padding="same")])],
    ],
    ids=["convolution", "pool", "recurrent", "row", "residual"],
)
def test_numbers_of_channels_before_the_first_module_that_asks(first, then):
    net = shaken(cr.Network([cr.Input(9, 3), *first(), *then()], seed=0))
    assert_same(net, samples(net))
