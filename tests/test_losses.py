"""Losses beyond the reference: which targets they take, and what is reported beside them."""

import numpy as np
import pytest

import chainrule as cr

RANDOM = np.random.default_rng(0)
X = RANDOM.standard_normal((60, 2))
SIDES = np.where(X @ [1, -2] > 0.3, 1, -1)


def hinge_network(outputs=1):
    return cr.Network([2, outputs], seed=0)


def test_hinge_takes_two_classes_by_any_name():
    outcomes = set()
    for y in (SIDES, SIDES.astype(float), SIDES[:, None], (SIDES + 1) // 2, SIDES > 0, (SIDES > 0).astype(float)):
        net = hinge_network()
        net.fit(X, y, epochs=3, loss="hinge", optimizer=cr.SGD(0.1), verbose=0)
        outcomes.add((net.parameters.tobytes(), net.evaluate(X, y)["loss"]))
    assert len(outcomes) == 1


def test_hinge_finds_a_separating_line():
    net = hinge_network()
    history = net.fit(X, SIDES, epochs=300, loss="hinge", optimizer=cr.Adam(0.05), verbose=0)
    assert history["accuracy"][-1] > 0.95
    assert (net.predict_classes(X) == (SIDES > 0)).mean() > 0.95


def test_hinge_tells_each_of_several_classes_from_the_others():
    y = np.digitize(X[:, 0], [-0.5, 0.5])
    net = cr.Network([2, 16, 3], activation="tanh", seed=0)
    net.fit(X, y, epochs=300, loss="hinge", optimizer=cr.Adam(0.02), verbose=0)
    assert net.evaluate(X, y)["accuracy"] > 0.95
    rows = np.where(np.eye(3)[y] > 0, 1.0, -1.0)
    assert net.evaluate(X, y)["loss"] == net.evaluate(X, rows)["loss"]
    assert net.check(X, y, loss="hinge").ok


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (SIDES * 0.5, r"y must be -1 and 1 for loss 'hinge', got -?0.5"),
        (SIDES + 1.0, "y must be 0 and 1 for loss 'hinge', got 2.0"),
        (np.arange(60), r"y as labels must be in \[0, 1\]"),
    ],
)
def test_hinge_refuses_other_targets(y, message):
    with pytest.raises(ValueError, match=message):
        hinge_network().fit(X, y, loss="hinge", verbose=0)
