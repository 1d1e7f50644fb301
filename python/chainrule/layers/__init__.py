"""The layers, a file for each concept, with the names of the files in `chainrule.reference` and in cpp/layers.

The names that a file gives to users are in its `__all__`.
"""

from ..activations import ACTIVATIONS as ACTIVATIONS
from . import (
    activation,
    bidirectional,
    columns,
    composite,
    convolution,
    dense,
    embedding,
    initializers,
    input,
    masking,
    members,
    mixed_activation,
    noise,
    normalisation,
    periodic,
    piecewise_linear,
    pooling,
    recurrent,
    rescaling,
    resizing,
    scale,
    selection,
    shape,
)
from .activation import *
from .base import LAYERS as LAYERS
from .base import Layer
from .bidirectional import *
from .columns import *
from .composite import *
from .convolution import *
from .dense import *
from .embedding import *
from .initializers import *
from .input import *
from .masking import *
from .members import *
from .mixed_activation import *
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

__all__ = ["Layer"]
__all__ += activation.__all__
__all__ += bidirectional.__all__
__all__ += columns.__all__
__all__ += composite.__all__
__all__ += convolution.__all__
__all__ += dense.__all__
__all__ += embedding.__all__
__all__ += initializers.__all__
__all__ += input.__all__
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
