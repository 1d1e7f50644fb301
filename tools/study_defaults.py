"""Compares initial weights, optimisers and batch sizes over real tables: the study of docs/defaults.md.

    python tools/study_defaults.py run results.jsonl [--part weights depth width activation sgd batch]
    python tools/study_defaults.py tables results.jsonl

`run` appends a line per fit, and goes on where it was interrupted. It needs the package with its extra
`bench-tables`. Scores are on held-out rows after 10 epochs, the default of `fit`, and after 50.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import LabelEncoder, OneHotEncoder, StandardScaler
from tqdm import tqdm

import chainrule as cr

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from benchmarks import tables

SPLITS = range(5)
EPOCHS = (10, 50)
MOST_ROWS = 2_000
# All tables but the smallest; and those of which larger networks are trained.
SETS = tuple(name for name in tables.NAMES if name not in ("iris", "wine", "orange_juice"))
FEWER = ("german", "contraceptive", "phoneme", "satimage", "titanic", "digits",
         "bikeshare", "computers", "diamonds", "friedman", "slid", "college")  # fmt: skip


@dataclass(frozen=True)
class Case:
    """One network and its training."""

    table: str
    split: int
    start: str = "by depth"
    width: int = 64
    hidden: int = 2
    activation: str = "relu"
    optimizer: str = "adam"
    batch: str = "32"


Layer = dict[str, Any]
# What a layer starts with, by its number of inputs and outputs, the number of layers of the network, and whether it is
# the last one.
Start = Callable[[int, int, int, bool, np.random.Generator], Layer]


def _he(inputs: int, outputs: int, layers: int, last: bool, rng: np.random.Generator) -> Layer:
    return {"weights": "glorot_uniform" if last else "he_normal"}


def _torch(inputs: int, outputs: int, layers: int, last: bool, rng: np.random.Generator) -> Layer:
    bound = 1 / math.sqrt(inputs)
    return {"weights": cr.Uniform(bound), "bias": rng.uniform(-bound, bound, outputs)}


def _keras(inputs: int, outputs: int, layers: int, last: bool, rng: np.random.Generator) -> Layer:
    return {"weights": "glorot_uniform"}


def _sklearn(inputs: int, outputs: int, layers: int, last: bool, rng: np.random.Generator) -> Layer:
    bound = math.sqrt(6 / (inputs + outputs))
    return {"weights": cr.Uniform(bound), "bias": rng.uniform(-bound, bound, outputs)}


def _torch_without_bias(inputs: int, outputs: int, layers: int, last: bool, rng: np.random.Generator) -> Layer:
    return {"weights": cr.Uniform(1 / math.sqrt(inputs))}


def _torch_last_zero(inputs: int, outputs: int, layers: int, last: bool, rng: np.random.Generator) -> Layer:
    return {"weights": 0.0 if last else cr.Uniform(1 / math.sqrt(inputs))}


def _by_depth(inputs: int, outputs: int, layers: int, last: bool, rng: np.random.Generator) -> Layer:
    """Return the default of the package."""
    return {}


STARTS: dict[str, Start] = {
    "he": _he,
    "torch": _torch,
    "keras": _keras,
    "scikit-learn": _sklearn,
    "torch, bias 0": _torch_without_bias,
    "torch, last 0": _torch_last_zero,
    "by depth": _by_depth,
}
PEERS = ("torch", "keras", "scikit-learn")
# What a part compares where it does not compare all.
FEW = ("he", *PEERS, "by depth")


@cache
def _numbers(table: str, split: int) -> tuple[Any, Any, Any, Any, bool]:
    """Return rows of numbers and targets as peers get them: scaled, one column for each category."""
    loaded = tables.load(table)
    of = loaded.split(split, MOST_ROWS)
    are_numbers = make_column_selector(dtype_include="number")
    columns = make_column_transformer(
        (make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), are_numbers),
        (OneHotEncoder(handle_unknown="ignore", sparse_output=False), make_column_selector(dtype_exclude="number")),
    )
    X_train, X_test = columns.fit_transform(of.X_train), columns.transform(of.X_test)
    if loaded.classes:
        labels = LabelEncoder().fit(loaded.y)
        y_train, y_test = labels.transform(of.y_train), labels.transform(of.y_test)
    else:
        mean, std = of.y_train.mean(), of.y_train.std()
        y_train, y_test = (of.y_train - mean) / std, (of.y_test - mean) / std
    return X_train.astype(np.float32), y_train, X_test.astype(np.float32), y_test, loaded.classes


def _layers(case: Case, inputs: int, outputs: int, last: str) -> list[Any]:
    start, rng = STARTS[case.start], np.random.default_rng(case.split)
    sizes = [inputs, *[case.width] * case.hidden, outputs]
    layers: list[Any] = [cr.Input(inputs)]
    for i, (before, units) in enumerate(itertools.pairwise(sizes)):
        ends = i == case.hidden
        given = start(before, units, case.hidden + 1, ends, rng)
        layers.append(cr.Dense(units, last if ends else case.activation, **given))
    return layers


def _batch(case: Case, rows: int) -> int | str:
    if case.batch == "scikit-learn":
        return min(200, rows)
    if case.batch.startswith("rows/"):
        return int(min(max(2 ** round(math.log2(rows / float(case.batch[5:]))), 16), 256))
    return int(case.batch)


OPTIMIZERS = {
    "adam": lambda: cr.Adam(),
    "adam 0.003": lambda: cr.Adam(0.003),
    "adam beta2 0.95": lambda: cr.Adam(beta2=0.95),
    "sgd": lambda: cr.SGD(0.01),
    "sgd momentum": lambda: cr.SGD(0.01, momentum=0.9),
}


def measure(case: Case) -> dict[str, float]:
    """Return error or RMSE, and log-loss, on held-out rows after 10 and after 50 epochs."""
    X_train, y_train, X_test, y_test, classes = _numbers(case.table, case.split)
    outputs = int(y_train.max()) + 1 if classes else 1
    layers = _layers(case, X_train.shape[1], outputs, "softmax" if classes else "identity")
    net = cr.Network(layers, seed=case.split)
    scores: dict[str, float] = {}

    def score(network: cr.Network, epoch: int, metrics: dict[str, float]) -> None:
        if epoch not in EPOCHS:
            return
        found = network.evaluate(X_test, y_test)
        scores[f"loss {epoch}"] = found["loss"]
        scores[f"error {epoch}"] = 1 - found["accuracy"] if classes else math.sqrt(2 * found["loss"])
        scores[f"train {epoch}"] = metrics["loss"]

    try:
        net.fit(X_train, y_train, epochs=max(EPOCHS), batch_size=_batch(case, len(y_train)),
                optimizer=OPTIMIZERS[case.optimizer](), callbacks=score, verbose=0)  # fmt: skip
    except cr.DivergedError:
        scores = {f"{name} {epoch}": math.inf for name in ("loss", "error", "train") for epoch in EPOCHS}
    return scores


def _over(
    field: str, values: list[Any], sets: tuple[str, ...] = FEWER, starts: tuple[str, ...] = FEW, **others: Any
) -> Iterator[Case]:
    for name in sets:
        for split in SPLITS:
            for start in starts:
                for value in values:
                    yield replace(Case(name, split, start), **{field: value}, **others)


PARTS: dict[str, Callable[[], Iterator[Case]]] = {
    "weights": lambda: _over("hidden", [2], SETS, tuple(STARTS)),
    "depth": lambda: _over("hidden", [1, 5, 10, 20]),
    "activation": lambda: _over("activation", ["tanh", "gelu", "selu"]),
    "activation deep": lambda: _over("activation", ["tanh", "gelu", "selu"], hidden=10),
    "sgd": lambda: _over("optimizer", ["sgd", "sgd momentum"]),
    "batch": lambda: _over("batch", ["16", "64", "128", "scikit-learn", "rows/48"], SETS, ("by depth",)),
    "adam": lambda: _over("optimizer", ["adam 0.003", "adam beta2 0.95"], SETS, ("by depth",)),
    "width": lambda: _over("width", [16, 256, 512]),
}


def run(path: Path, parts: list[str]) -> None:
    """Append what is missing to the file."""
    done = {tuple(sorted(line["case"].items())) for line in _lines(path)} if path.exists() else set()
    cases = [case for part in parts for case in PARTS[part]()]
    missing = [case for case in cases if tuple(sorted(asdict(case).items())) not in done]
    with path.open("a", encoding="utf-8") as file:
        for case in tqdm(missing, disable=None):
            file.write(json.dumps({"case": asdict(case), "scores": measure(case)}) + "\n")
            file.flush()


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def write_tables(path: Path) -> None:
    """Print a table for each group: geometric means of the scores, divided by those of Keras's weights."""
    lines = _lines(path)
    for classes, title in ((True, "Classification"), (False, "Regression")):
        own = [line for line in lines if tables.load(line["case"]["table"]).classes == classes]
        for measure in [f"{name} {epoch}" for name in ("error", "loss") for epoch in EPOCHS]:
            if not classes and measure.startswith("loss"):
                continue
            shown = measure if classes else measure.replace("error", "RMSE")
            print(f"\n### {title}: {shown.replace(' ', ' after ')} epochs\n")
            print("| networks | " + " | ".join(STARTS) + " | fits |")
            print("|---" * (len(STARTS) + 2) + "|")
            for label, scores in _grouped(own, measure).items():
                means = [f"{scores[start]:.3f}" if start in scores else "" for start in STARTS]
                print(f"| {label} | " + " | ".join(means) + f" | {scores['fits']:.0f} |")


