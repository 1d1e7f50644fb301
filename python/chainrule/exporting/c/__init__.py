"""Networks as files of C: a file a kind of layer, as in `chainrule.layers`, which says what functions it calls."""

from . import (
    activation,
    columns,
    composite,
    convolution,
    dense,
    embedding,
    masking,
    members,
    noise,
    normalisation,
    periodic,
    piecewise_linear,
    pooling,
    recurrent,
    rescaling,
    resizing,
    selection,
    shape,
)
from .file import Sizes
from .model import to_c

__all__ = [
    "Sizes",
    "activation",
    "columns",
    "composite",
    "convolution",
    "dense",
    "embedding",
    "masking",
    "members",
    "noise",
    "normalisation",
    "periodic",
    "piecewise_linear",
    "pooling",
    "recurrent",
    "rescaling",
    "resizing",
    "selection",
    "shape",
    "to_c",
]
