"""Defects that were found by hand, each with the correct behaviour."""

import io
import os
import signal
import sys
import threading
import time

import numpy as np
import pytest

import chainrule as cr

rng = np.random.default_rng(0)
X = rng.standard_normal((100, 3))
Y = np.arange(100) % 2


def classifier():
    return cr.Network([3, 8, 2], output="softmax", seed=0)


def with_batch_norm():
    layers = [cr.Input(5), cr.Dense(64, "identity"), cr.BatchNorm(0.5), cr.Activation("relu"), cr.Dense(2, "softmax")]
    return cr.Network(layers, seed=0)


def noisy_halves():
    draws = np.random.default_rng(0)
    samples = draws.standard_normal((200, 5))
    labels = (samples[:, 0] + 0.5 * draws.standard_normal(200) > 0).astype(int)
    held = draws.standard_normal((100, 5)) * 1.5
    return samples, labels, held, (held[:, 0] > 0).astype(int)


def test_early_stopping_restores_statistics_too():
    samples, labels, held, of_held = noisy_halves()
    net = with_batch_norm()
    history = net.fit(
        samples, labels, epochs=100, batch_size=16, optimizer=cr.Adam(0.02), validation_data=(held, of_held),
        callbacks=[cr.EarlyStopping(patience=5)], verbose=0,
    )  # fmt: skip
    assert net.evaluate(held, of_held)["loss"] == min(history["val_loss"])


def test_the_last_checkpoint_predicts_as_the_network_does_and_can_be_resumed(tmp_path):
    samples, labels, held, of_held = noisy_halves()

    def fit(net, epochs, patience=3, **options):
        net.fit(
            samples, labels, epochs=epochs, batch_size=16, optimizer=cr.Adam(0.02), validation_data=(held, of_held),
            callbacks=[cr.EarlyStopping(patience=patience)], verbose=0, **options,
        )  # fmt: skip
        return net

    ended = fit(with_batch_norm(), 6, checkpoint=tmp_path / "run", patience=50)
    loaded = cr.load(tmp_path / "run")
    assert np.array_equal(loaded.predict(held), ended.predict(held))
    assert loaded.evaluate(held, of_held)["loss"] == min(ended.history["val_loss"])
    undisturbed = fit(with_batch_norm(), 12, patience=50)
    resumed = fit(loaded, 12, patience=50, resume=True)
    assert np.array_equal(resumed.parameters, undisturbed.parameters)
    assert dict(resumed.history) == dict(undisturbed.history)


def test_augmentation_resumes(tmp_path):
    images = np.random.default_rng(0).random((100, 4, 4, 1))

    def net():
        return cr.Network([cr.Input(4, 4, 1), cr.Flatten(), cr.Dense(2, "softmax")], seed=0)

    def stream():
        return cr.augment.batches(images, Y, 10, lambda x, seed: cr.augment.shift(x, 1, seed), seed=0)

    whole = net()
    whole.fit(stream(), epochs=4, verbose=0)
    net().fit(stream(), epochs=2, verbose=0, checkpoint=tmp_path / "a.ck")
    again = cr.load(tmp_path / "a.ck")
    again.fit(stream(), epochs=4, resume=True, verbose=0)
    assert np.array_equal(whole.parameters, again.parameters)


class Failing(cr.Callback):
    def on_train_end(self, network):
        raise OSError("disk full")


def test_all_callbacks_end_and_the_first_error_is_raised():
    net = classifier()
    with pytest.raises(OSError, match="disk full"):
        net.fit(
            X, Y, epochs=50, verbose=0, optimizer=cr.Adam(0.05), validation_data=(X, 1 - Y),
            callbacks=[Failing(), cr.EarlyStopping(patience=2)],
        )  # fmt: skip
    assert net.evaluate(X, 1 - Y)["loss"] == min(net.history["val_loss"])


def test_a_log_that_is_too_short_is_not_filled_with_zeros(tmp_path):
    net = classifier()
    net.fit(X, Y, epochs=3, verbose=0, checkpoint=tmp_path / "c.ck", callbacks=[cr.CSVLog(tmp_path / "l.csv")])
    os.truncate(tmp_path / "l.csv", 20)
    cr.load(tmp_path / "c.ck").fit(X, Y, epochs=4, verbose=0, resume=True, callbacks=[cr.CSVLog(tmp_path / "l.csv")])
    assert b"\0" not in (tmp_path / "l.csv").read_bytes()


