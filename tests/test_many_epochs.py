"""Epochs that the core makes in one call are the same as one by one, whatever Python does between them."""

import os
import signal
import threading

import numpy as np
import pytest

import chainrule as cr

RANDOM = np.random.default_rng(0)
X = RANDOM.standard_normal((70, 3))
Y = X[:, :1] * X[:, 1:2]


def network(**options):
    return cr.Network([3, 8, 1], seed=1, **options)


def listen(*_):
    """A callback, for which Python is called after each epoch."""


def both(folder, make=network, x=X, y=Y, callbacks=listen, **options):
    """Two networks after the same fit; for the second one, which writes checkpoints, each epoch was a call."""
    many, single = make(), make()
    many.fit(x, y, callbacks=callbacks, **{"verbose": 0, **options})
    single.fit(x, y, callbacks=callbacks, checkpoint=folder / "net.safetensors", **{"verbose": 0, **options})
    return many, single


def assert_same(many, single):
    assert many.parameters.tobytes() == single.parameters.tobytes()
    assert dict(many.history) == dict(single.history)
    assert (many.epochs, many.core.optimizer_steps) == (single.epochs, single.core.optimizer_steps)


@pytest.mark.parametrize(
    "options",
    [
        {"epochs": 7, "batch_size": 16},
        {"epochs": 5, "batch_size": "full", "optimizer": "irprop"},
        {"epochs": 6, "optimizer": cr.SGD(cr.StepDecay(0.1, factor=0.5, every=4), momentum=0.9)},
        {"epochs": 4, "optimizer": cr.AdamW(cr.CosineDecay(0.01), weight_decay=0.1)},
        {"epochs": 4, "optimizer": cr.SGD(0.1, clip_norm=0.1), "shuffle": False, "sample_weight": X[:, 0] ** 2},
        {"epochs": 3, "input_noise": 0.3},
    ],
    ids=str,
)
@pytest.mark.parametrize("callbacks", [(), listen], ids=["quiet", "heard"])
def test_weights_and_history_are_the_same(options, callbacks, tmp_path):
    many, single = both(tmp_path, callbacks=callbacks, **options)
    assert_same(many, single)
    assert many.history.epochs == options["epochs"]
    # Both go on alike, by steps, epochs and the optimiser's state.
    for net in (many, single):
        net.fit(X, Y, verbose=0, callbacks=listen, **options | {"epochs": 2})
    assert_same(many, single)


@pytest.mark.parametrize("callbacks", [(), listen], ids=["quiet", "heard"])
def test_statistics_and_dropout_are_the_same(callbacks, tmp_path):
    def make():
        return cr.Network([cr.Input(3), cr.Dense(8, "relu"), cr.BatchNorm(), cr.Dropout(0.3), cr.Dense(1)], seed=1)

    many, single = both(tmp_path, make, callbacks=callbacks, epochs=5)
    assert np.array_equal(many.predict(X), single.predict(X))


@pytest.mark.parametrize("callbacks", [(), listen], ids=["quiet", "heard"])
def test_more_steps_than_one_call_makes(callbacks, monkeypatch, tmp_path):
    monkeypatch.setattr("chainrule.training.fitting.MOST_STEPS", 12)
    assert_same(*both(tmp_path, callbacks=callbacks, epochs=9, batch_size=16))


# --- what happens between two epochs


def weaken(net, epoch, _):
    net.rate_factor = 1 / epoch


def reseed(net, epoch, _):
    net.seed = epoch % 3


def renumber(net, epoch, _):
    net.epochs = 7 - epoch


def penalise(net, epoch, _):
    net.layers[1].l2 = 0.01 * epoch


def freeze(net, epoch, _):
    net.layers[1].trainable = epoch % 2 == 0


def overwrite(net, epoch, _):
    if epoch == 3:
        net.parameters = 0.9 * net.parameters


def step(net, epoch, _):
    if epoch == 2:
        net.train_on_batch(X, Y)


def train(net, epoch, _):
    if net.epochs == 2:
        net.fit(X, Y, epochs=2, verbose=0, optimizer=cr.SGD(0.01))


def look(net, epoch, metrics):
    metrics["mean"] = float(net.predict(X).mean())


@pytest.mark.parametrize("change", [weaken, reseed, renumber, penalise, freeze, overwrite, step, train, look])
def test_what_a_callback_does_is_seen_by_the_next_epoch(change, tmp_path):
    many, single = both(tmp_path, callbacks=change, epochs=6, batch_size=16)
    assert_same(many, single)
    assert change is look or many.parameters.tobytes() != both(tmp_path, epochs=6)[0].parameters.tobytes()


