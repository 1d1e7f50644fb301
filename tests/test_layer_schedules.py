"""Schedules of the rate of dropout and of the weight decay, by the step."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.reference import Dropout as ReferenceDropout
from chainrule.verification.twins import in_float64, reference_loss, reference_of, reference_optimizer

RATES = cr.PiecewiseConstant([2, 5], [0.5, 0.2, 0.0])
DECAY = cr.StepDecay(0.3, every=2)


def data(samples=20):
    rng = np.random.default_rng(3)
    return rng.standard_normal((samples, 5)), rng.standard_normal((samples, 2))


def network(rate, dtype="float32"):
    layers = [cr.Dense(18, "tanh"), cr.Dropout(rate), cr.Residual([cr.Dense(18, "tanh"), cr.Dropout(0.1)])]
    return cr.Network([cr.Input(5), *layers, cr.Dense(2)], seed=0, dtype=dtype)


def trained(rate, decay=0.1, epochs=3, optimizer=cr.AdamW, **options):
    net = network(rate)
    net.fit(*data(), epochs=epochs, batch_size=6, optimizer=optimizer(0.02, weight_decay=decay), verbose=0, **options)
    return net


def test_training_follows_the_reference():
    net = network(RATES, "float64")
    X, y = data()
    optimizer = cr.AdamW(0.02, weight_decay=DECAY)
    twins = []
    for steps in (4, 8):
        net = network(RATES, "float64")
        net.follow(0, 4)
        ref, pupil = reference_of(net), reference_optimizer(optimizer)
        for epoch in range(steps // 4):
            dropout = next(layer for layer in ref.layers if isinstance(layer, ReferenceDropout))
            dropout.rates = RATES(np.arange(4 * epoch, 4 * epoch + 4)).tolist()
            rates, decays = optimizer.rates(4 * epoch, 4), optimizer.weight_decays(4 * epoch, 4)
            loss = reference_loss(cr.MSE())
            ref.train_epoch(X, y, loss, pupil, rates, 6, True, net.seed, epoch, None, 0.0, decays)
        net.fit(X, y, epochs=steps // 4, batch_size=6, optimizer=optimizer, loss="mse", verbose=0)
        assert net.parameters == pytest.approx(ref.parameters, rel=1e-9, abs=1e-11)
        twins.append(net.parameters)
    assert (twins[0] != twins[1]).any()


def test_a_schedule_that_stays_has_the_bytes_of_the_number():
    expected = trained(0.25).parameters.tobytes()
    assert trained(cr.PiecewiseConstant([3], [0.25, 0.25])).parameters.tobytes() == expected
    assert trained(0.25, cr.PiecewiseConstant([3], [0.1, 0.1])).parameters.tobytes() == expected
    assert trained(cr.PiecewiseConstant([3], [0.25, 0.2])).parameters.tobytes() != expected
    assert trained(0.25, cr.PiecewiseConstant([3], [0.1, 0.2])).parameters.tobytes() != expected


def test_one_that_follows_the_fit_has_its_length():
    expected = trained(cr.CosineDecay(0.4, steps=12), cr.CosineDecay(0.2, steps=12))
    found = trained(cr.CosineDecay(0.4), cr.CosineDecay(0.2))
    assert found.parameters.tobytes() == expected.parameters.tobytes()
    assert found.layers[2].rate == cr.CosineDecay(0.4)
    in_epochs = trained(cr.StepDecay(0.4, "2 epochs"), cr.StepDecay(0.2, "1 epoch"))
    assert in_epochs.parameters.tobytes() == trained(cr.StepDecay(0.4, 8), cr.StepDecay(0.2, 4)).parameters.tobytes()


def test_a_fit_goes_on_where_the_schedules_were():
    one = trained(RATES, DECAY)
    parts = network(RATES)
    for _ in range(3):
        parts.fit(*data(), epochs=1, batch_size=6, optimizer=cr.AdamW(0.02, weight_decay=DECAY), verbose=0)
    assert parts.parameters.tobytes() == one.parameters.tobytes()


@pytest.mark.parametrize(("rate", "decay"), [(RATES, DECAY), (cr.CosineDecay(0.4), cr.CosineDecay(0.2))])
def test_a_fit_is_resumed_within_an_epoch(tmp_path, rate, decay):
    file, optimizer = tmp_path / "net", cr.AdamW(0.02, weight_decay=decay)
    options = {"epochs": 3, "batch_size": 6, "optimizer": optimizer, "verbose": 0}
    fails = [True]

    def fail_once(net, epoch, metrics):
        if fails[0] and epoch == 2:
            raise RuntimeError("interrupted")

    with pytest.raises(RuntimeError, match="interrupted"):
        network(rate).fit(*data(), callbacks=fail_once, checkpoint=file, checkpoint_every="3 steps", **options)
    fails[0] = False
    net = cr.load(file)
    assert (net.layers[2].rate, net.epochs) == (rate, 1)
    net.fit(*data(), callbacks=fail_once, resume=True, **options)
    whole = network(rate)
    whole.fit(*data(), callbacks=fail_once, **options)
    assert net.parameters.tobytes() == whole.parameters.tobytes()


def test_files_and_copies_keep_them(tmp_path):
    net = trained(RATES, DECAY, epochs=1)
    net.save(tmp_path / "net")
    again = cr.load(tmp_path / "net")
    assert repr(again.layers[2]) == "Dropout(PiecewiseConstant(boundaries=(2, 5), rates=(0.5, 0.2, 0.0)))"
    assert repr(net.layers[2].copy()) == repr(again.layers[2])
    for each in (net, again, in_float64(net)):
        each.fit(*data(), epochs=1, batch_size=6, verbose=0)
    assert net.parameters.tobytes() == again.parameters.tobytes()


def test_steps_outside_of_fit_follow_them():
    net = network(cr.PiecewiseConstant([1], [0.0, 0.9]))
    X, y = data()
    assert np.isclose(net.forward(X, training=True), network(0.0).forward(X, training=True)).all()
    net.train_on_batch(X, y, optimizer=cr.AdamW(0.01, weight_decay=DECAY))
    assert not np.isclose(net.forward(X, training=True), net.predict(X)).all()
    net.backward(np.ones_like(y))
    net.step(cr.AdamW(0.01, weight_decay=DECAY))


@pytest.mark.parametrize("rate", [RATES, cr.CosineDecay(0.3)])
def test_check(rate):
    report = network(rate).check(*data(8), optimizer=cr.AdamW(0.01, weight_decay=DECAY))
    assert report.ok, report


def test_refusals():
    with pytest.raises(ValueError, match=r"rate must be finite and in \[0, 1\), got 1.5"):
        cr.Dropout(cr.StepDecay(1.5, 2))
    net = network(cr.PiecewiseConstant([2], [0.1, 1.0]))
    before = net.parameters
    with pytest.raises(ValueError, match=r"rate must be finite and in \[0, 1\), got 1.0"):
        net.fit(*data(), epochs=1, batch_size=6, verbose=0)
    assert np.array_equal(net.parameters, before)
    with pytest.raises(ValueError, match="must count steps for batches that come one by one"):
        network(cr.CosineDecay(0.1)).fit([data()], epochs=1, verbose=0)
    with pytest.raises(ValueError, match="weight_decay must count steps for batches that come one by one"):
        network(0.1).fit([data()], epochs=1, optimizer=cr.AdamW(weight_decay=cr.CosineDecay(0.1)), verbose=0)
