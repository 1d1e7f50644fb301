"""What a fit on many machines costs: measures the arithmetic of one rank, and computes from which batch machines pay.

    python tools/many_machines.py

It prints two tables of docs/many_machines.md. Others may use the machine, as it takes the time of the processor alone.
The model of a step is in `step_seconds`.
"""

from __future__ import annotations

import math
import time
from bisect import bisect
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from operator import add
from statistics import median

import numpy as np

import chainrule as cr
from chainrule import _core
from chainrule.training.ranks import Ranks

MACHINES = (2, 8, 64)


@dataclass
class Link:
    """A link between two machines (Alexandrov et al. 1995, "LogGP").

    Attributes
    ----------
    bits : float
        How many it takes per second, in each direction.
    latency : float
        Seconds that a short message takes.
    per_message, per_byte : float
        Seconds of the processor of a machine that sends a message, and of one that receives it.
    """

    bits: float
    latency: float
    per_message: float
    per_byte: float

    def work(self, count: float) -> float:
        """Return the seconds of the processor for a message of so many bytes."""
        return self.per_message + count * self.per_byte


# Of usual networks of machines; the work is what tools/slowed_links.py measures.
WORK = (2.5e-6, 0.1e-9)
LINKS = {"1 Gb/s": Link(1e9, 50e-6, *WORK), "10 Gb/s": Link(10e9, 20e-6, *WORK), "100 Gb/s": Link(100e9, 3e-6, *WORK)}
# Samples of a rank for which its costs are measured, and steps of an epoch.
SAMPLES, STEPS = (16, 128, 512, 2048), 8
LARGEST = 1 << 24


@dataclass
class Costs:
    """What one rank does in a step, by the parts of the gradient that are handed on.

    Seconds for each of some numbers of `samples`: of each part of the gradient, of the rest of the step (the passes and
    the update), and of a whole step of one process on its own; and the `bytes` of each part. One process is faster, as
    it takes a batch in pieces that stay in its caches, and updates parameters while it computes their gradient.
    """

    samples: tuple[int, ...]
    rest: list[float]
    parts: list[list[float]]
    bytes: list[int]
    alone: list[float]

    def at(self, samples: float, seconds: list[float]) -> float:
        """Return what one of the lists says of any number of samples: between those measured it is a straight line."""
        after = min(max(bisect(self.samples, samples), 1), len(self.samples) - 1)
        (few, many), (low, high) = self.samples[after - 1 : after + 1], seconds[after - 1 : after + 1]
        return low + (high - low) * (samples - few) / (many - few)


def step_seconds(costs: Costs, samples: float, machines: int, link: Link) -> float:
    """Return the seconds of a step in which each machine has so many samples.

    The passes are made by all machines at a time. The gradient goes through the chain of machines in parts, as on an
    assembly line: while a part is on its way, the next one is computed, and whichever takes longer counts. The last
    machine gets its first part after each of the others has computed it and sent it; it is on its way while the
    processor works on the message. Machines within the chain receive parts and send them; of two, each does one of
    both. A broadcast of n bytes by scatter and allgather takes 2 n bytes of each link.
    """
    if machines == 1:
        return costs.at(samples, costs.alone)
    computed = [costs.at(samples, part) for part in costs.parts]
    handled = [min(machines - 1, 2) * link.work(count) for count in costs.bytes]
    sent = [8 * count / link.bits for count in costs.bytes]
    line = sum(map(max, map(add, computed, handled), sent))
    line += (machines - 1) * (max(map(add, computed, map(max, handled, sent))) + link.latency)
    in_broadcast = 2 * sum(costs.bytes) * max(8 / link.bits, link.per_byte) * (machines - 1) / machines
    return costs.at(samples, costs.rest) + line + in_broadcast + 2 * math.log2(machines) * link.latency


def gain(costs: Costs, samples: float, machines: int, link: Link) -> float:
    """Return how many times as fast a step is as on one machine that has the samples of all (strong scaling)."""
    return costs.at(samples * machines, costs.alone) / step_seconds(costs, samples, machines, link)


def efficiency(costs: Costs, samples: float, machines: int, link: Link) -> float:
    """Return the share of the time that one machine would need for its samples alone (weak scaling)."""
    return costs.at(samples, costs.alone) / step_seconds(costs, samples, machines, link)


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


