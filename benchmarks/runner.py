"""Measures a workload: the peers take turns, so that other load on the machine hits all; the minimum counts."""

from __future__ import annotations

import dataclasses
import gc
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from .data import load
from .peers import Parameters, Peer
from .workload import Layered, Model, Workload

# Seconds before each turn: threads of BLAS and OpenMP spin after their work, those of OpenBLAS for 0.1 s.
PAUSE = 0.3


@dataclass
class Result:
    """Times and quality of one variant of one peer on one workload; `skipped` is the reason if it has none."""

    peer: str
    variant: str
    seconds: list[float] = field(default_factory=list)
    quality: float | None = None
    skipped: str = ""

    @property
    def best(self) -> float:
        """The fastest run; infinite if there was none."""
        return min(self.seconds, default=float("inf"))


def timed(run: Callable[[], None]) -> float:
    """Return the seconds that a run takes."""
    gc.disable()
    begin = time.perf_counter()
    run()
    seconds = time.perf_counter() - begin
    gc.enable()
    return seconds


class Entrant:
    """One variant of a peer in a workload; it drops out at its first error."""

    def __init__(self, peer: Peer, variant: str, make: Callable[[], Model]) -> None:
        self.make = make
        self.result = Result(peer.name, variant)
        self.model: Model | None = None
        self.run: Callable[[], None] | None = None

    def attempt(self, stage: Callable[[Entrant], None]) -> None:
        """Run a stage, unless an earlier one has failed."""
        if not self.result.skipped:
            try:
                stage(self)
            except Exception as error:  # an error of one peer must not stop the others
                self.result.skipped = (str(error).splitlines() or [type(error).__name__])[0]


def measure(
    workload: Workload,
    peers: Iterable[Peer],
    *,
    epochs: int,
    samples: int | None = None,
    mnist: str | None = None,
    say: Callable[[str], None] = lambda text: None,
) -> tuple[Workload, list[Result]]:
    """Return the workload as it was run, and the results of all variants after `epochs` measured turns."""
    data = load(workload.data, mnist)
    data = data.first(min(workload.samples, samples or workload.samples))
    workload = dataclasses.replace(workload, samples=data.X_train.shape[0])
    parameters: Parameters = []
    if not isinstance(workload, Layered):
        parameters = [(layer.weights, layer.bias) for layer in workload.initial().stack]
    entrants = [
        Entrant(peer, variant, make) for peer in peers for variant, make in peer.builders(workload, parameters).items()
    ]

    def build(entrant: Entrant) -> None:
        entrant.model = entrant.make()
        with entrant.model.turn():
            entrant.run = workload.start(entrant.model, data)

    def turn(repeats: int) -> Callable[[Entrant], None]:
        def stage(entrant: Entrant) -> None:
            assert entrant.model and entrant.run
            time.sleep(PAUSE)
            with entrant.model.turn():
                entrant.result.seconds += [timed(entrant.run) for _ in range(repeats)]

        return stage

    def warm_up(entrant: Entrant) -> None:
        turn(1)(entrant)
        entrant.result.seconds.clear()

    def judge(entrant: Entrant) -> None:
        assert entrant.model
        with entrant.model.turn():
            entrant.result.quality = workload.quality(entrant.model, data)

    turns = {f"turn {number} of {epochs}": turn(workload.repeats) for number in range(1, epochs + 1)}
    for title, stage in {"building": build, "warm-up": warm_up, **turns, "judging": judge}.items():
        say(f"{workload.name}: {title}")
        for entrant in entrants:
            entrant.attempt(stage)
    return workload, [entrant.result for entrant in entrants]
