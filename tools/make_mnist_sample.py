"""Make the sample of MNIST that comes with the package: python tools/make_mnist_sample.py DIRECTORY-OF-MNIST."""

import sys
from pathlib import Path

import numpy as np

from chainrule.data import mnist

TARGET = Path(__file__).parents[1] / "python" / "chainrule" / "data" / "mnist_sample.npz"


def main() -> None:
    """Write the first images of the training and test sets."""
    digits = mnist(sys.argv[1])
    np.savez_compressed(
        TARGET,
        X_train=digits.X_train[:6000],
        y_train=digits.y_train[:6000],
        X_test=digits.X_test[:1000],
        y_test=digits.y_test[:1000],
    )


if __name__ == "__main__":
    main()
