"""Estimators from files."""

from __future__ import annotations

import os
from os import PathLike
from pathlib import Path
from typing import Any

from ..errors import ModelFileError
from ..files import safetensors
from .classifier import TabularClassifier
from .regressor import TabularRegressor
from .storage import restore


def load(path: str | PathLike[str]) -> Any:
    """Read an estimator from a file that its `save` wrote.

    Raises
    ------
    FileNotFoundError
        When there is no such file.
    ModelFileError
        When the file is truncated or foreign.

    Examples
    --------
    >>> import tempfile, pathlib, numpy as np
    >>> from chainrule import tabular
    >>> X = np.linspace(-1, 1, 100)[:, np.newaxis]
    >>> model = tabular.TabularRegressor(random_state=0).fit(X, np.abs(X[:, 0]))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder) / "model.safetensors"
    ...     model.save(path)
    ...     bool((tabular.load(path).predict(X) == model.predict(X)).all())
    True
    """
    file = Path(os.fsdecode(path))
    with safetensors.whole_model(file):
        description, tensors = safetensors.read(file)
        kinds: dict[str, Any] = {kind.__name__: kind for kind in (TabularClassifier, TabularRegressor)}
        if description.get("estimator") not in kinds:
            raise ModelFileError(f"{file} is not an estimator of chainrule.tabular; read a network with cr.load")
        estimator = kinds[description["estimator"]](**description["parameters"])
        restore(estimator, description, tensors)
    return estimator
