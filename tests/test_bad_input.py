"""Errors for bad input name the argument, and are raised before anything changes."""

import numpy as np
import pandas as pd
import pytest
import scipy.sparse

import chainrule as cr
from chainrule.sklearn import EnsembleClassifier, MLPClassifier
from chainrule.tabular import TabularClassifier

X = np.random.default_rng(0).standard_normal((10, 3))
LABELS = np.arange(10) % 2
NAN = X.copy()
NAN[4, 1] = np.nan
INF = X.copy()
INF[2, 0] = np.inf


def network():
    return cr.Network([3, 4, 2], output="softmax", seed=0)


@pytest.mark.parametrize(
    ("arguments", "options", "error", "message"),
    [
        ((X[:, :2], LABELS), {}, ValueError, r"X must have 3 features, got 2"),
        (
            (X[0], LABELS),
            {},
            ValueError,
            r"X must have shape \(samples, 3\), got \(3,\); reshape one sample to \(1, 3\)",
        ),
        ((X[None], LABELS), {}, ValueError, r"X must have shape \(samples, 3\), got \(1, 10, 3\)"),
        ((X[:0], LABELS[:0]), {}, ValueError, "X must have at least one sample"),
        ((X, LABELS[:9]), {}, ValueError, "X and y must have the same length, got 10 samples"),
        ((X.astype(object), LABELS), {}, TypeError, "X must be an array of real numbers, got dtype object"),
        ((X.astype(complex), LABELS), {}, TypeError, "X must be an array of real numbers, got dtype complex128"),
        (([["a"] * 3] * 10, LABELS), {}, TypeError, "X must be an array of real numbers"),
        (([[1, 2], [1]], LABELS), {}, TypeError, "X must be a"),
        ((np.ma.masked_greater(X, 0), LABELS), {}, TypeError, "X must not be masked"),
        ((NAN, LABELS), {}, ValueError, r"X must be finite, got nan at \(4, 1\)"),
        ((INF, LABELS), {}, ValueError, r"X must be finite, got inf at \(2, 0\)"),
        ((X, LABELS + 1), {}, ValueError, r"y as labels must be in \[0, 1\], got 2"),
        ((X, LABELS - 1), {}, ValueError, r"y as labels must be in \[0, 1\], got -1"),
        ((X, LABELS + 0.5), {}, ValueError, "y as labels must be whole numbers, got 0.5"),
        ((X, LABELS * np.nan), {}, ValueError, "y must be finite"),
        ((X, X), {}, ValueError, r"y must have shape \(10, 2\) or be labels, got \(10, 3\)"),
        ((X, -np.eye(2)[LABELS]), {}, ValueError, r"y must be in \[0, 1\]"),
        ((X, np.full((10, 2), 0.7)), {}, ValueError, "rows of y must sum to 1"),
        ((X, LABELS.astype(object)), {}, TypeError, "y must be an array of real numbers"),
        ((X, LABELS), {"epochs": -1}, ValueError, "epochs must be at least 0, got -1"),
        ((X, LABELS), {"epochs": 1.5}, TypeError, "epochs must be an integer, got 1.5"),
        ((X, LABELS), {"batch_size": 0}, ValueError, "batch_size must be at least 1, got 0"),
        ((X, LABELS), {"batch_size": "half"}, ValueError, "batch_size must be an integer or 'full', got 'half'"),
        ((X, LABELS), {"batch_size": 3.0}, TypeError, "batch_size must be an integer"),
        ((X, LABELS), {"optimizer": "admm"}, ValueError, "unknown optimizer 'admm'; did you mean 'adam'"),
        ((X, LABELS), {"optimizer": 3}, TypeError, "optimizer must be a name"),
        ((X, LABELS), {"optimizer": "irprop", "batch_size": 5}, ValueError, "batch_size must be 'full' for IRprop"),
        ((X, LABELS), {"loss": "crossentropy"}, ValueError, "did you mean 'cross_entropy'"),
        ((X, LABELS), {"loss": "poisson"}, ValueError, "loss 'poisson' needs an output activation of softplus"),
        ((X, LABELS), {"shuffle": 1}, TypeError, "shuffle must be True or False, got 1"),
        ((X, LABELS), {"input_noise": -1}, ValueError, "input_noise must be"),
        ((X, LABELS), {"input_noise": np.nan}, ValueError, "input_noise must be finite"),
        ((X, LABELS), {"verbose": 5}, ValueError, "verbose must be at least 0 and at most 2, got 5"),
        ((X, LABELS), {"sample_weight": np.ones(9)}, ValueError, r"sample_weight must have shape \(10,\), got \(9,\)"),
        ((X, LABELS), {"sample_weight": -np.ones(10)}, ValueError, "sample_weight must have no negative"),
        ((X, LABELS), {"sample_weight": np.zeros(10)}, ValueError, "at least one that is not zero"),
        ((X, LABELS), {"sample_weight": np.full(10, np.nan)}, ValueError, "sample_weight must be finite"),
        ((X, LABELS), {"class_weight": "even"}, ValueError, "class_weight must be a mapping or 'balanced', got 'even'"),
        ((X, LABELS), {"class_weight": {0: -1}}, ValueError, r"class_weight\[0\] must be"),
        ((X, LABELS), {"class_weight": 3}, TypeError, "class_weight must be a mapping"),
        ((X, np.eye(2)[LABELS]), {"class_weight": "balanced"}, ValueError, "class_weight needs y as integer labels"),
        ((X, LABELS), {"validation_data": X}, ValueError, "validation_data must be"),
        ((X, LABELS), {"validation_data": (X[:, :1], LABELS)}, ValueError, "validation X must have 3 features"),
        ((X, LABELS), {"validation_data": (X, LABELS + 5)}, ValueError, "validation y as labels"),
    ],
)
def test_fit_refuses(arguments, options, error, message):
    net = network()
    before, optimizer = net.parameters, net.optimizer
    with pytest.raises(error, match=message):
        net.fit(*arguments, **{"verbose": 0, **options})
    assert np.array_equal(net.parameters, before)
    assert net.optimizer is optimizer
    assert net.history.epochs == 0


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: cr.Network([3]), ValueError, "layers must be"),
        (lambda: cr.Network([]), ValueError, "layers must be"),
        (lambda: cr.Network([3, 0]), ValueError, "layers must be at least 1 .*got 0"),
        (lambda: cr.Network([3, 2.0]), TypeError, "layers must be an integer, got 2.0"),
        (lambda: cr.Network([cr.Dense(3), cr.Dense(2)]), ValueError, "layers must be"),
        (lambda: cr.Network([cr.Input(3), cr.Input(2)]), TypeError, "layers must be Input and layers"),
        (lambda: cr.Network([3, 4, 2], activation="softmax"), ValueError, "'softmax' must be on the last layer"),
        (
            lambda: cr.Network([3, 4, 2], activation="tahn"),
            ValueError,
            "unknown activation 'tahn'; did you mean 'tanh'",
        ),
        (lambda: cr.Network([3, 2], dtype="float16"), ValueError, "unknown dtype 'float16'"),
        (lambda: cr.Network([3, 2], seed=-1), ValueError, "seed must be at least 0"),
        (lambda: cr.Network([3, 2], seed=1.5), TypeError, "seed must be an integer"),
        (lambda: cr.Network([3, 2], weights="he"), ValueError, "unknown weights 'he'"),
        (lambda: cr.Network([3, 2], weights=np.ones((2, 3))), ValueError, r"weights must have shape \(3, 2\)"),
        (lambda: cr.Network([3, 2], weights=np.nan), ValueError, "weights must be finite"),
        (lambda: cr.Network([cr.Input(3), cr.Dense(2)], l2=1), ValueError, "give them to the layers"),
        (lambda: cr.Dense(0), ValueError, "units must be at least 1"),
        (lambda: cr.Dense(2, l1=-1), ValueError, "l1 must be"),
        (lambda: cr.Dense(2, max_norm=0), ValueError, "max_norm must be"),
        (lambda: cr.Dense(2, trainable="no"), TypeError, "trainable must be True or False"),
        (lambda: cr.Dense(2).weights, RuntimeError, "not in a network yet"),
        (lambda: cr.SGD(-0.1), ValueError, "learning_rate must be"),
        (lambda: cr.SGD(float("nan")), ValueError, "learning_rate must be finite"),
        (lambda: cr.SGD("fast"), TypeError, "learning_rate must be a number, got 'fast'"),
        (lambda: cr.SGD(0.1, momentum=1.0), ValueError, "momentum must be"),
        (lambda: cr.SGD(0.1, nesterov=1), TypeError, "nesterov must be True or False"),
        (lambda: cr.Adam(beta2=1.5), ValueError, "beta2 must be"),
        (lambda: cr.Adam(epsilon=0), ValueError, "epsilon must be"),
        (lambda: cr.Adam(clip_norm=0), ValueError, "clip_norm must be"),
        (lambda: cr.Huber(0), ValueError, "delta must be"),
        (lambda: cr.CrossEntropy(1.0), ValueError, "label_smoothing must be"),
        (lambda: cr.Normal(-1), ValueError, "scale must be"),
        (lambda: cr.set_num_threads(0), ValueError, "threads must be at least 1"),
        (lambda: cr.EarlyStopping(patience=0), ValueError, "patience must be"),
    ],
)
def test_construction_refuses(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_a_layer_belongs_to_one_network():
    layer = cr.Dense(2)
    net = cr.Network([cr.Input(3), layer])
    other = cr.Network([cr.Input(3), layer])
    assert other.layers[1] is not layer
    assert np.array_equal(other.parameters, net.parameters)
    with pytest.raises(ValueError, match="is twice in the network"):
        cr.Network([cr.Input(2), other := cr.Dense(2), other])


@pytest.mark.parametrize(
    ("values", "message"),
    [(np.ones(3), "shape"), (np.full(26, np.inf), "finite"), (np.full(26, 1e300), "finite")],
)
def test_parameters_are_checked(values, message):
    net = network()
    before = net.parameters
    with pytest.raises(ValueError, match=f"parameters must .*{message}"):
        net.parameters = values
    assert np.array_equal(net.parameters, before)


def test_numbers_must_be_finite_in_the_type_of_the_network():
    net, large = network(), X.copy()
    large[3, 2] = 1e39
    message = r"must be finite in float32, got 1e\+39 at \(3, 2\)"
    for call in (net.predict, net.forward, lambda X: net.fit(X, LABELS, verbose=0)):
        for layout in (large, np.asfortranarray(large), scipy.sparse.csr_array(large)):
            if call != net.forward or isinstance(layout, np.ndarray):
                with pytest.raises(ValueError, match=r"X must be finite in float32, got 1e\+39"):
                    call(layout)
    with pytest.raises(ValueError, match="y " + message):
        cr.Network([3, 3], seed=0).evaluate(X, large)
    net.forward(X)
    with pytest.raises(ValueError, match=r"output_gradient must be finite in float32"):
        net.backward(np.full((10, 2), -1e39))
    limit = np.full((1, 3), np.finfo(np.float32).max, dtype=np.float64)
    assert np.isfinite(net.forward(limit * 1e-3)).all()
    with pytest.warns(cr.ChainruleWarning, match="not finite"):
        cr.Network([3, 2], weights=2.0, seed=0).predict(limit)
    with pytest.raises(ValueError, match="X must be finite in float32"):
        net.predict(np.nextafter(limit, np.inf))
    assert np.isfinite(cr.Network([3, 2], seed=0, dtype="float64").predict(large)).all()


@pytest.mark.parametrize("weight", [1e-310, 1e308])
def test_sum_of_weights_must_be_a_number(weight):
    weights, net = np.full(10, weight), network()
    for call in (net.fit, net.evaluate, net.loss_and_gradient):
        with pytest.raises(ValueError, match="sample_weight must have a sum"):
            call(X, LABELS, sample_weight=weights)
    with pytest.raises(ValueError, match="class_weight times sample_weight must have a sum"):
        net.fit(X, LABELS, sample_weight=np.full(10, weight**0.5), class_weight=dict.fromkeys((0, 1), weight**0.5))


def test_binary_labels_are_checked():
    net = cr.Network([3, 1], output="sigmoid", seed=0)
    with pytest.raises(ValueError, match=r"y as labels must be in \[0, 1\], got 2"):
        net.fit(X, LABELS * 2, verbose=0)
    with pytest.raises(ValueError, match=r"y must be in \[0, 1\]"):
        net.fit(X, LABELS * 2.0, verbose=0)


def test_counts_are_checked():
    net = cr.Network([3, 1], output="softplus", seed=0)
    with pytest.raises(ValueError, match="y must be counts >= 0"):
        net.fit(X, X[:, 0], loss="poisson", verbose=0)


@pytest.mark.parametrize("dtype", [">f4", ">f8", np.float16, np.int8, np.int64, np.uint16, bool, np.longdouble])
def test_other_kinds_of_numbers_are_converted(dtype):
    values = (np.arange(30) % 2).reshape(10, 3)
    net = network()
    assert np.array_equal(net.predict(values.astype(dtype)), net.predict(values.astype(np.float32)))


def test_unaligned_and_broadcast_arrays_are_read():
    raw = np.zeros(10 * 3 * 8 + 1, dtype=np.uint8)
    unaligned = raw[1:].view(np.float64).reshape(10, 3)
    unaligned[:] = X
    net = network()
    assert np.array_equal(net.predict(unaligned), net.predict(X))
    assert np.array_equal(net.predict(np.broadcast_to(X[0], (4, 3))), net.predict(np.repeat(X[:1], 4, axis=0)))


def test_native_order_may_have_its_own_name():
    native = np.dtype(">f4").newbyteorder()  # its byte order is neither ">" nor "="
    net = network()
    assert np.array_equal(net.predict(X.astype(native)), net.predict(X.astype(np.float32)))
    assert net.evaluate(X.astype(native), LABELS) == net.evaluate(X.astype(np.float32), LABELS)


def test_a_single_weight_has_any_stride():
    net = network()
    assert net.evaluate(X[:1], LABELS[:1], sample_weight=np.ones(2)[::2]) == net.evaluate(X[:1], LABELS[:1])


def test_unaligned_labels_weights_and_parameters_are_copied():
    def unaligned(values):
        raw = np.zeros(values.nbytes + 1, dtype=np.uint8)[1:].view(values.dtype)
        raw[:] = values
        return raw

    nets, weights = [network(), network()], np.linspace(1, 2, 10)
    for net, of in zip(nets, (unaligned, np.copy), strict=True):
        net.parameters = of(net.parameters / 2)
        net.fit(X, of(LABELS), sample_weight=of(weights), verbose=0)
    assert nets[0].parameters.tobytes() == nets[1].parameters.tobytes()
    core = nets[0].core
    with pytest.raises(TypeError, match="aligned"):
        core.evaluate(X, unaligned(LABELS), None, cr.CrossEntropy().core_loss())


def test_core_refuses_what_would_read_outside():
    core = network().core
    from chainrule import _core

    loss, optimizer = _core.Loss("cross_entropy"), _core.Optimizer("sgd")
    for y in (np.full(10, 2), np.full(10, -1), np.zeros(10, np.int32), np.zeros((10, 3)), np.zeros(9, np.int64)):
        with pytest.raises((ValueError, TypeError)):
            core.train_epoch(X, y, None, _core.EpochOptions(loss, optimizer, np.ones(2), 5, True, 0, 0))
    with pytest.raises(ValueError, match="rates"):
        core.train_epoch(X, LABELS, None, _core.EpochOptions(loss, optimizer, np.ones(1), 5, True, 0, 0))
    with pytest.raises(IndexError):
        core.layer_parameters(9)
    with pytest.raises(ValueError, match="values must be all parameters"):
        core.set_layer_parameters(0, np.ones(5))


MASKED = {
    "X": (np.ma.masked_greater(X, 0), LABELS),
    "y": (X, np.ma.masked_equal(LABELS, 1)),
    "y of strings": (X, np.ma.masked_equal(np.array(["no", "yes"])[LABELS], "yes")),
    "sample_weight": (X, LABELS, np.ma.masked_equal(1.0 + LABELS, 1)),
}


@pytest.mark.parametrize("name", MASKED)
@pytest.mark.parametrize(
    "fit",
    [
        lambda X, y, w: network().fit(X, y, sample_weight=w, verbose=0),
        lambda X, y, w: network().fit(X, y, sample_weight=w, validation_split=0.3, verbose=0),
        lambda X, y, w: cr.fit_many([network()], X, y, sample_weight=w, rows=[range(8)], verbose=0),
        lambda X, y, w: cr.cross_validate(network, X, y, cv=2, sample_weight=w, verbose=0),
        lambda X, y, w: MLPClassifier(max_iter=1).fit(X, y, w),
        lambda X, y, w: EnsembleClassifier(n_estimators=2).fit(X, y, w),
        lambda X, y, w: TabularClassifier(n_members=1).fit(X, y, w),
    ],
    ids=["fit", "validation_split", "fit_many", "cross_validate", "MLP", "ensemble", "tables"],
)
def test_masked_values_are_refused_everywhere(fit, name):
    given = (*MASKED[name], None)[:3]
    with pytest.raises(TypeError, match=f"{name.split()[0]} must not be masked: fill or drop the masked values"):
        fit(*given)


def test_nullable_numbers_of_pandas_are_read_wherever_rows_are_chosen():
    frame = pd.DataFrame(X.astype(np.float32).astype(np.float64)).convert_dtypes()
    for fit in (
        lambda net, given: net.fit(given, LABELS, validation_split=0.3, verbose=0),
        lambda net, given: cr.fit_many([net], given, LABELS, rows=[range(8)], verbose=0),
    ):
        nets = [network(), network()]
        for net, given in zip(nets, (frame, frame.to_numpy(np.float64)), strict=True):
            fit(net, given)
        assert nets[0].parameters.tobytes() == nets[1].parameters.tobytes()