OTHER = {
    "samples": lambda: {"X": X * 100},
    "targets": lambda: {"y": 1 - Y},
    "class weights": lambda: {"class_weight": None},
    "no validation": lambda: {"validation_data": None},
    "other validation": lambda: {"validation_data": (X, 1 - Y)},
    "other callback settings": lambda: {"callbacks": [cr.EarlyStopping("loss", patience=1)]},
    "sample weights": lambda: {"sample_weight": np.arange(1, 101)},
}


@pytest.mark.parametrize("other", OTHER)
def test_a_fit_is_resumed_with_the_same_data_and_settings_only(other, tmp_path):
    same = {
        "X": X, "y": Y, "class_weight": {0: 5.0}, "validation_data": (X, Y), "verbose": 0,
        "callbacks": [cr.EarlyStopping(patience=3)],
    }  # fmt: skip
    classifier().fit(**same, epochs=2, checkpoint=tmp_path / "c.ck")
    with pytest.raises(ValueError, match="to resume"):
        cr.load(tmp_path / "c.ck").fit(**{**same, **OTHER[other]()}, epochs=4, resume=True)
    cr.load(tmp_path / "c.ck").fit(
        **{**same, "X": X.astype("f8").tolist(), "callbacks": [cr.EarlyStopping(patience=3)]}, epochs=4, resume=True
    )


def test_fewer_epochs_than_are_done_are_refused_in_a_resume(tmp_path):
    classifier().fit(X, Y, epochs=3, verbose=0, checkpoint=tmp_path / "c.ck")
    with pytest.raises(ValueError, match="epochs must be at least 3"):
        cr.load(tmp_path / "c.ck").fit(X, Y, epochs=2, verbose=0, resume=True)


