"""The NumPy reference: float64, plain formulas, and one class for each layer, loss and optimiser.

It shares no code with the core, and is written to be verified by reading; docs/formulas.md is its specification. The
core is compared with it stage by stage, and over whole training runs: both draw weights, order and noise from the same
random words.
"""

from . import (
    activation,
    activations,
    bidirectional,
    columns,
    composite,
    convolution,
    dense,
    embedding,
    initializers,
    losses,
    masking,
    members,
    mixed_activation,
    noise,
    normalisation,
    optimizers,
    periodic,
    piecewise_linear,
    pooling,
    random,
    recurrent,
    rescaling,
    resizing,
    scale,
    schedules,
    selection,
    shape,
)
from .activation import *
from .base import LAYERS, Layer
from .bidirectional import *
from .columns import *
from .composite import *
from .convolution import *
from .dense import *
from .embedding import *
from .masking import *
from .members import *
from .mixed_activation import *
from .network import Network
from .noise import *
from .normalisation import *
from .periodic import *
from .piecewise_linear import *
from .pooling import *
from .recurrent import *
from .rescaling import *
from .resizing import *
from .scale import *
from .selection import *
from .shape import *

__all__ = ["LAYERS", "Layer", "Network", "activations", "initializers", "losses", "optimizers", "random", "schedules"]
__all__ += activation.__all__
__all__ += bidirectional.__all__
__all__ += columns.__all__
__all__ += composite.__all__
__all__ += convolution.__all__
__all__ += dense.__all__
__all__ += embedding.__all__
__all__ += masking.__all__
__all__ += members.__all__
__all__ += mixed_activation.__all__
__all__ += noise.__all__
__all__ += normalisation.__all__
__all__ += periodic.__all__
__all__ += piecewise_linear.__all__
__all__ += pooling.__all__
__all__ += recurrent.__all__
__all__ += rescaling.__all__
__all__ += resizing.__all__
__all__ += scale.__all__
__all__ += selection.__all__
__all__ += shape.__all__
