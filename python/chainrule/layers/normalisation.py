"""Layers that give features mean zero and variance one, over a batch or a sample, then a scale and a shift."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import _core
from .._checks import checked_number
from .base import AffineMap, Shape
from .learning import Factor, LearningLayer
from .parameter import Parameter, Statistic

__all__ = ["BatchNorm", "LayerNorm"]


class Normalisation(LearningLayer, abstract=True):
    """What normalisations have in common; use one of its kinds."""

    takes_any_scale = True
    works_step_by_step = True

    gamma = Parameter("A copy of the scales γ, (features,); assign to set them.")
    beta = Parameter("A copy of the shifts β, (features,); assign to set them.")

    def __init__(self, epsilon: float, **learning: Any) -> None:
        super().__init__(**learning)
        self.epsilon = checked_number(epsilon, "epsilon", lowest=0, open_lowest=True)

    def parameter_shapes(self, shape: Shape) -> dict[str, Shape]:
        return {"gamma": shape[-1:], "beta": shape[-1:]}

    def initialize(self, seed: int) -> None:
        self.gamma = np.ones(self.place.input_shape[-1])


class BatchNorm(Normalisation):
    """Each feature is normalised over the samples of a batch: z = γ (x − μ) / √(σ² + ε) + β (Ioffe and Szegedy 2015).

    The features are the last axis; for images and sequences, μ and σ² are taken over all pixels or steps as well. In
    training they are those of the batch (σ² divided by the number of values), and the running statistics follow:
    running ← momentum · running + (1 − momentum) · batch. Prediction, `Network.evaluate` and
    `Network.loss_and_gradient` use the running statistics. These are not parameters, as no gradient changes them, but
    files, copies and checkpoints keep them.

    Other networks process a large batch in chunks; with this layer a batch stays whole, so that memory grows with
    `batch_size`.

    Parameters
    ----------
    momentum : float
        Share of the running statistics that a batch keeps, 0 <= momentum < 1.
    epsilon : float
        Added to the variance, > 0.
    rate_factor, decay_factor : float or mapping of str to float
        What the optimiser's steps and its weight decay are multiplied by, >= 0: of both parameters, or of those named.
        The default decay factor is 0. May be set at any time.
    trainable : bool
        False: the layer does in training what it does in prediction, and keeps γ, β and the running statistics. May be
        set at any time.

    Examples
    --------
    >>> import numpy as np, chainrule as cr
    >>> net = cr.Network([cr.Input(2), cr.BatchNorm(0.5), cr.Dense(1, "identity")], seed=0)
    >>> metrics = net.train_on_batch(np.array([[1.0, 10.0], [3.0, 10.0]]), np.zeros(2), loss="mse")
    >>> net.layers[1].running_mean.tolist(), net.layers[1].running_variance.tolist()
    ([1.0, 5.0], [1.0, 0.5])
    """

    settings = ("momentum", "epsilon")

    running_mean = Statistic("A copy of the running means, (features,); assign to set them.")
    running_variance = Statistic("A copy of the running variances, (features,); assign to set them.")

    def __init__(
        self,
        momentum: float = 0.9,
        epsilon: float = 1e-5,
        *,
        rate_factor: Factor = 1.0,
        decay_factor: Factor | None = None,
        trainable: bool = True,
    ) -> None:
        super().__init__(epsilon, rate_factor=rate_factor, decay_factor=decay_factor, trainable=trainable)
        self.momentum = checked_number(momentum, "momentum", lowest=0, highest=1, open_highest=True)

    def statistic_shapes(self, shape: Shape) -> dict[str, Shape]:
        return {"running_mean": shape[-1:], "running_variance": shape[-1:]}

    def set_statistic(self, name: str, values: Any) -> None:
        if name == "running_variance" and np.min(values) < 0:
            raise ValueError(f"running_variance must be >= 0, got {np.min(values)}")
        super().set_statistic(name, values)

    def core_settings(self, shape: Shape) -> _core.LayerSettings:
        return _core.BatchNormSettings(features=shape[-1], momentum=self.momentum, epsilon=self.epsilon)

    def initialize(self, seed: int) -> None:
        super().initialize(seed)
        self.running_variance = np.ones(self.place.input_shape[-1])

    def batch_warning(self, samples: int) -> str | None:
        if not self.trainable or samples * math.prod(self.place.input_shape[:-1]) > 1:
            return None
        return (
            f"{self!r} is trained with a batch of one sample, whose variance is zero: predictions, which divide by the "
            "running variance, can become huge; choose a batch_size that leaves no single sample, or use LayerNorm"
        )

    def affine_map(self) -> AffineMap:
        """γ (x − μ) / √(σ² + ε) + β = x s + β − μ s, with s = γ / √(σ² + ε)."""
        gamma, beta, mean, variance = (
            values.astype(np.float64) for values in (self.gamma, self.beta, self.running_mean, self.running_variance)
        )
        factors = gamma / np.sqrt(variance + self.epsilon)
        return AffineMap(factors, beta - mean * factors)


class LayerNorm(Normalisation):
    """Each sample is normalised over its features: z = γ (x − μ) / √(σ² + ε) + β (Ba, Kiros and Hinton 2016).

    μ and σ² (divided by the number of features) are taken over the last axis, for each pixel of an image and each step
    of a sequence; training and prediction are the same.

    Parameters
    ----------
    epsilon : float
        Added to the variance, > 0.
    rate_factor, decay_factor : float or mapping of str to float
        What the optimiser's steps and its weight decay are multiplied by, >= 0: of both parameters, or of those named.
        The default decay factor is 0. May be set at any time.
    trainable : bool
        False: training leaves γ and β as they are. May be set at any time.

    Examples
    --------
    >>> import numpy as np, chainrule as cr
    >>> net = cr.Network([cr.Input(2), cr.LayerNorm()], seed=0)
    >>> net.predict(np.array([[3.0, 5.0]])).round(3).tolist()
    [[-1.0, 1.0]]
    """

    settings = ("epsilon",)
    preserves_steps = True

    def __init__(
        self,
        epsilon: float = 1e-5,
        *,
        rate_factor: Factor = 1.0,
        decay_factor: Factor | None = None,
        trainable: bool = True,
    ) -> None:
        super().__init__(epsilon, rate_factor=rate_factor, decay_factor=decay_factor, trainable=trainable)

    def core_settings(self, shape: Shape) -> _core.LayerSettings:
        return _core.LayerNormSettings(features=shape[-1], epsilon=self.epsilon)
