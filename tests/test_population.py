"""Predictions with many parameter vectors at once are those of a loop over them."""

import numpy as np
import pytest

import chainrule as cr

RANDOM = np.random.default_rng(0)


def loop(net, parameters, X):
    twin = net.copy()
    outputs = []
    for vector in parameters:
        twin.parameters = vector
        outputs.append(twin.predict(X))
    return np.array(outputs)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("samples", [1, 64, 300])
def test_it_is_the_bytes_of_a_loop(dtype, samples, many_threads):
    net = cr.Network([8, 32, 17, 1], seed=0, dtype=dtype)
    parameters = RANDOM.standard_normal((13, net.parameter_count))
    X = RANDOM.standard_normal((samples, 8))
    before = net.parameters
    got = cr.predict_population(net, parameters, X)
    assert got.shape == (13, samples, 1)
    assert got.dtype == dtype
    assert got.tobytes() == loop(net, parameters, X).tobytes()
    assert net.parameters.tobytes() == before.tobytes()


def test_layers_of_any_kind_keep_their_statistics_and_shapes():
    layers = [cr.Input(4, 3), cr.BatchNorm(), cr.Residual([cr.LayerNorm()]), cr.Dropout(0.5), cr.Reshape((3, 4))]
    net = cr.Network(layers, seed=0)
    X = 3 + RANDOM.standard_normal((20, 4, 3))
    net.fit(X, np.zeros((20, 12)), epochs=2, loss="mse", verbose=0)
    parameters = RANDOM.standard_normal((5, net.parameter_count))
    got = cr.predict_population(net, parameters, X)
    assert got.shape == (5, 20, 3, 4)
    assert got.tobytes() == loop(net, parameters, X).tobytes()


def test_sparse_samples_are_taken():
    sparse = pytest.importorskip("scipy.sparse")
    net = cr.Network([8, 3], seed=0)
    X = sparse.random(30, 8, 0.2, format="csr", random_state=0)
    parameters = RANDOM.standard_normal((4, net.parameter_count))
    assert cr.predict_population(net, parameters, X).tobytes() == loop(net, parameters, X).tobytes()


@pytest.mark.parametrize(
    ("parameters", "X", "message"),
    [
        (np.zeros(3), np.zeros((1, 2)), r"parameters must have shape \(members, 3\), got \(3,\)"),
        (np.zeros((0, 3)), np.zeros((1, 2)), r"parameters must have shape \(members, 3\), got \(0, 3\)"),
        (np.zeros((2, 4)), np.zeros((1, 2)), r"parameters must have shape \(2, 3\), got \(2, 4\)"),
        ([[0, 0, np.nan]], np.zeros((1, 2)), r"parameters must be finite, got nan at \(2,\)|\(0, 2\)"),
        ([[0, 0, 1e300]], np.zeros((1, 2)), "parameters must be finite in float32|parameters must be finite"),
        (np.zeros((2, 3)), np.zeros((1, 3)), r"X must have"),
        (np.zeros((2, 3)), np.full((1, 2), np.inf), "X must be finite"),
    ],
)
def test_it_refuses(parameters, X, message):
    with pytest.raises(ValueError, match=message):
        cr.predict_population(cr.Network([2, 1], seed=0), parameters, X)
