"""Kills a training with checkpoints again and again, and resumes it each time: ``python killed_training.py DIR KILLS``.

It prints how many kills came while a checkpoint was being written, and fails if the result differs from that of an
undisturbed training. It runs in a separate process, as it forks children, which is unsafe in a process with threads.
"""

import os
import random
import signal
import sys
import time
from pathlib import Path

import numpy as np

import chainrule as cr

EPOCHS = 800
X = np.random.default_rng(0).standard_normal((90, 12))
y = (X[:, :3] @ [1.0, -2.0, 0.5] > 0).astype(int)


def train(path, log, resume, **checkpoints):
    net = (
        cr.load(path)
        if resume
        else cr.Network([12, 40, 30, 2], activation="tanh", output="softmax", weights="glorot_uniform", seed=3)
    )
    net.fit(
        X, y, epochs=EPOCHS, batch_size=8, optimizer=cr.Adam(cr.CosineDecay(0.01, 2000)), verbose=0, input_noise=0.1,
        callbacks=[cr.EarlyStopping("loss", patience=700), cr.ReduceOnPlateau("loss", patience=5), cr.CSVLog(log)],
        validation_data=(X[:20], y[:20]), resume=resume, **checkpoints,
    )  # fmt: skip
    return net


def train_in_child(path, log):
    child = os.fork()
    if child == 0:
        train(path, log, path.exists(), checkpoint=path, checkpoint_every="3 steps")
        os._exit(0)
    return child


def kill_and_resume(folder, kills):
    path, log = folder / "run.safetensors", folder / "run.csv"
    moments = random.Random(1)
    in_writing = 0
    for _ in range(kills):
        child = train_in_child(path, log)
        time.sleep(moments.uniform(0.0, 0.03))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        in_writing += any(folder.glob(".run.safetensors.*"))
        assert not path.exists() or cr.load(path).epochs < EPOCHS, (
            "the training ended before it was killed often enough"
        )
    child = train_in_child(path, log)
    assert os.waitpid(child, 0)[1] == 0
    assert not any(folder.glob(".run.safetensors.*")), "files are left over"
    ended = cr.load(path)
    assert ended.epochs == EPOCHS
    return ended, log.read_text(), in_writing


def main(folder, kills):
    undisturbed = train(None, folder / "log.csv", False, checkpoint=folder / "undisturbed.safetensors")
    ended, log, in_writing = kill_and_resume(folder, kills)
    expected = cr.load(folder / "undisturbed.safetensors")
    assert ended.parameters.tobytes() == expected.parameters.tobytes(), "weights differ"
    assert dict(ended.history) == dict(expected.history) == dict(undisturbed.history), "history differs"
    assert log == (folder / "log.csv").read_text(), "log differs"
    print(f"{kills} kills, {in_writing} of them in the middle of a write: the same bytes")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
