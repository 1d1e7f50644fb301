"""Prediction of sequences as they come, step by step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import _state
from ._arrays import as_inputs, as_tokens
from ._checks import checked_integer
from .layers import Activation, Dense
from .noise import Dropout, GaussianNoise
from .normalisation import BatchNorm, LayerNorm
from .sequences import Embedding, Masking, Recurrent

if TYPE_CHECKING:
    from .network import Network


# Layers that work step by step.
_STEPWISE = (Activation, BatchNorm, Dense, Dropout, Embedding, GaussianNoise, LayerNorm, Masking, Recurrent)


class Stepper:
    """A network that reads its sequences one step at a time, and carries the states of its recurrent layers.

    Parameters
    ----------
    network : Network
        With samples (steps, features), or (steps,) of an `Embedding`; up to the last recurrent layer that gives
        sequences, each layer must work step by step. It is copied, as it is now, but takes no step for padding.
    streams : int
        Sequences that are read side by side, >= 1.

    Raises
    ------
    ValueError
        For a network that cannot be read step by step.

    Examples
    --------
    >>> import numpy as np, chainrule as cr
    >>> net = cr.Network([cr.Input(5, 3), cr.LSTM(4), cr.Dense(2, "softmax")], seed=0)
    >>> X = np.random.default_rng(0).standard_normal((5, 3))
    >>> stepper = net.stepper()
    >>> for x in X:
    ...     output = stepper.step(x)
    >>> np.array_equal(output, net.predict(X[None])[0])
    True
    """

    def __init__(self, network: Network, streams: int = 1) -> None:
        self.streams = checked_integer(streams, "streams", lowest=1, highest=2**20)
        _check_steps(network)
        self._twin = twin = _state.changed(network, _to_one_step)
        self._shape = twin._shapes[0][1:]
        self._core = twin._core.stepper(self.streams)

    def step(self, x: ArrayLike) -> NDArray[Any]:
        """Read the next step of each stream, and return the outputs behind it.

        Parameters
        ----------
        x : array (streams, features), or (streams,) of words; with one stream also (features,), or a word
        """
        array = np.asarray(x)
        alone = self.streams == 1 and array.shape == self._shape
        twin = self._twin
        rows: NDArray[Any] = array[None] if alone else array
        if rows.shape != (self.streams, *self._shape):
            raise ValueError(f"x must have shape {(self.streams, *self._shape)}, got {array.shape}")
        rows = rows.reshape(self.streams, -1)
        if twin._vocabulary is not None:
            rows = as_tokens(rows, twin._vocabulary, "x")
        if rows.dtype != twin.dtype:
            rows = as_inputs(rows, twin.inputs, twin.dtype, "x").astype(twin.dtype)
        outputs: NDArray[Any] = self._core.step(rows)  # type: ignore[arg-type]  # of the network's type, as made above
        return outputs[0] if alone else outputs

    def reset(self) -> None:
        """Forget the steps so far: all streams begin anew."""
        self._core.reset()


def _to_one_step(description: dict[str, Any], _: _state.Tensors) -> None:
    layers = description["layers"]
    layers[0]["shape"][0] = 1
    for number, layer in enumerate(layers):
        if layer["type"] == "Masking":
            layers[number] = {"type": "Activation", "activation": "identity"}
        elif "mask_zero" in layer:
            layer["mask_zero"] = False


def _check_steps(network: Network) -> None:
    if not any(isinstance(layer, Recurrent) for layer in network._stack):
        raise ValueError(f"network must have a recurrent layer, got {network.layers!r}")
    for layer, shape in zip(network._stack, network._shapes[1:], strict=True):
        if not isinstance(layer, _STEPWISE):
            raise ValueError(f"network must have layers that work step by step, got {layer!r}")
        if isinstance(layer, Recurrent) and len(shape) == 1:
            return
