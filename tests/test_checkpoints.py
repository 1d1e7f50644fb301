"""Checkpoints of a fit, and resuming it: the same bytes as without the interruption."""

import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import chainrule as cr

X, y = cr.data.sine(200, noise=0.1)


class StopError(Exception):
    pass


def stopping(at):
    """A callback that raises an error after a given epoch."""

    def callback(net, epoch, metrics):
        if epoch == at:
            raise StopError

    return callback


def scripted(net, epoch, metrics):
    """Makes the third epoch the best, so that rates fall from the fifth on and the ninth is the last."""
    metrics["val_loss"] = max(6.0 - epoch, 3.0) if epoch <= 3 else 3.5


def network(dtype="float32"):
    return cr.Network([1, 20, 1], activation="tanh", seed=0, dtype=dtype)


def fit(net, *more, epochs=12, folder=None, **options):
    callbacks = [scripted, cr.EarlyStopping(patience=6), cr.ReduceOnPlateau(patience=2)]
    if folder is not None:
        callbacks.append(cr.CSVLog(folder / "log.csv"))
    options = {"batch_size": 16, "optimizer": cr.Adam(cr.Warmup(20, cr.CosineDecay(0.05, 100))), **options}
    net.fit(X, y, epochs=epochs, callbacks=[*callbacks, *more], verbose=0, input_noise=0.01, **options)
    return net


def assert_same(net, expected):
    assert net.parameters.tobytes() == expected.parameters.tobytes()
    assert dict(net.history) == dict(expected.history)
    assert net.epochs == expected.epochs


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("every", ["5 steps", "13 steps", "40 steps", 1, "2 epochs"])
def test_resumed_fit_ends_as_if_undisturbed(every, dtype, tmp_path):
    expected = fit(network(dtype), stopping(None), folder=tmp_path)
    log = (tmp_path / "log.csv").read_text()
    path = tmp_path / "run.safetensors"
    with pytest.raises(StopError):
        fit(network(dtype), stopping(5), folder=tmp_path, checkpoint=path, checkpoint_every=every)
    net = cr.load(path)
    assert net.epochs < 5
    fit(net, stopping(None), folder=tmp_path, resume=True, checkpoint=path, checkpoint_every=every)
    assert_same(net, expected)
    assert (tmp_path / "log.csv").read_text() == log
    again = fit(cr.load(path), stopping(None), folder=tmp_path, resume=True)
    assert_same(again, expected)


def test_longer_fit_goes_on_from_the_end_of_a_shorter_one(tmp_path):
    path = tmp_path / "run.safetensors"
    fit(network(), epochs=3, checkpoint=path)
    assert_same(fit(cr.load(path), epochs=6, resume=True), fit(network(), epochs=6))


def test_checkpoint_by_the_clock(tmp_path, monkeypatch):
    ticks = iter(range(10**6))
    monkeypatch.setattr("time.monotonic", lambda: next(ticks))
    path = tmp_path / "run.safetensors"
    with pytest.raises(StopError):
        fit(network(), stopping(4), checkpoint=path, checkpoint_every="3 seconds")
    monkeypatch.undo()
    assert 0 < cr.load(path).epochs < 4
    assert_same(fit(cr.load(path), stopping(None), resume=True), fit(network(), stopping(None)))


def test_sparse_rows_resume_within_an_epoch(tmp_path):
    scipy_sparse = pytest.importorskip("scipy.sparse")
    rows = scipy_sparse.random(90, 300, density=0.05, format="csr", random_state=0, dtype=np.float32)
    labels = np.arange(90) % 3
    path = tmp_path / "run.safetensors"
    nets = [cr.Network([300, 8, 3], output="softmax", seed=0) for _ in range(2)]
    options = {"epochs": 3, "batch_size": 7, "optimizer": cr.Adam(), "verbose": 0}
    nets[0].fit(rows, labels, callbacks=[stopping(None)], **options)
    with pytest.raises(StopError):
        nets[1].fit(rows, labels, callbacks=[stopping(2)], checkpoint=path, checkpoint_every="5 steps", **options)
    net = cr.load(path)
    net.fit(rows, labels, callbacks=[stopping(None)], resume=True, **options)
    assert_same(net, nets[0])


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"batch_size": 8}, "batch_size"),
        ({"optimizer": cr.SGD(0.1)}, "optimizer"),
        ({"loss": "mae"}, "loss"),
        ({"shuffle": False}, "shuffle"),
    ],
)
def test_other_settings_are_refused(options, name, tmp_path):
    path = tmp_path / "run.safetensors"
    fit(network(), epochs=2, checkpoint=path)
    net = cr.load(path)
    before = net.parameters
    with pytest.raises(ValueError, match=f"{name} must be .* to resume"):
        fit(net, epochs=4, resume=True, **options)
    with pytest.raises(ValueError, match="callbacks must be"):
        net.fit(X, y, epochs=4, batch_size=16, input_noise=0.01, resume=True, verbose=0)
    with pytest.raises(ValueError, match="samples must be"):
        net.fit(X[:50], y[:50], epochs=4, batch_size=16, resume=True, verbose=0)
    assert net.parameters.tobytes() == before.tobytes()
    assert net.history.epochs == 2


def test_arguments_are_checked_before_anything_is_changed(tmp_path):
    net = network()
    with pytest.raises(ValueError, match="resume must be False"):
        fit(net, resume=True)
    with pytest.raises(FileNotFoundError, match="checkpoint must be in a folder"):
        fit(net, checkpoint=tmp_path / "missing" / "run.safetensors")
    for every in ("5 minutes", "steps", "-1 steps", "0 steps", 0, 1.5):
        with pytest.raises((ValueError, TypeError), match="checkpoint_every"):
            fit(net, checkpoint=tmp_path / "run.safetensors", checkpoint_every=every)
    assert net.epochs == 0
    assert not any(tmp_path.iterdir())


def test_callbacks_states_that_make_no_sense_are_refused(tmp_path):
    path = tmp_path / "run.safetensors"
    fit(network(), epochs=2, checkpoint=path)
    for state in ({}, {"best": "low"}, {"best": None}, {"best": 1.0, "best_epoch": [3]}):
        net = cr.load(path)
        net._unfinished.callbacks[1] = state
        with pytest.raises(cr.ModelFileError, match="state of EarlyStopping"):
            fit(net, epochs=4, resume=True)
        assert net.parameters.tobytes() == cr.load(path).parameters.tobytes()


def test_another_fit_forgets_the_one_that_was_loaded(tmp_path):
    path = tmp_path / "run.safetensors"
    fit(network(), epochs=2, checkpoint=path)
    net = fit(cr.load(path), epochs=1)
    with pytest.raises(ValueError, match="resume must be False"):
        fit(net, resume=True)


def test_full_disk_leaves_the_old_checkpoint_and_a_network_that_goes_on(tmp_path):
    path = tmp_path / "run.safetensors"
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)

    def fill(net, epoch, metrics):
        if epoch == 2:
            resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))

    net = network()
    try:
        with pytest.raises(OSError, match="File too large"):
            fit(net, fill, checkpoint=path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert [file.name for file in tmp_path.iterdir()] == ["run.safetensors"]
    expected = fit(network(), stopping(None))
    assert_same(fit(cr.load(path), stopping(None), resume=True), expected)
    assert fit(net, epochs=1).history.epochs == 3


def test_killed_again_and_again(tmp_path):
    script = Path(__file__).with_name("killed_training.py")
    done = subprocess.run([sys.executable, script, tmp_path, "100"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    kills, in_writing = (int(word) for word in done.stdout.split() if word.isdigit())
    assert kills == 100
    assert in_writing > 0
