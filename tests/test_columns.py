"""Columns of different kinds in one row of a table: numbers, codes as flags, codes with vectors."""

import numpy as np
import pytest

import chainrule as cr


def columns():
    return cr.Columns(
        [
            cr.Numbers(2, cr.Periodic(3, waves=4)),
            cr.OneHot(3),
            cr.OneHot(2),
            cr.Embedding(40, 5, zero_is_missing=True),
            cr.Numbers(),
            cr.OneHot(4, zero_is_missing=True),
        ]
    )


def table(rows=60, dtype=np.float64):
    rng = np.random.default_rng(0)
    codes = [rng.integers(0, count, rows) for count in (3, 2, 40)]
    numbers = rng.standard_normal((3, rows))
    return np.stack([*numbers[:2], *codes, numbers[2], rng.integers(0, 4, rows)], axis=1).astype(dtype)


def network(**options):
    return cr.Network([cr.Input(7), columns(), cr.Dense(8, "tanh"), cr.Dense(2)], seed=0, **options)


def test_features_are_those_of_each_kind_in_the_order_of_the_columns():
    X = table()
    net = network(dtype="float64")
    layer = net.layers[1]
    periodic, flags, vectors, plain, last = layer.columns
    assert (layer.columns[1].codes, plain.count, last.codes) == ([3, 2], 1, [4])
    alone = cr.Network([cr.Input(2), periodic.layers[0].copy()], seed=1, dtype="float64")
    expected = np.concatenate(
        [
            alone.predict(X[:, :2]),
            np.eye(3)[X[:, 2].astype(int)],
            np.eye(2)[X[:, 3].astype(int)],
            np.concatenate([np.zeros((1, 5)), vectors.weights])[X[:, 4].astype(int)],
            X[:, 5:6],
            np.eye(4)[X[:, 6].astype(int)][:, 1:],
        ],
        axis=1,
    )
    assert net.shapes[1] == (6 + 5 + 5 + 1 + 3,)
    assert flags.output_shape((2,)) == (5,)
    assert net.truncated(1).predict(X) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_core_reference_and_differences_agree(dtype):
    X = table()
    report = network(dtype=dtype).check(X, X[:, :2], optimizer=cr.Adam(0.01), steps=6)
    assert report.ok, report


def test_it_is_as_fast_tables_of_flags_and_branches_by_hand():
    X = table(200)
    y = X[:, :1] + (X[:, 2:3] == 1)
    kinds = [cr.Numbers(2), cr.OneHot([3, 2]), cr.Numbers(), cr.Numbers(), cr.Numbers()]
    net = cr.Network([cr.Input(7), cr.Columns(kinds), cr.Dense(8, "tanh"), cr.Dense(1)], seed=0)
    by_hand = cr.Network([cr.Input(10), cr.Dense(8, "tanh"), cr.Dense(1)], seed=1)
    by_hand.parameters = net.parameters
    flags = [np.eye(3)[X[:, 2].astype(int)], np.eye(2)[X[:, 3].astype(int)]]
    rows = np.concatenate([X[:, :2], *flags, X[:, 4:]], axis=1)
    for each, samples in ((net, X), (by_hand, rows)):
        each.fit(samples, y, epochs=3, shuffle=False, optimizer=cr.Adam(0.01), verbose=0)
    assert net.parameters == pytest.approx(by_hand.parameters, abs=1e-6)


def test_a_missing_code_has_zeros_that_are_not_trained():
    X = table()
    net = network()
    before = net.layers[1].columns[2].weights
    net.fit(X, X[:, :2], epochs=5, batch_size=16, verbose=0)
    vectors = net.layers[1].columns[2].weights
    seen = np.unique(X[:, 4].astype(int))
    assert (vectors != before).any(axis=1)[seen[seen > 0] - 1].all()
    missing = X[:1].copy()
    missing[:, [4, 6]] = 0
    features = net.truncated(1).predict(missing)
    assert (features[0, 11:16] == 0).all() and (features[0, 17:] == 0).all()


