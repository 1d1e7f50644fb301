"""Pictures of numbers: metrics by epoch, and which class was taken for which."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .style import BLUE, VERMILION, new_figure


def learning_curves(history: Mapping[str, Sequence[float]], axes: Any = None) -> Any:
    """Draw loss and metric by epoch: solid in training, dashed on held-out data.

    Parameters
    ----------
    history : History
        Or any mapping of metric name to a value an epoch.
    axes : sequence of two matplotlib Axes, optional
        For loss and metric.

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    ImportError
        Without matplotlib, as all functions here.

    Examples
    --------
    >>> figure = learning_curves({"loss": [1.0, 0.5], "val_loss": [1.1, 0.7], "mae": [0.9, 0.6]})
    >>> [axes.get_title() for axes in figure.axes]
    ['loss', 'mae']
    """
    loss, metric = new_figure(9, 3.5).subplots(1, 2) if axes is None else axes
    from matplotlib.ticker import MaxNLocator

    names = [name for name in history if name != "learning_rate"]
    for ax, shown in (
        (loss, [name for name in names if name.endswith("loss")]),
        (metric, [name for name in names if not name.endswith("loss")]),
    ):
        ax.set(xlabel="epoch", title=", ".join(name for name in shown if not name.startswith("val_")))
        ax.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
        ax.grid(alpha=0.3)
        for name in shown:
            held_out = name.startswith("val_")
            ax.plot(
                range(1, len(history[name]) + 1),
                history[name],
                "--" if held_out else "-",
                color=VERMILION if held_out else BLUE,
                marker="o" if len(history[name]) == 1 else None,
                label="validation" if held_out else "training",
            )
        if ax.lines:
            ax.legend()
    return loss.figure


def confusion_matrix(
    y: ArrayLike, predicted: ArrayLike, *, names: Sequence[object] | None = None, ax: Any = None
) -> Any:
    """Draw how often each class was read as each; on the diagonal what was read right.

    Parameters
    ----------
    y, predicted : array (samples,) of labels
        What it was, and what the network read, as from `Network.predict_classes`.
    names : sequence, optional
        Of the classes; their numbers without.
    ax : matplotlib Axes, optional

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    ValueError, TypeError
        For what are not labels, or not as many of both.

    Examples
    --------
    >>> figure = confusion_matrix([0, 1, 1, 1], [0, 1, 0, 1], names=["cat", "dog"])
    >>> [text.get_text() for text in figure.axes[0].texts]
    ['1', '1', '2']
    """
    truth, guesses = as_labels(y, "y"), as_labels(predicted, "predicted")
    if truth.shape != guesses.shape:
        raise ValueError(f"y and predicted must have the same length, got {len(truth)} and {len(guesses)}")
    classes = int(max(truth.max(), guesses.max())) + 1 if names is None else len(names)
    if max(truth.max(), guesses.max()) >= classes:
        raise ValueError(f"names must have a name for each class, got {classes} for label {classes} or more")
    counts = count_confusions(truth, guesses, classes)
    side = min(3 + 0.4 * classes, 12)
    ax = ax if ax is not None else new_figure(side, side).subplots()
    # On a logarithmic scale, the few mistakes are visible next to the many correct predictions.
    shades = np.log1p(counts)
    ax.imshow(shades, cmap="Blues")
    if classes <= 20:
        for (row, column), count in np.ndenumerate(counts):
            if count:
                color = "white" if shades[row, column] > 0.6 * shades.max() else "black"
                ax.text(column, row, str(count), ha="center", va="center", fontsize=8, color=color)
        ticks = range(classes)
        labels = [str(name) for name in (ticks if names is None else names)]
        rotation = 90 if max(map(len, labels)) > 3 else 0
        ax.set_xticks(ticks, labels, rotation=rotation)
        ax.set_yticks(ticks, labels)
    right = float((truth == guesses).mean())
    ax.set(xlabel="read as", ylabel="class", title=f"confusion: {right:.1%} right")
    return ax.figure


def count_confusions(truth: NDArray[np.int64], guesses: NDArray[np.int64], classes: int) -> NDArray[np.int64]:
    """Return how often each class (row) was read as each (column)."""
    counts = np.zeros((classes, classes), dtype=np.int64)
    np.add.at(counts, (truth, guesses), 1)
    return counts


def as_labels(values: ArrayLike, argument: str) -> NDArray[np.int64]:
    """Return integer labels from 0; TypeError or ValueError for anything else."""
    array = np.asarray(values)
    if array.dtype.kind not in "biu":
        raise TypeError(f"{argument} must be integer labels, got dtype {array.dtype}")
    if array.ndim != 1 or array.size == 0 or array.min() < 0:
        raise ValueError(f"{argument} must be labels from 0, at least one; got shape {array.shape}")
    return array.astype(np.int64)
