"""The schedules against the plain formulas of the reference, and their exact bits."""

import dataclasses
import functools
import hashlib
import itertools

import numpy as np
import pytest

import chainrule as cr
from chainrule import _exact
from chainrule.reference import schedules as plain
from chainrule.schedules import rates_from

STEPS = np.arange(0, 3000)
CASES = {
    "step": (cr.StepDecay(0.3, every=70, factor=0.9), lambda k: plain.step_decay(k, 0.3, 70, 0.9)),
    "exponential": (cr.ExponentialDecay(0.3, 100, 0.5), lambda k: plain.exponential_decay(k, 0.3, 100, 0.5)),
    "inverse": (cr.InverseTimeDecay(0.3, 50), lambda k: plain.inverse_time_decay(k, 0.3, 50)),
    "cosine": (cr.CosineDecay(0.3, 500, 0.01), lambda k: plain.cosine_decay(k, 0.3, 500, 0.01)),
    "restarts": (cr.CosineDecay(0.3, 100, 0.01, 2), lambda k: plain.cosine_decay(k, 0.3, 100, 0.01, 2)),
    "equal restarts": (cr.CosineDecay(0.3, 100, 0.01, 1), lambda k: plain.cosine_decay(k, 0.3, 100, 0.01, 1)),
    "piecewise": (
        cr.PiecewiseConstant([10, 200], [0.3, 0.1, 0.01]),
        lambda k: plain.piecewise_constant(k, [10, 200], [0.3, 0.1, 0.01]),
    ),
    "warmup": (
        cr.Warmup(100, cr.CosineDecay(0.3, 500)),
        lambda k: plain.warmup(k, 100, functools.partial(plain.cosine_decay, rate=0.3, steps=500)),
    ),
    "warmup of a number": (cr.Warmup(100, 0.2), lambda k: plain.warmup(k, 100, lambda _: 0.2)),
    "coslog": (cr.Coslog(0.3, steps=2500), lambda k: plain.coslog(k, 0.3, 2500)),
    "one cycle": (cr.Coslog(0.3, 1, 777), lambda k: plain.coslog(k, 0.3, 777, 1)),
    "flat cosine": (cr.FlatCosine(0.3, 2500), lambda k: plain.flat_cosine(k, 0.3, 2500)),
    "flat for a tenth": (cr.FlatCosine(0.3, 999, 0.1, 0.2), lambda k: plain.flat_cosine(k, 0.3, 999, 0.1, 0.2)),
}


@pytest.mark.parametrize("name", CASES)
def test_schedule_matches_reference(name):
    schedule, formula = CASES[name]
    assert schedule(STEPS) == pytest.approx([formula(int(k)) for k in STEPS], rel=1e-13, abs=1e-16)


@pytest.mark.parametrize(("number", "stored"), [(slice(9), "4ca8f426bd844261"), (slice(9, None), "6caef173541f145a")])
def test_schedules_are_the_same_bytes_on_every_machine(number, stored):
    joined = b"".join(schedule(STEPS).tobytes() for schedule, _ in list(CASES.values())[number])
    assert hashlib.sha256(joined).hexdigest()[:16] == stored


def test_exact_functions_are_accurate():
    x = np.linspace(-700, 0, 1001)
    assert _exact.exp(x) == pytest.approx(np.exp(x), rel=1e-15)
    assert [_exact.log(v) for v in (1e-9, 0.3, 0.999, 1.0)] == pytest.approx(np.log([1e-9, 0.3, 0.999, 1.0]), rel=1e-15)
    u = np.linspace(0, 1, 1001)
    assert _exact.cos_pi(u) == pytest.approx(np.cos(np.pi * u), abs=5e-16)