def test_sequences_of_another_length_are_predicted_between_epochs(tmp_path):
    def make():
        return cr.Network([cr.Input(None, 3), cr.GRU(4), cr.Dense(1)], seed=1)

    def predict(net, *_):
        net.predict(np.ones((2, 9, 3)))

    sequences = X.reshape(14, 5, 3)
    assert_same(*both(tmp_path, make, x=sequences, y=Y[:14], callbacks=predict, epochs=4))


def test_validation_metrics_and_stops_are_the_same(tmp_path):
    def stops():
        return [cr.ReduceOnPlateau(patience=1), cr.EarlyStopping(patience=3, monitor="val_r2", min_delta=0.02)]

    options = {"epochs": 60, "optimizer": cr.SGD(0.3), "validation_split": 0.3, "metrics": ["r2"], "keep": "best"}
    many, single = network(), network()
    many.fit(X, Y, verbose=0, callbacks=stops(), **options)
    single.fit(X, Y, verbose=0, callbacks=stops(), checkpoint=tmp_path / "net.safetensors", **options)
    assert_same(many, single)
    assert 3 < many.history.epochs < 60
    assert many.history.restored_epoch == single.history.restored_epoch


def test_lines_are_the_same(tmp_path, capsys):
    texts = []
    for options in ({}, {"checkpoint": tmp_path / "net.safetensors"}):
        network().fit(X, Y, epochs=3, verbose=2, **options)
        texts.append(capsys.readouterr().err)
    assert texts[0] == texts[1]
    assert texts[0].count("\n") == 3


def test_an_error_of_a_callback_ends_the_fit_after_its_epoch():
    def fail(_, epoch, __):
        if epoch == 3:
            raise OSError("no more")

    net, expected = network(), network()
    with pytest.raises(OSError, match="no more"):
        net.fit(X, Y, epochs=9, verbose=0, callbacks=fail)
    expected.fit(X, Y, epochs=3, verbose=0)
    assert net.parameters.tobytes() == expected.parameters.tobytes()
    assert dict(net.history) == dict(expected.history)
    net.fit(X, Y, epochs=1, verbose=0)


def test_a_divergence_after_a_nested_fit_that_failed():
    def fit(net, *_):
        with pytest.raises(cr.DivergedError):
            net.fit(X, Y, epochs=1, verbose=0, optimizer=cr.SGD(1e30))

    net = cr.Network([3, 1], seed=1)
    with pytest.raises(cr.DivergedError) as caught:
        net.fit(X, Y, epochs=90, verbose=0, batch_size=16, optimizer=cr.SGD(5.0), callbacks=fit)
    assert caught.value.epoch > 1
    assert np.isfinite(net.parameters).all()


def test_a_divergence_leaves_the_epochs_before():
    # Steps that are too long for a linear network make its error grow from each to the next.
    options = {"epochs": 90, "optimizer": cr.SGD(5.0), "batch_size": 16}
    errors = []
    nets = [cr.Network([3, 1], seed=1) for _ in range(2)]
    for net, callbacks in zip(nets, ([], listen), strict=True):
        with pytest.raises(cr.DivergedError) as caught:
            net.fit(X, Y, verbose=0, callbacks=callbacks, **options)
        errors.append((caught.value.epoch, caught.value.step, caught.value.learning_rate))
    assert errors[0] == errors[1]
    assert errors[0][0] > 3
    assert nets[0].history.epochs == errors[0][0] - 1
    assert nets[0].parameters.tobytes() == nets[1].parameters.tobytes()
    assert dict(nets[0].history) == dict(nets[1].history)


def test_ctrl_c_keeps_whole_epochs():
    class Interrupt(cr.Callback):
        """Interrupts the process while the core makes epochs, once it has asked whether to stop."""

        listens = asked = False

        def wants_to_stop(self):
            if not self.asked:
                self.asked = True
                threading.Thread(target=os.kill, args=(os.getpid(), signal.SIGINT)).start()
            return False

    net = network()
    with pytest.raises(KeyboardInterrupt):
        net.fit(X, Y, epochs=10**7, verbose=0, callbacks=Interrupt())
    assert 1 <= net.history.epochs < 10**7
    net.fit(X, Y, epochs=2, verbose=0)


def test_a_callback_that_does_not_listen_stops_the_fit():
    class Watch(cr.Callback):
        listens = False
        asked = 0

        def wants_to_stop(self):
            self.asked += 1
            return self.asked == 3

    watch, net = Watch(), network()
    net.fit(X, Y, epochs=10**7, verbose=0, callbacks=watch)
    assert watch.asked == 3
    again = network()
    again.fit(X, Y, epochs=net.history.epochs, verbose=0, callbacks=listen)
    assert again.parameters.tobytes() == net.parameters.tobytes()
