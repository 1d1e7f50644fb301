"""Members that learn side by side: against networks of one member, and what is refused."""

import numpy as np
import pytest

import chainrule as cr


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_separate_members_are_networks_by_themselves(rng):
    """The mean loss over members gives each the gradient of its own network, divided by their number."""
    members, X, y = 3, rng.standard_normal((20, 5)), rng.integers(0, 4, 20)
    layers = [cr.Repeat(members), cr.SeparateDense(9, "tanh"), cr.SeparateDense(4, "softmax")]
    net = cr.Network([cr.Input(5), *layers], seed=1, dtype="float64")
    singles = []
    for member in range(members):
        of_member = [layer.weights[member] for layer in net.layers[2:]]
        first, last = cr.Dense(9, "tanh", weights=of_member[0]), cr.Dense(4, "softmax", weights=of_member[1])
        singles.append(cr.Network([cr.Input(5), first, last], seed=0, dtype="float64"))
    options = {"epochs": 3, "batch_size": 6, "optimizer": cr.Adam(0.02, epsilon=1e-30), "shuffle": False, "verbose": 0}
    net.fit(X, np.repeat(y[:, None], members, axis=1), **options)
    for member, single in enumerate(singles):
        single.fit(X, y, **options)
        assert net.predict(X)[:, member] == pytest.approx(single.predict(X), rel=1e-9)


def test_shared_weights_with_factors_are_those_of_dense_layers(rng):
    layer = cr.BatchEnsemble(6, "gelu", factors="normal", bias=rng.standard_normal((4, 6)))
    net = cr.Network([cr.Input(4, 5), layer], seed=0, dtype="float64")
    layer.output_factors = rng.standard_normal((4, 6))
    X = rng.standard_normal((7, 4, 5))
    for member in range(4):
        weights = layer.input_factors[member][:, None] * layer.weights * layer.output_factors[member]
        dense = cr.Dense(6, "gelu", weights=weights, bias=layer.bias[member])
        single = cr.Network([cr.Input(5), dense], seed=0, dtype="float64")
        assert net.predict(X)[:, member] == pytest.approx(single.predict(X[:, member]), rel=1e-12)


@pytest.mark.parametrize("units", [1, 15, 16, 17, 40])
@pytest.mark.parametrize("members", [1, 2, 33])
def test_any_shape_is_right(members, units, rng):
    layers = [cr.Repeat(members), cr.BatchEnsemble(units, "tanh", factors="signs"), cr.SeparateDense(units)]
    net = cr.Network([cr.Input(units + 1), *layers], seed=2, dtype="float64")
    report = net.check(rng.standard_normal((4, units + 1)), rng.standard_normal((4, members * units)), steps=2)
    assert report.ok, report


def test_initial_factors():
    def factors(given):
        layer = cr.BatchEnsemble(2, factors=given)
        cr.Network([cr.Input(400, 3), layer], seed=0)
        return layer.input_factors

    assert np.array_equal(np.unique(factors("signs")), [-1, 1])
    assert abs(factors("signs").mean()) < 0.15
    assert factors("normal").std() == pytest.approx(1, abs=0.1)
    assert np.array_equal(factors(0.5), np.full((400, 3), 0.5))
    numbers = np.arange(1200.0).reshape(400, 3)
    assert np.array_equal(factors(numbers), numbers)


def test_members_with_equal_factors_stay_equal_and_others_differ(rng):
    X, y = rng.standard_normal((30, 4)), rng.standard_normal((30, 1))
    for factors, differ in (("signs", True), (1.0, False)):
        layers = [cr.Repeat(6), cr.BatchEnsemble(8, "relu", factors=factors), cr.BatchEnsemble(1)]
        net = cr.Network([cr.Input(4), *layers], seed=0)
        net.fit(X, np.repeat(y, 6, axis=1), epochs=5, loss="mse", verbose=0)
        outputs = net.predict(X)[..., 0]
        assert (np.ptp(outputs, axis=1) > 1e-3).all() == differ


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ([cr.Repeat(2), cr.Repeat(2)], r"Repeat takes features in a row, got samples of shape \(2, 3\)"),
        (
            [cr.BatchEnsemble(2)],
            r"BatchEnsemble takes samples of shape \(members, features\), got \(3,\); put a",
        ),
        ([cr.SeparateDense(2)], r"SeparateDense takes samples of shape \(members, features\), got \(3,\)"),
        ([cr.Repeat(2), cr.BatchEnsemble(2, factors=np.ones((3, 2)))], r"input_factors must have shape \(2, 3\)"),
        ([cr.Repeat(2), cr.SeparateDense(2, weights=np.ones((3, 2)))], r"weights must have shape \(2, 3, 2\)"),
    ],
)
def test_shapes_that_do_not_fit_are_refused(layers, message):
    with pytest.raises(ValueError, match=message):
        cr.Network([cr.Input(3), *layers], seed=0)


@pytest.mark.parametrize("make", [lambda: cr.Repeat(0), lambda: cr.BatchEnsemble(0), lambda: cr.SeparateDense(-1)])
def test_numbers_that_cannot_be_are_refused(make):
    with pytest.raises(ValueError, match="must be at least 1"):
        make()


def test_unknown_names_are_refused():
    with pytest.raises(ValueError, match="unknown factors 'sign'; did you mean 'signs'"):
        cr.BatchEnsemble(2, factors="sign")
