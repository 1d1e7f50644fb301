"""chainrule: small and medium neural networks, trained on the CPU, fast, with numbers that can be checked."""

from importlib.metadata import version as _version
from typing import Any as _Any

from . import _interpreter as _interpreter  # must come first: it refuses where the core cannot be loaded
from . import (
    augment,
    check,
    conformal,
    data,
    diagnose,
    errors,
    layers,
    losses,
    machine,
    nodes,
    optimizers,
    optuna,
    plot,
    schedules,
)
from .errors import *
from .function_loss import FunctionLoss
from .history import History
from .importing.keras import from_keras
from .importing.onnx import from_onnx
from .importing.sklearn import from_sklearn
from .importing.torch import from_torch
from .layers import *
from .losses import *
from .machine import *
from .many import CrossValidation, Ensemble, Fit, cross_validate, fit_many
from .network import Network, load
from .optimizers import *
from .prediction.population import predict_population
from .prediction.stepper import Stepper
from .schedules import *
from .training import callbacks
from .training.callbacks import *
from .training.tensorboard import TensorBoard

__version__ = _version("chainrule")

__all__ = [
    "CrossValidation",
    "Ensemble",
    "Fit",
    "FunctionLoss",
    "History",
    "Network",
    "Stepper",
    "TensorBoard",
    "__version__",
    "augment",
    "check",
    "conformal",
    "cross_validate",
    "data",
    "diagnose",
    "fit_many",
    "from_keras",
    "from_onnx",
    "from_sklearn",
    "from_torch",
    "load",
    "nodes",
    "optuna",
    "plot",
    "predict_population",
]
__all__ += callbacks.__all__
__all__ += errors.__all__
__all__ += layers.__all__
__all__ += losses.__all__
__all__ += machine.__all__
__all__ += optimizers.__all__
__all__ += schedules.__all__


def __dir__() -> list[str]:
    return sorted(__all__)


def __getattr__(name: str) -> _Any:
    from ._checks import close_names
    from .elsewhere import NAMES

    hint = f"; use cr.{NAMES[name]}" if name in NAMES else close_names(name, __all__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}{hint}")
