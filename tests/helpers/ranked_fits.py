"""A small fit that ranks make together, and what must be the same on all of them."""

import numpy as np
from ranks import on_ranks

import chainrule as cr

RNG = np.random.default_rng(0)
X = RNG.normal(size=(150, 20))
LABELS = RNG.integers(0, 5, 150)


def network(**options):
    return cr.Network([20, 33, 5], output="softmax", **{"seed": 0, **options})


def outcome(net):
    return net.parameters.tobytes(), net.snapshot().statistics.tobytes(), dict(net.history)


def fitted(make=network, X=X, y=LABELS, communicator=None, **options):
    net = make()
    options = {"epochs": 2, "batch_size": 50, "verbose": 0, "optimizer": cr.Adam(0.01), **options}
    net.fit(X, y, communicator=communicator, **options)
    return outcome(net)


def assert_same_on(sizes, fit):
    """One process and so many ranks end with the same parameters and the same history, to the last bit."""
    expected = fit(None)
    for size in sizes:
        found = on_ranks(size, fit)
        assert found == [expected] * size, (size, [one for one in found if isinstance(one, BaseException)])
