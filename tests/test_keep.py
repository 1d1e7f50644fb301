"""fit(keep=...): the network of the best epoch, of equal ones the latest."""

import numpy as np
import pytest

import chainrule as cr

X, y = cr.data.sine(60, noise=0.1)
HELD = cr.data.sine(20)


class Scripted(cr.Callback):
    """Decides the validation loss of each epoch, and marks the network with the epoch's number."""

    def __init__(self, values, interrupted_at=None):
        self.values = values
        self.interrupted_at = interrupted_at

    def on_epoch_end(self, network, epoch, metrics):
        metrics["val_loss"] = self.values[epoch - 1]
        network.layers[1].bias = np.full(10, epoch)
        if epoch == self.interrupted_at:
            raise KeyboardInterrupt


def network(**options):
    return cr.Network([1, 10, 1], activation="tanh", seed=0, **options)


def fit(net, values=None, *more, interrupted_at=None, **options):
    callbacks = [] if values is None else [Scripted(values, interrupted_at)]
    defaults = {"optimizer": cr.Adam(0.02), "validation_data": HELD, "keep": "best", "epochs": len(values or X)}
    options = {**defaults, **options}
    net.fit(X, y, callbacks=[*callbacks, *more], verbose=0, **options)
    return net


def epoch_of(net):
    return int(net.layers[1].bias[0])


@pytest.mark.parametrize(
    ("values", "kept"),
    [
        ([3.0, 1.0, 2.0], 2),
        ([3.0, 1.0, 1.0, 2.0, 1.0, 1.5], 5),
        ([3.0, 2.0, 1.0], 3),
        ([3.0, np.nan, 4.0], 1),
        ([np.nan, 3.0, np.nan], 2),
        ([np.nan, np.nan], 2),
        ([np.inf, np.nan], 1),
    ],
)
def test_the_best_epoch_is_kept_and_of_equal_ones_the_latest(values, kept):
    net = fit(network(), values)
    assert epoch_of(net) == kept
    assert net.history.epochs == len(values)
    assert net.history.restored_epoch == (kept if kept < len(values) else 0)


def test_the_last_epoch_is_kept_by_default():
    assert epoch_of(fit(network(), [1.0, 2.0, 3.0], keep="last")) == 3


def test_what_is_kept_predicts_as_its_epoch_did():
    def spoil(net, epoch, metrics):
        if epoch == 4:
            net.parameters = 9 * net.parameters
            metrics["val_loss"] = np.inf

    net = fit(network(), None, spoil, epochs=7)
    best = min(net.history["val_loss"])
    assert 0 < net.history.restored_epoch < 4
    assert net.history["val_loss"][net.history.restored_epoch - 1] == best
    assert net.evaluate(*HELD)["loss"] == pytest.approx(best, rel=1e-6)
    assert f"restored epoch {net.history.restored_epoch}: " in repr(net.history)


def test_statistics_are_kept_too():
    net = cr.Network([cr.Input(1), cr.Dense(10, "tanh"), cr.BatchNorm(), cr.Dense(1)], seed=0)
    seen = []
    fit(net, [3.0, 1.0, 2.0], lambda net, epoch, metrics: seen.append(net.predict(X).tobytes()))
    assert net.predict(X).tobytes() == seen[1] != seen[2]


def test_a_metric_of_the_validation_data_can_decide():
    labels = (X[:, 0] > 0).astype(int)
    net = cr.Network([1, 10, 2], output="softmax", seed=0)
    net.fit(X, labels, epochs=30, verbose=0, keep="val_accuracy", validation_split=0.3)
    scores = net.history["val_accuracy"]
    latest = max(i for i, score in enumerate(scores, 1) if score == max(scores))
    assert net.history.restored_epoch == (latest if latest < 30 else 0)
    net = network().fit(X, y, epochs=3, verbose=0, keep="val_r2", metrics="r2", validation_data=HELD)
    assert net["val_r2"]


