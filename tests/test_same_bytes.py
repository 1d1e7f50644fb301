"""One seed, the same bytes: for any threads, instruction set, kernels and callbacks; and the stored bytes.

If a stored hash changes, the arithmetic has changed: say so in the changelog, and print the new hashes with
``python tests/test_same_bytes.py``.
"""

import hashlib

import numpy as np
import pytest
import scipy.sparse

import chainrule as cr

FUSED = [isa for isa in cr.info()["isas"].split(", ") if isa != "baseline"]


def data(samples, inputs, outputs, zeros=0.0):
    """Numbers of a few bits, from no library's distribution, so that they are the same everywhere."""
    words = np.random.Philox(key=[7, samples * inputs]).random_raw(samples * (inputs + outputs))
    values = ((words >> 40) % 2048).astype(np.float64) / 1024 - 1
    X = values[: samples * inputs].reshape(samples, inputs)
    X[np.abs(X) < zeros] = 0
    return X, values[samples * inputs :].reshape(samples, outputs)


def classes(y):
    return y.argmax(axis=1)


def as_bytes(X):
    return (np.abs(X) * 255).astype(np.uint8)


def dense(dtype):
    X, y = data(150, 100, 40)
    net = cr.Network([100, 300, 257, 40], activation="gelu", output="softmax", seed=1, dtype=dtype)
    net.fit(X, classes(y), epochs=2, batch_size=64, optimizer=cr.Adam(), verbose=0)
    return net, X


def digits_like(dtype):
    X, y = data(200, 300, 10, zeros=0.8)
    net = cr.Network(
        [cr.Input(300, scale=1 / 255), 120, 10], activation="sigmoid", output="softmax", seed=2, dtype=dtype
    )
    net.fit(as_bytes(X), classes(y), epochs=2, batch_size=32, optimizer=cr.SGD(0.3), verbose=0)
    plain = cr.Network([300, 120, 10], activation="sigmoid", output="softmax", seed=2, dtype=dtype)
    plain.parameters, plain.history = net.parameters, net.history
    return plain, X


def online(dtype):
    X, y = data(60, 300, 10, zeros=0.7)
    net = cr.Network([300, 100, 10], activation="sigmoid", output="sigmoid", seed=3, dtype=dtype)
    net.fit(X, (y + 1) / 2, epochs=2, batch_size=1, optimizer=cr.SGD(0.3), loss="mse", verbose=0)
    return net, X


def full_batch(dtype):
    X, y = data(90, 20, 3)
    net = cr.Network([20, 64, 3], activation="tanh", seed=4, dtype=dtype)
    net.fit(X, y, epochs=10, batch_size="full", optimizer=cr.IRprop(), loss="mse", verbose=0)
    return net, X


def momentum(dtype):
    X, y = data(130, 150, 5, zeros=0.6)
    net = cr.Network([150, 80, 5], output="softmax", seed=5, dtype=dtype, l2=0.001, max_norm=2.0)
    net.fit(X, classes(y), epochs=2, optimizer=cr.SGD(0.1, momentum=0.9, nesterov=True), verbose=0)
    return net, X


def clipped(dtype):
    X, y = data(100, 33, 7)
    net = cr.Network([33, 50, 7], activation="silu", seed=6, dtype=dtype, l1=0.001)
    net.fit(X, y, epochs=2, optimizer=cr.RMSprop(clip_norm=0.5), loss="huber", input_noise=0.1, verbose=0)
    return net, X


def weighted(dtype):
    X, y = data(77, 9, 4)
    net = cr.Network([9, 31, 17, 4], activation="elu", output="sigmoid", seed=7, dtype=dtype)
    net.layers[2].trainable = False
    weights = np.arange(77) % 5
    net.fit(X, (y + 1) / 2, epochs=3, optimizer=cr.Nadam(), loss=cr.CrossEntropy(0.1), sample_weight=weights, verbose=0)
    return net, X


def counts(dtype):
    X, y = data(120, 12, 2)
    net = cr.Network([12, 48, 2], activation="softsign", output="softplus", seed=8, dtype=dtype)
    net.fit(X, np.floor(np.abs(y) * 5), epochs=3, optimizer=cr.Adadelta(), loss="poisson", verbose=0)
    return net, X


def scheduled(dtype):
    X, y = data(64, 8, 1)
    net = cr.Network([8, 32, 32, 1], activation="selu", seed=9, dtype=dtype, weights="orthogonal")
    rate = cr.Warmup(3, cr.CosineDecay(0.01, 20, restart_factor=2))
    net.fit(X, y, epochs=5, batch_size=10, optimizer=cr.AdamW(rate), loss="mae", verbose=0)
    return net, X


