"""The user's threads: several networks at once, one network in many predicting threads, one trainer at a time."""

import pickle
import threading
from concurrent.futures import ThreadPoolExecutor

import joblib
import numpy as np
import pytest
import scipy.sparse

import chainrule as cr
from chainrule import _core

X = np.random.default_rng(0).standard_normal((400, 60)).astype(np.float32)
X[X < 0] = 0
y = X[:, :1] - X[:, 1:2]
CSR = scipy.sparse.csr_array(X)


def trained(seed, samples=X, **options):
    net = cr.Network([60, 100, 1], seed=seed, dtype=("float32", "float64")[seed % 2])
    net.fit(
        samples, y, epochs=3, optimizer=(cr.Adam(), cr.SGD(0.01, momentum=0.9))[seed // 2 % 2], verbose=0, **options
    )
    return net


def parameters(seed):
    net = trained(seed, CSR if seed % 3 == 0 else X, validation_data=(X, y), callbacks=[cr.EarlyStopping()])
    return net.parameters.tobytes() + net.predict(X).tobytes()


@pytest.mark.parametrize("threads", [1, 3])
def test_ten_networks_trained_at_once_get_the_bytes_of_one_after_another(many_threads, threads):
    cr.set_num_threads(threads)
    alone = [parameters(seed) for seed in range(10)]
    all_there = threading.Barrier(10)

    def work(seed):
        all_there.wait()
        return parameters(seed)

    with ThreadPoolExecutor(10) as pool:
        assert list(pool.map(work, range(10))) == alone


def test_joblib_with_threads_gets_the_same_bytes():
    found = joblib.Parallel(n_jobs=3, backend="threading")(joblib.delayed(parameters)(seed) for seed in range(6))
    assert found == [parameters(seed) for seed in range(6)]


@pytest.mark.parametrize("samples", [X, X[:3], X.astype(np.float64), CSR], ids=["many", "few", "other dtype", "sparse"])
def test_one_network_predicts_for_many_threads(many_threads, samples):
    cr.set_num_threads(2)
    net = trained(0)
    expected = net.predict(samples).tobytes()

    def work(_):
        assert net.evaluate(X, y)["loss"] > 0
        assert net.copy().predict(samples).tobytes() == expected
        return {net.predict(samples).tobytes() for _ in range(50)}

    with ThreadPoolExecutor(6) as pool:
        assert set().union(*pool.map(work, range(6))) == {expected}


def in_another_thread(*asks):
    """Return the message of the error that each function raises in another thread."""

    def message(ask):
        with pytest.raises(RuntimeError) as caught:
            ask()
        return str(caught.value)

    with ThreadPoolExecutor(1) as pool:
        return list(pool.map(message, asks))


def test_training_one_network_from_two_threads_raises_and_changes_nothing():
    net = cr.Network([60, 100, 1], seed=0)
    raised = []

    def others_train(*_):
        raised.extend(
            in_another_thread(
                lambda: net.fit(X, y, epochs=1, optimizer=cr.SGD(0.5), loss="mae", verbose=0),
                lambda: net.partial_fit(X, y),
                lambda: net.train_on_batch(X, y, optimizer=cr.SGD(0.5)),
            )
        )

    net.fit(X, y, epochs=3, optimizer=cr.Adam(), verbose=0, callbacks=[others_train])
    assert raised == ["the network is being trained by another thread"] * 9
    assert net.parameters.tobytes() == trained(0).parameters.tobytes()
    assert net.history.epochs == net.epochs == 3
    with ThreadPoolExecutor(1) as pool:
        pool.submit(net.fit, X, y, epochs=1, verbose=0).result()


def test_a_callback_may_train_its_network():
    net = cr.Network([60, 10, 1], seed=0)
    net.fit(X, y, epochs=2, verbose=0, callbacks=[lambda *_: net.train_on_batch(X, y) and None])
    assert net.history.epochs == 2
    assert net.core.optimizer_steps == 2 * (400 // 32 + 1 + 1)


def test_within_an_epoch_other_threads_are_told_that_the_network_is_in_use():
    samples, targets = np.broadcast_to(X[:1], (400_000, 60)), np.broadcast_to(y[:1], (400_000, 1))
    net = cr.Network([60, 100, 1], seed=0)
    before = net.parameters
    raised = []

    def poll(_):
        raised.extend(
            in_another_thread(
                lambda: net.predict(X),
                lambda: net.evaluate(X, y),
                lambda: net.parameters,
                lambda: pickle.dumps(net),
                lambda: net.forward(X),
                lambda: net.loss_and_gradient(X, y),
                lambda: setattr(net, "parameters", before),
            )
        )
        return True

    rates = np.full(4000, 0.01)
    options = _core.EpochOptions(cr.MSE().core_loss(), cr.SGD().core_optimizer(), rates, 100, False, 0, 0)
    steps, *_ = net.core.train_epoch(samples, targets, None, options, poll=poll)
    assert 0 < steps < 4000
    assert (
        raised
        == ["the network is being changed by another thread"] * 4 + ["the network is in use by another thread"] * 3
    )
    assert np.isfinite(net.predict(X)).all()
