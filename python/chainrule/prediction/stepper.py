"""Prediction of sequences as they arrive, step by step."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._checks import checked_integer
from ..arrays import as_inputs, as_real_array, as_tokens
from ..model import Model


class Stepper:
    """A network that reads its sequences one step at a time, and carries the states of its recurrent layers.

    Parameters
    ----------
    network : Network
        With samples (steps, features), or (steps,) of an `Embedding`; up to the last recurrent layer that returns
        sequences, each layer must work step by step. The stepper copies the network as it is now. After a `Masking`
        or an `Embedding` with `mask_zero` it skips steps that are padding.
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

    def __init__(self, network: Model, streams: int = 1) -> None:
        self.streams = checked_integer(streams, "streams", lowest=1, highest=2**20)
        _check_steps(network)
        self._twin = network.rebuilt(lambda description, _: _to_one_step(network, description))
        self._shape = self._twin.shapes[0][1:]
        self._core = self._twin.core.stepper(self.streams)

    def step(self, x: ArrayLike) -> NDArray[Any]:
        """Read the next step of each stream, and return the outputs after this step.

        Parameters
        ----------
        x : array (streams, features), or (streams,) of tokens; with one stream also (features,), or a token
        """
        array = as_real_array(x, "x")
        alone = self.streams == 1 and array.shape == self._shape
        twin = self._twin
        rows: NDArray[Any] = array[None] if alone else array
        if rows.shape != (self.streams, *self._shape):
            raise ValueError(f"x must have shape {(self.streams, *self._shape)}, got {array.shape}")
        rows = rows.reshape(self.streams, -1)
        if twin.border.vocabulary is not None:
            rows = as_tokens(rows, twin.border.vocabulary, "x")
        scale = twin.border.scale
        if rows.dtype != twin.dtype or scale != 1.0:
            values = rows.astype(np.float64) if scale != 1.0 else rows
            rows = as_inputs(values, twin.inputs, twin.dtype, "x", scale).astype(twin.dtype)
        of_core: NDArray[Any] = self._core.step(rows)  # type: ignore[arg-type]  # of the network's type, as made above
        outputs = twin.border.in_units(of_core)
        return outputs[0] if alone else outputs

    def reset(self) -> None:
        """Forget the steps so far: all streams start anew."""
        self._core.reset()


def _to_one_step(network: Model, description: dict[str, Any]) -> None:
    first, *_ = description["layers"]
    description["layers"] = [{**first, "shape": [1, *first["shape"][1:]]}]
    description["layers"] += [layer.step_config() for layer in network.stack]


def _check_steps(network: Model) -> None:
    """Refuse a network with no state to carry, or with a layer that needs several steps at once."""
    if not any(layer.carries_state for layer in network.stack):
        raise ValueError(f"network must have a recurrent layer, got {network.layers!r}")
    for layer in network.stack:
        if not layer.works_step_by_step:
            raise ValueError(f"network must have layers that work step by step, got {layer!r}")
        if layer.ends_sequence():
            return