def gains(dtype):
    X, y = data(50, 16, 3)
    net = cr.Network([16, 24, 3], activation="hard_sigmoid", seed=10, dtype=dtype)
    net.fit(X, y, epochs=3, optimizer=cr.DeltaBarDelta(0.05, momentum=0.5), verbose=0)
    return net, X


def sparse(dtype):
    X, y = data(120, 400, 2, zeros=0.95)
    net = cr.Network([400, 64, 2], activation="leaky_relu", output="softmax", seed=11, dtype=dtype)
    net.fit(scipy.sparse.csr_array(X), classes(y), epochs=3, optimizer=cr.Adam(), verbose=0)
    return net, X


def summed(dtype):
    X, y = data(100, 40, 3)
    net = cr.Network([40, 60, 60, 3], activation="softplus", seed=12, dtype=dtype)
    net.fit(X, y, epochs=2, optimizer=cr.Adagrad(clip_value=0.01), verbose=0)
    return net, X


def images(dtype):
    X, y = data(70, 10 * 12 * 2, 3)
    layers = [
        cr.Conv2D(6, 3, "relu", padding="same"),
        cr.MaxPool2D(2),
        cr.Conv2D(20, (2, 3), "tanh", groups=2),
        cr.AvgPool2D(2),
        cr.Flatten(),
        cr.Dropout(0.3),
        cr.Dense(3, "softmax"),
    ]
    net = cr.Network([cr.Input(10, 12, 2), *layers], seed=13, dtype=dtype)
    net.fit(X, classes(y), epochs=2, optimizer=cr.SGD(0.05, momentum=0.9), verbose=0)
    return net, X


def sequences(dtype):
    X, y = data(70, 9 * 5, 2)
    layers = [
        cr.Bidirectional(cr.LSTM(18, return_sequences=True)),
        cr.Dense(7, "gelu"),
        cr.GRU(20),
        cr.Dense(2, "elu"),
    ]
    net = cr.Network([cr.Input(9, 5), *layers], seed=14, dtype=dtype)
    net.fit(X, y, epochs=2, optimizer=cr.Adam(0.01, clip_norm=1.0), verbose=0)
    return net, X


def normalised(dtype):
    X, y = data(70, 30, 4)
    layers = [
        cr.Dense(40, "identity"),
        cr.BatchNorm(),
        cr.Activation("relu"),
        cr.Residual([cr.Dense(40, "tanh"), cr.LayerNorm()]),
        cr.GaussianNoise(0.1),
        cr.Dense(4, "softmax"),
    ]
    net = cr.Network([cr.Input(30), *layers], seed=15, dtype=dtype)
    net.fit(X, classes(y), epochs=2, optimizer=cr.Adam(0.01), verbose=0)
    return net, X


def spread(dtype):
    X, y = data(110, 12, 17)
    net = cr.Network([12, 50, 34], activation="tanh", seed=16, dtype=dtype)
    net.fit(X, y, epochs=2, optimizer=cr.Adam(0.01), loss="gaussian_nll", sample_weight=np.arange(110) % 3, verbose=0)
    return net, X


def sampled(dtype):
    X, y = data(90, 40, 3)
    layers = [cr.Dense(36, "tanh"), cr.Sampling(0.5), cr.Dense(3, "identity")]
    net = cr.Network([cr.Input(40), *layers], seed=17, dtype=dtype)
    net.fit(X, y, epochs=2, optimizer=cr.Adam(0.01), validation_data=(X, y), verbose=0)
    return net, X


NETWORKS = [
    dense,
    digits_like,
    online,
    full_batch,
    momentum,
    clipped,
    weighted,
    counts,
    scheduled,
    gains,
    sparse,
    summed,
    images,
    sequences,
    normalised,
    spread,
    sampled,
]