@pytest.mark.parametrize("steps", [1, 7, 1000, 10**9])
def test_cosines_end_where_they_should(steps):
    near = np.unique(np.clip([0, 1, steps // 2, steps - 1, steps, steps + 1], 0, None))
    for cycles in (1, 4, 50):
        rates = cr.Coslog(0.3, cycles, steps)(near)
        assert ((rates >= 0) & (rates <= 0.3)).all()
        assert rates[near >= steps].tolist() == [0.0, 0.0]
        assert rates[0] == 0
    rates = cr.FlatCosine(0.3, steps, minimum=0.1)(near)
    assert set(rates[near <= steps / 2]) == {0.3}
    assert rates[near >= steps].tolist() == [0.1, 0.1]


def test_each_cycle_of_coslog_is_twice_as_long():
    rates = cr.Coslog(1.0, steps=1500)(np.arange(1501))
    zeros = np.flatnonzero(rates < 1e-9)
    assert zeros.tolist() == [0, 100, 300, 700, 1500]
    peaks = [rates[a:b].max() for a, b in itertools.pairwise(zeros)]
    assert peaks == pytest.approx(np.ones(4), abs=1e-3)


def test_cosines_are_as_long_as_the_fit(tmp_path):
    X, y = cr.data.sine(20)
    for schedule in (cr.Coslog(0.1), cr.FlatCosine(0.1, flat=0.25), cr.Warmup("1 epoch", cr.FlatCosine(0.1))):
        net = cr.Network([1, 4, 1], seed=0)
        net.fit(X, y, epochs=4, batch_size=5, optimizer=cr.Adam(schedule), verbose=0)
        assert net.optimizer.learning_rate == schedule.resolved(4, 16)
        assert net.history["learning_rate"] == net.optimizer.learning_rate([3, 7, 11, 15]).tolist()
        net.save(tmp_path / "net")
        assert cr.load(tmp_path / "net").optimizer == net.optimizer


def test_training_takes_the_schedule_step_by_step():
    X, y = cr.data.sine(20)
    nets = [cr.Network([1, 4, 1], seed=0, dtype="float64") for _ in range(2)]
    schedule = cr.InverseTimeDecay(0.1, 3)
    nets[0].fit(X, y, epochs=3, batch_size=5, optimizer=cr.SGD(schedule), shuffle=False, verbose=0)
    for k in range(12):
        rows = slice(5 * (k % 4), 5 * (k % 4) + 5)
        nets[1].train_on_batch(X[rows], y[rows], optimizer=cr.SGD(float(schedule(k))))
    assert nets[0].parameters == pytest.approx(nets[1].parameters, rel=1e-12)


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [(cr.InverseTimeDecay(0.1, 5e-324), [0.1, 0.0]), (cr.Warmup(5, 1e308), [2e307, 1e308])],
    ids=["inverse time", "warmup"],
)
def test_rates_at_the_ends_of_the_numbers(schedule, expected):
    assert schedule([0, 2**62]) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: cr.StepDecay(-1, 10), "rate must be"),
        (lambda: cr.StepDecay(1, 0), "every must be at least 1"),
        (lambda: cr.StepDecay(1, 1, 2.0), "factor must be"),
        (lambda: cr.CosineDecay(0.1, 10, 0.2), "minimum must be"),
        (lambda: cr.Coslog(-0.1), "rate must be"),
        (lambda: cr.Coslog(0.1, 0), "cycles must be at least 1"),
        (lambda: cr.Coslog(0.1, 51), "cycles must be at least 1 and at most 50"),
        (lambda: cr.Coslog(0.1, 4, "ten epochs"), "steps must be a number of steps"),
        (lambda: cr.FlatCosine(0.1, 0), "steps must be at least 1"),
        (lambda: cr.FlatCosine(0.1, flat=1.0), "flat must be"),
        (lambda: cr.FlatCosine(0.1, minimum=0.2), "minimum must be"),
        (lambda: cr.PiecewiseConstant([5, 3], [1, 1, 1]), "ascending"),
        (lambda: cr.PiecewiseConstant([5], [1]), "one more"),
        (lambda: cr.Warmup(0, 0.1), "steps must be"),
        (lambda: cr.Warmup(1, cr.Warmup(1, 0.1)), "then must not be a Warmup again"),
        (lambda: cr.ExponentialDecay(float("nan"), 1, 0.5), "rate must be finite"),
    ],
)
def test_bad_settings_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize("first, count", [(0, 1), (500, 30), (511, 1), (512, 512), (300, 5000)])
@pytest.mark.parametrize(
    "schedule",
    [
        cr.StepDecay(0.4, every=7),
        cr.ExponentialDecay(0.1, every=9, factor=0.7),
        cr.Coslog(0.2, cycles=3, steps=900),
        cr.Warmup(5, cr.Coslog(np.array(0.2), steps=900)),
        cr.Warmup(510, cr.FlatCosine(0.1, steps=700)),
        0.25,
    ],
    ids=repr,
)
def test_rates_ahead_are_those_of_their_steps(schedule, first, count):
    expected = schedule(np.arange(first, first + count)) if isinstance(schedule, cr.Schedule) else np.full(count, 0.25)
    assert rates_from(schedule, first, count).tobytes() == expected.tobytes()


def test_a_schedule_of_the_users_is_asked_for_its_steps_only():
    @dataclasses.dataclass(frozen=True)
    class Listed(cr.Schedule):
        known: tuple[float, ...]

        def _rates(self, k):
            return np.array(self.known)[k.astype(int)]

    assert rates_from(Listed((0.3, 0.2, 0.1)), 1, 2).tolist() == [0.2, 0.1]
