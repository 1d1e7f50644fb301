"""Epochs that the core makes in one call, as nothing looks at the network between them: the same as one by one."""

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


def both(make=network, y=Y, **options):
    """Two networks after the same fit, of which the second one was listened to."""
    quiet, heard = make(), make()
    quiet.fit(X, y, verbose=0, **options)
    heard.fit(X, y, verbose=0, callbacks=listen, **options)
    return quiet, heard


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
def test_weights_and_history_are_the_same(options):
    quiet, heard = both(**options)
    assert quiet.parameters.tobytes() == heard.parameters.tobytes()
    assert dict(quiet.history) == dict(heard.history)
    assert quiet.history.epochs == options["epochs"]
    # Both go on alike, by steps, epochs and the optimiser's state.
    for net in (quiet, heard):
        net.fit(X, Y, verbose=0, callbacks=listen, **options | {"epochs": 2})
    assert quiet.parameters.tobytes() == heard.parameters.tobytes()


def test_statistics_and_dropout_are_the_same():
    def make():
        return cr.Network([cr.Input(3), cr.Dense(8, "relu"), cr.BatchNorm(), cr.Dropout(0.3), cr.Dense(1)], seed=1)

    quiet, heard = both(make, epochs=5)
    assert np.array_equal(quiet.predict(X), heard.predict(X))


def test_more_steps_than_one_call_makes(monkeypatch):
    monkeypatch.setattr("chainrule.training.fitting.MOST_STEPS", 12)
    quiet, heard = both(epochs=9, batch_size=16)
    assert quiet.parameters.tobytes() == heard.parameters.tobytes()
    assert dict(quiet.history) == dict(heard.history)


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
