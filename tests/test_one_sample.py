"""One sample, or a few, of any network: the bytes that it has in a batch, from many threads, after any change."""

import threading

import numpy as np
import pytest
from guarded import guarded

import chainrule as cr
from chainrule.inference import Predictor

CONVOLUTIONS = {
    "narrow": ((9, 8, 1), lambda: [cr.Conv2D(6, 5, "tanh"), cr.MaxPool2D(2), cr.Conv2D(17, 2)]),
    "wide": ((6, 7, 3), lambda: [cr.Conv2D(33, 3, "relu", padding="same"), cr.Conv2D(64, 3, "relu")]),
    "odd channels": ((5, 5, 5), lambda: [cr.Conv2D(3, 2, "relu"), cr.Conv2D(9, 2), cr.Conv2D(31, 2)]),
    "strides": (
        (9, 11, 2),
        lambda: [cr.Conv2D(20, 3, "silu", strides=2, padding="same"), cr.Conv2D(4, 2, strides=(2, 1))],
    ),
    "dilation": ((9, 9, 2), lambda: [cr.Conv2D(18, 3, dilation=2, padding="same"), cr.Conv2D(5, 2, dilation=(1, 3))]),
    "groups": ((6, 6, 4), lambda: [cr.Conv2D(36, 3, "gelu", groups=2, padding="same"), cr.Conv2D(12, 2, groups=4)]),
    "each channel": ((6, 6, 20), lambda: [cr.Conv2D(20, 3, groups=20), cr.Conv2D(40, 2, "relu", groups=20)]),
    "each of many channels": ((5, 6, 32), lambda: [cr.Conv2D(32, 3, "relu", groups=32, padding="same", strides=2)]),
    "transposed groups": ((4, 4, 6), lambda: [cr.Conv2DTranspose(4, 3, "tanh", padding="same", strides=2)]),
    "transposed": ((4, 5, 3), lambda: [cr.Conv2D(8, 2), cr.Conv2DTranspose(18, 3, "tanh", strides=2)]),
    "softmax at pixels": ((5, 4, 2), lambda: [cr.Conv2D(17, 3, "relu", padding="same"), cr.Conv2D(3, 1, "softmax")]),
    "normalised": ((7, 7, 2), lambda: [cr.Conv2D(6, 3), cr.BatchNorm(), cr.Conv2D(16, 3, "relu"), cr.AvgPool2D(2)]),
    "normalised in lanes": (
        (7, 7, 2),
        lambda: [
            cr.Conv2D(6, 3),
            cr.BatchNorm(),
            cr.Activation("tanh"),
            cr.Conv2D(5, 3),
            cr.BatchNorm(),
            cr.UpSample2D(2),
        ],
    ),
    # In prediction a convolution does the work of a normalisation and an activation after it, once each in this order.
    "finished": (
        (8, 7, 3),
        lambda: [
            *(cr.Conv2D(18, 3, "relu", padding="same"), cr.BatchNorm(), cr.Activation("tanh")),
            *(cr.BatchNorm(), cr.Activation("gelu"), cr.Conv2D(7, 2), cr.Activation("elu"), cr.BatchNorm()),
            *(cr.Conv2D(4, 2), cr.BatchNorm(), cr.BatchNorm()),
        ],
    ),
    "finished sequences": (
        (20, 3),
        lambda: [cr.Conv1D(21, 3, padding="causal"), cr.BatchNorm(), cr.Activation("silu"), cr.MaxPool1D(2)],
    ),
    "normalised branches": (
        (6, 6, 3),
        lambda: [
            cr.Conv2D(6, 3),
            cr.BatchNorm(),
            cr.Residual([cr.Conv2D(6, 1), cr.BatchNorm(), cr.Activation("relu")]),
        ],
    ),
    "pool first": ((6, 6, 3), lambda: [cr.MaxPool2D(2), cr.Conv2D(16, 2, "relu")]),
    "mean first": ((7, 6, 1), lambda: [cr.AvgPool2D(3, strides=2), cr.Conv2D(20, 2)]),
    "sequences": ((30, 3), lambda: [cr.Conv1D(32, 5, "relu"), cr.MaxPool1D(2), cr.Conv1D(20, 3), cr.GlobalAvgPool1D()]),
    "causal": ((12, 3), lambda: [cr.Conv1D(18, 3, "tanh", padding="causal", dilation=2), cr.GRU(5)]),
    "branches": (
        (6, 6, 3),
        lambda: [
            cr.Conv2D(16, 3, padding="same"),
            cr.Residual([cr.Conv2D(16, 3, "relu", padding="same")]),
            cr.UpSample2D(2),
        ],
    ),
}


