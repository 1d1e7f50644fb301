"""chainrule: small and medium neural networks, trained on the CPU, fast, with numbers that can be checked."""

from importlib.metadata import version as _version

from . import augment, data, plot
from .callbacks import Callback, Checkpoint, CSVLog, EarlyStopping, ReduceOnPlateau
from .composite import Concatenate, Residual
from .errors import ChainruleError, ChainruleWarning, CheckError, DataError, DivergedError, ModelFileError
from .history import History
from .images import (
    AvgPool1D,
    AvgPool2D,
    Conv1D,
    Conv2D,
    Conv2DTranspose,
    GlobalAvgPool1D,
    GlobalAvgPool2D,
    MaxPool1D,
    MaxPool2D,
    UpSample2D,
    ZeroPad2D,
)
from .initializers import Normal, Orthogonal, Uniform
from .io import load
from .layers import Activation, Dense, Flatten, Input, Layer, Reshape
from .losses import MAE, MSE, CrossEntropy, GaussianNLL, Hinge, Huber, Loss, Poisson
from .machine import get_num_threads, info, set_isa, set_num_threads
from .network import Network
from .noise import Dropout, GaussianNoise, Sampling
from .normalisation import BatchNorm, LayerNorm
from .optimizers import (
    SGD,
    Adadelta,
    Adagrad,
    Adam,
    AdamW,
    DeltaBarDelta,
    IRprop,
    Nadam,
    Optimizer,
    RMSprop,
)
from .population import predict_population
from .schedules import (
    CosineDecay,
    ExponentialDecay,
    InverseTimeDecay,
    PiecewiseConstant,
    Schedule,
    StepDecay,
    Warmup,
)
from .sequences import GRU, LSTM, Bidirectional, Embedding, Masking, SimpleRNN
from .stepper import Stepper
from .tensorboard import TensorBoard

__version__ = _version("chainrule")

__all__ = [
    "GRU",
    "LSTM",
    "MAE",
    "MSE",
    "SGD",
    "Activation",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "AvgPool1D",
    "AvgPool2D",
    "BatchNorm",
    "Bidirectional",
    "CSVLog",
    "Callback",
    "ChainruleError",
    "ChainruleWarning",
    "CheckError",
    "Checkpoint",
    "Concatenate",
    "Conv1D",
    "Conv2D",
    "Conv2DTranspose",
    "CosineDecay",
    "CrossEntropy",
    "DataError",
    "DeltaBarDelta",
    "Dense",
    "DivergedError",
    "Dropout",
    "EarlyStopping",
    "Embedding",
    "ExponentialDecay",
    "Flatten",
    "GaussianNLL",
    "GaussianNoise",
    "GlobalAvgPool1D",
    "GlobalAvgPool2D",
    "Hinge",
    "History",
    "Huber",
    "IRprop",
    "Input",
    "InverseTimeDecay",
    "Layer",
    "LayerNorm",
    "Loss",
    "Masking",
    "MaxPool1D",
    "MaxPool2D",
    "ModelFileError",
    "Nadam",
    "Network",
    "Normal",
    "Optimizer",
    "Orthogonal",
    "PiecewiseConstant",
    "Poisson",
    "RMSprop",
    "ReduceOnPlateau",
    "Reshape",
    "Residual",
    "Sampling",
    "Schedule",
    "SimpleRNN",
    "StepDecay",
    "Stepper",
    "TensorBoard",
    "Uniform",
    "UpSample2D",
    "Warmup",
    "ZeroPad2D",
    "__version__",
    "augment",
    "data",
    "get_num_threads",
    "info",
    "load",
    "plot",
    "predict_population",
    "set_isa",
    "set_num_threads",
]
