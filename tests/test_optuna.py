"""Searches by Optuna: hopeless trials end early, processes share a study, and a killed one is taken up again."""

import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import chainrule as cr

optuna = pytest.importorskip("optuna", minversion="4.9")
SEARCH = Path(__file__).parents[1] / "examples" / "search.py"


class Trial:
    """What the callback asks of a trial, without a study."""

    def __init__(self, last):
        self.reports, self.last = [], last

    def report(self, value, step):
        self.reports.append((step, value))

    def should_prune(self):
        return len(self.reports) >= self.last


def fitted(trial, monitor=None, **options):
    X = np.random.default_rng(0).standard_normal((40, 2))
    net = cr.Network([2, 4, 1], seed=0)
    net.fit(X, X[:, 0], epochs=5, verbose=0, callbacks=cr.optuna.PruningCallback(trial, monitor), **options)
    return net


def test_each_epoch_is_reported():
    trial = Trial(last=99)
    net = fitted(trial, validation_split=0.25)
    assert trial.reports == list(enumerate(net.history["val_loss"], start=1))
    trial = Trial(last=99)
    assert [value for _, value in trial.reports] == []
    net = fitted(trial, "mae")
    assert [value for _, value in trial.reports] == net.history["mae"]


def test_a_pruned_trial_ends_its_fit():
    trial = Trial(last=2)
    with pytest.raises(optuna.TrialPruned, match=r"loss is .* after epoch 2"):
        fitted(trial)
    assert len(trial.reports) == 2


def test_mistakes_are_told():
    with pytest.raises(TypeError, match="trial must be a trial of Optuna, got 3"):
        cr.optuna.PruningCallback(3)
    with pytest.raises(ValueError, match=r"monitor must be one of loss, mae, .*got 'accuracy'"):
        fitted(Trial(last=9), "accuracy")


def start(command):
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_processes_share_a_study_and_take_up_a_killed_trial(tmp_path):
    command = [sys.executable, str(SEARCH), str(tmp_path), "--trials", "3", "--epochs", "12"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as killed:
        began = time.monotonic()
        while not (tmp_path / "trial-0.safetensors").exists():
            assert killed.poll() is None, killed.stderr.read()
            assert time.monotonic() - began < 60
            time.sleep(0.01)
        killed.send_signal(signal.SIGKILL)
    time.sleep(16)  # until the heartbeat of the trial is stale
    study = optuna.load_study(study_name="digits", storage=f"sqlite:///{tmp_path / 'study.db'}")
    first = start(command)
    # Of two that look at the same moment, Optuna lets both take up the trial.
    while len(study.trials) < 2 and first.poll() is None:
        time.sleep(0.01)
    processes = [first, start(command)]
    outputs = [process.communicate(timeout=120) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], outputs
    states = [trial.state.name for trial in study.trials]
    assert states[0] == "FAIL"
    assert states.count("COMPLETE") + states.count("PRUNED") >= 3
    (again,) = [trial for trial in study.trials if trial.system_attrs.get("failed_trial") == 0]
    assert again.params == study.trials[0].params
    assert re.search(r"\d+ trials ended, \d+ were pruned, \d+ failed", outputs[0][0])
    # The trial that was killed ends with the bytes of one that was not.
    if again.state.name == "COMPLETE":
        data = cr.data.mnist_sample()
        hidden = [cr.Dense(again.params["units"], "relu") for _ in range(again.params["depth"])]
        net = cr.Network([cr.Input(784, scale=1 / 255), *hidden, cr.Dense(10, "softmax")], seed=0)
        net.fit(data.X_train[:1500], data.y_train[:1500], epochs=12, optimizer=cr.Adam(again.params["rate"]), verbose=0)
        kept = cr.load(tmp_path / "trial-0.safetensors")
        assert kept.parameters.tobytes() == net.parameters.tobytes()
