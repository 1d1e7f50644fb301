"""What a fit on many machines costs: measures the arithmetic of one rank, and computes from which batch machines pay.

    python tools/many_machines.py

It prints the table of docs/many_machines.md. Others may use the machine, as it takes the time of the processor alone.
The model of a step is in `step_seconds`.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

import chainrule as cr
from chainrule import _core

MACHINES = (2, 8, 64)
# Bits per second, and seconds that a short message takes: of usual networks of machines.
LINKS = {"1 Gb/s": (1e9, 50e-6), "10 Gb/s": (10e9, 20e-6), "100 Gb/s": (100e9, 3e-6)}
# Samples of a rank, two numbers that tell what grows with them from what does not; steps, of which the fastest counts.
FEW, MANY, STEPS = 128, 640, 16
LARGEST = 1 << 24


@dataclass
class Costs:
    """What one rank does in a step, by the parts of the gradient that are handed on.

    Seconds: `passes` per sample, `gradients` per sample of each part, `update` per step; the `bytes` of each part; and
    the seconds of one process on its own, `sample_alone` and `step_alone`. It is faster, as it takes a batch in pieces
    that stay in its caches, and updates parameters while it computes their gradient.
    """

    passes: float
    gradients: list[float]
    update: float
    bytes: list[int]
    sample_alone: float
    step_alone: float

    def alone(self, samples: float) -> float:
        """Return the seconds of a step of one process on its own."""
        return samples * self.sample_alone + self.step_alone


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


def gain(costs: Costs, samples: float, machines: int, bits: float, latency: float) -> float:
    """Return how many times as fast a step is as on one machine that has the samples of all (strong scaling)."""
    return costs.alone(samples * machines) / step_seconds(costs, samples, machines, bits, latency)


def efficiency(costs: Costs, samples: float, machines: int, bits: float, latency: float) -> float:
    """Return the share of the time that one machine would need for its samples alone (weak scaling)."""
    return costs.alone(samples) / step_seconds(costs, samples, machines, bits, latency)


def smallest_batch(machines: int, is_enough: Callable[[float], bool]) -> int | None:
    """Return the smallest batch of which each machine has enough samples, or None."""
    batch = 16 * machines
    while not is_enough(batch / machines):
        batch = math.ceil(batch * 1.05 / 16) * 16
        if batch > LARGEST:
            return None
    return batch


class Clock:
    """Stands for the ranks after the first one, which answer at once; it notes when it is called."""

    rank = 0

    def __init__(self, size: int) -> None:
        self.size = size
        self.calls: list[tuple[str, float, int]] = []

    def send_to_next(self, data: memoryview) -> None:
        self.calls.append(("send", time.thread_time(), len(data)))

    def broadcast_from_last(self, data: memoryview) -> None:
        self.calls.append(("broadcast", time.thread_time(), len(data)))


def trained(net: cr.Network, machines: int, samples: int, ranks: Clock | None = None) -> float:
    """Make some steps as the first of some machines, each of which has so many samples; return the seconds of one."""
    batch, rng = samples * machines, np.random.default_rng(0)
    # The samples of other ranks are never read, so that they take no memory.
    X = np.zeros((batch * STEPS, net.border.inputs), dtype=np.float32)
    for begin in range(0, len(X), batch):
        X[begin : begin + samples] = rng.normal(size=(samples, X.shape[1]))
    options = _core.EpochOptions(
        loss=cr.CrossEntropy().core_loss(), optimizer=cr.Adam().core_optimizer(), rates=np.full(STEPS, 1e-9),
        batch_size=batch, shuffle=False, seed=0, epoch=0,
    )  # fmt: skip
    y = rng.integers(0, 10, len(X))
    begin = time.thread_time()
    net.core.train_epoch(X, y, None, options, _core.EpochPart(), None, ranks)
    return (time.thread_time() - begin) / STEPS


def timed(net: cr.Network, machines: int, samples: int) -> tuple[float, list[float], list[int]]:
    """Return the seconds of a step, those of each part of its gradient, and the bytes of the parts."""
    clock = Clock(machines)
    trained(net, machines, samples, clock)
    # Of each step, the first message is that of the losses, which comes after the passes.
    size = len(clock.calls) // STEPS
    steps = [clock.calls[begin : begin + size] for begin in range(0, len(clock.calls), size)]
    periods = [after[0][1] - before[0][1] for before, after in pairwise(steps)]
    sent = [number for number, (name, _, _) in enumerate(steps[0]) if name == "send"][1:]
    parts = [min(calls[number][1] - calls[number - 1][1] for calls in steps) for number in sent]
    return min(periods), parts, [steps[0][number][2] for number in sent]


def measured(net: cr.Network, machines: int, few: int = FEW, many: int = MANY) -> Costs:
    """Return the costs of a network on one of some machines, from two numbers of samples."""
    short, parts_of_few, counts = timed(net, machines, few)
    long, parts_of_many, _ = timed(net, machines, many)
    gradients = [max(b - a, 0.0) / (many - few) for a, b in zip(parts_of_few, parts_of_many, strict=True)]
    passes = max((long - short) / (many - few) - sum(gradients), 0.0)
    update = max(short - few * (passes + sum(gradients)), 0.0)
    short, long = (min(trained(net, 1, samples) for _ in range(3)) for samples in (few, many))
    sample = (long - short) / (many - few)
    return Costs(passes, gradients, update, counts, sample, max(short - few * sample, 0.0))


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
        of_machines = {machines: measured(net, machines) for machines in MACHINES}
        costs = of_machines[MACHINES[0]]
        print(
            f"{name}: alone {1e6 * costs.sample_alone:.1f} µs a sample and {1e6 * costs.step_alone:.0f} µs a step; "
            f"as a rank {1e6 * costs.passes:.1f} µs of passes and {1e6 * sum(costs.gradients):.1f} µs of gradient a "
            f"sample, {1e6 * costs.update:.0f} µs a step, {sum(costs.bytes) / 1e6:.2f} MB in "
            f"{', '.join(str(len(one.bytes)) for one in of_machines.values())} parts"
        )
        for link, (bits, latency) in LINKS.items():
            cells = []
            for machines, costs in of_machines.items():
                link_of = (machines, bits, latency)
                pays = smallest_batch(machines, lambda n, c=costs, of=link_of: gain(c, n, *of) > 1)
                scales = smallest_batch(machines, lambda n, c=costs, of=link_of: efficiency(c, n, *of) >= 0.9)
                cells.append(" / ".join("never" if batch is None else f"{batch:,}" for batch in (pays, scales)))
            table.append(f"| {name} | {link} | {' | '.join(cells)} |")
    print("\n".join(table))


if __name__ == "__main__":
    main()
