"""Draw the pictures in docs/images: python tools/make_pictures.py [NAME …].

The picture of the benchmarks is an exception: it takes hours, and `python -m benchmarks --plot` draws it.
Needs chainrule[plot].
"""

import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import chainrule as cr

ROOT = Path(__file__).parents[1]
IMAGES = ROOT / "docs" / "images"


@cache
def digits() -> tuple[cr.Network, cr.data.MNIST]:
    """Return the network of `python -m chainrule`, and its data."""
    data = cr.data.mnist_sample()
    net = cr.Network([cr.Input(784, scale=1 / 255), 300, 10], activation="relu", output="softmax", seed=0)
    held_out = (data.X_test, data.y_test)
    net.fit(
        data.X_train,
        data.y_train,
        epochs=20,
        optimizer=cr.SGD(0.1, momentum=0.9),
        validation_data=held_out,
        verbose=0,
    )
    return net, data


@cache
def spirals() -> tuple[cr.Network, Any, Any]:
    """Return a network that separates two spirals, and the points."""
    X, y = cr.data.two_spirals(300, noise=0.01)
    net = cr.Network([2, 64, 64, 2], activation="relu", output="softmax", seed=0, l2=1e-5)
    net.fit(X, y, epochs=1000, batch_size=20, optimizer=cr.Adam(0.003), verbose=0)
    return net, X, y


def overview_of_digits() -> Any:
    net, data = digits()
    return cr.plot.training_overview(net, data.y_test, net.predict_classes(data.X_test))


def confusion_of_digits() -> Any:
    net, data = digits()
    return cr.plot.confusion_matrix(data.y_test, net.predict_classes(data.X_test))


def tree() -> Any:
    from draw_architecture import draw

    return draw()


PICTURES: dict[str, Callable[[], Any]] = {
    "digits": overview_of_digits,
    "learning_curves": lambda: digits()[0].history.plot(),
    "confusion_matrix": confusion_of_digits,
    "weights": lambda: digits()[0].plot_weights(),
    "decision_boundary": lambda: cr.plot.decision_boundary(*spirals()),
    "architecture": lambda: cr.plot.architecture(cr.Network([4, 12, 6, 3], output="softmax", seed=0)),
    "tree": tree,
}
# These examples write a picture of their name to the current directory.
EXAMPLES = ["function_approximation", "autoencoder", "denoising", "vae", "gan", "sine_forecast", "vanishing"]


def main() -> None:
    for name in sys.argv[1:] or [*PICTURES, *EXAMPLES]:
        path = IMAGES / f"{name}.png"
        if name in PICTURES:
            PICTURES[name]().savefig(path, dpi=100)
        else:
            subprocess.run([sys.executable, str(ROOT / "examples" / f"{name}.py")], cwd=IMAGES, check=True)
        print(f"drew {path.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
