"""Activations of recurrent layers against the reference, central differences, and steps computed by hand."""

import numpy as np
import pytest
from networks_of_layers import ACTIVATIONS

import chainrule as cr

ELEMENTWISE = [name for name in ACTIVATIONS if name != "softmax"]
CELLS = {
    "simple": cr.SimpleRNN,
    "lstm": cr.LSTM,
    "peepholes": lambda *args, **options: cr.LSTM(*args, peepholes=True, **options),
    "gru": cr.GRU,
    "gru_before": lambda *args, **options: cr.GRU(*args, reset_after=False, **options),
}


def network(layers, seed=1, **options):
    return cr.Network([cr.Input(5, 3), *layers, cr.Dense(2)], seed=seed, **options)


def samples(seed=0, count=20, shape=(5, 3)):
    rng = np.random.default_rng(seed)
    return rng.uniform(-1, 1, (count, *shape)), rng.uniform(-1, 1, (count, 2))


CASES = [("simple", name) for name in ELEMENTWISE] + [
    (cell, name) for cell in CELLS if cell != "simple" for name in ("relu", "gelu")
]


@pytest.mark.parametrize(("cell", "activation"), CASES)
def test_the_core_is_the_reference_and_has_the_slopes_of_differences(cell, activation):
    layer = CELLS[cell](3, activation, recurrent_weights=cr.Normal(0.1))
    report = cr.Network([cr.Input(3, 2), layer, cr.Dense(2)], seed=1).check(*samples(count=4, shape=(3, 2)))
    assert report.ok, report


def test_it_holds_with_dropout_padding_and_both_directions():
    X, y = samples(count=8)
    X[3, 2:] = X[5] = X[7, :2] = 0
    layers = [
        cr.Masking(),
        cr.GRU(3, "gelu", return_sequences=True, dropout=0.2, recurrent_dropout=0.2),
        cr.Bidirectional(cr.LSTM(2, "relu", dropout=0.1)),
    ]
    report = network(layers).check(X, y)
    assert report.ok, report


def test_a_simple_cell_of_relu_is_its_formula():
    net = network([cr.SimpleRNN(4, "relu")], dtype="float64")
    X, _ = samples()
    layer, h = net.layers[1], np.zeros((20, 4))
    for t in range(5):
        h = np.maximum(X[:, t] @ layer.weights + h @ layer.recurrent_weights + layer.bias, 0)
    assert net.predict(X) == pytest.approx(h @ net.layers[2].weights + net.layers[2].bias, rel=1e-12)


@pytest.mark.parametrize("cell", CELLS)
def test_tanh_by_default_and_by_name_are_the_same_bytes(cell):
    X, y = samples()
    nets = [network([CELLS[cell](4)]), network([CELLS[cell](4, "tanh")]), network([CELLS[cell](4, "relu")])]
    for net in nets:
        net.fit(X, y, epochs=2, verbose=0)
    default, named, other = (net.parameters.tobytes() for net in nets)
    assert default == named != other


@pytest.mark.parametrize("cell", CELLS)
def test_bytes_do_not_depend_on_threads_and_files_keep_the_activation(cell, tmp_path):
    X, y = samples(count=50)
    nets = [network([cr.Bidirectional(CELLS[cell](4, "silu"))]) for _ in range(2)]
    for threads, net in enumerate(nets, start=1):
        cr.set_num_threads(threads)
        net.fit(X, y, epochs=2, verbose=0)
    assert nets[0].parameters.tobytes() == nets[1].parameters.tobytes()
    nets[0].save(tmp_path / "net")
    loaded = cr.load(tmp_path / "net")
    assert loaded.layers[1].ahead.activation == "silu"
    assert loaded.predict(X).tobytes() == nets[0].predict(X).tobytes()


@pytest.mark.parametrize("cell", CELLS)
def test_a_stepper_predicts_what_the_network_does(cell):
    net = network([CELLS[cell](4, "gelu", return_sequences=True)])
    X, _ = samples(count=1)
    stepper = net.stepper()
    assert np.array_equal(np.stack([stepper.step(x) for x in X[0]]), net.predict(X)[0])


def test_the_outputs_have_no_activation():
    net = cr.Network([cr.Input(5, 3), cr.SimpleRNN(2, "sigmoid")], seed=0)
    assert net.layers[1].output_activation == "identity"
    with pytest.raises(ValueError, match="predict_proba needs an output of softmax or sigmoid"):
        net.predict_proba(samples()[0])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: cr.LSTM(2, "softmax"), "activation must be one of a single value in a recurrent layer, got 'softmax'"),
        (lambda: cr.GRU(2, activation="rleu"), "unknown activation 'rleu'.*relu"),
    ],
)
def test_it_refuses(make, message):
    with pytest.raises(ValueError, match=message):
        make()
