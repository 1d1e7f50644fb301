"""The models that are compared on tables, at their defaults: each is given a DataFrame and does the rest itself.

Where a model takes numbers only, what it needs is part of it and of its time: missing numbers become the median,
numbers are scaled, categories one-hot. Labels are 0 … classes − 1, and a network learns numbers in units of their
standard deviation unless it scales them itself.
"""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Array = NDArray[Any]


class Estimator(Protocol):
    """What scikit-learn's estimators have in common."""

    def fit(self, X: Any, y: Array) -> Any: ...

    def predict(self, X: Any) -> Array: ...


@dataclass(frozen=True)
class Task:
    """What a model is made for."""

    classes: bool
    seed: int
    threads: int


@dataclass(frozen=True)
class Model:
    """A model by its name: how it is made, the package that it comes from, and whether large tables take it long."""

    name: str
    package: str
    make: Callable[[Task], Estimator]
    is_slow: bool = False

    @property
    def version(self) -> str:
        """The installed version of the package."""
        return importlib.metadata.version(self.package)

    def missing(self) -> str:
        """Return why the model cannot be made here; "" if it can."""
        try:
            self.make(Task(classes=True, seed=0, threads=1))
        except ImportError as error:
            return str(error)
        return ""


def columns_of_categories(X: pd.DataFrame) -> list[str]:
    """Return the columns that are no numbers; bools are categories, too."""
    return [c for c in X if pd.api.types.is_bool_dtype(X[c]) or not pd.api.types.is_numeric_dtype(X[c])]


@dataclass
class Categories:
    """Makes columns that are no numbers categories; those that the training did not have are missing."""

    # Whether missing numbers become the median, for models that take none.
    fills: bool = False
    known: dict[str, Any] = field(default_factory=dict)
    medians: pd.Series | None = None

    def fit_transform(self, X: pd.DataFrame) -> pd.DataFrame:
        """Learn the categories, and return the table with them."""
        self.known = {name: sorted(X[name].dropna().astype(str).unique()) for name in columns_of_categories(X)}
        self.medians = X.drop(columns=list(self.known)).median()
        return self.transform(X)

    def transform(self, X: pd.DataFrame) -> pd.DataFrame:
        """Return the table with the categories that were learned, and columns that have simple names."""
        made = X.copy()
        for name, known in self.known.items():
            texts = X[name].astype(str).where(X[name].notna())
            made[name] = pd.Categorical(texts.where(texts.isin(known)), categories=known)
        if self.fills:
            made = made.fillna({name: value for name, value in self.medians.items() if np.isfinite(value)})
        return made.set_axis([f"c{i}" for i in range(made.shape[1])], axis=1)


@dataclass
class OfCategories:
    """A model that takes a DataFrame with categories."""

    model: Any
    fills: bool = False
    # Categories that may be missing get a name, for a model that takes none that is missing.
    names_missing: bool = False
    options: Callable[[pd.DataFrame], dict[str, Any]] = lambda X: {}

    def fit(self, X: pd.DataFrame, y: Array) -> OfCategories:
        """Learn the categories and train."""
        self.table = Categories(self.fills)
        made = self._named(self.table.fit_transform(X))
        self.model.fit(made, y, **self.options(made))
        return self

    def _named(self, X: pd.DataFrame) -> pd.DataFrame:
        if not self.names_missing:
            return X
        names = X.select_dtypes("category").columns
        return X.assign(**{name: X[name].astype(object).where(X[name].notna(), "missing") for name in names})

    def predict(self, X: pd.DataFrame) -> Array:
        """Return labels or numbers."""
        return np.asarray(self.model.predict(self._named(self.table.transform(X))))

    def predict_proba(self, X: pd.DataFrame) -> Array:
        """Return the probabilities of the classes."""
        return np.asarray(self.model.predict_proba(self._named(self.table.transform(X))))

    @property
    def classes_(self) -> Array:
        """The labels of the training."""
        return np.asarray(self.model.classes_)


