"""Pictures of networks and of what they learned (needs the extra `plot`).

Each function returns matplotlib's figure: a notebook shows it, ``savefig`` writes it. Each but the overview draws into
axes that are given instead, such as those of ``matplotlib.pyplot.subplots``. The colours are those of Okabe and Ito,
which the colour-blind can tell.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._checks import checked_integer
from .layers import Dense, Layer

if TYPE_CHECKING:
    from .network import Network

BLUE, ORANGE, GREEN, VERMILION, PURPLE, SKY, YELLOW = (
    "#0072b2", "#e69f00", "#009e73", "#d55e00", "#cc79a7", "#56b4e9", "#f0e442",
)  # fmt: skip
CLASS_COLORS = (BLUE, ORANGE, GREEN, PURPLE, SKY, VERMILION, YELLOW)
MARKERS = "os^DvPX"
# Units of a layer that are drawn; of a larger one the first and the last few.
UNITS_DRAWN = 8
# Points a side at which a decision boundary asks the network.
GRID = 200


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
    loss, metric = _figure(9, 3.5).subplots(1, 2) if axes is None else axes
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
    truth, guesses = _labels(y, "y"), _labels(predicted, "predicted")
    if truth.shape != guesses.shape:
        raise ValueError(f"y and predicted must have the same length, got {len(truth)} and {len(guesses)}")
    classes = int(max(truth.max(), guesses.max())) + 1 if names is None else len(names)
    if max(truth.max(), guesses.max()) >= classes:
        raise ValueError(f"names must have a name for each class, got {classes} for label {classes} or more")
    counts = count_confusions(truth, guesses, classes)
    side = min(3 + 0.4 * classes, 12)
    ax = ax if ax is not None else _figure(side, side).subplots()
    # The logarithm shows the few mistakes beside the many that are right.
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


def decision_boundary(network: Network, X: ArrayLike, y: ArrayLike, *, ax: Any = None) -> Any:
    """Draw what a network of two inputs reads at each point of the plane, and samples with their classes.

    A shade is the paler the less sure the network is; a line parts the classes.

    Parameters
    ----------
    network : Network
        Of two inputs, with a softmax, or one sigmoid, output.
    X : array (samples, 2)
    y : array (samples,) of labels
    ax : matplotlib Axes, optional

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    ValueError, TypeError
        For other numbers of inputs, and for what are not samples and labels.

    Examples
    --------
    >>> import chainrule as cr
    >>> X, y = cr.data.two_spirals(50)
    >>> decision_boundary(cr.Network([2, 8, 2], output="softmax", seed=0), X, y).axes[0].get_xlabel()
    'input 1'
    """
    if network.inputs != 2:
        raise ValueError(f"network must have 2 inputs for a decision boundary, got {network.inputs}")
    points, labels = np.asarray(X, dtype=np.float64), _labels(y, "y")
    if points.ndim != 2 or points.shape[1] != 2 or len(points) != len(labels):
        raise ValueError(f"X must have shape ({len(labels)}, 2), a row for each label; got {points.shape}")
    classes = max(2, network.outputs)
    if labels.max() >= classes:
        raise ValueError(f"y must be labels in [0, {classes - 1}], got {labels.max()}")
    margin = 0.08 * np.maximum(np.ptp(points, axis=0), 1e-9)
    low, high = points.min(axis=0) - margin, points.max(axis=0) + margin
    across, up = (np.linspace(low[i], high[i], GRID) for i in range(2))
    grid = np.stack(np.meshgrid(across, up), axis=-1).reshape(-1, 2)
    outputs = network.predict(grid).astype(np.float64)
    if network.outputs == 1:
        outputs = np.hstack([1 - outputs, outputs])
    ax = ax if ax is not None else _figure(5.5, 5).subplots()
    extent = (low[0], high[0], low[1], high[1])
    shades = _shades(outputs, classes).reshape(GRID, GRID, 3)
    ax.imshow(shades, origin="lower", extent=extent, aspect="auto", interpolation="bilinear")
    for label in range(classes):
        lead = (outputs[:, label] - np.delete(outputs, label, axis=1).max(axis=1)).reshape(GRID, GRID)
        if lead.min() < 0 < lead.max():
            ax.contour(across, up, lead, levels=[0.0], colors="0.25", linewidths=1)
        ax.scatter(
            *points[labels == label].T, s=18, color=_class_color(label), marker=MARKERS[label % len(MARKERS)],
            edgecolors="black", linewidths=0.5, label=f"class {label}",
        )  # fmt: skip
    ax.legend(loc="upper right", framealpha=0.9)
    right = float((network.predict_classes(points) == labels).mean())
    ax.set(xlabel="input 1", ylabel="input 2", title=f"decision boundary: {right:.1%} right")
    return ax.figure


def weights(network: Network, layer: int = 1, *, shape: tuple[int, int] | None = None, shown: int = 24) -> Any:
    """Draw the weights of a layer: as an image for each unit where the inputs are one, else as a matrix.

    Parameters
    ----------
    network : Network
    layer : int
        From 1.
    shape : (int, int), optional
        Height and width of the inputs as an image; the default is a square, from 4 × 4 on, where they make one.
    shown : int
        How many units are drawn as images, >= 1.

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    ValueError
        For a layer that is not there, or a shape that the inputs do not have.

    Examples
    --------
    >>> import chainrule as cr
    >>> len(weights(cr.Network([16, 6, 2], seed=0)).axes), len(weights(cr.Network([5, 6, 2], seed=0)).axes)
    (7, 2)
    """
    values = network._dense[checked_integer(layer, "layer", lowest=1, highest=len(network._dense)) - 1].weights
    side = round(len(values) ** 0.5)
    if shape is None and side >= 4 and side * side == len(values):
        shape = side, side
    if shape is not None:
        units = min(checked_integer(shown, "shown", lowest=1), values.shape[1])
        columns = min(units, 8)
        figure = _figure(9, 0.7 + -(-units // columns))
        image = _draw_units(figure, values, shape, units, columns)
        title = f"weights of {units} of the {values.shape[1]} units in layer {layer}"
        figure.suptitle(title if units < values.shape[1] else f"weights of the units in layer {layer}")
        figure.colorbar(image, ax=figure.axes, shrink=0.8, aspect=30)
        return figure
    figure = _figure(7, 4)
    ax = figure.subplots()
    limit = float(np.abs(values).max()) or 1.0
    image = ax.imshow(values, cmap="RdBu", vmin=-limit, vmax=limit, aspect="auto", interpolation="nearest")
    ax.set(xlabel="unit", ylabel="input", title=f"weights of layer {layer}")
    figure.colorbar(image, label="weight")
    return figure


def architecture(network: Network, *, ax: Any = None) -> Any:
    """Draw a network's layers as columns of units, with their weights as lines: blue above zero, orange below.

    Of a large layer the first and last units are drawn; the wider a line, the larger the weight in its layer.

    Parameters
    ----------
    network : Network
    ax : matplotlib Axes, optional

    Returns
    -------
    matplotlib Figure

    Examples
    --------
    >>> import chainrule as cr
    >>> architecture(cr.Network([2, 3, 1], seed=0)).axes[0].get_title()
    'Network([2, 3, 1]), 13 parameters'
    """
    sizes = [math.prod(shape) for shape in network._shapes]
    ax = ax if ax is not None else _figure(1.6 + 2.1 * len(sizes), 4.4).subplots()
    from matplotlib.collections import LineCollection

    columns = [_places(size) for size in sizes]
    for x, layer in enumerate(network._stack):
        if not isinstance(layer, Dense) or len(network._shapes[x]) > 1:
            continue
        (before, here), values = columns[x : x + 2], layer.weights
        drawn = values[np.ix_(list(before), list(here))]
        largest = float(np.abs(drawn).max()) or 1.0
        lines = [[(x, y), (x + 1, z)] for y in before.values() for z in here.values()]
        colors = [BLUE if weight >= 0 else VERMILION for weight in drawn.ravel()]
        widths = 0.15 + 1.6 * np.abs(drawn.ravel()) / largest
        ax.add_collection(LineCollection(lines, colors=colors, linewidths=widths, alpha=0.7, zorder=1))
    names = ["inputs", *(_name_of(layer) for layer in network._stack)]
    for x, (places, size, name) in enumerate(zip(columns, sizes, names, strict=True)):
        ax.scatter([x] * len(places), list(places.values()), s=130, color="white", edgecolors="0.2", zorder=2)
        if size > UNITS_DRAWN:
            ax.text(x, 0, "⋮", ha="center", va="center", fontsize=16)
        ax.text(x, -UNITS_DRAWN / 2 - 0.4, f"{size:,}\n{name}", ha="center", va="top")
    for color, sign in ((BLUE, "above"), (VERMILION, "below")):
        ax.plot([], [], color=color, label=f"weight {sign} zero")
    ax.legend(loc="lower center", bbox_to_anchor=(0.5, -0.08), ncols=2, frameon=False)
    ax.set(xlim=(-0.5, len(sizes) - 0.5), ylim=(-UNITS_DRAWN / 2 - 1.9, UNITS_DRAWN / 2 + 0.4))
    ax.set_title(f"Network({network._sizes}), {network.parameter_count:,} parameters")
    ax.axis("off")
    return ax.figure


def training_overview(network: Network, y: ArrayLike, predicted: ArrayLike) -> Any:
    """Draw learning curves, confusion matrix, and weights of the first hidden units as images.

    Parameters
    ----------
    network : Network
        Trained on square images.
    y, predicted : array (samples,) of labels
        As for `confusion_matrix`.

    Returns
    -------
    matplotlib Figure
    """
    figure = _figure(12, 6.6)
    top, bottom = figure.subfigures(2, 1, height_ratios=[1.8, 1])
    loss, metric, matrix = top.subplots(1, 3)
    learning_curves(network.history, (loss, metric))
    confusion_matrix(y, predicted, ax=matrix)
    values = network._dense[0].weights
    side = round(len(values) ** 0.5)
    image = _draw_units(bottom, values, (side, side), min(24, values.shape[1]), columns=12)
    bottom.suptitle("weights of the first hidden units")
    bottom.colorbar(image, ax=bottom.axes, shrink=0.9)
    return figure


def _figure(width: float, height: float) -> Any:
    try:
        from ._figure import NotebookFigure
    except ImportError as error:
        raise ImportError('pictures need matplotlib: pip install "chainrule[plot]"') from error
    return NotebookFigure(figsize=(width, height), layout="constrained")


def _labels(values: ArrayLike, argument: str) -> NDArray[np.int64]:
    array = np.asarray(values)
    if array.dtype.kind not in "biu":
        raise TypeError(f"{argument} must be integer labels, got dtype {array.dtype}")
    if array.ndim != 1 or array.size == 0 or array.min() < 0:
        raise ValueError(f"{argument} must be labels from 0, at least one; got shape {array.shape}")
    return array.astype(np.int64)


def _class_color(label: int) -> str:
    return CLASS_COLORS[label % len(CLASS_COLORS)]


def _shades(outputs: NDArray[np.float64], classes: int) -> NDArray[np.float64]:
    """Return the colour of the largest output, the paler the nearer it is to that of no knowledge."""
    from matplotlib.colors import to_rgb

    colors = np.array([to_rgb(_class_color(label)) for label in range(classes)])
    sure = np.clip((outputs.max(axis=1) - 1 / classes) / (1 - 1 / classes), 0, 1)[:, None]
    strength = 0.1 + 0.5 * sure
    return np.asarray(1 - strength * (1 - colors[outputs.argmax(axis=1)]))


def _draw_units(figure: Any, values: NDArray[Any], shape: tuple[int, int], units: int, columns: int) -> Any:
    """Draw the weights of so many units as images that share a scale; return the last."""
    if len(values) != shape[0] * shape[1]:
        raise ValueError(f"shape must be that of {len(values)} inputs, got {shape}")
    limit = float(np.quantile(np.abs(values), 0.995)) or 1.0
    image = None
    for unit, ax in enumerate(figure.subplots(-(-units // columns), columns, squeeze=False).flat):
        ax.axis("off")
        if unit < units:
            image = ax.imshow(values[:, unit].reshape(shape), cmap="RdBu", vmin=-limit, vmax=limit)
    return image


def _name_of(layer: Layer) -> str:
    return layer.activation if isinstance(layer, Dense) else type(layer).__name__


def _places(size: int) -> dict[int, float]:
    """Return which units of a layer are drawn, and how high; there is room for dots in the midst of a large layer."""
    if size <= UNITS_DRAWN:
        return {unit: (size - 1) / 2 - unit for unit in range(size)}
    half = UNITS_DRAWN // 2
    return {
        **{unit: half - unit for unit in range(half)},
        **{size - 1 - unit: unit - half for unit in range(half)},
    }
