"""The output of a running fit: a bar in a terminal, lines in a file, nothing with verbose=0; the log."""

import logging
import os
import sys

import pytest

import chainrule as cr


def fit(**options):
    X, y = cr.data.sine(50, noise=0.1)
    net = cr.Network([1, 4, 1], activation="tanh", seed=0)
    net.fit(X, y, epochs=3, **options)
    return net


def on_a_terminal(monkeypatch, **options):
    """Return the output of a fit in a terminal of 120 columns."""
    fcntl, struct, termios = (pytest.importorskip(name) for name in ("fcntl", "struct", "termios"))
    terminal, standard_error = os.openpty()
    fcntl.ioctl(standard_error, termios.TIOCSWINSZ, struct.pack("4H", 40, 120, 0, 0))
    with open(standard_error, "w") as file, open(terminal, "rb", buffering=0) as screen:  # noqa: PTH123
        monkeypatch.setattr(sys, "stderr", file)
        fit(**options)
        file.write("the end")
        file.flush()
        shown = b""
        while not shown.endswith(b"the end"):
            shown += screen.read(4096)
    return shown.decode().removesuffix("the end")


def test_bar_in_a_terminal_with_time_left(monkeypatch):
    shown = on_a_terminal(monkeypatch)
    first, *_, last = shown.replace("\n", "\r").strip("\r").split("\r")
    assert "0%|" in first
    assert "epoch 3/3: 100%|" in last
    assert "150/150" in last
    assert "<00:00" in last
    assert "loss=" in last and "mae=" in last
    assert len(last) <= 120


@pytest.mark.parametrize("verbose", [1, 2])
def test_line_an_epoch_in_a_file(capsys, verbose):
    net = fit(verbose=verbose)
    losses, maes = net.history["loss"], net.history["mae"]
    assert capsys.readouterr().err.splitlines() == [
        f"epoch {i}/3  loss {loss:.4f}  mae {mae:.4f}"
        for i, (loss, mae) in enumerate(zip(losses, maes, strict=True), 1)
    ]


def test_line_an_epoch_in_a_terminal_when_asked(monkeypatch):
    lines = on_a_terminal(monkeypatch, verbose=2).splitlines()
    assert [line.split("  ")[0] for line in lines] == ["epoch 1/3", "epoch 2/3", "epoch 3/3"]


def test_nothing_when_asked_for_nothing(capfd, monkeypatch):
    fit(verbose=0)
    assert on_a_terminal(monkeypatch, verbose=0) == ""
    assert capfd.readouterr() == ("", "")


def test_log_has_begin_epochs_and_end(caplog):
    caplog.set_level(logging.DEBUG, logger="chainrule")
    fit(verbose=0)
    assert [record.levelname for record in caplog.records] == ["INFO", "DEBUG", "DEBUG", "DEBUG", "INFO"]
    assert "epochs 1 to 3" in caplog.messages[0]
    assert "epoch 2 of 3: loss=" in caplog.messages[2]
    assert "ended after epoch 3 of 3" in caplog.messages[-1]


def test_log_warns_of_divergence(caplog):
    with pytest.raises(cr.DivergedError) as caught:
        fit(verbose=0, optimizer=cr.SGD(1e30))
    assert [(record.levelname, record.message) for record in caplog.records] == [("WARNING", str(caught.value))]


def test_package_logs_nowhere_by_itself():
    logger = logging.getLogger("chainrule")
    assert [type(handler) for handler in logger.handlers] == [logging.NullHandler]
    assert logger.level == logging.NOTSET


def test_what_a_callback_changes_between_epochs_counts_from_the_next_on():
    X, y = cr.data.two_spirals(60, noise=0.1)

    def change(net, epoch, metrics=None):
        if epoch == 1:
            net.layers[1].trainable = False
        elif epoch == 2:
            net.layers[2].l1 = 0.01
            cr.set_num_threads(2)
        elif epoch == 3:
            net.layers[1].trainable = True
            net.parameters = net.parameters / 2

    def trained(fit):
        net = cr.Network([2, 8, 2], output="softmax", seed=0)
        try:
            fit(net, optimizer=cr.SGD(0.1, momentum=0.9), batch_size=32, verbose=0)
        finally:
            cr.set_num_threads(None)
        return net.parameters.tobytes()

    def one_by_one(net, **options):
        for epoch in range(1, 5):
            net.fit(X, y, epochs=1, **options)
            change(net, epoch)

    assert trained(lambda net, **o: net.fit(X, y, epochs=4, callbacks=[change], **o)) == trained(one_by_one)
