"""A check for regressions in about a minute: the ratios of NumPy's and chainrule's times, against stored ones."""

from __future__ import annotations

import json
from pathlib import Path

import chainrule as cr

from .peers import load
from .report import OURS
from .runner import measure
from .workloads import named

STORED = Path(__file__).with_name("quick_ratios.json")
SLOWER = 1.15
TURNS = 4
# Training samples of each workload.
SAMPLES = {
    "online": 1_000, "tiny": 20_000, "small": 6_000, "dense": 6_000, "predict-1-tiny": 1_000,
    "predict-1-digits": 1_000, "predict-all": 10_000,
}  # fmt: skip


def quick(store: bool) -> int:
    """Print NumPy's time divided by chainrule's; return 1 if one of these ratios has fallen by more than 15 %."""
    peers = [load(OURS), load("numpy")]
    facts = cr.info()
    machine = f"{facts['isa']}, {facts['threads']} threads"
    stored = json.loads(STORED.read_text()) if STORED.exists() else {}
    before = stored.get(machine, {})
    ratios, slower = {}, []
    for group, samples in SAMPLES.items():
        for workload in named(group):
            _, results = measure(workload, peers, epochs=TURNS, samples=samples)
            if trouble := [f"{r.peer}: {r.skipped}" for r in results if r.skipped]:
                raise RuntimeError(f"{workload.name}: {'; '.join(trouble)}")
            ours, numpy = (min(r.best for r in results if r.peer == peer.name) for peer in peers)
            ratio = ratios[workload.name] = round(numpy / ours, 3)
            old = before.get(workload.name)
            print(f"{workload.name:20}{ratio:7.2f} times as fast as NumPy" + (f", was {old:.2f}" if old else ""))
            if old and ratio * SLOWER < old:
                slower.append(workload.name)
    if store:
        STORED.write_text(json.dumps({**stored, machine: ratios}, indent=2, sort_keys=True) + "\n")
        return 0
    if not before:
        print(f"no ratios are stored for {machine}; --store stores these")
    if slower:
        print(f"more than 15 % slower than stored: {', '.join(slower)}")
    return 1 if slower else 0
