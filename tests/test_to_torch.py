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
    "members of shared weights": "Repeat",
    "members by themselves": "Repeat",
    "members first": "BatchEnsemble",
    "separate members first": "SeparateDense",
    "mixed activation": "MixedActivation",
    "mixed activation of channels": "MixedActivation",
    "columns": "OneHot",
    "one hot": "OneHot",
    "periodic": "Periodic",
    "periodic in between": "Periodic",
    "piecewise linear": "PiecewiseLinear",
    "piecewise linear in between": "PiecewiseLinear",
    "sampling": "Sampling",
    "sampling in a branch": "Sampling",
    "masking of words": "marks padding",
    "gru that resets before": "reset_after=False",
    "lstm with peepholes": "peepholes=True",
    "recurrent dropout": "peepholes=True",
    "average pool": "padding",
    "masking": "Masking",
    "masking, both directions": "Masking",
    "masking in a block": "Masking",
    "masking before a convolution": "Masking",
    "stateful, masking": "Masking",
    "dropout of inputs, masking": "Masking",
    "recurrent dropout, masking": "Masking",
}


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
        if name not in ("Activation", "Dropout", "Rescale", "Scale", "Normalization", "GaussianNoise"):
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


def test_scales_of_inputs_and_targets_are_inside():
    net = cr.Network([cr.Input(4, scale=0.5), cr.Dense(2)], seed=0, target_scale=([5, 6], [2, 3]))
    assert_same(net, samples(net))
