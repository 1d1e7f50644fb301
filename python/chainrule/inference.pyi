from typing import Any

from numpy.typing import ArrayLike, NDArray

from .network import Network

class Predictor:
    inputs: int
    outputs: int
    def __init__(self, network: Network) -> None: ...
    @property
    def dtype(self) -> str: ...
    def __call__(self, x: ArrayLike) -> NDArray[Any]: ...
