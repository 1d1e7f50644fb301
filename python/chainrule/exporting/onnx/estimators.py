"""What files of classifiers and regressors return: labels with their probabilities, or numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .graph import Graph
from .model import Output


def labels(graph: Graph, probabilities: str, classes: NDArray[Any]) -> dict[str, Output]:
    """Return "label" and "probabilities" of probabilities (samples, classes), or of a second class alone."""
    known = classes.astype(object) if classes.dtype.kind in "UO" else classes
    if known.dtype.kind in "iu":
        known = known.astype(np.int64)
    # A single class has a second one that is never likely.
    known = np.resize(known, max(len(known), 2))
    place = graph.add("ArgMax", probabilities, axis=1, keepdims=0)
    label = Output(graph.add("Gather", known, place), known.dtype if known.dtype.kind != "f" else graph.dtype, [])
    return {"label": label, "probabilities": Output(probabilities, graph.dtype, [len(known)])}


def both_classes(graph: Graph, second: str) -> str:
    """Return the probabilities of two classes, from that of the second."""
    return graph.add("Concat", graph.add("Sub", 1.0, second), second, axis=1)


def several_labels(graph: Graph, probabilities: str, count: int) -> dict[str, Output]:
    """Return "label", 0 or 1 for each of several, and "probabilities"."""
    chosen = graph.add("Cast", graph.add("Greater", probabilities, 0.5), to=np.dtype(np.int64))
    return {"label": Output(chosen, np.int64, [count]), "probabilities": Output(probabilities, graph.dtype, [count])}


def numbers(graph: Graph, x: str, count: int) -> dict[str, Output]:
    """Return "prediction", a number for each sample, or several."""
    if count == 1:
        return {"prediction": Output(graph.add("Squeeze", x, [1]), graph.dtype, [])}
    return {"prediction": Output(x, graph.dtype, [count])}
