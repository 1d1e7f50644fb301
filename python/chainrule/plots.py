"""Pictures of a trained network (needs the extra `plot`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from .network import Network


def training_overview(network: Network, confusion: NDArray[np.int64], shown: int = 24) -> Any:
    """Draw learning curves, the confusion matrix, and the weights of the first hidden units as images.

    Parameters
    ----------
    network : Network
        Trained on square images.
    confusion : array (classes, classes)
        Rows: what it was; columns: what it was read as.
    shown : int
        How many units' weights are drawn.

    Returns
    -------
    matplotlib Figure
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError('pictures need matplotlib: pip install "chainrule[plot]"') from error
    figure = Figure(figsize=(12, 7), layout="constrained")
    halves: Any = figure.subfigures(2, 1, height_ratios=[1, 1.1])
    top, bottom = halves
    loss, metric, matrix = top.subplots(1, 3)
    network.history.plot((loss, metric))
    matrix.imshow(np.log1p(confusion), cmap="Blues")
    for (row, column), count in np.ndenumerate(confusion):
        if count:
            color = "white" if row == column else "black"
            matrix.text(column, row, str(count), ha="center", va="center", fontsize=6, color=color)
    matrix.set(xlabel="read as", ylabel="digit", title="confusion", xticks=range(10), yticks=range(10))
    weights = network.layers[1].weights  # type: ignore[union-attr]
    side = round(float(np.sqrt(len(weights))))
    limit = float(np.quantile(np.abs(weights), 0.995))
    bottom.suptitle("weights of the first hidden units")
    for ax, column in zip(bottom.subplots(2, -(-shown // 2)).flat, range(shown), strict=False):
        ax.axis("off")
        if column < weights.shape[1]:
            ax.imshow(weights[:, column].reshape(side, side), cmap="RdBu", vmin=-limit, vmax=limit)
    return figure
