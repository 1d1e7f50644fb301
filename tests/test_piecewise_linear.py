"""Piecewise linear embeddings: their formula, gradients, edges from data, the same bytes, and what they refuse."""

import itertools
import pickle

import numpy as np
import pytest

import chainrule as cr

EDGES = [[-1.0, -0.2, 0.3, 1.5], [0.0, 2.0], [-2.0, -1.0, 0.0, 0.25, 0.5, 4.0]]


def embedding(units=5, dtype="float64", below=(), **options):
    """Return a network whose first layer has vectors other than zero."""
    layer = cr.PiecewiseLinear(EDGES, units=units, **options)
    net = cr.Network([cr.Input(3), *below, layer, cr.Dense(2)], seed=1, dtype=dtype)
    layer.weights = np.random.default_rng(2).standard_normal(layer.weights.shape)
    return net, layer


def samples(count=40):
    return np.random.default_rng(3).standard_normal((count, 3)) * 2


def test_it_is_the_formula_of_the_paper():
    net, layer = embedding()
    X = samples()
    parts, first = [], 0
    for f, edges in enumerate(EDGES):
        z = np.outer(X[:, f], layer.slopes[f]) + layer.bias[f]
        for k, (low, high) in enumerate(itertools.pairwise(edges)):
            share = (X[:, f] - low) / (high - low)
            share = share if k == 0 else np.maximum(share, 0)
            share = share if k == len(edges) - 2 else np.minimum(share, 1)
            z = z + np.outer(share, layer.weights[first + k])
        parts.append(z)
        first += len(edges) - 1
    assert net.truncated(1).predict(X) == pytest.approx(np.concatenate(parts, axis=1), rel=1e-12)


def test_it_starts_linear():
    layer = cr.PiecewiseLinear(EDGES, units=4)
    net = cr.Network([cr.Input(3), layer], seed=0, dtype="float64")
    X = samples()
    expected = X[:, :, None] * layer.slopes + layer.bias
    assert net.predict(X) == pytest.approx(expected.reshape(len(X), -1), rel=1e-12)
    assert np.abs(layer.slopes).max() <= 0.5 and len(np.unique(layer.slopes)) == 12


@pytest.mark.parametrize("units", [1, 16, 19])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_core_reference_and_differences_agree(units, dtype):
    X = samples()
    for below in ((), (cr.Dense(3, "tanh"),)):
        net, _ = embedding(units, dtype, below)
        report = net.check(X, X[:, :2], optimizer=cr.AdamW(0.01), steps=8)
        assert report.ok, report


def test_the_gradient_by_the_inputs_is_that_of_differences():
    net, _ = embedding()
    X = samples()
    net.forward(X)
    got = net.backward(np.ones((len(X), 2)))
    h = 1e-6
    for f in range(3):
        step = h * np.eye(3)[f]
        slopes = (net.predict(X + step) - net.predict(X - step)).sum(axis=1) / (2 * h)
        assert got[:, f] == pytest.approx(slopes, rel=1e-6)


@pytest.mark.parametrize("optimizer", [cr.Adam(0.01), cr.SGD(0.1, clip_norm=0.5)])
def test_threads_change_no_byte_where_a_batch_is_trained_in_chunks(optimizer, many_threads):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((20_000, 3))

    def outcome(threads):
        cr.set_num_threads(threads)
        net, layer = embedding(units=16, dtype="float32")
        net.fit(X, X[:, :2], epochs=2, batch_size="full", optimizer=optimizer, verbose=0)
        _, gradient = net.loss_and_gradient(X, X[:, :2])
        return layer.weights.tobytes(), net.parameters.tobytes(), gradient.tobytes()

    try:
        outcomes = [outcome(threads) for threads in (1, 2, 3)]
    finally:
        cr.set_num_threads(None)
    assert outcomes[1:] == outcomes[:1] * 2


@pytest.mark.filterwarnings("ignore::chainrule.ChainruleWarning")
def test_training_goes_on_after_a_fit_that_stopped_within_a_batch():
    X = samples(20_000)
    net, _ = embedding(units=16)
    expected = net.copy()
    clipped = cr.SGD(0.01, clip_norm=1.0)
    with pytest.raises(cr.DivergedError):
        net.fit(X, X[:, :2] * 1e200, batch_size="full", optimizer=clipped, shuffle=False, verbose=0)
    for each in (net, expected):
        each.fit(X, X[:, :2], epochs=1, batch_size="full", optimizer=clipped, shuffle=False, verbose=0)
    assert net.parameters.tobytes() == expected.parameters.tobytes()


def test_it_learns_a_function_that_bends():
    x = np.random.default_rng(0).uniform(-3, 3, (2_000, 1))
    y = np.sin(4 * x)
    layer = cr.PiecewiseLinear.from_data(x, bins=32, units=4)
    net = cr.Network([cr.Input(1), layer, cr.Dense(1)], seed=0)
    net.fit(x, y, epochs=60, optimizer=cr.Adam(0.02), verbose=0)
    assert net.score(x, y) > 0.98


def test_edges_are_the_quantiles_of_the_data():
    X = np.random.default_rng(0).exponential(size=(1_000, 2))
    layer = cr.PiecewiseLinear.from_data(X, bins=10, units=2)
    for f in range(2):
        assert layer.edges[f] == pytest.approx(np.quantile(X[:, f], np.linspace(0, 1, 11)), rel=1e-6)
        assert np.histogram(X[:, f], layer.edges[f])[0] == pytest.approx(100, abs=1)


