"""A folded network gives the same predictions from fewer layers."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.inference import Predictor

pytestmark = pytest.mark.filterwarnings("ignore::chainrule.ChainruleWarning")


def block(layer, activation="relu"):
    return [layer, cr.BatchNorm(), cr.Activation(activation)]


# Layers after an Input, the shape of a sample, and the kinds of the layers that remain.
NETWORKS = {
    "dense": (lambda: [*block(cr.Dense(9, "identity")), cr.Dropout(0.1), cr.Dense(3, "softmax")], (5,), "Dense Dense"),
    "no activation": (
        lambda: [cr.Dense(9, "identity"), cr.GaussianNoise(0.1), cr.BatchNorm()],
        (5,),
        "Dense",
    ),
    "dense, twice": (lambda: [cr.Dense(9, "identity"), cr.BatchNorm(), cr.BatchNorm(0.5)], (5,), "Dense"),
    "dense, at each step": (lambda: block(cr.Dense(7, "identity"), "tanh"), (4, 5), "Dense"),
    "softmax": (lambda: block(cr.Dense(3, "identity"), "softmax"), (5,), "Dense"),
    "activation in between": (lambda: [cr.Dense(9, "tanh"), cr.BatchNorm()], (5,), "Dense BatchNorm"),
    "first": (lambda: [cr.BatchNorm(), cr.Dense(3, "relu")], (5,), "Dense"),
    "inputs of both": (lambda: [cr.BatchNorm(), cr.Dense(3), cr.Scale(2.0), cr.BatchNorm()], (5,), "Dense"),
    "units": (
        lambda: [
            cr.Normalization(3.0, [1.0, 2, 3, 4, 5]),
            cr.Dense(4, "tanh"),
            cr.Dense(2),
            cr.Rescale(7.0, [1.0, -5]),
        ],
        (5,),
        "Dense Dense",
    ),
    "units of steps": (lambda: [cr.Rescale(0.1, 2.0), cr.Dense(4, "tanh"), cr.GRU(3)], (4, 5), "Dense GRU"),
    "units of images": (
        lambda: [cr.Rescale(0.1, 2.0), cr.Conv2D(4, 2, "relu", padding="same")],
        (4, 5, 2),
        "Rescale Conv2D",
    ),
    "other axis": (
        lambda: [cr.Conv2D(4, 2, "identity"), cr.Flatten(), cr.BatchNorm()],
        (4, 3, 2),
        "Conv2D Flatten BatchNorm",
    ),
    "convolution": (lambda: block(cr.Conv2D(6, 3, "identity", padding="same")), (5, 4, 3), "Conv2D"),
    "groups": (lambda: block(cr.Conv2D(6, 3, "identity", strides=2, groups=2)), (7, 5, 4), "Conv2D"),
    "depthwise": (lambda: block(cr.Conv2D(6, 2, "identity", groups=3)), (4, 5, 3), "Conv2D"),
    "signal": (lambda: block(cr.Conv1D(6, 3, "identity")), (8, 3), "Conv1D"),
    "transposed": (lambda: block(cr.Conv2DTranspose(3, 3, "identity", strides=2)), (3, 4, 3), "Conv2DTranspose"),
    "softmax of images": (
        lambda: [cr.Conv2D(2, 1, "identity"), cr.BatchNorm(), cr.Activation("softmax")],
        (2, 2, 3),
        "Conv2D",
    ),
    "not affine": (
        lambda: [cr.LayerNorm(), cr.Activation("relu"), cr.Activation("tanh")],
        (5,),
        "LayerNorm Activation Activation",
    ),
    "noise alone": (lambda: [cr.Dropout(0.5)], (5,), "Dropout"),
    "branches": (
        lambda: [
            cr.Residual([*block(cr.Dense(9, "identity")), cr.Residual(block(cr.Dense(9, "identity")))]),
            cr.Concatenate([[], block(cr.Dense(4, "identity")), [cr.BatchNorm(), cr.Dropout(0.3)], [cr.Dropout(0.1)]]),
            cr.Dense(2, "identity"),
        ],
        (9,),
        "Residual Concatenate Dense",
    ),
}


def trained(name, dtype="float32"):
    make, shape, _ = NETWORKS[name]
    X = np.random.default_rng(0).normal(0.5, 2, (40, *shape))
    net = cr.Network([cr.Input(*shape), *make()], seed=1, dtype=dtype)
    y = np.random.default_rng(1).dirichlet(np.ones(net.outputs), 40)
    net.fit(X, y, epochs=3, loss="mse", optimizer=cr.Adam(0.05), verbose=0)
    return net, X


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", NETWORKS)
def test_it_predicts_the_same(name, dtype):
    net, X = trained(name, dtype)
    before = net.parameters.tobytes()
    folded = net.folded()
    expected = net.predict(X)
    difference = np.abs(folded.predict(X) - expected).max()
    assert difference <= {"float32": 2e-6, "float64": 1e-14}[dtype] * max(1.0, np.abs(expected).max())
    assert [type(layer).__name__ for layer in folded.layers[1:]] == NETWORKS[name][2].split()
    assert (folded.dtype, folded.epochs, folded.history) == (net.dtype, net.epochs, net.history)
    assert net.parameters.tobytes() == before
    assert net.predict(X).tobytes() == expected.tobytes()


def test_branches_are_folded_within():
    net, _ = trained("branches")
    residual, branches, _ = net.folded().layers[1:]
    assert repr(residual.layers) == "[Dense(9, activation='relu'), Residual([Dense(9, activation='relu')])]"
    assert repr(branches.branches) == "[[], [Dense(4, activation='relu')], [BatchNorm()], [Dropout(0.1)]]"


def test_it_is_a_network_like_any_other(tmp_path):
    net, X = trained("dense")
    folded = net.folded()
    folded.save(tmp_path / "folded.safetensors")
    assert cr.load(tmp_path / "folded.safetensors").predict(X).tobytes() == folded.predict(X).tobytes()
    assert Predictor(folded)(X[0].astype(np.float32)) == pytest.approx(net.predict(X[:1])[0], abs=1e-6)
    assert folded.check(X, np.arange(40) % 3, loss="cross_entropy").ok
    assert folded.folded().parameters.tobytes() == folded.parameters.tobytes()
