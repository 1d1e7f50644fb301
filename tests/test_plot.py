"""The pictures show the right numbers."""

import importlib.util
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

import chainrule as cr

ROOT = Path(__file__).parents[1]


def labels(samples=200, classes=5):
    rng = np.random.default_rng(0)
    return rng.integers(0, classes, samples), rng.integers(0, classes, samples)


def test_learning_curves_are_the_history():
    X, y = cr.data.two_spirals(40)
    net = cr.Network([2, 4, 2], output="softmax", seed=0)
    figure = net.fit(X, y, epochs=4, validation_data=(X, y), verbose=0).plot()
    assert [ax.get_title() for ax in figure.axes] == ["loss", "accuracy"]
    for ax, name in zip(figure.axes, ("loss", "accuracy"), strict=True):
        curves = {line.get_label(): line for line in ax.lines}
        assert list(curves["training"].get_xdata()) == [1, 2, 3, 4]
        assert list(curves["training"].get_ydata()) == net.history[name]
        assert list(curves["validation"].get_ydata()) == net.history[f"val_{name}"]


def test_confusion_matrix_counts_as_pandas_does():
    y, predicted = labels()
    (ax,) = cr.plot.confusion_matrix(y, predicted, names=list("abcde")).axes
    expected = pandas.crosstab(y, predicted).to_numpy()
    shown = {(t.get_position()[1], t.get_position()[0]): int(t.get_text()) for t in ax.texts}
    assert shown == {(i, j): n for (i, j), n in np.ndenumerate(expected) if n}
    assert [t.get_text() for t in ax.get_yticklabels()] == list("abcde")
    assert f"{np.trace(expected) / 200:.1%} right" in ax.get_title()


def colour_at(ax, x, y):
    (image,) = ax.images
    left, right, bottom, top = image.get_extent()
    pixels = np.asarray(image.get_array())
    row = round((y - bottom) / (top - bottom) * (len(pixels) - 1))
    column = round((x - left) / (right - left) * (pixels.shape[1] - 1))
    return pixels[row, column]


