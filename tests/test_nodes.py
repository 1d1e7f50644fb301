"""The object model against central differences, the matrices, and a step by hand."""

import numpy as np
import pytest

import chainrule as cr
from chainrule import reference
from chainrule.nodes import Network
from chainrule.verification.twins import reference_of


def test_gradient_is_the_central_difference():
    net = Network([3, 4, 2], seed=1)
    label, sample, h = [0.9, 0.2], [0.5, -1.0, 2.0], 1e-4
    gradient = net.get_gradient(label, sample)
    for connection, expected in zip(net.connections, gradient, strict=True):
        start, errors = connection.weight, []
        for offset in (-2, -1, 1, 2):
            connection.weight = start + offset * h
            errors.append(net.error(label, sample))
        connection.weight = start
        difference = (errors[0] - 8 * errors[1] + 8 * errors[2] - errors[3]) / (12 * h)
        assert expected == pytest.approx(difference, rel=1e-7, abs=1e-11)


def test_matrices_give_the_same_to_twelve_digits():
    nodes = Network([5, 7, 6, 3], seed=2)
    net = cr.Network.from_nodes(nodes)
    ref = reference_of(net)
    rng = np.random.default_rng(0)
    x, t = rng.standard_normal(5), rng.uniform(size=3)
    ref.loss_and_gradient(x[None], t[None], reference.losses.MSE())
    assert nodes.predict(x) == pytest.approx(ref.layers[-1].activations[0], rel=1e-12)
    assert nodes.flat(nodes.get_gradient(t, x)) == pytest.approx(ref.gradients, rel=1e-12, abs=1e-16)


def test_online_training_is_that_of_the_core():
    nodes = Network([8, 3, 8], seed=3)
    core = cr.Network.from_nodes(nodes)
    X, y = cr.data.identity8()
    nodes.train(y.tolist(), X.tolist(), rate=0.5, iteration=3)
    core.fit(X, y, epochs=3, batch_size=1, shuffle=False, optimizer=cr.SGD(0.5), loss="mse", verbose=0)
    assert nodes.flat([c.weight for c in nodes.connections]) == pytest.approx(core.parameters, rel=1e-11)


def test_conversion_back_and_forth_keeps_every_weight():
    net = cr.Network([4, 3, 2], activation="sigmoid", output="sigmoid", dtype="float64", seed=0)
    assert np.array_equal(cr.Network.from_nodes(Network.from_network(net)).parameters, net.parameters)


def test_only_sigmoid_networks_are_taken():
    with pytest.raises(ValueError, match="sigmoid units only, got a layer of 'relu'"):
        Network.from_network(cr.Network([2, 2, 1], seed=0))


def test_encoder_is_learned():
    net = Network([8, 3, 8], seed=0)
    X = cr.data.identity8()[0].tolist()
    net.train(X, X, rate=3.0, iteration=1500)
    assert [int(np.argmax(net.predict(x))) for x in X] == list(range(8))


def test_dump_shows_every_node_and_connection(capsys):
    net = Network([2, 1])
    net.dump()
    assert len(capsys.readouterr().out.splitlines()) == 3 + 2 + 3


@pytest.mark.parametrize("sizes", [[3], [], [2, 0, 1]])
def test_sizes_are_checked(sizes):
    with pytest.raises(ValueError, match="sizes must be"):
        Network(sizes)
