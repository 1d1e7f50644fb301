"""Initial weights that are chosen by data: each unit sees numbers of spread 1, and bends where samples are."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import _core
from ._checks import checked_integer
from .layers.base import Layer, Place, make_layer
from .model import Model

# Samples that are looked at, unless they are large; of these, so many values.
_SHOWN, _FEWEST, _VALUES = 2_000, 64, 2**25
# Pre-activations of a smaller spread are the same for all samples.
_SMALLEST = 1e-4
# Samples whose mean is where a unit bends.
_AVERAGED = 5


def initialize_from(network: Model, X: ArrayLike, *, seed: int | np.random.Generator | None = None) -> None:
    """Draw the weights anew, so that the pre-activations of each unit have the variance 1 over these samples.

    Layer by layer, the weights of `Dense`, of convolutions and of layers of members are drawn from a normal
    distribution and divided by the standard deviation of what the unit makes of the samples, over steps and pixels too,
    and over the members that share it. The bias of a unit is minus a random mean of its pre-activations for five
    samples, so that an activation such as ReLU bends within the data; that of the last of these layers stays as it is
    (Holzmüller, Grinsztajn and Steinwart 2024, appendix B; Mishkin and Matas 2016 for the idea). Layers in blocks are
    set as well. All others stay as they are: those that were given `weights`, copies of layers of another network, and
    those that are not trainable; so does a bias that was given.

    Parameters
    ----------
    network : Network
    X : array (samples, inputs)
        As for `Network.fit`; at most 2,000 of the samples are looked at, evenly spaced.
    seed : int or numpy.random.Generator, optional
        By default the network's seed. The same seed and samples give the same bytes.

    Raises
    ------
    TypeError, ValueError
        As `Network.predict`, before anything is changed.

    Examples
    --------
    >>> import numpy as np, chainrule as cr
    >>> X = np.random.default_rng(0).exponential(size=(500, 6))
    >>> net = cr.Network([cr.Input(6), cr.Dense(64, "selu"), cr.Dense(2)], seed=0)
    >>> net.initialize_from(X)
    >>> np.allclose(net.truncated(1).pre_activations(X).std(axis=0), 1, atol=1e-5)
    True
    """
    samples = network.border.dense_samples(X)
    if isinstance(seed, np.random.Generator):
        random = seed
    else:
        number = network.seed if seed is None else checked_integer(seed, "seed", lowest=0, highest=2**64 - 1)
        random = np.random.default_rng(number)
    # What passes forward stays in memory; that of the copy does not.
    twin = network.rebuilt(lambda *_: None)
    twin.core_of(samples)
    shown = samples[:: -(-len(samples) // _samples_to_show(twin))]
    pairs = list(zip(network.leaves, twin.leaves, strict=True))
    chosen = [(leaf, of_twin) for leaf, of_twin in pairs if leaf.takes_weights_from_data]
    for leaf, of_twin in chosen:
        bends = leaf.draws_bias and leaf is not chosen[-1][0]
        weights, bias = _drawn(of_twin, _inputs(twin, of_twin, shown), random, bends)
        of_twin.set_parameter("weights", weights)
        if bends:
            of_twin.set_parameter("bias", bias)
    network.parameters = twin.parameters


def _samples_to_show(network: Model) -> int:
    values = sum(map(math.prod, network.shapes))
    return min(_SHOWN, max(_FEWEST, _VALUES // values))


def _inputs(network: Model, layer: Layer, samples: NDArray[Any]) -> NDArray[Any]:
    """Return what a layer gets for these samples, as rows."""
    if layer.place.index == 0:
        return samples
    core = network.core_of(samples)
    core.forward(samples)
    return core.activations(layer.place.index - 1)


def _drawn(
    layer: Layer, inputs: NDArray[Any], random: np.random.Generator, bends: bool
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return weights, by which each unit has the variance 1 over the inputs, and biases by which it bends there."""
    shapes = layer.parameter_shapes(layer.place.input_shape)
    weights = random.standard_normal(shapes["weights"])
    units = [weights.shape[axis] for axis in layer.unit_axes]
    z = _products(layer, weights, inputs).reshape(-1, *units)
    spread = z.std(axis=0)
    size = np.where(spread > _SMALLEST, spread, math.sqrt(weights.size / spread.size))
    weights, z = weights / np.expand_dims(size, _other_axes(layer, weights)), z / size
    if not bends:
        return weights, np.zeros(0)
    # Members that share weights have a bias each.
    z = z.reshape(-1, math.prod(shapes["bias"]))
    some = z[random.integers(0, len(z), (_AVERAGED, z.shape[1])), np.arange(z.shape[1])]
    shares = random.exponential(size=some.shape)
    return weights, -(some * shares / shares.sum(axis=0)).sum(axis=0).reshape(shapes["bias"])


def _other_axes(layer: Layer, weights: NDArray[np.float64]) -> tuple[int, ...]:
    """Return the axes of the weights that do not tell units apart."""
    of_units = {axis % weights.ndim for axis in layer.unit_axes}
    return tuple(axis for axis in range(weights.ndim) if axis not in of_units)


def _products(layer: Layer, weights: NDArray[np.float64], inputs: NDArray[Any]) -> NDArray[np.float64]:
    """Return what a layer with these weights and no bias makes of its inputs, in float64.

    The core computes it, so that it has the same bytes on every machine.
    """
    shape = layer.place.input_shape
    linear = make_layer({**layer.config(), "activation": "identity"})
    core = _core.NetworkFloat64(math.prod(shape))
    linear.enter(Place(core, "float64", 0, shape))
    others = {name: values for name, values in layer.parameter_arrays().items() if name != "bias"}
    for name, values in {**others, "weights": weights}.items():
        linear.set_parameter(name, values)
    return core.predict(inputs)