def test_features_of_few_values_have_few_bins():
    rows = np.arange(100)
    X = np.stack([rows % 3, np.full(100, 7), rows // 50, np.where(rows < 90, 0, rows), np.zeros(100)], axis=1)
    layer = cr.PiecewiseLinear.from_data(X, bins=8)
    assert layer.edges[0].tolist() == [0, 1, 2]
    assert layer.edges[1].tolist() == [0, 7]
    assert layer.edges[2].tolist() == [0, 1]
    assert layer.edges[3][0] == 0 and layer.edges[3][-1] == 99 and len(layer.edges[3]) < 9
    assert layer.edges[4].tolist() == [0, 1]
    net = cr.Network([cr.Input(5), layer, cr.Dense(1)], seed=0)
    assert np.isfinite(net.predict(X)).all()


@pytest.mark.parametrize("value", [3e38, -3e38, 1e-40, 1e9])
def test_a_constant_may_have_any_size(value):
    X = np.full((5, 1), value)
    net = cr.Network([cr.Input(1), cr.PiecewiseLinear.from_data(X), cr.Dense(1)], seed=0)
    assert np.isfinite(net.truncated(1).predict(X)).all()


def test_numbers_that_differ_by_less_than_float32_share_a_bin():
    X = 1e9 + np.arange(50.0)[:, None]
    layer = cr.PiecewiseLinear.from_data(X, bins=40)
    assert layer.bins == [1]
    assert np.isfinite(cr.Network([cr.Input(1), layer], seed=0).predict(X)).all()


def test_values_outside_all_bins_go_on_linearly():
    net, _ = embedding()
    far = np.array([[100.0, 100.0, 100.0], [200.0, 200.0, 200.0], [300.0, 300.0, 300.0]])
    z = net.truncated(1).predict(far)
    assert z[1] - z[0] == pytest.approx(z[2] - z[1], rel=1e-9)


def test_copies_pickles_and_other_precisions_have_its_edges(tmp_path):
    net, layer = embedding(dtype="float32")
    net.save(tmp_path / "net.safetensors")
    for other in (net.copy(), pickle.loads(pickle.dumps(net)), cr.load(tmp_path / "net.safetensors")):
        assert [e.tolist() for e in other.layers[1].edges] == [e.tolist() for e in layer.edges]
    again = cr.Network([cr.Input(3), layer.copy(), cr.Dense(1)], seed=5)
    assert [e.tolist() for e in again.layers[1].edges] == [e.tolist() for e in layer.edges]
    assert (again.layers[1].weights == layer.weights).all()


def test_a_repr_shows_some_edges():
    layer = cr.PiecewiseLinear.from_data(np.random.default_rng(0).standard_normal((500, 6)), units=8)
    assert repr(layer).count("...") == 5 and repr(layer).endswith(", ...], units=8)")
    assert repr(cr.PiecewiseLinear([[0, 1]])) == "PiecewiseLinear([[0, 1]])"


def test_factors_and_decay_are_those_of_each_array():
    net, layer = embedding(rate_factor={"slopes": 0.0, "bias": 0.0})
    before = layer.slopes, layer.bias, layer.weights
    net.fit(samples(), samples()[:, :2], epochs=2, optimizer=cr.AdamW(0.01, weight_decay=0.5), verbose=0)
    assert (layer.slopes == before[0]).all() and (layer.bias == before[1]).all()
    assert (layer.weights != before[2]).all()


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: cr.PiecewiseLinear([[0.0, 1.0, 1.0]]), ValueError, r"edges\[0\] must ascend in float64, got 1.0 and"),
        (lambda: cr.PiecewiseLinear([[0, 1], [1, 0]]), ValueError, r"edges\[1\] must ascend .* got 1.0 and then 0.0"),
        (lambda: cr.PiecewiseLinear([[0, 1], [1]]), ValueError, r"edges\[1\] must be at least two"),
        (lambda: cr.PiecewiseLinear([0, 1]), ValueError, r"edges\[0\] must be at least two ascending numbers, got 0"),
        (lambda: cr.PiecewiseLinear(3), TypeError, "edges must be a sequence"),
        (lambda: cr.PiecewiseLinear([["a", "b"]]), TypeError, r"edges\[0\] must be an array of real numbers"),
        (lambda: cr.PiecewiseLinear([[0, np.nan]]), ValueError, r"edges\[0\] "),
        (lambda: cr.PiecewiseLinear([[0, 1]], units=0), ValueError, "units must be at least 1"),
        (lambda: cr.PiecewiseLinear.from_data([1.0, 2.0]), ValueError, r"X must have shape \(samples, features\)"),
        (lambda: cr.PiecewiseLinear.from_data(np.zeros((0, 2))), ValueError, "at least one of each"),
        (lambda: cr.PiecewiseLinear.from_data([[1.0], [np.nan]]), ValueError, "X must be finite, got nan at"),
        (lambda: cr.PiecewiseLinear.from_data([[1.0]], bins=0), ValueError, "bins must be at least 1"),
        (lambda: cr.Network([cr.Input(2), cr.PiecewiseLinear([[0, 1]])]), ValueError, "2 features .* got those of 1"),
        (
            lambda: cr.Network([cr.Input(2, 2), cr.PiecewiseLinear([[0, 1]])]),
            ValueError,
            r"takes features in a row, got \(2, 2\)",
        ),
        (
            lambda: cr.Network([cr.Input(1), cr.PiecewiseLinear([[1e9, 1e9 + 1]])]),
            ValueError,
            r"edges\[0\] must ascend in float32",
        ),
    ],
)
def test_it_refuses(make, error, message):
    with pytest.raises(error, match=message):
        make()