@pytest.mark.parametrize("outputs", [1, 2, 3])
def test_decision_boundary_has_the_colour_of_what_is_read(outputs):
    rng = np.random.default_rng(0)
    X, classes = rng.standard_normal((60, 2)), max(2, outputs)
    y = (np.arctan2(X[:, 0], X[:, 1]) // (2 * np.pi / classes) % classes).astype(int)
    net = cr.Network([2, 16, outputs], output="sigmoid" if outputs == 1 else "softmax", seed=0)
    net.fit(X, y, epochs=60, optimizer=cr.Adam(0.02), verbose=0)
    (ax,) = cr.plot.decision_boundary(net, X, y).axes
    sure = np.abs(net.predict(X) - 0.5).min(axis=1) > 0.2
    assert sure.sum() > 20
    for point, label in zip(X[sure], net.predict_classes(X[sure]), strict=True):
        paler = 1 - np.asarray(colour_at(ax, *point))
        full = 1 - np.asarray(to_rgb(cr.plot.CLASS_COLORS[label]))
        assert np.corrcoef(paler, full)[0, 1] > 0.99
    assert sum(len(points.get_offsets()) for points in ax.collections if len(points.get_offsets()) > 1) == 60


def test_weights_of_units_are_images():
    net = cr.Network([12, 5, 2], seed=0)
    *units, _ = net.plot_weights(shape=(3, 4)).axes
    drawn = [ax.images[0].get_array() for ax in units if ax.images]
    np.testing.assert_array_equal(drawn, net.layers[1].weights.T.reshape(5, 3, 4))


def test_weights_without_a_shape_are_a_matrix():
    net = cr.Network([12, 5, 2], seed=0)
    for layer in (1, 2):
        ax = net.plot_weights(layer).axes[0]
        np.testing.assert_array_equal(ax.images[0].get_array(), net.layers[layer].weights)


def test_architecture_has_a_line_for_each_weight():
    net = cr.Network([3, 4, 2], output="softmax", seed=0)
    (ax,) = cr.plot.architecture(net).axes
    lines, dots = ax.collections[:2], ax.collections[2:]
    for drawn, layer in zip(lines, net.layers[1:], strict=True):
        expected = [to_rgb(cr.plot.BLUE if w >= 0 else cr.plot.VERMILION) for w in layer.weights.ravel()]
        np.testing.assert_allclose(drawn.get_colors()[:, :3], expected)
    assert [len(layer.get_offsets()) for layer in dots] == [3, 4, 2]
    assert [text.get_text() for text in ax.texts] == ["3\ninputs", "4\nrelu", "2\nsoftmax"]


def test_architecture_of_a_large_network_stays_small():
    (ax,) = cr.plot.architecture(cr.Network([784, 300, 10], seed=0)).axes
    assert [len(lines.get_colors()) for lines in ax.collections[:2]] == [64, 64]


def test_pictures_go_into_axes_that_are_given():
    y, predicted = labels()
    X, classes = cr.data.two_spirals(20)
    net = cr.Network([2, 4, 2], output="softmax", seed=0)
    axes = Figure().subplots(1, 3)
    cr.plot.confusion_matrix(y, predicted, ax=axes[0])
    cr.plot.decision_boundary(net, X, classes, ax=axes[1])
    assert cr.plot.architecture(net, ax=axes[2]) is axes[0].figure
    assert all(ax.get_title() or ax.collections for ax in axes)


def test_notebook_shows_a_figure_and_pickle_takes_it():
    figure = pickle.loads(pickle.dumps(cr.plot.confusion_matrix([0, 1], [0, 1])))
    assert figure._repr_png_()[:4] == b"\x89PNG"


@pytest.mark.parametrize(
    ("draw", "error", "message"),
    [
        (lambda: cr.plot.confusion_matrix([0.5], [0]), TypeError, "y must be integer labels, got dtype float64"),
        (lambda: cr.plot.confusion_matrix([0, 1], [0]), ValueError, "same length, got 2 and 1"),
        (lambda: cr.plot.confusion_matrix([], np.zeros(0, int)), TypeError, "y must be integer labels"),
        (lambda: cr.plot.confusion_matrix([0, -1], [0, 1]), ValueError, "y must be labels from 0"),
        (lambda: cr.plot.confusion_matrix([0, 2], [0, 1], names="ab"), ValueError, "a name for each class, got 2"),
        (
            lambda: cr.plot.decision_boundary(cr.Network([3, 2]), np.ones((4, 3)), [0] * 4),
            ValueError,
            "network must have 2 inputs for a decision boundary, got 3",
        ),
        (
            lambda: cr.plot.decision_boundary(cr.Network([2, 2]), np.ones((4, 3)), [0] * 4),
            ValueError,
            r"X must have shape \(4, 2\)",
        ),
        (
            lambda: cr.plot.decision_boundary(cr.Network([2, 2]), np.ones((4, 2)), [2] * 4),
            ValueError,
            r"y must be labels in \[0, 1\], got 2",
        ),
        (lambda: cr.Network([4, 2]).plot_weights(2), ValueError, "layer must be at least 1 and at most 1, got 2"),
        (lambda: cr.Network([4, 2]).plot_weights(shape=(3, 2)), ValueError, "shape must be that of 4 inputs"),
        (lambda: cr.Network([4, 2]).plot_weights(shape=(2, 2), shown=0), ValueError, "shown must be at least 1"),
    ],
)
def test_mistakes_are_named(draw, error, message):
    with pytest.raises(error, match=message):
        draw()


def test_extra_is_named_where_matplotlib_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    monkeypatch.delitem(sys.modules, "chainrule.plot.figure", raising=False)
    with pytest.raises(ImportError, match=r"chainrule\[plot\]"):
        cr.History().plot()


def test_import_of_the_package_imports_neither_matplotlib_nor_tensorboard():
    code = "import sys, chainrule; print([m for m in ('matplotlib', 'tensorboard') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "[]\n"


def test_every_picture_is_drawn_by_the_script_and_shown_by_a_page():
    spec = importlib.util.spec_from_file_location("make_pictures", ROOT / "tools" / "make_pictures.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    pictures = {path.stem for path in (ROOT / "docs" / "images").glob("*.png")}
    assert pictures == {*script.PICTURES, *script.EXAMPLES, "benchmarks"}
    pages = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "README.md", *(ROOT / "docs").glob("*.md")))
    assert {name for name in pictures if f"images/{name}.png" in pages} == pictures
