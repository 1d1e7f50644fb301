"""The command line: ``python -m benchmarks``, from the root of a clone, with chainrule installed."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from . import report as reports
from .busy import busy
from .data import SOURCES
from .memory import in_own_process
from .peers import MODULES, Peer, load
from .quick import quick
from .runner import measure
from .scaling import scaling
from .workloads import WORKLOADS, named


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the measurements that the arguments ask for; return the exit status."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.quick or options.store:
        return quick(options.store)
    if options.memory:
        return in_own_process()
    if options.busy:
        print(busy())
        return 0
    try:
        workloads = named(*options.workloads.split(",")) if options.workloads != "all" else list(WORKLOADS)
        peers, notes = _peers([*MODULES] if options.peers == "all" else ["chainrule", *options.peers.split(",")])
    except ValueError as error:
        parser.error(str(error))
    if options.mnist is None and any(SOURCES[workload.data].reads_mnist for workload in workloads):
        notes.append("MNIST was not given: the sample that comes with the package, repeated ten times, replaces it")
    head = reports.header(peers, notes)
    report: dict[str, Any] = {"header": head, "workloads": []}
    print(reports.about(head), flush=True)
    for workload in workloads:
        try:
            run, results = measure(
                workload, peers, epochs=options.epochs, samples=options.samples, mnist=options.mnist,
                say=lambda text: print(text, file=sys.stderr),
            )  # fmt: skip
        except ImportError as error:  # the workload "words" needs SciPy
            notes.append(f"{workload.name} is left out: {error}")
            print(f"\n{notes[-1]}")
            continue
        entry = reports.entry(run, results, head["peak GFLOP/s"])
        report["workloads"].append(entry)
        print(f"\n{reports.details(entry)}", flush=True)
    if options.scaling or options.plot:
        report["scaling"] = scaling(peers[0], options.epochs, options.samples)
    print(f"\n{reports.summary(report)}")
    if options.json:
        Path(options.json).write_text(json.dumps(report, indent=1) + "\n")
    if options.markdown:
        Path(options.markdown).write_text(reports.markdown(report))
    if options.plot:
        from .plot import plot

        plot(report).savefig(options.plot, dpi=150)
    return 0


def _peers(names: Sequence[str]) -> tuple[list[Peer], list[str]]:
    """Return the installed peers, and a note on each that is not."""
    peers, notes = [], []
    for name in dict.fromkeys(names):
        if name not in MODULES:
            raise ValueError(f"unknown peer {name!r}, expected one of {', '.join(MODULES)}")
        try:
            peers.append(load(name))
        except ImportError as error:
            notes.append(f"{name} takes no part: {error}")
    return peers, notes


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="Measure chainrule and its peers; all take turns in one run."
    )
    parser.add_argument("--peers", default="all", help=f"all (default), or any of {','.join(MODULES)}")
    parser.add_argument(
        "--workloads", default="all", help=f"all (default), or any of {','.join(w.name for w in WORKLOADS)}"
    )
    parser.add_argument(
        "--epochs", type=int, default=5, help="turns that are measured (default %(default)s); the fastest run counts"
    )
    parser.add_argument("--samples", type=int, metavar="N", help="use at most N samples")
    parser.add_argument(
        "--mnist", metavar="DIR", default=os.environ.get("CHAINRULE_MNIST"),
        help="folder of MNIST's files (default: $CHAINRULE_MNIST, else the sample of the package, repeated ten times)",
    )  # fmt: skip
    parser.add_argument("--json", metavar="FILE", help="write all measurements")
    parser.add_argument("--markdown", metavar="FILE", help="write the tables")
    parser.add_argument(
        "--plot", metavar="FILE", help="draw the ratios and the growth of the time (as --scaling measures it)"
    )
    parser.add_argument("--scaling", action="store_true", help="measure time by number of samples and by width")
    parser.add_argument(
        "--quick",
        action="store_true",
        help="measure a few workloads against NumPy; exit with 1 if a stored ratio has fallen",
    )
    parser.add_argument("--store", action="store_true", help="as --quick, but store the ratios")
    parser.add_argument(
        "--memory", action="store_true", help="measure the memory that training takes; exit with 1 if it is too much"
    )
    parser.add_argument(
        "--busy", action="store_true", help="measure while other processes are busy, next to PyTorch if it is there"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
