"""Training on streams of batches."""

import threading

import numpy as np
import pytest

import chainrule as cr

X, y = cr.data.sine(100, noise=0.1)
PIECES = [(X[i : i + 16], y[i : i + 16]) for i in range(0, 100, 16)]


def fit(source, *labels, epochs=3, **options):
    net = cr.Network([1, 20, 1], activation="tanh", seed=0)
    net.fit(source, *labels, epochs=epochs, verbose=0, **options)
    return net


@pytest.mark.parametrize(
    "source", [PIECES, lambda: iter(PIECES), lambda: PIECES], ids=["list", "generator", "callable"]
)
def test_batches_give_the_bytes_of_their_array(source):
    net, expected = fit(source), fit(X, y, batch_size=16, shuffle=False)
    assert net.parameters.tobytes() == expected.parameters.tobytes()
    assert dict(net.history) == dict(expected.history)


def noisy():
    """Return a network whose training draws random numbers for each sample of an epoch."""
    return cr.Network([cr.Input(1), cr.Dense(20, "tanh"), cr.Dropout(0.5), cr.GaussianNoise(0.1), cr.Dense(1)], seed=0)


def test_noise_of_batches_is_that_of_their_array():
    nets = [noisy(), noisy()]
    options = {"epochs": 3, "verbose": 0}
    nets[0].fit(PIECES, **options)
    nets[1].fit(X, y, batch_size=16, shuffle=False, **options)
    assert nets[0].parameters.tobytes() == nets[1].parameters.tobytes()


def test_weights_and_classes_of_batches():
    rows = np.random.default_rng(0).standard_normal((40, 3))
    labels = np.arange(40) % 2
    weights = np.linspace(0.5, 2, 40)
    nets = [cr.Network([3, 5, 2], output="softmax", seed=0) for _ in range(2)]
    options = {"epochs": 2, "class_weight": {0: 2.0}, "optimizer": cr.SGD(0.1), "verbose": 0}
    nets[0].fit([(rows[i : i + 10], labels[i : i + 10], weights[i : i + 10]) for i in range(0, 40, 10)], **options)
    nets[1].fit(rows, labels, sample_weight=weights, batch_size=10, shuffle=False, **options)
    assert nets[0].parameters.tobytes() == nets[1].parameters.tobytes()


def test_next_batch_is_fetched_by_another_thread():
    threads = set()

    def batches():
        for piece in PIECES:
            threads.add(threading.current_thread())
            yield piece

    fit(batches, epochs=1)
    assert threads and threading.main_thread() not in threads
    assert not any(thread.is_alive() for thread in threads)


def test_stream_resumes_within_an_epoch(tmp_path):
    path = tmp_path / "run.safetensors"
    served = []

    def breaking():
        for index, piece in enumerate(PIECES):
            served.append(index)
            if len(served) == 12:
                raise OSError("the disk is gone")
            yield piece

    with pytest.raises(OSError, match="the disk is gone"):
        noisy().fit(breaking, epochs=3, checkpoint=path, checkpoint_every="2 steps", verbose=0)
    resumed = cr.load(path)
    assert resumed.epochs == 1
    resumed.fit(PIECES, epochs=3, resume=True, verbose=0)
    whole = noisy()
    whole.fit(PIECES, epochs=3, verbose=0)
    assert resumed.parameters.tobytes() == whole.parameters.tobytes()


@pytest.mark.parametrize(
    ("source", "error", "message"),
    [
        (5, TypeError, "X without y must be an iterable"),
        (iter(PIECES), ValueError, "X must be a list, or a callable"),
        ([], ValueError, "X gave no batches"),
        ([X], ValueError, r"a batch must be \(X, y\)"),
        ([(X, y), (X[:, :0], y)], ValueError, "X must have 1 features"),
    ],
)
def test_bad_streams_are_refused(source, error, message):
    with pytest.raises(error, match=message):
        fit(source)


def test_what_does_not_go_with_a_stream():
    for options in ({"sample_weight": np.ones(100)}, {"input_noise": 0.1}, {"class_weight": "balanced"}):
        with pytest.raises(ValueError, match="one by one"):
            fit(PIECES, **options)
    with pytest.raises(ValueError, match="IRprop"):
        fit(PIECES, optimizer=cr.IRprop())


def test_a_generator_lasts_one_epoch():
    assert fit(iter(PIECES), epochs=1).history.epochs == 1


def test_memory_mapped_arrays_are_read_in_place(tmp_path):
    np.save(tmp_path / "X.npy", X.astype(np.float32))
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    assert fit(mapped, y).parameters.tobytes() == fit(X.astype(np.float32), y).parameters.tobytes()
