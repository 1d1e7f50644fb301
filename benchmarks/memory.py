"""The memory that training takes: ``python -m benchmarks.memory`` measures it in a separate process (Linux only)."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from .data import load
from .workload import Training
from .workloads import named

MEBIBYTE = 2**20
ALLOWED = 64 * MEBIBYTE


def in_own_process() -> int:
    """Measure in a new process; return its exit status."""
    return subprocess.run([sys.executable, "-m", __name__], check=False).returncode


def resident(name: str) -> int:
    """Return a size from /proc/self/status in bytes: "VmRSS" is the present one, "VmHWM" the peak."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name))


def main() -> int:
    """Compare the peak of a fit with the size of data, parameters and state; return 1 if it is over 64 MiB above."""
    (dense,) = named("dense")
    assert isinstance(dense, Training)
    data = load(dense.data)
    before = resident("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # resets the peak
    net = dense.initial()
    net.fit(
        data.X_train, data.y_train, epochs=2, batch_size=dense.batch_size, optimizer=dense.optimizer, loss=dense.loss,
        verbose=0,
    )  # fmt: skip
    growth = resident("VmHWM") - before
    arrays = data.X_train.nbytes + data.y_train.nbytes
    parameters = net.parameters.nbytes
    state = sum(array.nbytes for array in net.core.optimizer_state().values())
    needed = arrays + parameters + state
    print(f"{dense}\ndata {arrays / MEBIBYTE:.1f}, parameters {parameters / MEBIBYTE:.1f}, ", end="")
    print(f"optimiser's state {state / MEBIBYTE:.1f}: {needed / MEBIBYTE:.1f} MiB")
    print(f"at the peak of fit {(arrays + growth) / MEBIBYTE:.1f} MiB, data included; ", end="")
    print(f"allowed are {(needed + ALLOWED) / MEBIBYTE:.1f}")
    return 0 if arrays + growth <= needed + ALLOWED else 1


if __name__ == "__main__":
    sys.exit(main())
