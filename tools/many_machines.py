"""What a fit on many machines costs: measures the arithmetic of one rank, and computes from which batch machines pay.

    python tools/many_machines.py

It prints the table of docs/many_machines.md, and needs one idle core. The model of a step is in `step_seconds`.
"""

from __future__ import annotations

import math
import statistics
import time
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

import chainrule as cr
from chainrule import _core

MACHINES = (2, 8, 64)
# Bits per second, and seconds that a short message takes: of usual networks of machines.
LINKS = {"1 Gb/s": (1e9, 50e-6), "10 Gb/s": (10e9, 20e-6), "100 Gb/s": (100e9, 3e-6)}
# Samples of a rank, two numbers that tell what grows with them from what does not, and the steps that are timed.
FEW, MANY, STEPS = 128, 512, 12
LARGEST = 1 << 24


@dataclass
class Costs:
    """What one rank does in a step, by the parts of the gradient that are handed on.

    Seconds: `passes` per sample, `gradients` per sample of each part, `update` per step; and the `bytes` of each part.
    """

    passes: float
    gradients: list[float]
    update: float
    bytes: list[int]

    def alone(self, samples: float) -> float:
        """Return the seconds of a step of one machine."""
        return samples * (self.passes + sum(self.gradients)) + self.update


def step_seconds(costs: Costs, samples: float, machines: int, bits: float, latency: float) -> float:
    """Return the seconds of a step in which each machine has so many samples.

    The passes are made by all machines at a time. The gradient goes through the chain of machines in parts: a part
    takes a machine the time of its arithmetic or of its bytes, whichever is longer, and a message. The first machine
    makes all parts one after the other, and each further one adds the time of the largest. A broadcast of n bytes by
    scatter and allgather takes 2 n bytes of each link. The sums of the losses go through the chain before.
    """
    if machines == 1:
        return costs.alone(samples)
    parts = [
        max(samples * seconds, 8 * count / bits) + latency
        for seconds, count in zip(costs.gradients, costs.bytes, strict=True)
    ]
    chain = sum(parts) + (machines - 1) * max(parts) + (machines - 1) * latency
    broadcast = 2 * 8 * sum(costs.bytes) / bits * (machines - 1) / machines + 2 * math.log2(machines) * latency
    return samples * costs.passes + chain + broadcast + costs.update


def efficiency(costs: Costs, samples: float, machines: int, bits: float, latency: float) -> float:
    """Return the share of the time that one machine would need for its samples alone (weak scaling)."""
    return costs.alone(samples) / step_seconds(costs, samples, machines, bits, latency)


def smallest_batch(costs: Costs, machines: int, bits: float, latency: float, wanted: float) -> int | None:
    """Return the smallest batch in which each machine does at least the wanted share of what it does alone, or None."""
    batch = 16 * machines
    while batch <= LARGEST:
        seconds = step_seconds(costs, batch / machines, machines, bits, latency)
        if costs.alone(batch) >= wanted * machines * seconds:
            return batch
        batch = math.ceil(batch * 1.05 / 16) * 16
    return None


class Clock:
    """Stands for the ranks before and after this one, which answer at once; it notes when it is called."""

    rank, size = 1, 3

    def __init__(self) -> None:
        self.calls: list[tuple[str, float, int]] = []

    def receive_from_before(self, data: memoryview) -> None:
        self.calls.append(("receive", time.perf_counter(), len(data)))

    def send_to_next(self, data: memoryview) -> None:
        self.calls.append(("send", time.perf_counter(), len(data)))

    def broadcast_from_last(self, data: memoryview) -> None:
        self.calls.append(("broadcast", time.perf_counter(), len(data)))


def timed(net: cr.Network, samples: int) -> tuple[float, list[float], list[int]]:
    """Return the seconds of a step, those of each part of its gradient, and the bytes of the parts."""
    batch = samples * Clock.size
    rng = np.random.default_rng(0)
    X = rng.normal(size=(batch * STEPS, *net.shapes[0])).astype(np.float32).reshape(batch * STEPS, -1)
    y = rng.integers(0, 10, batch * STEPS)
    options = _core.EpochOptions(
        loss=cr.CrossEntropy().core_loss(), optimizer=cr.Adam().core_optimizer(), rates=np.full(STEPS, 1e-9),
        batch_size=batch, shuffle=False, seed=0, epoch=0,
    )  # fmt: skip
    clock = Clock()
    net.core.train_epoch(X, y, None, options, _core.EpochPart(), None, clock)
    # Of each step, the first message is that of the losses, which comes after the passes.
    size = len(clock.calls) // STEPS
    steps = [clock.calls[begin : begin + size] for begin in range(0, len(clock.calls), size)]
    periods = [after[0][1] - before[0][1] for before, after in pairwise(steps)]
    sent = [number for number, (name, _, _) in enumerate(steps[0]) if name == "send"][1:]
    parts = [statistics.median(calls[number][1] - calls[number - 1][1] for calls in steps) for number in sent]
    return statistics.median(periods), parts, [steps[0][number][2] for number in sent]


def measured(net: cr.Network, few: int = FEW, many: int = MANY) -> Costs:
    """Return the costs of a network, from two numbers of samples."""
    (short, parts_of_few, counts), (long, parts_of_many, _) = timed(net, few), timed(net, many)
    gradients = [max(b - a, 0.0) / (many - few) for a, b in zip(parts_of_few, parts_of_many, strict=True)]
    passes = max((long - short) / (many - few) - sum(gradients), 0.0)
    return Costs(passes, gradients, max(short - few * (passes + sum(gradients)), 0.0), counts)


def networks() -> dict[str, cr.Network]:
    """Return the networks of the table by name."""
    lenet = [
        cr.Conv2D(6, 5, "relu", padding="same"), cr.MaxPool2D(2), cr.Conv2D(16, 5, "relu"), cr.MaxPool2D(2),
        cr.Flatten(), cr.Dense(120, "relu"), cr.Dense(84, "relu"), cr.Dense(10, "softmax"),
    ]  # fmt: skip
    return {
        "784-300-10": cr.Network([784, 300, 10], output="softmax", seed=0),
        "LeNet-5": cr.Network([cr.Input(28, 28, 1), *lenet], seed=0),
        "LSTM(64)": cr.Network([cr.Input(28, 28), cr.LSTM(64), cr.Dense(10, "softmax")], seed=0),
    }


def main() -> None:
    cr.set_num_threads(1)
    table = ["| network | link | 2 machines | 8 machines | 64 machines |", "|---|---|---|---|---|"]
    for name, net in networks().items():
        costs = measured(net)
        print(
            f"{name}: {1e6 * costs.passes:.2f} µs of passes and {1e6 * sum(costs.gradients):.2f} µs of gradient a "
            f"sample, {1e6 * costs.update:.0f} µs a step, {sum(costs.bytes) / 1e6:.2f} MB in {len(costs.bytes)} parts"
        )
        for link, (bits, latency) in LINKS.items():
            cells = []
            for machines in MACHINES:
                batches = [smallest_batch(costs, machines, bits, latency, w) for w in (1 / machines, 0.5, 0.9)]
                cells.append(" / ".join("never" if batch is None else f"{batch:,}" for batch in batches))
            table.append(f"| {name} | {link} | {' | '.join(cells)} |")
    print("\n".join(table))


if __name__ == "__main__":
    main()
