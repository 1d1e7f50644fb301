"""Pictures of networks: their weights, units, and decisions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._checks import checked_integer
from ..layers.base import Layer
from .curves import as_labels, confusion_matrix, learning_curves
from .style import BLUE, MARKERS, VERMILION, class_color, new_figure

# Units of a layer that are drawn; of a larger one the first and the last few.
UNITS_DRAWN = 8
# Points a side at which a decision boundary asks the network.
GRID = 200


class Drawable(Protocol):
    """What these functions need of a network."""

    shapes: list[tuple[int, ...]]
    history: Any

    @property
    def inputs(self) -> int:
        """Number of features."""

    @property
    def outputs(self) -> int:
        """Number of outputs."""

    @property
    def parameter_count(self) -> int:
        """Number of parameters."""

    @property
    def sizes(self) -> Sequence[Any]:
        """Shape of a sample before the first layer and after each."""

    @property
    def stack(self) -> Sequence[Layer]:
        """The layers after the input."""

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Return the outputs."""

    def predict_classes(self, X: ArrayLike) -> NDArray[np.int64]:
        """Return a label per sample."""


def decision_boundary(network: Drawable, X: ArrayLike, y: ArrayLike, *, ax: Any = None) -> Any:
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
    points, labels = np.asarray(X, dtype=np.float64), as_labels(y, "y")
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
    ax = ax if ax is not None else new_figure(5.5, 5).subplots()
    extent = (low[0], high[0], low[1], high[1])
    shades = _shades(outputs, classes).reshape(GRID, GRID, 3)
    ax.imshow(shades, origin="lower", extent=extent, aspect="auto", interpolation="bilinear")
    for label in range(classes):
        lead = (outputs[:, label] - np.delete(outputs, label, axis=1).max(axis=1)).reshape(GRID, GRID)
        if lead.min() < 0 < lead.max():
            ax.contour(across, up, lead, levels=[0.0], colors="0.25", linewidths=1)
        ax.scatter(
            *points[labels == label].T, s=18, color=class_color(label), marker=MARKERS[label % len(MARKERS)],
            edgecolors="black", linewidths=0.5, label=f"class {label}",
        )  # fmt: skip
    ax.legend(loc="upper right", framealpha=0.9)
    right = float((network.predict_classes(points) == labels).mean())
    ax.set(xlabel="input 1", ylabel="input 2", title=f"decision boundary: {right:.1%} right")
    return ax.figure


def weights(network: Drawable, layer: int = 1, *, shape: tuple[int, int] | None = None, shown: int = 24) -> Any:
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
    matrices = _weight_matrices(network)
    values = matrices[checked_integer(layer, "layer", lowest=1, highest=len(matrices)) - 1]
    side = round(len(values) ** 0.5)
    if shape is None and side >= 4 and side * side == len(values):
        shape = side, side
    if shape is not None:
        units = min(checked_integer(shown, "shown", lowest=1), values.shape[1])
        columns = min(units, 8)
        figure = new_figure(9, 0.7 + -(-units // columns))
        image = _draw_units(figure, values, shape, units, columns)
        title = f"weights of {units} of the {values.shape[1]} units in layer {layer}"
        figure.suptitle(title if units < values.shape[1] else f"weights of the units in layer {layer}")
        figure.colorbar(image, ax=figure.axes, shrink=0.8, aspect=30)
        return figure
    figure = new_figure(7, 4)
    ax = figure.subplots()
    limit = float(np.abs(values).max()) or 1.0
    image = ax.imshow(values, cmap="RdBu", vmin=-limit, vmax=limit, aspect="auto", interpolation="nearest")
    ax.set(xlabel="unit", ylabel="input", title=f"weights of layer {layer}")
    figure.colorbar(image, label="weight")
    return figure


def architecture(network: Drawable, *, ax: Any = None) -> Any:
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
    sizes = [math.prod(shape) for shape in network.shapes]
    ax = ax if ax is not None else new_figure(1.6 + 2.1 * len(sizes), 4.4).subplots()
    from matplotlib.collections import LineCollection

    columns = [_places(size) for size in sizes]
    for x, layer in enumerate(network.stack):
        if not layer.fully_connected:
            continue
        (before, here), values = columns[x : x + 2], layer.parameter_arrays()["weights"]
        drawn = values[np.ix_(list(before), list(here))]
        largest = float(np.abs(drawn).max()) or 1.0
        lines = [[(x, y), (x + 1, z)] for y in before.values() for z in here.values()]
        colors = [BLUE if weight >= 0 else VERMILION for weight in drawn.ravel()]
        widths = 0.15 + 1.6 * np.abs(drawn.ravel()) / largest
        ax.add_collection(LineCollection(lines, colors=colors, linewidths=widths, alpha=0.7, zorder=1))
    names = ["inputs", *(_name_of(layer) for layer in network.stack)]
    for x, (places, size, name) in enumerate(zip(columns, sizes, names, strict=True)):
        ax.scatter([x] * len(places), list(places.values()), s=130, color="white", edgecolors="0.2", zorder=2)
        if size > UNITS_DRAWN:
            ax.text(x, 0, "⋮", ha="center", va="center", fontsize=16)
        ax.text(x, -UNITS_DRAWN / 2 - 0.4, f"{size:,}\n{name}", ha="center", va="top")
    for color, sign in ((BLUE, "above"), (VERMILION, "below")):
        ax.plot([], [], color=color, label=f"weight {sign} zero")
    ax.legend(loc="lower center", bbox_to_anchor=(0.5, -0.08), ncols=2, frameon=False)
    ax.set(xlim=(-0.5, len(sizes) - 0.5), ylim=(-UNITS_DRAWN / 2 - 1.9, UNITS_DRAWN / 2 + 0.4))
    ax.set_title(f"Network({network.sizes}), {network.parameter_count:,} parameters")
    ax.axis("off")
    return ax.figure


def training_overview(network: Drawable, y: ArrayLike, predicted: ArrayLike) -> Any:
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
    figure = new_figure(12, 6.6)
    top, bottom = figure.subfigures(2, 1, height_ratios=[1.8, 1])
    loss, metric, matrix = top.subplots(1, 3)
    learning_curves(network.history, (loss, metric))
    confusion_matrix(y, predicted, ax=matrix)
    values = _weight_matrices(network)[0]
    side = round(len(values) ** 0.5)
    image = _draw_units(bottom, values, (side, side), min(24, values.shape[1]), columns=12)
    bottom.suptitle("weights of the first hidden units")
    bottom.colorbar(image, ax=bottom.axes, shrink=0.9)
    return figure


def _shades(outputs: NDArray[np.float64], classes: int) -> NDArray[np.float64]:
    """Return the colour of the largest output, the paler the nearer it is to that of no knowledge."""
    from matplotlib.colors import to_rgb

    colors = np.array([to_rgb(class_color(label)) for label in range(classes)])
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
    return layer.activation if layer.fully_connected else type(layer).__name__


def _places(size: int) -> dict[int, float]:
    """Return which units of a layer are drawn, and at what height; a large layer has a gap for dots in the middle."""
    if size <= UNITS_DRAWN:
        return {unit: (size - 1) / 2 - unit for unit in range(size)}
    half = UNITS_DRAWN // 2
    return {
        **{unit: half - unit for unit in range(half)},
        **{size - 1 - unit: unit - half for unit in range(half)},
    }


def _weight_matrices(network: Drawable) -> list[NDArray[Any]]:
    """Return the weights of the fully connected layers, each (inputs, units)."""
    return [layer.parameter_arrays()["weights"] for layer in network.stack if layer.fully_connected]
