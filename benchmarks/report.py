"""The report of a run: a dictionary for JSON, and its tables."""

from __future__ import annotations

import datetime
import math
import os
import platform
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import chainrule as cr

from .peers import Peer
from .runner import Result
from .workload import Workload

OURS = "chainrule"
# Prefixes of environment variables that change the speed of a peer.
PREFIXES = ("OPENBLAS_", "OMP_", "MKL_", "KMP_", "GOMP_", "XLA_", "TORCH", "GOTO_")
# Read before the peers are imported, as some of them set such variables themselves.
ENVIRONMENT = {name: value for name, value in sorted(os.environ.items()) if name.startswith(PREFIXES)}


def processor() -> str:
    """Return the processor's model."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or platform.machine()


def header(peers: Iterable[Peer], notes: list[str]) -> dict[str, Any]:
    """Return date, machine and versions of the run; this measures the peak of the machine."""
    facts = cr.info()
    peak = getattr(cr._core, "fma_peak", None)
    return {
        "date": datetime.date.today().isoformat(),
        "processor": processor(),
        "instruction set": facts["isa"],
        "threads": facts["threads"],
        "peak GFLOP/s": peak("float32", facts["threads"]) if peak else None,
        "versions": {
            "Python": platform.python_version(),
            "compiler of chainrule": facts["compiler"],
            **{name: version for peer in peers for name, version in peer.versions.items()},
        },
        "environment": ENVIRONMENT,
        "notes": notes,
    }


def entry(workload: Workload, results: Sequence[Result], peak: float | None) -> dict[str, Any]:
    """Return the report of one workload."""
    ours = min((result.best for result in results if result.peer == OURS), default=math.inf)

    def described(result: Result) -> dict[str, Any]:
        if result.skipped:
            return {"peer": result.peer, "variant": result.variant, "skipped": result.skipped}
        rate = workload.flops / result.best / 1e9
        return {
            "peer": result.peer,
            "variant": result.variant,
            "seconds": result.seconds,
            "best": result.best,
            "value": result.best * workload.scale,
            "ratio": result.best / ours if ours < math.inf else None,
            "GFLOP/s": rate,
            "share of peak": rate / peak if peak else None,
            "quality": result.quality,
        }

    rows = [described(result) for result in results]
    ratios = [(row["ratio"], row["peer"], row["variant"]) for row in rows if row.get("ratio") and row["peer"] != OURS]
    return {
        "name": workload.name,
        "description": str(workload),
        "unit": workload.unit,
        "quality": workload.quality_name,
        "flops": workload.flops,
        "results": rows,
        "best peer": dict(zip(("ratio", "peer", "variant"), min(ratios), strict=True)) if ratios else None,
    }


def table(rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table with aligned columns; the first row is the head."""
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in rows
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)


def shown(value: float | None, form: str = ".3g", unit: str = "") -> str:
    """Format a number, or return "" for None; numbers from 1000 on keep all digits before the point."""
    if value is None:
        return ""
    return f"{value:,.0f}{unit}" if form == ".3g" and value >= 1000 else f"{value:{form}}{unit}"


def fastest(entry: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return each peer's faster variant."""
    best: dict[str, dict[str, Any]] = {}
    for row in entry["results"]:
        if "best" in row and row["best"] < best.get(row["peer"], {"best": math.inf})["best"]:
            best[row["peer"]] = row
    return best


def peer_names(report: dict[str, Any]) -> list[str]:
    """Return the names of the peers, without chainrule, in the order of the run."""
    rows = (row["peer"] for entry in report["workloads"] for row in entry["results"])
    return [name for name in dict.fromkeys(rows) if name != OURS]


def summary(report: dict[str, Any]) -> str:
    """Return the table of all workloads: chainrule's time, and each peer's time divided by it."""
    names = peer_names(report)
    head = ["workload", OURS, "GFLOP/s", "of peak", *names, "best peer"]
    rows = [head]
    for entry in report["workloads"]:
        best = fastest(entry)
        ours = best.get(OURS, {})
        rows.append([
            entry["name"],
            f"{shown(ours['value'])} {entry['unit']}" if ours else "",
            shown(ours.get("GFLOP/s")),
            shown(ours.get("share of peak"), ".0%"),
            *(shown(best.get(name, {}).get("ratio"), ".3g", " ×") for name in names),
            shown((entry["best peer"] or {}).get("ratio"), ".3g", " ×"),
        ])  # fmt: skip
    return table(rows)


def details(entry: dict[str, Any]) -> str:
    """Return one workload's table of all variants, and why others took no part."""
    rows = [["peer", "variant", entry["unit"], "ratio", "GFLOP/s", "of peak", entry["quality"]]]
    rows += [
        [
            row["peer"], row["variant"], shown(row["value"]), shown(row["ratio"]), shown(row["GFLOP/s"]),
            shown(row["share of peak"], ".0%"), shown(row["quality"], ".4g"),
        ]
        for row in entry["results"] if "best" in row
    ]  # fmt: skip
    absent: dict[tuple[str, str], list[str]] = {}
    for row in entry["results"]:
        if "skipped" in row:
            absent.setdefault((row["peer"], row["skipped"]), []).append(row["variant"])
    reasons = [f"- {peer} ({'; '.join(variants)}): {reason}" for (peer, reason), variants in absent.items()]
    parts = [f"### {entry['name']}\n{entry['description']}", table(rows), "\n".join(reasons)]
    return "\n\n".join(part for part in parts if part)


def about(facts: dict[str, Any]) -> str:
    """Return the header as a list."""
    peak = facts["peak GFLOP/s"]
    lines = [
        f"{facts['date']}, {facts['processor']}, {facts['instruction set']}, {facts['threads']} threads"
        + (f"; peak of fused multiply-adds measured in this run: {peak:.0f} GFLOP/s" if peak else ""),
        ", ".join(f"{name} {version}" for name, version in facts["versions"].items()),
        *(f"{name}={value}" for name, value in facts["environment"].items()),
        *facts["notes"],
    ]
    return "\n".join(f"- {line}" for line in lines)


def markdown(report: dict[str, Any]) -> str:
    """Return the whole report as Markdown."""
    parts = [about(report["header"]), summary(report), *(details(entry) for entry in report["workloads"])]
    return "\n\n".join(parts) + "\n"