STORED = {
    ("dense", "float32"): "4b88c6a1e668bd01",
    ("dense", "float64"): "535c2ae7143f957c",
    ("digits_like", "float32"): "c724abeaf2978b86",
    ("digits_like", "float64"): "202ca4fb431ba96a",
    ("online", "float32"): "2dd4d67513274a1e",
    ("online", "float64"): "5a6d503fc29bb206",
    ("full_batch", "float32"): "cbb525aaca1d3520",
    ("full_batch", "float64"): "a0b57e03c1f553bb",
    ("momentum", "float32"): "b7e233b5491318dc",
    ("momentum", "float64"): "6867c33a469a61cd",
    ("clipped", "float32"): "7f70fd30ee159edc",
    ("clipped", "float64"): "a8cebf6c01de9aed",
    ("weighted", "float32"): "24290be22a5d94ac",
    ("weighted", "float64"): "292a71a82068bfd3",
    ("counts", "float32"): "a61a44eb562be0f0",
    ("counts", "float64"): "5299c9b4d0c39d53",
    ("scheduled", "float32"): "c0cfbe261a6f5cef",
    ("scheduled", "float64"): "e5e36274012108b9",
    ("gains", "float32"): "623d14b8fbf5e1b6",
    ("gains", "float64"): "7bf38b17edb1c9d1",
    ("sparse", "float32"): "c5918b47b53a5be6",
    ("sparse", "float64"): "bf105ff7e0eda327",
    ("summed", "float32"): "14e4443f614c4425",
    ("summed", "float64"): "134e583a479e2dab",
    ("images", "float32"): "5b6a90c89f2fce78",
    ("images", "float64"): "f6a9f1ebeed9a28b",
    ("sequences", "float32"): "3c1c399751c94fca",
    ("sequences", "float64"): "572b241a93a71f80",
    ("normalised", "float32"): "6cb9f7ed2073263e",
    ("normalised", "float64"): "c4b5995ac36f9518",
    ("spread", "float32"): "a4760666f0783f94",
    ("spread", "float64"): "87d8c22b1578ccfd",
    ("sampled", "float32"): "2f35b79619978e0e",
    ("sampled", "float64"): "8cd3fb8bd5c3124b",
}


def digest(make, dtype):
    net, X = make(dtype)
    history = np.array([values for _, values in sorted(net.history.items())])
    content = net.parameters.tobytes() + net.predict(X).tobytes() + history.tobytes()
    return hashlib.sha256(content).hexdigest()[:16]


pytestmark = [
    pytest.mark.usefixtures("many_threads"),
    pytest.mark.filterwarnings("ignore::chainrule.ChainruleWarning"),
]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("make", NETWORKS, ids=lambda make: make.__name__)
def test_bytes_are_those_stored_for_any_threads_and_instruction_set(make, dtype):
    if not FUSED:
        pytest.skip("no instruction set with fused multiply-add")
    found = {}
    for isa in FUSED:
        for threads in (1, 2, 3, 8):
            cr.set_isa(isa)
            cr.set_num_threads(threads)
            found[isa, threads] = digest(make, dtype)
    assert set(found.values()) == {STORED[make.__name__, dtype]}, found


@pytest.mark.parametrize("make", NETWORKS, ids=lambda make: make.__name__)
def test_baseline_has_the_same_bytes_for_any_threads(make):
    cr.set_isa("baseline")
    found = set()
    for threads in (1, 3):
        cr.set_num_threads(threads)
        found.add(digest(make, "float32"))
    assert len(found) == 1


def test_who_watches_changes_nothing():
    X, y = data(200, 300, 10, zeros=0.8)
    results = set()
    for options in (
        {"verbose": 0},
        {"verbose": 2},
        {"verbose": 0, "callbacks": [lambda net, epoch, metrics: None]},
        {"verbose": 0, "validation_data": (X[:50], classes(y)[:50])},
        {"verbose": 0, "callbacks": [cr.EarlyStopping(patience=9, restore_best=False)]},
    ):
        net = cr.Network([300, 120, 10], output="softmax", seed=2)
        net.fit(X, classes(y), epochs=3, optimizer=cr.SGD(0.1, momentum=0.9), **options)
        results.add(net.parameters.tobytes())
    assert len(results) == 1


def test_zeros_skipped_or_not_give_the_same_bytes():
    # The zeros of X are too few to be skipped; next to columns of zeros they are skipped.
    X, y = data(128, 96, 4, zeros=0.3)
    wide = np.zeros((128, 96 * 8))
    wide[:, :96] = X
    weights = np.random.default_rng(0).standard_normal((96 * 8, 80)) / 30
    results = []
    for inputs in (X, wide):
        layers = [
            cr.Input(inputs.shape[1]),
            cr.Dense(80, "relu", weights=weights[: inputs.shape[1]]),
            cr.Dense(4, "identity"),
        ]
        net = cr.Network(layers, seed=0)
        net.fit(inputs, y, epochs=3, optimizer=cr.Adam(0.01), verbose=0)
        results.append((net.layers[1].weights[:96].tobytes(), net.layers[2].weights.tobytes()))
    assert results[0] == results[1]


if __name__ == "__main__":
    for made in NETWORKS:
        for precision in ("float32", "float64"):
            print(f'    ("{made.__name__}", "{precision}"): "{digest(made, precision)}",')