def _grouped(lines: list[dict[str, Any]], measure: str) -> dict[str, dict[str, float]]:
    """Return for each kind of network the mean score of each start over the tables, relative to Keras's start."""
    groups: dict[str, dict[str, dict[str, list[float]]]] = {}
    for line in lines:
        case = Case(**line["case"])
        of_start = groups.setdefault(_label(case), {}).setdefault(case.start, {})
        of_start.setdefault(case.table, []).append(min(line["scores"][measure], 1e3))
    result = {}
    for label, starts in groups.items():
        base = starts.get("keras", groups[_label(Case("", 0))].get("by depth", {}))
        result[label] = {
            start: math.exp(np.mean([_log_ratio(of_table[name], base[name]) for name in of_table if name in base]))
            for start, of_table in starts.items()
        }
        result[label]["fits"] = max(sum(map(len, of_table.values())) for of_table in starts.values())
    return result


def _label(case: Case) -> str:
    label = f"{case.hidden} × {case.width} {case.activation}"
    return label + f", {case.optimizer}" * (case.optimizer != "adam") + f", batch {case.batch}" * (case.batch != "32")


def _log_ratio(scores: list[float], base: list[float]) -> float:
    """Return the logarithm of a ratio of means; a thousandth keeps errors of zero finite."""
    return math.log((float(np.mean(scores)) + 1e-3) / (float(np.mean(base)) + 1e-3))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("action", choices=["run", "tables"])
    parser.add_argument("results", type=Path)
    parser.add_argument("--part", nargs="*", default=list(PARTS), choices=list(PARTS))
    given = parser.parse_args()
    cr.set_num_threads(1)
    if given.action == "run":
        run(given.results, given.part)
    else:
        write_tables(given.results)


if __name__ == "__main__":
    main()
