"""An array means its values, whatever its type, on every way into the package."""

import numpy as np
import pytest
import scipy.sparse

import chainrule as cr
from chainrule.inference import Predictor
from chainrule.sklearn import MLPRegressor

pytestmark = pytest.mark.filterwarnings("ignore::chainrule.ChainruleWarning")

DTYPES = ["u1", "i1", "u2", "i2", "i4", "i8", "u8", "f2", "f4", "f8", "g", ">i4", ">f8", "?"]
X = np.random.default_rng(0).integers(0, 2, (24, 5))
Y = np.random.default_rng(1).integers(0, 2, (24, 2))


def dense(scale):
    return cr.Network([cr.Input(5, scale=scale), 7, 2], activation="tanh", seed=0)


def recurrent(scale):
    return cr.Network([cr.Input(1, 5, scale=scale), cr.GRU(4), cr.Dense(2)], seed=0)


def fitted(net, x, y=None):
    net.fit(x, Y if y is None else y, epochs=2, verbose=0, loss="mse", optimizer=cr.SGD(0.1))
    return net.parameters


def stepped(net, x):
    stepper = net.stepper(streams=len(x))
    return stepper.step(x)


WAYS = {
    "predict": lambda scale, x: dense(scale).predict(x),
    "predict one": lambda scale, x: dense(scale).predict(x[:1]),
    "predict sparse": lambda scale, x: dense(scale).predict(scipy.sparse.csr_array(x)),
    "predict strided": lambda scale, x: dense(scale).predict(np.repeat(x, 2, axis=1)[:, ::2]),
    "predict a list": lambda scale, x: dense(scale).predict(x.tolist()),
    "forward": lambda scale, x: dense(scale).forward(x),
    "evaluate": lambda scale, x: np.array(list(dense(scale).evaluate(x, Y, loss="mse").values())),
    "loss and gradient": lambda scale, x: dense(scale).loss_and_gradient(x, Y, "mse")[1],
    "fit": lambda scale, x: fitted(dense(scale), x),
    "fit a stream": lambda scale, x: fitted_by_batches(dense(scale), x),
    "fit, validated": lambda scale, x: np.array(
        dense(scale).fit(X, Y, epochs=1, verbose=0, loss="mse", validation_data=(x, Y))["val_loss"]
    ),
    "population": lambda scale, x: cr.predict_population(dense(scale), np.ones((2, 58)), x),
    "stepper": lambda scale, x: stepped(recurrent(scale), x),
    "one sample": lambda scale, x: Predictor(dense(scale))(x[0]),
    "sequences": lambda scale, x: recurrent(scale).predict(x[:, None]),
    "targets": lambda scale, x: fitted(dense(scale), X, x[:, :2]),
}


def fitted_by_batches(net, x):
    net.fit([(x[:12], Y[:12]), (x[12:], Y[12:])], epochs=1, verbose=0, loss="mse")
    return net.parameters


@pytest.mark.parametrize("scale", [1.0, 1 / 255, 0.1])
@pytest.mark.parametrize("way", WAYS)
def test_equal_values_give_equal_bytes(way, scale):
    results = {}
    for dtype in DTYPES:
        if not (way == "predict sparse" and dtype in {"f2", "g", ">i4", ">f8", "u8"}):
            results[dtype] = WAYS[way](scale, X.astype(dtype)).tobytes()
    assert len(set(results.values())) == 1, results.keys()


@pytest.mark.parametrize("scale", [1 / 255, 0.1])
def test_the_scale_is_what_samples_are_multiplied_by(scale, tmp_path):
    samples = np.random.default_rng(2).integers(0, 256, (20, 5), dtype=np.uint8)
    plain = cr.Network([5, 7, 2], activation="tanh", seed=0)
    net = dense(scale)
    assert net.predict(samples) == pytest.approx(plain.predict(samples * scale), rel=1e-6)
    net.save(tmp_path / "net")
    assert np.array_equal(cr.load(tmp_path / "net").predict(samples), net.predict(samples))
    assert repr(net.layers[0]) == f"Input(5, scale={scale!r})"
    assert net.check(samples, Y[:20], loss="mse").ok
    steps = recurrent(scale)
    assert np.array_equal(stepped(steps, samples), steps.predict(samples[:, None]))
    assert np.array_equal(Predictor(net)(samples[0]), net.predict(samples[:1])[0])


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_estimators_take_values_too():
    models = [
        MLPRegressor(hidden_layer_sizes=(4,), max_iter=3, random_state=0).fit(X.astype(t), Y[:, 0])
        for t in ("u1", "i8", "f8")
    ]
    assert len({model.predict(X).tobytes() for model in models}) == 1


def test_masking_meets_its_value_in_bytes():
    net = cr.Network([cr.Input(4, 1), cr.Masking(200.0), cr.GRU(3), cr.Dense(1)], seed=0)
    padded = np.array([[[1], [2], [200], [200]]], np.uint8)
    assert np.array_equal(net.predict(padded), net.predict(padded.astype(float)))


@pytest.mark.parametrize("damage", [(3, 10**6), (5, 2)])
def test_a_damaged_sparse_matrix_is_refused(damage):
    at, value = damage
    matrix = scipy.sparse.csr_matrix(np.ones((20, 3)))
    matrix.indptr[at] = value
    with pytest.raises(ValueError, match="X must be a whole sparse matrix"):
        cr.Network([3, 2], seed=0).predict(matrix)
