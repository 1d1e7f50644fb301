from numpy import float32, float64
from numpy.typing import ArrayLike, NDArray

from .network import Network

class Predictor:
    inputs: int
    outputs: int
    def __init__(self, network: Network) -> None: ...
    def __call__(self, x: ArrayLike) -> NDArray[float32]: ...

class Predictor64:
    inputs: int
    outputs: int
    def __init__(self, network: Network) -> None: ...
    def __call__(self, x: ArrayLike) -> NDArray[float64]: ...
