"""The figure of a report: the ratios, and the growth of chainrule's time."""

from __future__ import annotations

from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from .report import OURS, fastest, peer_names

COLORS = {
    "NumPy": "#4e79a7",
    "PyTorch": "#e15759",
    "JAX": "#76b7b2",
    "scikit-learn": "#f28e2b",
    "onnxruntime": "#9c755f",
    OURS: "#2f4b3c",
}


def plot(report: dict[str, Any]) -> Figure:
    """Return the figure; it has a second column if the report has measured the growth of the time."""
    scaling = report.get("scaling")
    height = max(6.0, 1.5 + 0.21 * len(report["workloads"]))
    figure = Figure(figsize=(13 if scaling else 8, height), layout="constrained")
    mosaic = "rs;rw" if scaling else "r"
    axes = figure.subplot_mosaic(mosaic, width_ratios=[3, 2] if scaling else None)
    ratios(axes["r"], report)
    if scaling:
        by_samples(axes["s"], scaling["samples"])
        by_width(axes["w"], scaling["width"])
    for ax in axes.values():
        ax.spines[["top", "right"]].set_visible(False)
        ax.grid(alpha=0.3)
        ax.set_axisbelow(True)
    facts = report["header"]
    machine = f"{facts['processor']}, {facts['instruction set']}, {facts['threads']} threads, {facts['date']}"
    figure.supxlabel(machine, fontsize=9, color="0.4")
    return figure


def ratios(ax: Axes, report: dict[str, Any]) -> None:
    """Draw a row per workload: the time of each peer's faster variant divided by chainrule's, which is the line."""
    entries = report["workloads"]
    bests = [fastest(entry) for entry in entries]
    for name in peer_names(report):
        found = {row: best[name]["ratio"] for row, best in enumerate(bests) if best.get(name, {}).get("ratio")}
        ax.plot([*found.values()], [*found], "o", markersize=5, label=name, color=COLORS[name])
    ax.axvline(1, color=COLORS[OURS], linewidth=1.5, label=OURS)
    ax.set_xscale("log")
    ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g} ×"))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.set_yticks(range(len(entries)), [entry["name"] for entry in entries])
    ax.set_ylim(len(entries) - 0.4, -0.6)
    ax.set_xlabel("time of the peer / time of chainrule")
    ax.legend(ncols=3, frameon=False, loc="lower center", bbox_to_anchor=(0.5, 1.0))


def by_samples(ax: Axes, points: list[dict[str, Any]]) -> None:
    """Draw seconds per epoch by number of samples; the line goes through zero and the last point."""
    x, y = [p["samples"] for p in points], [p["seconds"] for p in points]
    ax.plot([0, x[-1]], [0, y[-1]], "--", color="0.6", label="proportional")
    ax.plot(x, y, "o", color=COLORS[OURS], label=f"256-{points[0]['width']}-{points[0]['width']}-8")
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    ax.set(
        xlabel="samples", ylabel="seconds per epoch", title="time by number of samples", xlim=(0, None), ylim=(0, None)
    )
    ax.legend(frameon=False)


def by_width(ax: Axes, points: list[dict[str, Any]]) -> None:
    """Draw seconds per epoch by hidden width, next to the time of the arithmetic at the best rate of all points."""
    x, y, flops = ([p[name] for p in points] for name in ("width", "seconds", "flops"))
    rate = max(work / seconds for work, seconds in zip(flops, y, strict=True))
    ax.plot(x, [f / rate for f in flops], "--", color="0.6", label=f"arithmetic at {rate / 1e9:.0f} GFLOP/s")
    ax.plot(x, y, "o-", color=COLORS[OURS], label=f"256-width-width-8, {points[0]['samples']:,} samples")
    ax.set_xscale("log", base=2)
    ax.set_yscale("log")
    ax.set_xticks(x, [str(width) for width in x])
    ax.minorticks_off()
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    ax.set(xlabel="hidden width", ylabel="seconds per epoch", title="time by width")
    ax.legend(frameon=False)
