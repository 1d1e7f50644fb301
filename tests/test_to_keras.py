"""Layers become layers of Keras that predict the same, or an error names them."""

import numpy as np
import pytest
from networks_of_layers import ACTIVATIONS, NETWORKS
from onnx_files import samples, shaken

import chainrule as cr

keras = pytest.importorskip("keras")
# Of the backends themselves.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")
# Networks with a layer that Keras has none for, and what the error says.
REFUSED = {
    "dropout by schedule": "Dropout",
    "sampling": "Sampling",
    "sampling in a branch": "Sampling",
    "lstm with peepholes": "peepholes",
    "recurrent dropout": "peepholes",
    "masking, both directions": "peepholes",
    "masking before a convolution": "skips padding here",
}


def assert_same(net, X):
    model = net.to_keras()
    outputs = np.asarray(model.predict(X if X.dtype == np.int64 else X.astype(np.float32), verbose=0))
    np.testing.assert_allclose(outputs, net.predict(X), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", NETWORKS)
def test_layers_predict_the_same_or_are_named(name):
    layers, shape = NETWORKS[name]
    net = shaken(cr.Network([cr.Input(*shape), *(make() for make in layers)], seed=0))
    if name in REFUSED:
        with pytest.raises(ValueError, match=REFUSED[name]):
            net.to_keras()
    else:
        assert_same(net, samples(net))


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_activations_are_the_same(activation):
    net = cr.Network([cr.Input(5), cr.Dense(6, "tanh"), cr.Dense(9, activation)], seed=0)
    assert_same(net, 3 * samples(net))


def test_models_come_back():
    layers = [cr.Conv2D(4, 3, "relu"), cr.BatchNorm(), cr.MaxPool2D(), cr.Flatten(), cr.Dense(2, "softmax")]
    net = shaken(cr.Network([cr.Input(8, 8, 2), *layers], seed=0))
    again = cr.from_keras(net.to_keras())
    np.testing.assert_allclose(again.predict(samples(net)), net.predict(samples(net)), atol=1e-6)


def test_scales_of_inputs_and_targets_are_inside():
    net = cr.Network([cr.Input(4, scale=0.5), cr.Dense(2)], seed=0, target_scale=([5, 6], [2, 3]))
    assert_same(net, samples(net))


def test_pools_with_padding_are_saved(tmp_path):
    layers = [cr.MaxPool2D(3, strides=2, padding=((1, 0), (2, 1))), cr.AvgPool2D(2, strides=1, padding="same")]
    net = cr.Network([cr.Input(6, 5, 2), *layers], seed=0)
    X = -1 - samples(net) ** 2
    net.to_keras().save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(np.asarray(again.predict(X, verbose=0)), net.predict(X), rtol=1e-5)


def test_what_keras_has_no_layers_for_is_saved_and_trained(tmp_path):
    columns = [cr.OneHot([3, 4]), cr.Numbers(2, [cr.Scale(), cr.Periodic(3)]), cr.Embedding(5, 4, zero_is_missing=True)]
    layers = [
        cr.Columns(columns),
        cr.PiecewiseLinear([[0, 1]] * 17, units=2),
        cr.MixedActivation("selu", 0.5),
        cr.Repeat(3),
        cr.BatchEnsemble(6, "tanh", factors="signs"),
        cr.SeparateDense(2),
        cr.Flatten(),
        cr.Dense(1),
    ]
    net = shaken(cr.Network([cr.Input(5), *layers], seed=0))
    X = samples(net, count=40).astype(np.float32)
    model = net.to_keras()
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(np.asarray(again.predict(X, verbose=0)), net.predict(X), rtol=1e-4, atol=1e-5)
    again.compile("adam", "mse")
    before = [np.array(weights) for weights in again.get_weights()]
    history = again.fit(X, X[:, 2], epochs=20, batch_size=8, verbose=0).history
    assert history["loss"][-1] < 0.5 * history["loss"][0]
    assert all(not np.array_equal(old, new) for old, new in zip(before, again.get_weights(), strict=True))