@pytest.mark.parametrize("vocabulary", [50, 200_000])  # updates of the second are deferred
def test_plain_descent_moves_only_the_vectors_of_codes_that_occur(vocabulary):
    layer = cr.Embedding(vocabulary, 3, zero_is_missing=True)
    net = cr.Network([cr.Input(2), layer, cr.Flatten(), cr.Dense(1)], seed=0)
    before = layer.weights
    X = np.array([[0, 1], [2, 0], [0, vocabulary - 1]])
    net.fit(X, np.arange(3.0), epochs=3, optimizer=cr.SGD(0.1), verbose=0)
    moved = (layer.weights != before).any(axis=1)
    assert layer.weights.shape == (vocabulary - 1, 3)
    assert np.flatnonzero(moved).tolist() == [0, 1, vocabulary - 2]


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        (2, 3, r"X\[:, 2\] must hold whole numbers in \[0, 3\), got 3"),
        (3, 0.5, r"X\[:, 3\] must hold whole numbers in \[0, 2\), got 0.5"),
        (4, -1, r"X\[:, 4\] must hold whole numbers in \[0, 40\), got -1"),
        (6, np.nan, r"X\[:, 6\] must hold whole numbers in \[0, 4\), got nan"),
        (6, 1e30, r"X\[:, 6\] must hold whole numbers in \[0, 4\)"),
    ],
)
def test_what_is_no_code_is_refused_before_anything_changes(column, value, message):
    X = table()
    X[7, column] = value
    net = network()
    before = net.parameters
    for use in (
        lambda: net.predict(X),
        lambda: net.forward(X.astype(np.float32)),
        lambda: net.fit(X, X[:, :2], epochs=1, verbose=0),
        lambda: net.fit([(X, X[:, :2])], epochs=1, verbose=0),
        lambda: net.evaluate(X, X[:, :2]),
        lambda: net.loss_and_gradient(X, X[:, :2]),
    ):
        with pytest.raises(ValueError, match=message):
            use()
    assert np.array_equal(net.parameters, before)


@pytest.mark.parametrize("dtype", [np.float32, np.int64, np.int8, np.uint8, bool])
def test_codes_come_as_numbers_of_any_type(dtype):
    X = (np.arange(12).reshape(6, 2) % 2).astype(dtype)
    net = cr.Network([cr.Input(2), cr.Columns([cr.OneHot(2), cr.Embedding(3, 2)])], seed=0)
    assert np.array_equal(net.predict(X), net.predict(X.astype(np.float64)))


def test_the_core_reads_nothing_outside_of_the_codes():
    net = cr.Network([cr.Input(2), cr.OneHot([3, 2])], seed=0)
    X = np.array([[-1e30, 1e30], [np.nan, np.inf], [3, -np.inf]], dtype=np.float32)
    assert net.core.forward(X).tolist() == [[1, 0, 0, 0, 1], [1, 0, 0, 0, 1], [0, 0, 1, 1, 0]]


def test_files_and_copies_keep_the_kinds(tmp_path):
    X = table()
    net = network()
    net.save(tmp_path / "net.safetensors")
    for other in (cr.load(tmp_path / "net.safetensors"), net.copy()):
        assert repr(other.layers[1]) == repr(net.layers[1])
        assert other.predict(X).tobytes() == net.predict(X).tobytes()
        with pytest.raises(ValueError, match=r"X\[:, 2\] must hold"):
            other.predict(X + 1)
    again = cr.Network([cr.Input(7), net.layers[1], cr.Dense(3)], seed=4)
    assert (again.layers[1].columns[2].weights == net.layers[1].columns[2].weights).all()


