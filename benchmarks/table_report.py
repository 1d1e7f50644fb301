"""Tables of what was measured on tables: one per kind of target, and the summary."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

# Up to so many rows a table counts as a small one.
SMALL = 2600

Result = dict[str, Any]
Cell = dict[str, float]


def markdown(results: Sequence[Result], reference: str) -> str:
    """Return all tables; ratios are to the reference model."""
    done = [result for result in results if "trouble" not in result]
    means = mean_of_splits(done)
    models = list(dict.fromkeys(model for _, model in means))
    sets = list(dict.fromkeys(name for name, _ in means))
    common = [name for name in sets if all((name, model) in means for model in models)]
    parts = [_conditions(done, sets, common)]
    for classes, title, loss in ((True, "Error in percent", "log-loss"), (False, "RMSE", "")):
        of_kind = [name for name in sets if _is_of_classes(means, name) == classes]
        if of_kind:
            parts.append(_per_set(means, of_kind, models, "error", title, 100 if classes else 1))
            if loss:
                parts.append(_per_set(means, of_kind, models, "loss", loss.capitalize(), 1))
    if common:
        named = [model for model in models if model.split(" (≤")[0] == reference]
        parts.append(_summary(means, common, models, [*named, *models][0]))
    parts += _troubles(result for result in results if "trouble" in result)
    return "\n\n".join(parts) + "\n"


def _troubles(results: Iterable[Result]) -> list[str]:
    """Return a line for what went wrong with a model and a set, with the splits."""
    splits: dict[tuple[str, str, str], list[str]] = {}
    for result in results:
        splits.setdefault((result["set"], result["model"], result["trouble"]), []).append(str(result["split"]))
    return [f"{m} failed on {name}, split {', '.join(numbers)}: {why}" for (name, m, why), numbers in splits.items()]


def mean_of_splits(results: Sequence[Result]) -> dict[tuple[str, str], Cell]:
    """Return the mean of each measure over the splits, by set and model; a model with fewer rows says so."""
    cells: dict[tuple[str, str], list[Result]] = {}
    for result in results:
        caps = {r["most_rows"] for r in results if r["model"] == result["model"]} - {None}
        for cap in _caps_of(result, caps):
            name = result["model"] if cap is None else f"{result['model']} (≤ {cap:,} rows)"
            cells.setdefault((result["set"], name), []).append(result)
    measures = ("error", "loss", "calibration", "processor", "predict", "rows", "columns", "classes", "test_rows")
    return {key: {name: float(np.mean([r[name] for r in group])) for name in measures} for key, group in cells.items()}


def _caps_of(result: Result, caps: set[int]) -> list[int | None]:
    """Return the caps of rows under which a result counts: a small table has no more rows than any cap anyway."""
    if result["most_rows"] is not None:
        return [result["most_rows"]]
    trained = result["rows"] - result["test_rows"]
    small_enough: list[int | None] = [cap for cap in sorted(caps) if trained <= cap]
    return small_enough if len(small_enough) == len(caps) > 0 else [None, *small_enough]


def _is_of_classes(means: dict[tuple[str, str], Cell], name: str) -> bool:
    return any(cell["classes"] > 0 for (of, _), cell in means.items() if of == name)


def _conditions(results: Sequence[Result], sets: Sequence[str], common: Sequence[str]) -> str:
    splits = len({result["split"] for result in results})
    threads = sorted({result["threads"] for result in results})
    versions = dict.fromkeys(f"{r['package']} {r['version']}" for r in results)
    return (
        f"{len(sets)} sets, of which all models have {len(common)}; {splits} splits, of which a quarter is test; "
        f"threads per fit: {', '.join(map(str, threads))}. {', '.join(versions)}."
    )


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return "\n".join([_row(head), _row(["---"] * len(head)), *map(_row, rows)])


def _per_set(
    means: dict[tuple[str, str], Cell],
    sets: Sequence[str],
    models: Sequence[str],
    measure: str,
    title: str,
    scale: float,
) -> str:
    """Return a table of one measure, a row per set; the best is bold."""
    rows = []
    for name in sets:
        cells = {model: means[name, model] for model in models if (name, model) in means}
        best = min(cell[measure] for cell in cells.values())
        texts = [f"{scale * cells[m][measure]:.4g}" if m in cells else "–" for m in models]
        bold = [m in cells and cells[m][measure] == best for m in models]
        any_cell = next(iter(cells.values()))
        shape = f"{any_cell['rows']:,.0f} × {any_cell['columns']:.0f}"
        rows.append([name, shape, *(f"**{t}**" if b else t for t, b in zip(texts, bold, strict=True))])
    return f"**{title}**\n\n{_table(['set', 'rows × columns', *models], rows)}"


def _summary(means: dict[tuple[str, str], Cell], sets: Sequence[str], models: Sequence[str], reference: str) -> str:
    """Return ranks, calibration, and ratios to the reference model, over the sets that all models have."""
    ranks = mean_ranks({name: {m: means[name, m]["loss"] for m in models} for name in sets})
    small = [name for name in sets if means[name, models[0]]["rows"] <= SMALL]
    large = [name for name in sets if name not in small]
    of_classes = [name for name in sets if _is_of_classes(means, name)]

    def ratio(model: str, names: Sequence[str], measure: Callable[[Cell], float]) -> str:
        values = [measure(means[n, model]) / measure(means[n, reference]) for n in names]
        return f"{math.exp(np.mean(np.log(values))):.3f}" if values else "–"

    rows = []
    for model in models:
        calibration = [means[n, model]["calibration"] for n in of_classes]
        total = sum(means[n, model]["processor"] for n in sets)
        predict = math.exp(np.mean([math.log(means[n, model]["predict"]) for n in sets]))
        rows.append([
            model, f"{ranks[model]:.2f}", ratio(model, small, _error), ratio(model, large, _error),
            f"{np.mean(calibration):.4f}" if calibration else "–", ratio(model, small, _fit), ratio(model, large, _fit),
            f"{total:.1f}", f"{predict:.4f}",
        ])  # fmt: skip
    head = [
        "model", "mean rank by log-loss or RMSE", f"error or RMSE, up to {SMALL:,} rows", "above", "calibration error",
        f"processor time of fit, up to {SMALL:,} rows", "above", "all fits, s", "s per 1,000 predictions",
    ]  # fmt: skip
    note = f"Geometric means of ratios to {reference}, over the {len(sets)} sets that all models have"
    return f"**Summary**. {note}.\n\n{_table(head, rows)}"


def _error(cell: Cell) -> float:
    """Return error or RMSE; no error at all counts as half of a mistake, so that it has a logarithm."""
    return max(cell["error"], 0.5 / cell["test_rows"]) if cell["classes"] else cell["error"]


def _fit(cell: Cell) -> float:
    """Return seconds of the processor, which others on the machine change little."""
    return cell["processor"]


def mean_ranks(losses: dict[str, dict[str, float]]) -> dict[str, float]:
    """Return the mean rank of each model over the sets, 1 the best; equal losses share their ranks.

    Examples
    --------
    >>> mean_ranks({"iris": {"a": 0.1, "b": 0.2, "c": 0.2}, "wine": {"a": 3.0, "b": 1.0, "c": 2.0}})
    {'a': 2.0, 'b': 1.75, 'c': 2.25}
    """
    ranks: dict[str, list[float]] = {}
    for of_models in losses.values():
        for model, loss in of_models.items():
            better = sum(other < loss for other in of_models.values())
            equal = sum(other == loss for other in of_models.values())
            ranks.setdefault(model, []).append(better + (equal + 1) / 2)
    return {model: float(np.mean(values)) for model, values in ranks.items()}
