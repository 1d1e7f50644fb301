"""Networks from files of ONNX: a file a group of operators says which layers these become."""

from . import activation, dense, normalisation, places, recurrent, shape, training
from .model import from_onnx

__all__ = ["activation", "dense", "from_onnx", "normalisation", "places", "recurrent", "shape", "training"]
