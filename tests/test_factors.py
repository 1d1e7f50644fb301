"""Factors of the learning rate and of the weight decay, by layer and by parameter."""

import numpy as np
import pytest
import scipy.sparse

import chainrule as cr
from chainrule import _core
from chainrule.verification.twins import reference_loss, reference_of, reference_optimizer


@pytest.fixture
def rng():
    return np.random.default_rng(0)


OPTIMIZERS = [
    cr.SGD(0.1),
    cr.SGD(0.1, momentum=0.9, nesterov=True),
    cr.Adagrad(0.05),
    cr.Adadelta(1.0, clip_norm=0.3),
    cr.RMSprop(0.01),
    cr.AdamW(0.01, weight_decay=0.5),
    cr.AdamW(0.01, weight_decay=0.5, clip_norm=0.3),
    cr.Nadam(0.01, clip_value=0.02),
    cr.DeltaBarDelta(0.1, momentum=0.5),
    cr.IRprop(),
]


def by_layer():
    """Return layers of many kinds, all with factors."""
    weights = {"rate_factor": {"weights": 0.25, "bias": 3.0}, "decay_factor": {"bias": 0.5}}
    return [
        cr.Input(6, 3),
        cr.Scale(1.1, rate_factor=6, decay_factor=0.3),
        cr.Conv1D(4, 3, "tanh", padding="same", **weights),
        cr.Residual([cr.LayerNorm(rate_factor={"gamma": 0.5}), cr.Dense(4, "tanh", decay_factor=2)]),
        cr.Bidirectional(cr.GRU(3, return_sequences=True, rate_factor={"weights": 0.1, "recurrent_bias": 2.0})),
        cr.LSTM(4, peepholes=True, rate_factor={"peepholes": 3.0}, decay_factor={"weights": 0.0, "peepholes": 2.0}),
        cr.BatchNorm(rate_factor={"beta": 0.25}, decay_factor={"gamma": 1.0}),
        cr.Dense(2, "identity", rate_factor=0.5, l2=0.01, use_bias=False),
    ]


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
def test_core_follows_reference(optimizer, rng):
    net = cr.Network(by_layer(), seed=1, dtype="float64")
    X, y = rng.standard_normal((12, 6, 3)), rng.standard_normal((12, 2))
    before = net.parameters
    ref, pupil = reference_of(net), reference_optimizer(optimizer)
    batch = 12 if isinstance(optimizer, cr.IRprop) else 5
    steps = -(-12 // batch)
    for epoch in range(2):
        rates = optimizer.rates(epoch * steps, steps)
        options = _core.EpochOptions(
            cr.MSE().core_loss(), optimizer.core_optimizer(), rates, batch, True, net.seed, epoch
        )
        net.core.train_epoch(X.reshape(12, -1), y, None, options)
        ref.train_epoch(X.reshape(12, -1), y, reference_loss(cr.MSE()), pupil, rates, batch, True, net.seed, epoch)
    assert net.parameters == pytest.approx(ref.parameters, rel=1e-8, abs=1e-10)
    assert (net.parameters != before).all()


@pytest.mark.parametrize("optimizer", [cr.AdamW(0.02, weight_decay=0.3), cr.SGD(0.1, momentum=0.5)], ids=repr)
@pytest.mark.parametrize("clip", [{}, {"clip_norm": 0.1}])
def test_step_is_multiplied_and_decay_is_independent_of_it(optimizer, clip, rng):
    optimizer = type(optimizer)(**{**vars(optimizer), **clip})
    X, y = rng.standard_normal((8, 4)), rng.standard_normal((8, 3))
    moves = {}
    for factor in (1.0, 0.25):
        layer = cr.Dense(3, rate_factor=factor, decay_factor={"weights": 0.5, "bias": 1.0}, bias=0.7)
        net = cr.Network([cr.Input(4), layer], seed=0, dtype="float64")
        before = net.parameters
        net.loss_and_gradient(X, y, loss="mse")
        net.step(optimizer)
        decay = 0.02 * 0.3 * np.repeat([0.5, 1.0], [12, 3]) if isinstance(optimizer, cr.AdamW) else 0.0
        moves[factor] = net.parameters - before * (1 - decay)
    assert moves[0.25] == pytest.approx(0.25 * moves[1.0], rel=1e-12)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_rows_updated_later_have_the_bytes_of_rows_updated_at_once(dtype, rng):
    rows = scipy.sparse.random(90, 300, density=0.02, random_state=rng, format="csr", dtype=np.float32)
    y = rng.standard_normal((90, 3))
    found = []
    for X in (rows, rows.toarray()):
        layer = cr.Dense(20, "tanh", rate_factor=0.3, decay_factor=2.5)
        net = cr.Network([cr.Input(300), layer, cr.Dense(3)], seed=0, dtype=dtype)
        optimizer = cr.AdamW(cr.StepDecay(0.05, 4), weight_decay=0.2)
        net.fit(X, y, epochs=2, batch_size=8, optimizer=optimizer, verbose=0)
        found.append(net.parameters.tobytes())
    assert found[0] == found[1]


def test_a_large_table_has_the_bytes_of_a_small_one(rng):
    tokens, y = rng.integers(0, 50, (60, 4)), rng.standard_normal((60, 1))
    tables = []
    for vocabulary in (60, 100_000):
        embedding = cr.Embedding(vocabulary, 8, weights=0.1, rate_factor=0.4, decay_factor=3.0)
        net = cr.Network([cr.Input(4), embedding, cr.Flatten(), cr.Dense(1)], seed=0)
        net.fit(tokens, y, epochs=3, batch_size=8, optimizer=cr.AdamW(0.05, weight_decay=0.2), verbose=0)
        tables.append(net.layers[1].weights[:60].tobytes())
    assert tables[0] == tables[1]


def test_factors_of_one_change_no_byte(rng):
    X, y = rng.standard_normal((30, 5)), rng.standard_normal((30, 2))
    found = set()
    for options in ({}, {"rate_factor": 1}, {"rate_factor": {"bias": 1.0}, "decay_factor": {"weights": 1, "bias": 0}}):
        net = cr.Network([cr.Input(5), cr.Dense(9, "tanh", **options), cr.Dense(2, **options)], seed=0)
        net.fit(X, y, epochs=2, optimizer=cr.AdamW(0.01, weight_decay=0.1), verbose=0)
        found.add(net.parameters.tobytes())
    assert len(found) == 1


def test_they_are_set_at_any_time_and_kept_in_files(tmp_path, rng):
    net = cr.Network(by_layer(), seed=1)
    net.layers[-1].rate_factor = {"weights": 0.125}
    net.layers[4].decay_factor = 0.75
    net.save(tmp_path / "net")
    again = cr.load(tmp_path / "net")
    assert again.layers[-1].rate_factor == {"weights": 0.125}
    assert (again.layers[4].decay_factor, again.layers[4].back.decay_factor) == (0.75, 0.75)
    X, y = rng.standard_normal((12, 6, 3)), rng.standard_normal((12, 2))
    for each in (net, again):
        each.fit(X, y, epochs=1, optimizer=cr.AdamW(0.01, weight_decay=0.1), verbose=0)
    assert net.parameters.tobytes() == again.parameters.tobytes()
    assert repr(again.layers[1]) == "Scale(rate_factor=6.0, decay_factor=0.3)"
    assert repr(again.layers[-1]).endswith("use_bias=False, l2=0.01, rate_factor={'weights': 0.125})")
    net.layers[-1].rate_factor = 0
    net.layers[-1].decay_factor = None
    before = net.layers[-1].weights
    net.fit(X, y, epochs=1, optimizer="sgd", verbose=0)
    assert np.array_equal(net.layers[-1].weights, before)


def test_what_is_read_is_a_copy():
    layer = cr.Dense(3, rate_factor={"bias": 0.5})
    layer.rate_factor["bias"] = 7.0
    assert layer.rate_factor == {"bias": 0.5}


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"rate_factor": -1}, ValueError, "rate_factor must be finite and .* got -1"),
        ({"decay_factor": {"bias": np.nan}}, ValueError, r"decay_factor\['bias'\] must be finite"),
        ({"rate_factor": {1: 2.0}}, TypeError, "rate_factor must have names of parameters as keys, got 1"),
        ({"rate_factor": "fast"}, TypeError, "rate_factor must be a number"),
        ({"rate_factor": {"biass": 1}}, ValueError, r"rate_factor must name parameters of Dense \(weights, bias\)"),
        (
            {"decay_factor": {"bias": 1}, "use_bias": False},
            ValueError,
            r"parameters of Dense \(weights\), got {'bias'}",
        ),
    ],
)
def test_refusals(options, error, message):
    with pytest.raises(error, match=message):
        cr.Network([cr.Input(3), cr.Dense(2, **options)], seed=0)


def test_a_name_that_is_refused_changes_nothing():
    net = cr.Network([cr.Input(5, 3), cr.LSTM(2, rate_factor=0.5)], seed=0)
    with pytest.raises(ValueError, match=r"\(weights, recurrent_weights, bias\), got {'input_weights'}"):
        net.layers[1].rate_factor = {"input_weights": 2.0}
    assert net.layers[1].rate_factor == 0.5
