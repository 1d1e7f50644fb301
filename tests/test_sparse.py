"""Training and prediction on sparse samples give the same bytes as on dense copies of them."""

import numpy as np
import pytest
import scipy.sparse

import chainrule as cr

RNG = np.random.default_rng(0)


def made(samples=90, columns=200, dtype=np.float32):
    X = scipy.sparse.random(samples, columns, density=0.05, format="csr", random_state=RNG, dtype=np.float64)
    if dtype == np.uint8:
        X.data = np.ceil(X.data * 255)
    return X.astype(dtype), RNG.integers(0, 3, samples)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize(
    "optimizer",
    [cr.SGD(0.1), cr.SGD(0.1, momentum=0.9), cr.Adam(0.01), cr.AdamW(0.01), cr.Adadelta(), cr.DeltaBarDelta(0.1),
     cr.RMSprop(0.01, clip_value=0.01), cr.Adam(0.01, clip_norm=0.1), cr.Adagrad(0.1)],
    ids=lambda o: f"{type(o).__name__}{'-clipped' if o.clip_norm else ''}",
)  # fmt: skip
def test_sparse_training_gives_the_bytes_of_dense_training(optimizer, threads, dtype, many_threads):
    X, y = made()
    results = []
    cr.set_num_threads(threads)
    for data in (X, X.toarray()):
        net = cr.Network([200, 70, 3], output="softmax", seed=1, dtype=dtype)
        net.fit(data, y, epochs=3, batch_size=8, optimizer=optimizer, validation_data=(data, y), verbose=0)
        results.append((net.parameters.tobytes(), net.predict(data).tobytes(), dict(net.history)))
    assert results[0] == results[1]


@pytest.mark.parametrize("options", [{"l2": 0.01}, {"l1": 0.01}, {"max_norm": 0.5}], ids=str)
def test_penalties_reach_columns_that_no_sample_touches(options):
    X, y = made(40, 300)
    results = set()
    for data in (X, X.toarray()):
        net = cr.Network([300, 20, 3], output="softmax", seed=1, **options)
        net.fit(data, y, epochs=2, batch_size=8, optimizer=cr.SGD(0.1, momentum=0.9), verbose=0)
        results.add(net.parameters.tobytes())
    assert len(results) == 1


def test_updates_that_are_put_off_longer_than_they_are_remembered():
    X, y = made(3000, 50)
    X = X @ scipy.sparse.diags((np.arange(50) != 7).astype(np.float32), format="csr")  # an empty column
    X.eliminate_zeros()
    results = set()
    for data in (X, X.toarray()):
        net = cr.Network([50, 4, 3], output="softmax", seed=1)
        net.fit(data, y, epochs=2, batch_size=1, optimizer=cr.Adam(0.001), shuffle=False, verbose=0)
        results.add(net.parameters.tobytes())
    assert len(results) == 1


@pytest.mark.parametrize("kind", ["csr_array", "csr_matrix", "csc_array", "coo_array"])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64, np.int32, bool])
def test_kinds_and_types(kind, dtype):
    X, _ = made(dtype=dtype)
    net = cr.Network([200, 3], seed=0)
    viewed = getattr(scipy.sparse, kind)(X)
    assert np.array_equal(net.predict(viewed), net.predict(X.toarray()))


def test_indices_of_eight_bytes_unsorted_and_twice():
    X = scipy.sparse.csr_array(
        (np.array([1.0, 2, 3, 4]), np.array([4, 1, 1, 0], dtype=np.int64), np.array([0, 3, 4], dtype=np.int64)),
        shape=(2, 5),
    )
    before = X.indices.copy()
    net = cr.Network([5, 2], seed=0)
    assert np.array_equal(net.predict(X), net.predict(X.toarray()))
    assert np.array_equal(X.indices, before)


def test_more_columns_than_memory_could_hold_dense():
    columns = 5_000_000
    indices = RNG.integers(0, columns, (64, 10))
    X = scipy.sparse.csr_array(
        (np.ones(640, np.float32), np.sort(indices, axis=1).ravel(), np.arange(0, 641, 10)), shape=(64, columns)
    )
    net = cr.Network([columns, 4, 2], output="softmax", weights="glorot_uniform", seed=0)
    y = np.arange(64) % 2
    net.fit(X, y, epochs=20, optimizer=cr.SGD(0.5), verbose=0)
    assert net.evaluate(X, y)["accuracy"] == 1.0


def test_loss_and_gradient_and_check():
    X, y = made(20)
    net = cr.Network([200, 10, 3], activation="tanh", output="softmax", seed=0, dtype="float64")
    (value, gradient), (expected, dense) = net.loss_and_gradient(X, y), net.loss_and_gradient(X.toarray(), y)
    assert value == expected
    assert np.array_equal(gradient, dense)
    assert net.check(X[:5], y[:5]).ok


def test_empty_rows_and_columns():
    X = scipy.sparse.csr_array((4, 6), dtype=np.float32)
    net = cr.Network([6, 20, 2], seed=0)
    assert np.array_equal(net.predict(X), net.predict(np.zeros((4, 6))))
    net.fit(X, np.zeros((4, 2)), epochs=1, verbose=0)


@pytest.mark.parametrize(
    ("X", "error", "message"),
    [
        (scipy.sparse.csr_array((5, 199), dtype=float), ValueError, r"X must have shape \(samples, 200\), got"),
        (scipy.sparse.csr_array((0, 200), dtype=float), ValueError, "X must have at least one sample"),
        (scipy.sparse.csr_array(np.full((1, 200), np.nan)), ValueError, "X must be finite"),
        (scipy.sparse.csr_array(np.ones((1, 200), complex)), TypeError, "X must be an array of real numbers"),
    ],
)  # fmt: skip
def test_bad_sparse_input_is_refused(X, error, message):
    with pytest.raises(error, match=message):
        cr.Network([200, 3], seed=0).predict(X)


def test_noise_on_sparse_input_is_refused():
    X, y = made()
    with pytest.raises(ValueError, match="input_noise must be 0 for a sparse X"):
        cr.Network([200, 3], output="softmax").fit(X, y, input_noise=0.1, verbose=0)


def test_broken_matrices_are_refused():
    data, indices = np.ones(2, np.float32), np.array([0, 1], np.int32)
    for row_begins, wrong in (
        ([0, 2], {"indices": np.array([0, 9], np.int32)}),
        ([0, 2], {"indices": np.array([-1, 0], np.int32)}),
        ([0, 2], {"indices": np.array([1, 0], np.int32)}),
        ([0, 2], {"indices": np.array([1, 1], np.int32)}),
        ([0, 3], {}),
        ([1, 2], {}),
        ([0, 2, 1], {}),
        ([0, -2], {}),
        ([], {}),
        ([0, 2], {"data": np.ones(3, np.float32)}),
    ):
        arguments = {"data": data, "indices": indices, "row_begins": np.array(row_begins, np.int32), "columns": 5}
        with pytest.raises((ValueError, TypeError)):
            cr._core.SparseMatrix(**{**arguments, **wrong})
