"""The callbacks."""

import csv

import numpy as np
import pytest

import chainrule as cr


def fit(callbacks, epochs=30, **options):
    X, y = cr.data.sine(60, noise=0.1)
    net = cr.Network([1, 10, 1], activation="tanh", seed=0)
    options = {"optimizer": cr.Adam(0.02), "validation_data": cr.data.sine(20), **options}
    net.fit(X, y, epochs=epochs, callbacks=callbacks, verbose=0, **options)
    return net


class Scripted(cr.Callback):
    """Adds a metric before the others."""

    def __init__(self, values):
        self.values = values

    def on_epoch_end(self, network, epoch, metrics):
        metrics["val_loss"] = self.values[epoch - 1]
        network.layers[1].bias = np.full(10, epoch)


def test_early_stopping_goes_back_to_the_best_weights():
    stop = cr.EarlyStopping(patience=2)
    net = fit([Scripted([3.0, 2.0, 1.0, 1.5, 1.2, 0.1]), stop], epochs=6)
    assert net.history.epochs == 5
    assert stop.best_epoch == 3
    assert net.layers[1].bias[0] == 3


def test_the_history_tells_the_epoch_that_was_restored(tmp_path):
    net = fit([Scripted([3.0, 2.0, 1.0, 1.5, 1.2, 0.1]), cr.EarlyStopping(patience=2)], epochs=6)
    net.save(tmp_path / "net")
    for history in (net.history, net.copy().history, cr.load(tmp_path / "net").history):
        assert history.restored_epoch == 3
        assert repr(history).startswith("History(5 epochs, restored epoch 3: ")
        assert "val_loss=1," in repr(history)
    net.fit(*cr.data.sine(20), epochs=1, verbose=0)
    assert net.history.restored_epoch == 0
    assert fit([Scripted([2.0, 1.0]), cr.EarlyStopping()], epochs=2).history.restored_epoch == 0


def test_early_stopping_counts_small_gains_as_none():
    net = fit([Scripted([1.0, 0.99, 0.98, 0.97]), cr.EarlyStopping(patience=2, min_delta=0.1)], epochs=4)
    assert net.history.epochs == 3


def test_reduce_on_plateau_halves_the_rate():
    net = fit([Scripted([1.0, 1.0, 1.0, 1.0, 0.5, 0.5]), cr.ReduceOnPlateau(patience=2)], epochs=6)
    assert net.history["learning_rate"] == pytest.approx([0.02, 0.02, 0.02, 0.01, 0.01, 0.01])


def test_checkpoint_keeps_the_best(tmp_path):
    path = tmp_path / "best.safetensors"
    fit([Scripted([3.0, 1.0, 2.0]), cr.SaveModel(path, monitor="val_loss")], epochs=3)
    assert cr.load(path).layers[1].bias[0] == 2


def test_csv_log_has_a_line_an_epoch(tmp_path):
    path = tmp_path / "log.csv"
    net = fit([cr.CSVLog(path)], epochs=4)
    with path.open() as file:
        rows = list(csv.DictReader(file))
    assert [int(row["epoch"]) for row in rows] == [1, 2, 3, 4]
    assert [float(row["loss"]) for row in rows] == net.history["loss"]


def test_function_stops_with_true():
    seen = []
    net = fit([lambda net, epoch, metrics: seen.append(epoch) or epoch == 3])
    assert seen == [1, 2, 3]
    assert net.history.epochs == 3


def test_error_in_a_callback_leaves_a_usable_network():
    def fail(net, epoch, metrics):
        raise OSError("mine")

    X, y = cr.data.sine(20)
    net = cr.Network([1, 4, 1], seed=0)
    with pytest.raises(OSError, match="mine"):
        net.fit(X, y, callbacks=[fail], verbose=0)
    net.fit(X, y, epochs=1, verbose=0)
    assert net.history.epochs == 2


def test_unknown_metric_is_named():
    with pytest.raises(ValueError, match="monitor must be one of loss, mae"):
        fit([cr.EarlyStopping(monitor="val_acc")])


@pytest.mark.parametrize("callbacks", [[3], 3, None])
def test_what_is_no_callback_is_refused_before_training(callbacks):
    with pytest.raises(TypeError, match="callbacks must be"):
        fit(callbacks)
