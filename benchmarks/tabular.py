"""Scores and times on real tables: ``python -m benchmarks.tabular``, from the root of a clone.

Each result is written as a line of JSON as soon as it is there; a run that was interrupted goes on where it was. The
tables are of the sets, models and splits that are asked for; with ``--models ''`` of all models in the file. Peers take
part where they are installed (``pip install ".[bench-tables]"``, and pytabkit for RealMLP-TD and TabM).
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import threadpoolctl
from numpy.typing import NDArray

import chainrule as cr

from . import table_report, tables
from .table_models import MODELS, Model, Task
from .tables import Split, Table

BINS = 15


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what the arguments ask for and is not in the file of results yet; print the tables."""
    parser = _parser()
    options = parser.parse_args(arguments)
    file = Path(options.results)
    try:
        sets = _chosen(options.sets, tables.NAMES)
        names = _chosen(options.models, [model.name for model in MODELS])
        models = [model for model in MODELS if model.name in names]
    except ValueError as error:
        parser.error(str(error))
    _limit_threads(options.threads)
    missing = {model.name: reason for model in models if (reason := model.missing())}
    models = [model for model in models if model.name not in missing]
    results = _earlier(file)
    known = {_key(result) for result in results}
    with file.open("a") as lines:
        for about, model in _asked(sets, models, options):
            if _key(about) not in known:
                result = about | _measured(tables.load(about["set"]), about, model)
                results.append(result)
                print(json.dumps(result), file=lines, flush=True)
                print(_line(result), file=sys.stderr, flush=True)
    asked = [r for r in results if r["set"] in sets and r["split"] < options.splits]
    text = table_report.markdown([r for r in asked if not names or r["model"] in names], options.reference)
    text += "".join(f"\n{name} is left out: {reason}\n" for name, reason in missing.items())
    print(text)
    if options.markdown:
        Path(options.markdown).write_text(text)
    return 0


def _earlier(file: Path) -> list[dict[str, Any]]:
    """Return the results that are in a file, but what went wrong, which is tried again."""
    if not file.exists():
        return []
    # A killed run may have left a part of a line.
    *lines, rest = file.read_text().split("\n")
    if rest:
        file.write_text("".join(f"{line}\n" for line in lines))
    return [result for result in map(json.loads, lines) if "trouble" not in result]


def _limit_threads(threads: int) -> None:
    """Limit the libraries that are loaded, and tell those that the peers will load."""
    libraries = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    os.environ.update(dict.fromkeys(libraries, str(threads)))
    cr.set_num_threads(threads)


def _asked(
    sets: Sequence[str], models: Sequence[Model], options: argparse.Namespace
) -> Iterator[tuple[dict[str, Any], Model]]:
    """Yield what tells each measurement from others, and its model."""
    for name in sets:
        for split in range(options.splits):
            for model in models:
                yield _about(name, split, model, options), model


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.tabular", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--sets", default="all", help=f"names with commas: {', '.join(tables.NAMES)}")
    parser.add_argument("--models", default="all", help=f"names with commas: {', '.join(m.name for m in MODELS)}")
    parser.add_argument("--splits", type=int, default=5, help="a quarter of the rows is test")
    parser.add_argument("--rows", type=int, help="rows to train with at most")
    parser.add_argument("--slow-rows", type=int, help="the same for RealMLP-TD and TabM; the tables say so")
    parser.add_argument("--threads", type=int, default=1, help="threads of each fit and prediction")
    parser.add_argument("--reference", default="RealMLP-TD", help="the model that ratios are to")
    parser.add_argument("--results", default="tabular.jsonl", help="the file of results, which grows")
    parser.add_argument("--markdown", help="a file for the tables")
    return parser


def _chosen(names: str, known: Sequence[str]) -> list[str]:
    if names == "all":
        return list(known)
    chosen = [name for name in names.split(",") if name]
    if unknown := sorted(set(chosen) - set(known)):
        raise ValueError(f"unknown {', '.join(unknown)}; known: {', '.join(known)}")
    return chosen


