"""Many networks of one architecture at once: for evolution, and other searches that know no gradient."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..arrays import as_parameters
from ..model import Model


def predict_population(network: Model, parameters: ArrayLike, X: ArrayLike) -> NDArray[Any]:
    """Return what a network would predict with each of many parameter vectors.

    The same bytes as ``network.parameters = p; network.predict(X)`` for each p, but in one call, shared out among all
    cores; the network itself is not changed.

    Parameters
    ----------
    network : Network
    parameters : array (members, parameter_count)
        One vector a row, laid out as `Network.parameters`.
    X : array (samples, inputs) or sparse matrix of SciPy
        As for `Network.predict`.

    Returns
    -------
    array (members, samples, outputs)
        Or (members, samples, …), of the shape of the last layer.

    Raises
    ------
    ValueError
        When the shape of `parameters` or X is another, or a number is not finite.

    Examples
    --------
    >>> import numpy as np, chainrule as cr
    >>> net = cr.Network([2, 1], seed=0)
    >>> cr.predict_population(net, [[1, 2, 0], [3, 4, 5]], np.ones((1, 2))).tolist()
    [[[3.0]], [[12.0]]]
    """
    shape = np.shape(parameters)
    if len(shape) != 2 or shape[0] == 0:
        raise ValueError(f"parameters must have shape (members, {network.parameter_count}), got {shape}")
    vectors = as_parameters(parameters, (shape[0], network.parameter_count), network.dtype, "parameters")
    samples = network.border.samples(X)
    outputs = network.border.in_units(network.core_of(samples).predict_population(vectors, samples))
    return outputs.reshape(*outputs.shape[:2], *network.shapes[-1])