def on_numbers(model: Any, classes: bool) -> Estimator:
    """Return a model that is given scaled numbers and one-hot categories, and numbers in units of their deviation."""
    from sklearn.compose import ColumnTransformer, TransformedTargetRegressor, make_column_selector
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    numbers = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    names = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    of_kind = make_column_selector(dtype_include="category"), make_column_selector(dtype_exclude="category")
    columns = ColumnTransformer([("names", names, of_kind[0]), ("numbers", numbers, of_kind[1])])
    steps = make_pipeline(columns, model)
    made = steps if classes else TransformedTargetRegressor(steps, transformer=StandardScaler())
    return OfCategories(made)


def sklearn_mlp(task: Task) -> Estimator:
    from sklearn.neural_network import MLPClassifier, MLPRegressor

    kind = MLPClassifier if task.classes else MLPRegressor
    return on_numbers(kind(random_state=task.seed), task.classes)


def our_mlp(task: Task) -> Estimator:
    from chainrule.sklearn import MLPClassifier, MLPRegressor

    kind = MLPClassifier if task.classes else MLPRegressor
    return on_numbers(kind(random_state=task.seed), task.classes)


def our_tabular(preset: str) -> Callable[[Task], Estimator]:
    def make(task: Task) -> Estimator:
        from chainrule.tabular import TabularClassifier, TabularRegressor

        kind = TabularClassifier if task.classes else TabularRegressor
        return kind(preset=preset, random_state=task.seed, n_jobs=task.threads)

    return make


def hist_gradient_boosting(task: Task) -> Estimator:
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    kind = HistGradientBoostingClassifier if task.classes else HistGradientBoostingRegressor
    return OfCategories(kind(random_state=task.seed))


def lightgbm(task: Task) -> Estimator:
    from lightgbm import LGBMClassifier, LGBMRegressor

    kind = LGBMClassifier if task.classes else LGBMRegressor
    return OfCategories(kind(random_state=task.seed, n_jobs=task.threads, verbosity=-1))


def xgboost(task: Task) -> Estimator:
    from xgboost import XGBClassifier, XGBRegressor

    kind = XGBClassifier if task.classes else XGBRegressor
    return OfCategories(kind(random_state=task.seed, n_jobs=task.threads, enable_categorical=True))


def catboost(task: Task) -> Estimator:
    from catboost import CatBoostClassifier, CatBoostRegressor

    kind = CatBoostClassifier if task.classes else CatBoostRegressor
    options = {"random_seed": task.seed, "thread_count": task.threads, "verbose": False, "allow_writing_files": False}
    return OfCategories(
        kind(**options), names_missing=True, options=lambda X: {"cat_features": columns_of_categories(X)}
    )


def pytabkit(name: str) -> Callable[[Task], Estimator]:
    def make(task: Task) -> Estimator:
        from pytabkit import models

        kind = getattr(models.sklearn.sklearn_interfaces, f"{name}_{'Classifier' if task.classes else 'Regressor'}")
        options = {"device": "cpu", "random_state": task.seed, "n_threads": task.threads}
        return OfCategories(kind(**options), fills=True)

    return make


def pytorch(task: Task) -> Estimator:
    from .table_pytorch import PlainNetwork

    return on_numbers(PlainNetwork(task.classes, task.seed, task.threads), task.classes)


MODELS = [
    Model("fast", "chainrule", our_tabular("fast")),
    Model("accurate", "chainrule", our_tabular("accurate")),
    Model("ensemble", "chainrule", our_tabular("ensemble")),
    Model("MLP", "chainrule", our_mlp),
    Model("scikit-learn MLP", "scikit-learn", sklearn_mlp),
    Model("HistGradientBoosting", "scikit-learn", hist_gradient_boosting),
    Model("LightGBM", "lightgbm", lightgbm),
    Model("XGBoost", "xgboost", xgboost),
    Model("CatBoost", "catboost", catboost),
    Model("PyTorch", "torch", pytorch),
    Model("RealMLP-TD", "pytabkit", pytabkit("RealMLP_TD"), is_slow=True),
    Model("TabM", "pytabkit", pytabkit("TabM_D"), is_slow=True),
]
