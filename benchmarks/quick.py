"""A check for regressions in under two minutes: chainrule beside NumPy, against the ratios that are kept."""

from __future__ import annotations

import json
from pathlib import Path

import chainrule as cr

from .peers import load
from .report import OURS
from .runner import measure
from .workloads import named

KEPT = Path(__file__).with_name("quick_ratios.json")
SLOWER = 1.15
TURNS = 8
# Training samples of each workload.
SAMPLES = {"online": 1_000, "tiny": 20_000, "small": 6_000, "dense": 6_000, "predict-1": 1_000, "predict-all": 10_000}


def quick(store: bool) -> int:
    """Print the speeds in times of NumPy's; the status is 1 if one of them has fallen by more than 15 %."""
    peers = [load(OURS), load("numpy")]
    facts = cr.info()
    machine = f"{facts['isa']}, {facts['threads']} threads"
    kept = json.loads(KEPT.read_text()) if KEPT.exists() else {}
    before = kept.get(machine, {})
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
        KEPT.write_text(json.dumps({**kept, machine: ratios}, indent=2, sort_keys=True) + "\n")
        return 0
    if not before:
        print(f"nothing is kept for {machine}; --store keeps these")
    if slower:
        print(f"more than 15 % slower than kept: {', '.join(slower)}")
    return 1 if slower else 0