def test_early_stopping_ends_the_fit_and_keep_decides_what_is_kept():
    net = fit(network(), [2.0, 1.0, 1.0, 1.0, 0.5], cr.EarlyStopping(patience=2))
    assert net.history.epochs == 4
    assert epoch_of(net) == 4
    assert net.history.restored_epoch == 0


def test_the_history_counts_the_fits_before():
    net = fit(network(), [2.0, 1.0])
    fit(net, [3.0, 0.5, 4.0, 5.0])
    assert net.history.restored_epoch == 4
    assert epoch_of(net) == 2


def test_an_interrupt_leaves_the_best_so_far():
    net = network()
    with pytest.raises(KeyboardInterrupt):
        fit(net, [3.0, 1.0, 2.0, 0.1], interrupted_at=4)
    assert epoch_of(net) == 2
    assert net.history.restored_epoch == 2


def test_a_fit_of_no_epochs_changes_nothing():
    net = fit(network(), [2.0, 1.0])
    before = net.parameters.tobytes()
    assert fit(net, epochs=0).parameters.tobytes() == before


@pytest.mark.parametrize("every", [1, "3 epochs", "7 steps"])
def test_a_resumed_fit_keeps_the_same_bytes(every, tmp_path):
    values = [3.0, 1.0, 2.0, 1.0, 4.0, 5.0, 6.0, 7.0]
    expected = fit(network(), values)
    path = tmp_path / "run.safetensors"
    with pytest.raises(KeyboardInterrupt):
        fit(network(), values, interrupted_at=7, checkpoint=path, checkpoint_every=every)
    for net in (cr.load(path), fit(network(), values[:6], checkpoint=path) and cr.load(path)):
        fit(net, values, resume=True, checkpoint=path)
        assert net.history.restored_epoch == 4
        assert net.parameters.tobytes() == expected.parameters.tobytes()
    ended = fit(cr.load(path), values, resume=True)
    assert ended.parameters.tobytes() == expected.parameters.tobytes()
    assert ended.history.restored_epoch == 4


def test_another_choice_is_refused_where_a_fit_is_resumed(tmp_path):
    path = tmp_path / "run.safetensors"
    fit(network(), [2.0, 1.0], checkpoint=path)
    with pytest.raises(ValueError, match="keep must be 'best' to resume, as when the fit began; got 'last'"):
        fit(cr.load(path), [2.0, 1.0, 3.0], resume=True, keep="last")


def a_function(outputs, targets):
    return 1.0


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"validation_data": None}, ValueError, "keep must be 'last' without validation_data or validation_split, got"),
        ({"keep": "bset"}, ValueError, "unknown keep 'bset'; did you mean 'best'"),
        ({"keep": "val_accuracy"}, ValueError, "unknown keep 'val_accuracy'"),
        ({"keep": "loss"}, ValueError, "unknown keep 'loss'; did you mean 'val_loss'"),
        ({"keep": "val_a_function", "metrics": [a_function]}, ValueError, "unknown keep 'val_a_function'"),
        ({"keep": None}, TypeError, "keep must be a name, one of best, last, val_loss, val_mae; got None"),
        ({"keep": np.zeros(2)}, TypeError, "keep must be a name"),
        ({"keep": True, "validation_data": None}, TypeError, "keep must be a name, one of best, last; got True"),
    ],
)
def test_what_cannot_be_kept_is_refused_before_training(options, error, message):
    net = network()
    before = net.parameters.tobytes()
    with pytest.raises(error, match=message):
        fit(net, epochs=2, **options)
    assert net.parameters.tobytes() == before
    assert net.optimizer is None


@pytest.mark.parametrize("state", [{}, {"best_in_history": 9}, {"best_in_history": 1.5}, {"best": "low"}])
def test_a_damaged_state_is_refused(state, tmp_path):
    path = tmp_path / "run.safetensors"
    fit(network(), [2.0, 1.0, 3.0], checkpoint=path)
    net = cr.load(path)
    kept = net._unfinished.callbacks
    kept[-1] = {**kept[-1], **state} if state else {}
    with pytest.raises(cr.ModelFileError, match="state of KeepBest"):
        fit(net, [2.0, 1.0, 3.0, 4.0], resume=True)
