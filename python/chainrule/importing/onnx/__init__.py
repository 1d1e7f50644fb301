"""Networks from files of ONNX: a file a group of operators says which layers these become."""

from . import activation, dense, moves, normalisation, places, pools, recurrent, shape, training
from .model import from_onnx

__all__ = [
    "activation",
    "dense",
    "from_onnx",
    "moves",
    "normalisation",
    "places",
    "pools",
    "recurrent",
    "shape",
    "training",
]