def trained(
    net: cr.Network,
    machines: int,
    samples: int,
    ranks: Clock | Ranks | None = None,
    clock: Callable[[], float] = time.thread_time,
    epochs: int = 1,
) -> float:
    """Make some steps as one of some machines, each of which has so many samples; return the seconds of one.

    Those are of the fastest epoch.
    """
    batch, rng = samples * machines, np.random.default_rng(0)
    # The samples of other ranks are never read, so that they take no memory.
    X = np.zeros((batch * STEPS, net.border.inputs), dtype=np.float32)
    for begin in range(samples * (0 if ranks is None else ranks.rank), len(X), batch):
        X[begin : begin + samples] = rng.standard_normal((samples, X.shape[1]), dtype=np.float32)
    y = rng.integers(0, 10, len(X))
    seconds = []
    for epoch in range(epochs):
        options = _core.EpochOptions(
            loss=cr.CrossEntropy().core_loss(), optimizer=cr.Adam().core_optimizer(), rates=np.full(STEPS, 1e-9),
            batch_size=batch, shuffle=False, seed=0, epoch=epoch,
        )  # fmt: skip
        begin = clock()
        net.core.train_epoch(X, y, None, options, _core.EpochPart(), None, ranks)
        seconds.append((clock() - begin) / STEPS)
    return min(seconds)


def timed(net: cr.Network, machines: int, samples: int) -> tuple[float, list[float], list[int]]:
    """Return the seconds of a step, those of each part of its gradient, and the bytes of the parts."""
    clock = Clock(machines)
    trained(net, machines, samples, clock)
    # Of each step, the first message is that of the losses, which comes after the passes.
    size = len(clock.calls) // STEPS
    steps = [clock.calls[begin : begin + size] for begin in range(0, len(clock.calls), size)]
    periods = [after[0][1] - before[0][1] for before, after in pairwise(steps)]
    sent = [number for number, (name, _, _) in enumerate(steps[0]) if name == "send"][1:]
    parts = [median(calls[number][1] - calls[number - 1][1] for calls in steps) for number in sent]
    return median(periods), parts, [steps[0][number][2] for number in sent]


def measured(net: cr.Network, machines: int, samples: tuple[int, ...] = SAMPLES) -> Costs:
    """Return the costs of a network on one of some machines."""
    steps, parts, counts = zip(*(timed(net, machines, each) for each in samples), strict=True)
    alone = [trained(net, 1, each, epochs=3) for each in samples]
    rest = [step - sum(of_step) for step, of_step in zip(steps, parts, strict=True)]
    return Costs(samples, rest, [list(part) for part in zip(*parts, strict=True)], counts[0], alone)


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


def costs_row(name: str, costs: Costs) -> str:
    """Return a row of the table of costs, in microseconds a sample."""
    of_parts = [sum(seconds) for seconds in zip(*costs.parts, strict=True)]
    cells = [
        " / ".join(f"{1e6 * each / samples:.1f}" for each, samples in zip(seconds, costs.samples, strict=True))
        for seconds in (costs.alone, costs.rest, of_parts)
    ]
    return f"| {name} | {' | '.join(cells)} | {sum(costs.bytes) / 1e6:.2f} MB | {len(costs.bytes)} |"


def batches_row(name: str, link: str, of_machines: dict[int, Costs]) -> str:
    """Return a row of the table: the batch from which machines pay, and the pace that they keep with large shares."""
    cells = []
    for machines, costs in of_machines.items():
        on = (machines, LINKS[link])
        batch = smallest_batch(machines, lambda n, c=costs, on=on: gain(c, n, *on) > 1)
        pays = "never" if batch is None else f"{batch:,}"
        cells.append(f"{pays} / {100 * efficiency(costs, SAMPLES[-1], *on):.0f} %")
    return f"| {name} | {link} | {' | '.join(cells)} |"


def main() -> None:
    cr.set_num_threads(1)
    costs = ["| network | alone | passes and update | gradient | handed on | parts |", 6 * "|---" + "|"]
    batches = ["| network | link | 2 machines | 8 machines | 64 machines |", 5 * "|---" + "|"]
    for name, net in networks().items():
        of_machines = {machines: measured(net, machines) for machines in MACHINES}
        costs.append(costs_row(name, of_machines[MACHINES[0]]))
        batches += [batches_row(name, link, of_machines) for link in LINKS]
    print("\n".join([*costs, "", *batches]))


if __name__ == "__main__":
    main()