def network(name, **options):
    shape, layers = CONVOLUTIONS[name]
    net = cr.Network([cr.Input(*shape), *layers()], seed=1, **options)
    random = np.random.default_rng(2)
    net.parameters = random.normal(0, 0.3, net.parameter_count)
    for layer in net.layers:
        if isinstance(layer, cr.BatchNorm):
            layer.running_mean = random.normal(0, 0.3, layer.running_mean.size)
            layer.running_variance = random.uniform(0.5, 2, layer.running_variance.size)
    return net, guarded(np.random.default_rng(3).standard_normal((40, *shape)).astype(net.dtype))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_convolutions_have_the_same_bytes_in_both_layouts(name, dtype):
    net, X = network(name, dtype=dtype)
    in_rows = net.forward(X)
    predictor = Predictor(net)
    for isa in [isa for isa in cr.info()["isas"].split(", ") if isa != "baseline"]:
        try:
            cr.set_isa(isa)
            outputs = net.predict(X)
            assert outputs.tobytes() == in_rows.tobytes()
            for count in (1, 2, 3, 8, 16, 17, 33):
                assert net.predict(X[-count:]).tobytes() == outputs[-count:].tobytes(), count
            for x, expected in zip(X[:5], outputs, strict=False):
                assert predictor(x).tobytes() == expected.tobytes()
        finally:
            cr.set_isa(None)


def test_predictions_follow_the_parameters():
    net, X = network("wide")
    X = X[:2]
    predictor = Predictor(net)
    before = net.predict(X)
    net.fit(X, before * 2, epochs=1, verbose=0)
    after = net.predict(X[:1])
    assert after.tobytes() != before[:1].tobytes()
    assert after.tobytes() == net.predict(X)[:1].tobytes() == Predictor(net)(X[0])[None].tobytes()
    assert predictor(X[0]).tobytes() == before[0].tobytes()


@pytest.mark.parametrize("name", ["narrow", "sequences", "branches"])
def test_many_threads_share_a_network_and_a_predictor(name):
    net, X = network(name)
    expected = net.predict(X)
    predictor = Predictor(net)
    wrong = []

    def work(count):
        for _ in range(5):
            for i in range(len(X) - count):
                right = expected[i : i + count].tobytes()
                if (
                    net.predict(X[i : i + count]).tobytes() != right
                    or predictor(X[i]).tobytes() != expected[i].tobytes()
                ):
                    wrong.append(i)

    threads = [threading.Thread(target=work, args=(count,)) for count in (1, 1, 2, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_tokens_are_checked():
    net = cr.Network([cr.Input(4), cr.Embedding(6, 3), cr.GRU(5), cr.Dense(2, "softmax")], seed=0)
    predictor = Predictor(net)
    tokens = [0, 5, 2, 2]
    for given in (tokens, np.array(tokens, "float32"), np.array(tokens, "uint8")):
        assert predictor(given).tobytes() == net.predict([tokens])[0].tobytes()
    with pytest.raises(ValueError, match=r"x must have shape \(4,\), got \(3,\)"):
        predictor(tokens[:3])
    for wrong in ([0, 6, 0, 0], [0, -1, 0, 0], [0, 0.5, 0, 0]):
        with pytest.raises(ValueError, match=r"x must hold whole numbers in \[0, 6\)"):
            predictor(wrong)
        with pytest.raises(ValueError, match=r"x must hold whole numbers in \[0, 6\)"):
            predictor(np.array(wrong, "float32"))


def test_codes_of_columns_are_checked():
    net = cr.Network([cr.Input(4), cr.Columns([cr.Numbers(2), cr.OneHot(3), cr.Embedding(5, 2)]), cr.Dense(2)], seed=0)
    predictor = Predictor(net)
    sample = [0.5, -2.0, 2, 4]
    assert predictor(sample).tobytes() == net.predict([sample])[0].tobytes()
    with pytest.raises(ValueError, match=r"x\[2\] must hold whole numbers in \[0, 3\), got 3"):
        predictor([0.5, -2.0, 3, 4])
    with pytest.raises(ValueError, match="x must have shape"):
        predictor([0.5, -2.0])
    with pytest.raises(ValueError, match="finite"):
        predictor([np.nan, -2.0, 2, 4])


def test_sequences_of_any_length_need_a_length():
    net = cr.Network([cr.Input(None, 3), cr.GRU(5), cr.Dense(2)], seed=0)
    X = np.random.default_rng(0).standard_normal((2, 7, 3)).astype("float32")
    with pytest.raises(ValueError, match=r"network must have a fixed number of steps, as net\.fixed\(X\) has"):
        Predictor(net)
    assert Predictor(net.fixed(X))(X[0]).tobytes() == net.predict(X)[0].tobytes()