def test_layers_that_only_train_are_folded_away():
    X = table()
    kinds = [cr.Numbers(4, [cr.Normalization(1.0, 2.0), cr.Dense(3), cr.BatchNorm(), cr.Dropout(0.5)])]
    kinds += [cr.Numbers(2, [cr.Embedding(40, 3), cr.Flatten(), cr.Dropout(0.1)]), cr.OneHot(4)]
    X[:, 5] = X[:, 4]
    net = cr.Network([cr.Input(7), cr.Columns(kinds), cr.Dense(2)], seed=0)
    folded = net.folded()
    assert repr(folded.layers[1].columns) == (
        "[Numbers(4, [Dense(3, activation='identity')]), Numbers(2, [Embedding(40, 3), Flatten()]), OneHot([4])]"
    )
    assert folded.predict(X) == pytest.approx(net.predict(X), abs=1e-5)


def test_columns_of_codes_may_go_through_layers():
    kinds = [
        cr.Numbers(6, [cr.Embedding(9, 5, mask_zero=True), cr.GRU(4)]),
        cr.Numbers(2, cr.Columns([cr.OneHot([2, 3])])),
    ]
    net = cr.Network([cr.Input(8), cr.Columns(kinds), cr.Dense(2)], seed=0)
    X = np.random.default_rng(0).integers(0, 2, (20, 8))
    assert net.border.vocabulary == (9, 9, 9, 9, 9, 9, 2, 3)
    assert net.check(X, X[:, :2]).ok


def test_noise_on_codes_is_refused():
    with pytest.raises(ValueError, match="input_noise must be 0 for tokens"):
        network().fit(table(), table()[:, :2], input_noise=0.1, verbose=0)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: cr.Columns([]), ValueError, "columns must have at least one kind"),
        (lambda: cr.Columns([cr.Dense(3)]), TypeError, r"must be Numbers, OneHot or Embedding, got Dense\(3"),
        (lambda: cr.Columns(cr.OneHot(3)), TypeError, r"columns must be a list of kinds, got OneHot\(\[3\]\)"),
        (lambda: cr.Columns([3]), TypeError, "must be Numbers, OneHot or Embedding, got 3"),
        (lambda: cr.Numbers(0), ValueError, "count must be at least 1"),
        (lambda: cr.Numbers(2, [3]), TypeError, "layers must be layers, got 3"),
        (lambda: cr.OneHot(0), ValueError, "codes must be at least 1"),
        (lambda: cr.OneHot(1, zero_is_missing=True), ValueError, "codes must be at least 2"),
        (lambda: cr.OneHot([]), ValueError, "codes must be of at least one column"),
        (lambda: cr.Network([cr.Input(3), cr.OneHot(4)]), ValueError, r"takes samples of shape \(1,\)"),
        (lambda: cr.Network([cr.Input(6), columns()]), ValueError, r"samples of 7 columns in a row, got shape \(6,\)"),
        (
            lambda: cr.Network([cr.Input(7), cr.Dense(7), columns()]),
            ValueError,
            "Columns must be the first layer after the Input",
        ),
        (
            lambda: cr.Network([cr.Input(1), cr.Scale(), cr.OneHot(4)]),
            ValueError,
            "OneHot must be the first layer after the Input, or in Columns",
        ),
        (
            lambda: cr.Network([cr.Input(2), cr.Concatenate([[], [cr.Select(0), cr.Embedding(3, 2), cr.Flatten()]])]),
            ValueError,
            "Embedding must be the first layer after the Input, or in Columns",
        ),
        (
            lambda: cr.Network([cr.Input(2), cr.Select(0), cr.Embedding(3, 2)]),
            ValueError,
            "Embedding must be the first layer after the Input, or in Columns",
        ),
        (
            lambda: cr.Columns([cr.Numbers(2, [cr.Select(0), cr.Embedding(3, 2)])]),
            ValueError,
            "must be read by the first layer of their columns, got Embedding",
        ),
        (
            lambda: cr.Network([cr.Input(7, scale=0.5), columns()]),
            ValueError,
            "scale must be 1 for an Input of tokens or codes, got 0.5",
        ),
    ],
)
def test_it_refuses(make, error, message):
    with pytest.raises(error, match=message):
        make()
