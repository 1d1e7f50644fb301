"""Layers that give features mean zero and variance one, over a batch or over each sample, and then learn their own."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import reference
from ._checks import checked_number
from .layers import Layer, Parameter, Shape, Statistic


class _Normalisation(Layer):
    gamma = Parameter("A copy of the scales γ, (features,); assign to set them.")
    beta = Parameter("A copy of the shifts β, (features,); assign to set them.")

    def __init__(self, epsilon: float, trainable: bool) -> None:
        super().__init__(trainable=trainable)
        self.epsilon = checked_number(epsilon, "epsilon", lowest=0, open_lowest=True)

    def _parameter_shapes(self, shape: Shape) -> dict[str, Shape]:
        return {"gamma": shape[-1:], "beta": shape[-1:]}

    def _numbers(self, shape: Shape) -> dict[str, float]:
        return {"features": shape[-1], "epsilon": self.epsilon}

    def _initialize(self, seed: int) -> None:
        self.gamma = np.ones(self._input_shape[-1])


class BatchNorm(_Normalisation):
    """Each feature is normalised over the samples of a batch: z = γ (x − μ) / √(σ² + ε) + β (Ioffe and Szegedy 2015).

    The features are the last axis; of images and sequences, μ and σ² are over all places and steps too. In training
    they are the batch's (σ² divided by the number of values), and the running ones follow: running ← momentum · running
    + (1 − momentum) · batch. Prediction, `Network.evaluate` and `Network.loss_and_gradient` take the running ones.
    Those are no parameters: no gradient changes them, but files, copies and checkpoints have them.

    A batch is never cut into pieces, as other networks cut large ones: its memory grows with `batch_size`.

    Parameters
    ----------
    momentum : float
        How much of the running statistics a batch leaves, 0 <= momentum < 1.
    epsilon : float
        Added to the variance, > 0.
    trainable : bool
        False: training leaves γ and β as they are. May be set at any time.

    Examples
    --------
    >>> import numpy as np, chainrule as cr
    >>> net = cr.Network([cr.Input(2), cr.BatchNorm(0.5), cr.Dense(1, "identity")], seed=0)
    >>> metrics = net.train_on_batch(np.array([[1.0, 10.0], [3.0, 10.0]]), np.zeros(2), loss="mse")
    >>> net.layers[1].running_mean.tolist(), net.layers[1].running_variance.tolist()
    ([1.0, 5.0], [1.0, 0.5])
    """

    _settings = ("momentum", "epsilon")

    running_mean = Statistic("A copy of the running means, (features,); assign to set them.")
    running_variance = Statistic("A copy of the running variances, (features,); assign to set them.")

    def __init__(self, momentum: float = 0.9, epsilon: float = 1e-5, *, trainable: bool = True) -> None:
        super().__init__(epsilon, trainable)
        self.momentum = checked_number(momentum, "momentum", lowest=0, highest=1, open_highest=True)

    def _statistic_shapes(self, shape: Shape) -> dict[str, Shape]:
        return {"running_mean": shape[-1:], "running_variance": shape[-1:]}

    def _set_statistic(self, name: str, values: Any) -> None:
        if name == "running_variance" and np.min(values) < 0:
            raise ValueError(f"running_variance must be >= 0, got {np.min(values)}")
        super()._set_statistic(name, values)

    def _numbers(self, shape: Shape) -> dict[str, float]:
        return {**super()._numbers(shape), "momentum": self.momentum}

    def _initialize(self, seed: int) -> None:
        super()._initialize(seed)
        self.running_variance = np.ones(self._input_shape[-1])

    def _reference(self, parameters: dict[str, Any]) -> reference.Layer:
        arrays: dict[str, Any] = {**parameters, **self._statistics()}
        return reference.BatchNorm(**arrays, momentum=self.momentum, epsilon=self.epsilon, trainable=self.trainable)


class LayerNorm(_Normalisation):
    """Each sample is normalised over its features: z = γ (x − μ) / √(σ² + ε) + β (Ba, Kiros and Hinton 2016).

    μ and σ² (divided by the number of features) are those of the last axis, for each place of an image and each step of
    a sequence; training and prediction are the same.

    Parameters
    ----------
    epsilon : float
        Added to the variance, > 0.
    trainable : bool
        False: training leaves γ and β as they are. May be set at any time.

    Examples
    --------
    >>> import numpy as np, chainrule as cr
    >>> net = cr.Network([cr.Input(2), cr.LayerNorm()], seed=0)
    >>> net.predict(np.array([[3.0, 5.0]])).round(3).tolist()
    [[-1.0, 1.0]]
    """

    _settings = ("epsilon",)
    _keeps_steps = True

    def __init__(self, epsilon: float = 1e-5, *, trainable: bool = True) -> None:
        super().__init__(epsilon, trainable)

    def _reference(self, parameters: dict[str, Any]) -> reference.Layer:
        return reference.LayerNorm(**parameters, epsilon=self.epsilon, trainable=self.trainable)
