"""Data to begin with: handwritten digits and the textbook's small problems."""

from .idx import read_idx
from .mnist import MNIST, mnist, mnist_sample
from .sequences import pad, streams
from .synthetic import identity8, sine, two_spirals, xor

__all__ = ["MNIST", "identity8", "mnist", "mnist_sample", "pad", "read_idx", "sine", "streams", "two_spirals", "xor"]