@pytest.fixture
def interruptible():
    """Let Ctrl-C raise KeyboardInterrupt, which a process in the background of a shell ignores."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_an_interrupt_does_not_wait_for_a_source_that_blocks():
    def source():
        yield X, Y
        time.sleep(30)

    timer = threading.Timer(0.5, lambda: os.kill(os.getpid(), signal.SIGINT))
    timer.start()
    begin = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        classifier().fit(source, epochs=1, verbose=0)
    assert time.monotonic() - begin < 15


def test_a_batch_without_weight_counts_for_nothing_in_a_stream_too():
    labels = np.r_[np.arange(50) % 2, np.zeros(5, int)]
    samples = rng.standard_normal((55, 3))
    options = {"epochs": 1, "verbose": 0, "class_weight": {0: 0.0, 1: 1.0}}
    arrays, stream = classifier(), classifier()
    arrays.fit(samples, labels, batch_size=5, shuffle=False, **options)
    stream.fit([(samples[i : i + 5], labels[i : i + 5]) for i in range(0, 55, 5)], **options)
    assert np.array_equal(arrays.parameters, stream.parameters)
    assert arrays.history["loss"] == stream.history["loss"]


def test_a_damaged_state_of_a_callback_is_refused_before_the_fit(tmp_path):
    path = tmp_path / "c.ck"
    classifier().fit(X, Y, epochs=1, verbose=0, checkpoint=path, callbacks=[cr.CSVLog(tmp_path / "l.csv")])
    data = path.read_bytes()
    at = data.index(b'\\"names\\": [\\"')
    path.write_bytes(data[:at] + data[at:].replace(b'\\"loss\\"', b"   123  ", 1))
    with pytest.raises(cr.ModelFileError):
        cr.load(path).fit(X, Y, epochs=2, verbose=0, resume=True, callbacks=[cr.CSVLog(tmp_path / "l.csv")])


@pytest.mark.parametrize("stream", [None, io.StringIO()], ids=["none", "closed"])
@pytest.mark.parametrize("verbose", [1, 2])
def test_fit_works_without_standard_error(stream, verbose, monkeypatch):
    if stream is not None:
        stream.close()
    monkeypatch.setattr(sys, "stderr", stream)
    assert classifier().fit(X, Y, epochs=1, verbose=verbose).epochs == 1


MESSAGES = {
    "class": (lambda: cr.EarlyStopping, TypeError, r"callbacks must be objects, got the class EarlyStopping; write"),
    "number": (lambda: 3, TypeError, "callbacks must be Callback objects or functions, got 3"),
}


@pytest.mark.parametrize("name", MESSAGES)
def test_callbacks_that_are_none_are_named(name):
    make, error, message = MESSAGES[name]
    given = make()
    with pytest.raises(error, match=message):
        classifier().fit(X, Y, epochs=1, verbose=0, callbacks=given if name == "number" else [given])


def test_a_single_callback_needs_no_list():
    stopping = cr.EarlyStopping(patience=1)
    classifier().fit(X, Y, epochs=2, verbose=0, callbacks=stopping)
    assert stopping.best_epoch > 0


def test_a_metric_that_a_callback_adds_is_recorded_and_monitored():
    def add(net, epoch, metrics):
        metrics["r2x"] = float(epoch)

    net = classifier()
    net.fit(X, Y, epochs=5, verbose=0, callbacks=[add, cr.EarlyStopping("r2x", patience=2, mode="max")])
    assert net.history["r2x"] == [1, 2, 3, 4, 5]
    with pytest.raises(ValueError, match="mode must be 'min' or 'max' to monitor 'r2x'"):
        classifier().fit(X, Y, epochs=5, verbose=0, callbacks=[add, cr.EarlyStopping("r2x", patience=2)])


def test_validation_counts_with_the_weights_of_classes():
    weights = {0: 3.0, 1: 0.5}
    net = classifier()
    net.fit(X, Y, epochs=2, verbose=0, validation_data=(X, Y), class_weight=weights)
    of_samples = np.where(Y == 0, 3.0, 0.5)
    assert net.history["val_loss"][-1] == pytest.approx(net.evaluate(X, Y, sample_weight=of_samples)["loss"])


def test_class_weights_of_unknown_labels_are_refused():
    with pytest.raises(ValueError, match=r"class_weight labels must be in \[0, 1\], got 7"):
        classifier().fit(X, Y, epochs=1, verbose=0, class_weight={7: 2.0})


def test_an_optimizer_that_is_passed_starts_at_what_it_says():
    net = classifier()
    net.fit(X, Y, epochs=3, verbose=0, optimizer=cr.Adam(1e-3))
    net.rate_factor = 2**-9
    net.fit(X, Y, epochs=1, verbose=0)
    assert net.history["learning_rate"][-1] == 1e-3 * 2**-9
    net.fit(X, Y, epochs=1, verbose=0, optimizer=cr.Adam(1e-3))
    assert net.history["learning_rate"][-1] == 1e-3


def test_a_schedule_that_has_ended_warns():
    net = classifier()
    net.fit(X, Y, epochs=2, verbose=0, optimizer=cr.Adam(cr.CosineDecay(3e-3, 8)))
    with pytest.warns(cr.ChainruleWarning, match="its schedule ended at step 8 and 8 steps are done"):
        net.fit(X, Y, epochs=1, verbose=0)


def test_reduce_on_plateau_stops_at_its_smallest_rate():
    net = classifier()
    net.fit(
        X, Y, epochs=12, verbose=0, optimizer=cr.Adam(1e-3),
        callbacks=[cr.ReduceOnPlateau("learning_rate", patience=1, min_rate=3e-4)],
    )  # fmt: skip
    assert net.history["learning_rate"][-1] == pytest.approx(3e-4)


def test_a_share_is_held_back_by_the_seed():
    net, again = classifier(), classifier()
    net.fit(X, Y, epochs=2, verbose=0, validation_split=0.2)
    again.fit(X.tolist(), Y.tolist(), epochs=2, verbose=0, validation_split=0.2)
    assert net.history["val_loss"] == again.history["val_loss"]
    with pytest.raises(ValueError, match="validation_split must leave samples on both sides"):
        classifier().fit(X[:3], Y[:3], epochs=1, verbose=0, validation_split=0.1)


def test_save_model_keeps_the_best_of_several_fits(tmp_path):
    path = tmp_path / "best"
    saver = cr.SaveModel(path, monitor="scripted", mode="min")

    def scripted(values):
        return lambda net, epoch, metrics: metrics.update(scripted=values[epoch - 1])

    net = classifier()
    net.fit(X, Y, epochs=2, verbose=0, callbacks=[scripted([0.5, 0.1]), saver])
    best = path.read_bytes()
    net.fit(X, Y, epochs=2, verbose=0, callbacks=[scripted([0.9, 0.3]), saver])
    assert path.read_bytes() == best


def sequences():
    return cr.Network([cr.Input(4, 4), cr.LSTM(3), cr.Dense(1, "identity")], seed=0)


def images():
    return cr.Network([cr.Input(8, 8, 1), cr.Flatten(), cr.Dense(2, "identity")], seed=0)


REFUSED = {
    "no samples": (lambda: sequences().predict(np.zeros((0, 4, 4))), ValueError, "X must have at least one sample"),
    "ragged": (
        lambda: sequences().predict([[[1, 2, 3, 4], [1, 2, 3, 4]], [[1, 2, 3, 4]]]),
        TypeError,
        "X must be a rectangular array of numbers",
    ),
    "channels": (
        lambda: images().predict(np.zeros((2, 8, 8))),
        ValueError,
        r"X must have shape \(samples, 8, 8, 1\), got \(2, 8, 8\); X.reshape\(-1, 8, 8, 1\) has it",
    ),
    "one image": (
        lambda: images().predict(np.zeros((8, 8, 1))),
        ValueError,
        r"X must have shape \(samples, 8, 8, 1\), got \(8, 8, 1\); one sample is X\[None\]",
    ),
    "steps": (
        lambda: sequences().predict(np.zeros((2, 3, 4))),
        ValueError,
        r"X must have shape \(samples, 4, 4\), got \(2, 3, 4\)$",
    ),
    "one sample": (lambda: cr.Network([5, 2]).predict(np.zeros(5)), ValueError, r"reshape one sample to \(1, 5\)"),
    "masked step": (
        lambda: sequences().stepper().step(np.ma.array([1.0, 2, 3, 4], mask=[0, 1, 0, 0])),
        TypeError,
        "x must not be masked",
    ),
    "epsilon": (
        lambda: classifier().fit(X, Y, epochs=1, verbose=0, optimizer=cr.Adagrad(epsilon=1e-50)),
        ValueError,
        "epsilon must be at least 1.2e-38 in float32, got 1e-50",
    ),
    "gains": (lambda: cr.DeltaBarDelta(min_gain=5, max_gain=1), ValueError, "min_gain must be at most max_gain 1"),
    "steps of irprop": (lambda: cr.IRprop(min_step=5, max_step=1), ValueError, "min_step must be at most max_step 1"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_mistakes_are_told_in_the_shapes_of_the_user(name):
    call, error, message = REFUSED[name]
    with pytest.raises(error, match=message):
        call()


def test_save_follows_links_and_keeps_the_mode(tmp_path):
    net = classifier()
    real, link, fifo = tmp_path / "real", tmp_path / "link", tmp_path / "fifo"
    real.touch(mode=0o600)
    real.chmod(0o600)
    link.symlink_to(real)
    net.save(link)
    assert link.is_symlink()
    assert real.stat().st_mode & 0o777 == 0o600
    assert np.array_equal(cr.load(os.fsencode(real)).parameters, net.parameters)
    os.mkfifo(fifo)
    with pytest.raises(OSError, match="must be a file, and is a folder, a pipe or a device"):
        net.save(fifo)
    net.save(tmp_path / ("x" * 240))
    assert cr.load(tmp_path / ("x" * 240)).parameter_count == net.parameter_count


def test_a_flipped_bit_in_the_weights_is_noticed(tmp_path):
    path = tmp_path / "net"
    classifier().save(path)
    data = bytearray(path.read_bytes())
    data[-3] ^= 1
    path.write_bytes(data)
    with pytest.raises(cr.ModelFileError, match="checksum"):
        cr.load(path)


def test_nullable_columns_of_a_frame_are_numbers():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"a": [1, 2], "b": [3, 4], "c": [5, 6]}).astype("Int64")
    assert np.array_equal(classifier().predict(frame), classifier().predict([[1.0, 3, 5], [2, 4, 6]]))
    frame.loc[0, "a"] = pandas.NA
    with pytest.raises(ValueError, match="X must be finite, got nan"):
        classifier().predict(frame)
