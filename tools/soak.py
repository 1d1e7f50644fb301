"""Fits, saves, loads, clones and fails in one process for a long time, and prints its memory each minute.

    python tools/soak.py --minutes 60

The exit status is 1 if resident memory has grown by more than 5 MiB since the end of the first minute. It needs Linux
with glibc, and the package installed with its extra `test`.
"""

import argparse
import ctypes
import gc
import pickle
import resource
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path

import numpy as np
import scipy.sparse

import chainrule as cr

ALLOWED_MIB = 5.0
SPIRALS = cr.data.two_spirals(300)
SINE = cr.data.sine(300)
WIDE = np.random.default_rng(0).standard_normal((2000, 200)).astype(np.float32)
WIDE[WIDE < 0.5] = 0
LIVES_ON = cr.Network([200, 300, 2], output="softmax", seed=0)


def resident_mib() -> float:
    """Return the memory in use, after the allocator has returned freed memory to the system."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize() / 2**20


def spirals(**options: object) -> cr.Network:
    net = cr.Network([2, 32, 2], activation="tanh", output="softmax", seed=1)
    net.fit(*SPIRALS, epochs=3, verbose=0, **options)
    return net


def fit_every_optimizer(folder: Path) -> None:
    for optimizer in (cr.SGD(0.1, momentum=0.9), cr.Adam(clip_norm=1.0), cr.RMSprop(), cr.AdamW(), cr.Adadelta()):
        spirals(optimizer=optimizer, validation_data=SPIRALS, callbacks=[cr.EarlyStopping(), lambda *_: None])


def fit_large(folder: Path) -> None:
    net = cr.Network([200, 300, 200], dtype="float64", seed=2)
    net.fit(WIDE, WIDE, epochs=1, verbose=0)
    net.predict(WIDE)
    net.evaluate(WIDE, WIDE)
    net.loss_and_gradient(WIDE, WIDE)


def fit_sparse(folder: Path) -> None:
    X = scipy.sparse.csr_array(WIDE)
    net = cr.Network([200, 64, 1], seed=3)
    net.fit(X, WIDE[:, 0], epochs=2, verbose=0)
    net.predict(X)


def fit_stream(folder: Path) -> None:
    net = cr.Network([200, 64, 1], seed=4)
    net.fit([(WIDE[i : i + 100], WIDE[i : i + 100, 0]) for i in range(0, 2000, 100)], epochs=2, verbose=0)


def go_on_with_one_network(folder: Path) -> None:
    for samples in (1, 7, 300):
        LIVES_ON.train_on_batch(WIDE[:samples], np.zeros(samples, int))
        LIVES_ON.predict(WIDE[:samples])
        LIVES_ON.backward(LIVES_ON.forward(WIDE[:samples]))


def save_and_load(folder: Path) -> None:
    spirals(checkpoint=folder / "checkpoint.safetensors", checkpoint_every="5 steps")
    cr.load(folder / "checkpoint.safetensors").fit(*SPIRALS, epochs=4, verbose=0, resume=True)
    LIVES_ON.save(folder / "network.safetensors")
    cr.load(folder / "network.safetensors").predict(WIDE[:3])


def clone(folder: Path) -> None:
    LIVES_ON.copy().train_on_batch(WIDE[:10], np.zeros(10, int))
    pickle.loads(pickle.dumps(LIVES_ON)).predict(WIDE[:10])


def check(folder: Path) -> None:
    spirals().check(SPIRALS[0][:8], SPIRALS[1][:8])


def fails(work: Callable[[], object], error: type[Exception]) -> None:
    try:
        work()
    except error:
        return
    raise AssertionError(f"no {error.__name__}")


def fail(folder: Path) -> None:
    def callback(net: cr.Network, epoch: int, metrics: object) -> None:
        raise OSError

    damaged = folder / "damaged.safetensors"
    damaged.write_bytes(b"\x08" * 999)
    net = cr.Network([2, 8, 2], seed=5)
    X, y = SPIRALS
    fails(lambda: net.fit(X, y, optimizer=cr.SGD(1e15), verbose=0), cr.DivergedError)
    fails(lambda: net.fit(X, y, optimizer="sgd", callbacks=[callback], verbose=0), OSError)
    fails(lambda: net.fit(X, y + 2, verbose=0), ValueError)
    fails(lambda: net.fit(X * np.nan, y, verbose=0), ValueError)
    fails(lambda: net.predict(WIDE), ValueError)
    fails(lambda: net.fit(X, y, optimizer="none", verbose=0), ValueError)
    fails(lambda: cr.Network([2, 0], seed=5), ValueError)
    fails(lambda: cr.load(damaged), cr.ModelFileError)


def fit_in_threads(folder: Path) -> None:
    threads = [threading.Thread(target=spirals) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


ROUND = [
    fit_every_optimizer,
    fit_large,
    fit_sparse,
    fit_stream,
    go_on_with_one_network,
    save_and_load,
    clone,
    check,
    fail,
    fit_in_threads,
]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=int, default=60, help="at least 2")
    minutes = parser.parse_args().minutes
    if minutes < 2:
        parser.error(f"--minutes must be at least 2, got {minutes}")
    begin, minute, first = time.monotonic(), 0, 0.0
    with tempfile.TemporaryDirectory() as folder:
        for done in count(1):
            for work in ROUND:
                work(Path(folder))
            if time.monotonic() < begin + 60 * (minute + 1):
                continue
            minute += 1
            now = resident_mib()
            first = first or now
            print(f"minute {minute:3}: {now:8.2f} MiB, {now - first:+.2f}, {done} rounds", flush=True)
            if minute == minutes:
                return 1 if now - first > ALLOWED_MIB else 0
    raise AssertionError("counting has no end")


if __name__ == "__main__":
    sys.exit(main())