def _about(name: str, split: int, model: Model, options: argparse.Namespace) -> dict[str, Any]:
    """Return what tells a measurement from others."""
    caps = [rows for rows in (options.rows, options.slow_rows if model.is_slow else None) if rows]
    # A cap that leaves the table as it is is none.
    rows = len(tables.load(name).y)
    cap = min(caps, default=None)
    return {
        "set": name,
        "split": split,
        "model": model.name,
        "most_rows": cap if cap is not None and cap < rows - rows // 4 else None,
        "threads": options.threads,
        "package": model.package,
        "version": model.version,
    }


def _key(result: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(result[name] for name in ("set", "split", "model", "most_rows", "threads"))


def _measured(table: Table, about: dict[str, Any], model: Model) -> dict[str, Any]:
    """Return the measures of a model on a split, or what went wrong."""
    split = table.split(about["split"], about["most_rows"])
    task = Task(table.classes, seed=about["split"], threads=about["threads"])
    known = np.unique(table.y) if table.classes else None
    facts = {"rows": len(table.y), "columns": table.X.shape[1], "test_rows": len(split.y_test)}
    facts["classes"] = 0 if known is None else len(known)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return facts | _fit_and_predict(model, task, split, known)
    except Exception as error:  # a peer that cannot do a table is named in the report, and the others go on
        return facts | {"trouble": f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"}


def _fit_and_predict(model: Model, task: Task, split: Split, known: NDArray[Any] | None) -> dict[str, float]:
    y = split.y_train if known is None else np.searchsorted(known, split.y_train)
    estimator: Any = model.make(task)
    with threadpoolctl.threadpool_limits(task.threads):
        begin, processor = time.perf_counter(), time.process_time()
        estimator.fit(split.X_train, y)
        fitted, processor = time.perf_counter(), time.process_time() - processor
        outputs = estimator.predict_proba(split.X_test) if task.classes else estimator.predict(split.X_test)
        ended = time.perf_counter()
    times = {"fit": fitted - begin, "processor": processor, "predict": (ended - fitted) * 1000 / len(split.y_test)}
    if known is None:
        return {**measures_of_numbers(split.y_test, np.asarray(outputs, dtype=np.float64).ravel()), **times}
    probabilities = np.zeros((len(split.y_test), len(known)))
    probabilities[:, np.asarray(estimator.classes_, dtype=np.int64)] = outputs
    return {**measures_of_classes(np.searchsorted(known, split.y_test), probabilities), **times}


def measures_of_numbers(y: NDArray[Any], predicted: NDArray[Any]) -> dict[str, float]:
    """Return the RMSE, which is the loss, too; numbers have no calibration."""
    if not np.isfinite(predicted).all():
        raise ValueError("predictions are not finite")
    rmse = float(np.sqrt(np.mean((y - predicted) ** 2)))
    return {"error": rmse, "loss": rmse, "calibration": 0.0}


def measures_of_classes(labels: NDArray[Any], probabilities: NDArray[Any]) -> dict[str, float]:
    """Return error, log-loss and expected calibration error of the largest probability, in 15 bins.

    Examples
    --------
    >>> measures_of_classes(np.array([0, 1]), np.array([[0.75, 0.25], [0.75, 0.25]]))
    {'error': 0.5, 'loss': 0.8369882167858358, 'calibration': 0.25}
    """
    if not np.isfinite(probabilities).all():
        raise ValueError("probabilities are not finite")
    p = probabilities / probabilities.sum(axis=1, keepdims=True)
    hits, sure = p.argmax(axis=1) == labels, p.max(axis=1)
    likely = np.clip(p[np.arange(len(labels)), labels], np.finfo(np.float64).eps, 1.0)
    bins = np.minimum((sure * BINS).astype(int), BINS - 1)
    gaps = [abs(float((hits[bins == b] - sure[bins == b]).sum())) for b in np.unique(bins)]
    return {
        "error": float(1 - hits.mean()),
        "loss": float(-np.log(likely).mean()),
        "calibration": sum(gaps) / len(labels),
    }


def _line(result: dict[str, Any]) -> str:
    what = f"{result['set']:15}{result['split']:3}  {result['model']:22}"
    if "trouble" in result:
        return what + result["trouble"]
    return f"{what}error {result['error']:10.4g}  loss {result['loss']:10.4g}  fit {result['fit']:8.3f} s"


if __name__ == "__main__":
    sys.exit(main())
