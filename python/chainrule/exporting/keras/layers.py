"""What layers are in Keras; images and recurrent layers have files by themselves."""

from __future__ import annotations

from typing import Any

import numpy as np
from keras import layers as kinds

from ...layers.activation import Activation
from ...layers.composite import Add, Concatenate
from ...layers.dense import Dense
from ...layers.embedding import Embedding
from ...layers.masking import Masking
from ...layers.mixed_activation import MixedActivation
from ...layers.noise import Dropout, GaussianNoise
from ...layers.normalisation import BatchNorm, LayerNorm
from ...layers.rescaling import Rescaling
from ...layers.scale import Scale
from ...layers.shape import Flatten, Reshape
from .made import Made, layers_of


@layers_of.register
def _(layer: Activation, made: Made, x: Any) -> Any:
    return made.activated(layer.activation, x)


@layers_of.register
def _(layer: Dense, made: Made, x: Any) -> Any:
    weights = [layer.weights, *([layer.bias] if layer.use_bias else [])]
    return made.activated(layer.activation, made.add(kinds.Dense(layer.units, use_bias=layer.use_bias), x, weights))


@layers_of.register
def _(layer: Flatten, made: Made, x: Any) -> Any:
    return made.add(kinds.Flatten(), x)


@layers_of.register
def _(layer: Reshape, made: Made, x: Any) -> Any:
    return made.add(kinds.Reshape(layer.shape), x)


@layers_of.register
def _(layer: Embedding, made: Made, x: Any) -> Any:
    missing = np.zeros((int(layer.zero_is_missing), layer.units), layer.weights.dtype)
    embedding = kinds.Embedding(layer.vocabulary, layer.units, mask_zero=layer.mask_zero)
    return made.add(embedding, x, [np.concatenate([missing, layer.weights])])


@layers_of.register
def _(layer: Masking, made: Made, x: Any) -> Any:
    return made.add(kinds.Masking(layer.value), x)


@layers_of.register
def _(layer: Rescaling, made: Made, x: Any) -> Any:
    affine = layer.affine_map()
    assert affine is not None
    return made.rescaled(x, affine.factors, affine.shifts)


@layers_of.register
def _(layer: Scale, made: Made, x: Any) -> Any:
    return made.scaled(x, layer.factors)


@layers_of.register
def _(layer: MixedActivation, made: Made, x: Any) -> Any:
    change = made.add(kinds.Subtract(), [made.activated(layer.function, x), x])
    return made.add(kinds.Add(), [x, made.scaled(change, layer.shares)])


@layers_of.register
def _(layer: Dropout, made: Made, x: Any) -> Any:
    if layer.schedule is not None:
        raise ValueError(f"{layer!r} has a rate that changes, for which Keras has no layer")
    spatial = {2: kinds.SpatialDropout1D, 3: kinds.SpatialDropout2D}
    kind = spatial.get(len(layer.place.input_shape), kinds.Dropout) if layer.spatial else kinds.Dropout
    return made.add(kind(layer.rate), x)


@layers_of.register
def _(layer: GaussianNoise, made: Made, x: Any) -> Any:
    return made.add(kinds.GaussianNoise(layer.deviation), x)


@layers_of.register
def _(layer: BatchNorm, made: Made, x: Any) -> Any:
    norm = kinds.BatchNormalization(momentum=layer.momentum, epsilon=layer.epsilon)
    return made.add(norm, x, [layer.gamma, layer.beta, layer.running_mean, layer.running_variance])


@layers_of.register
def _(layer: LayerNorm, made: Made, x: Any) -> Any:
    return made.add(kinds.LayerNormalization(epsilon=layer.epsilon), x, [layer.gamma, layer.beta])


@layers_of.register
def _(layer: Add, made: Made, x: Any) -> Any:
    return made.add(kinds.Add(), [made.through(branch, x) for branch in layer.branches])


@layers_of.register
def _(layer: Concatenate, made: Made, x: Any) -> Any:
    return made.add(kinds.Concatenate(), [made.through(branch, x) for branch in layer.branches])
