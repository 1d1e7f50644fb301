"""Prediction of single samples: the numbers of `predict`, from Python, from many threads, and from Cython."""

import pickle
import threading

import numpy as np
import pytest

import chainrule as cr
from chainrule.inference import Predictor

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:setuptools")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("sizes", [[1, 1], [8, 32, 32, 1], [17, 33, 5], [784, 300, 10], [3, 2000, 4]])
@pytest.mark.parametrize("output", ["identity", "softmax"])
def test_predictor_gives_the_bytes_of_predict(dtype, sizes, output):
    net = cr.Network(sizes, activation="tanh", output=output, seed=0, dtype=dtype)
    predictor = Predictor(net)
    assert (predictor.inputs, predictor.outputs, predictor.dtype) == (sizes[0], sizes[-1], dtype)
    for x in np.random.default_rng(0).standard_normal((3, sizes[0])).astype(dtype):
        for given in (x, x.tolist(), np.repeat(x, 2)[::2]):
            assert predictor(given).tobytes() == net.predict(x[None])[0].tobytes()


def test_samples_and_outputs_have_the_shapes_of_the_network():
    layers = [cr.Input(3, 2), cr.Flatten(), cr.Dense(4, "tanh"), cr.Dense(6), cr.Reshape(2, 3)]
    net = cr.Network(layers, seed=0)
    predictor = Predictor(net)
    x = np.random.default_rng(0).standard_normal((3, 2))
    for given in (x, x.ravel(), x.tolist(), x.astype(np.float32).T.copy().T):
        assert predictor(given).shape == (2, 3)
        assert predictor(given).tobytes() == net.predict(x[None])[0].tobytes()
    with pytest.raises(ValueError, match=r"x must have shape \(3, 2\), got \(2, 3\)"):
        predictor(x.T)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_pickled_predictor_is_the_same(dtype):
    net = cr.Network([cr.Input(3, scale=0.5), cr.Dense(4, "tanh"), cr.Dense(2)], seed=0, dtype=dtype)
    predictor = Predictor(net)
    read = pickle.loads(pickle.dumps(predictor))
    assert repr(read) == repr(predictor) == f"Predictor(3 inputs, 2 outputs, {dtype})"
    assert read([1, 2, 3]).tobytes() == predictor([1, 2, 3]).tobytes()


def test_predictor_keeps_the_parameters_of_its_making():
    net = cr.Network([2, 3, 1], activation="tanh", seed=0)
    predictor = Predictor(net)
    before = predictor([0.5, 1.0])
    net.fit(np.ones((4, 2)), np.ones(4), epochs=2, verbose=0)
    assert np.array_equal(predictor([0.5, 1.0]), before)
    del net
    assert np.array_equal(predictor([0.5, 1.0]), before)


def test_many_threads_share_a_predictor():
    net = cr.Network([20, 600, 5], activation="tanh", seed=0)
    predictor = Predictor(net)
    X = np.random.default_rng(0).standard_normal((40, 20)).astype(np.float32)
    expected = net.predict(X)
    wrong = []

    def work():
        for _ in range(20):
            wrong.extend(i for i, x in enumerate(X) if not np.array_equal(predictor(x), expected[i]))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


@pytest.mark.parametrize(
    ("x", "error"),
    [
        (np.ones(3), ValueError),
        (np.ones((1, 2)), ValueError),
        ([], ValueError),
        ([0, np.nan], ValueError),
        ([0, 1e39], ValueError),
        ([0, 1j], TypeError),
        ("ab", TypeError),
    ],
)
def test_bad_samples_are_refused(x, error):
    with pytest.raises(error, match="x must"):
        Predictor(cr.Network([2, 1]))(x)


def test_bad_networks_are_refused():
    with pytest.raises(TypeError, match=r"network must be a chainrule\.Network, got None"):
        Predictor(None)
    with pytest.raises(ValueError, match="network must have no target_scale"):
        Predictor(cr.Network([4, 1], target_scale="auto"))
    with pytest.raises(TypeError):
        Predictor.__new__(Predictor)
