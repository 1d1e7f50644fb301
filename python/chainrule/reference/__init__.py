"""The NumPy reference: float64, the plain formula, one class for each layer, loss and optimiser.

It shares no code with the core, and is written to be right at one look; docs/formulas.md is its specification. The core
is compared with it stage by stage, and over whole training runs: weights, shuffling and noise come from the same words.
"""

from . import activations, initializers, losses, optimizers, random, schedules
from .composite import Concatenate, Residual
from .convolution import Conv1D, Conv2D, Conv2DTranspose
from .embedding import Embedding
from .layers import Activation, Dense, Layer
from .network import Network
from .noise import Dropout, GaussianNoise, Sampling
from .normalisation import BatchNorm, LayerNorm
from .pooling import AvgPool1D, AvgPool2D, GlobalAvgPool1D, GlobalAvgPool2D, MaxPool1D, MaxPool2D
from .recurrent import GRU, LSTM, Bidirectional, Masking, SimpleRNN
from .shape import Flatten, Reshape, UpSample2D, ZeroPad2D

__all__ = [
    "GRU",
    "LSTM",
    "Activation",
    "AvgPool1D",
    "AvgPool2D",
    "BatchNorm",
    "Bidirectional",
    "Concatenate",
    "Conv1D",
    "Conv2D",
    "Conv2DTranspose",
    "Dense",
    "Dropout",
    "Embedding",
    "Flatten",
    "GaussianNoise",
    "GlobalAvgPool1D",
    "GlobalAvgPool2D",
    "Layer",
    "LayerNorm",
    "Masking",
    "MaxPool1D",
    "MaxPool2D",
    "Network",
    "Reshape",
    "Residual",
    "Sampling",
    "SimpleRNN",
    "UpSample2D",
    "ZeroPad2D",
    "activations",
    "initializers",
    "losses",
    "optimizers",
    "random",
    "schedules",
]
