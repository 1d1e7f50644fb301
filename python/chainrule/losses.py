"""The losses. The loss of a batch is the (weighted) mean over its samples of the loss of a sample."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from . import _core
from ._checks import checked_name, checked_number


class Loss:
    """What a network's outputs are measured by."""

    name: ClassVar[str]
    # Output activations with which the loss has a meaning; None: all.
    activations: ClassVar[tuple[str, ...] | None] = None

    def _core(self) -> _core.Loss:
        return _core.Loss(self.name)

    def target_columns(self, outputs: int) -> int:
        """Return how many targets a sample has, for so many outputs."""
        return outputs

    def check_output(self, activation: str, shape: tuple[int, ...]) -> None:
        """Refuse outputs of an activation, or of a sample's shape, with which this loss has no meaning.

        Raises
        ------
        ValueError
            Naming both.
        """
        if self.activations is not None and activation not in self.activations:
            raise ValueError(
                f"loss {self.name!r} needs an output activation of {' or '.join(self.activations)}, got {activation!r}"
            )


@dataclass(frozen=True)
class MSE(Loss):
    """Half the squared error, summed over the outputs: ½ Σ (target − output)².

    Examples
    --------
    >>> MSE()
    MSE()
    """

    name: ClassVar[str] = "mse"


@dataclass(frozen=True)
class MAE(Loss):
    """Absolute error, summed over the outputs: Σ |target − output|."""

    name: ClassVar[str] = "mae"


@dataclass(frozen=True)
class Huber(Loss):
    """Squared error near zero, absolute error beyond (Huber 1964).

    Parameters
    ----------
    delta : float
        Where one becomes the other, > 0, in units of the targets.
    """

    name: ClassVar[str] = "huber"
    delta: float = 1.0

    def __post_init__(self) -> None:
        checked_number(self.delta, "delta", lowest=0, open_lowest=True)

    def _core(self) -> _core.Loss:
        return _core.Loss(self.name, delta=float(self.delta))


@dataclass(frozen=True)
class Poisson(Loss):
    """Negative log-likelihood of counts whose rate is the output: Σ output − target · log output."""

    name: ClassVar[str] = "poisson"
    activations: ClassVar[tuple[str, ...] | None] = ("softplus", "sigmoid", "exp")


@dataclass(frozen=True)
class Hinge(Loss):
    """How far outputs are from the right side of ±1: Σ max(0, 1 − target · output) (Cortes and Vapnik 1995).

    Targets are −1 and 1, or 0 and 1, of which 0 means −1; with integer labels of several classes, each output tells its
    class from all others. The metric is the accuracy: of the largest output for labels, else of the signs.

    Examples
    --------
    >>> import numpy as np, chainrule as cr
    >>> net = cr.Network([1, 1], weights=1.0, seed=0)
    >>> net.evaluate([[0.5], [-3.0]], [1, -1], loss="hinge")
    {'loss': 0.25, 'accuracy': 1.0}
    """

    name: ClassVar[str] = "hinge"


@dataclass(frozen=True)
class GaussianNLL(Loss):
    """Negative log-likelihood of a normal distribution, of which outputs are mean and variance (Nix and Weigend 1994).

    For m targets there are 2 m outputs: the means μ, and behind them the log variances s. The loss is
    ½ Σ s + (target − μ)² e^(−s), which is −log of the density without its constant ½ m log 2π. The metric is that of
    the means alone.

    Examples
    --------
    >>> import numpy as np, chainrule as cr
    >>> net = cr.Network([1, 2], weights=0.0, seed=0, dtype="float64")
    >>> net.layers[1].bias = [1.0, np.log(4.0)]
    >>> metrics = net.evaluate([[0.0]], [3.0], loss="gaussian_nll")
    >>> round(metrics["loss"], 3), metrics["mae"]
    (1.193, 2.0)

    A network learns where its targets are noisy, and how much:

    >>> x = np.linspace(-1, 1, 400)[:, None]
    >>> y = np.random.default_rng(0).normal(np.sin(3 * x), 0.05 + 0.4 * (x > 0))
    >>> net = cr.Network([1, 32, 2], activation="tanh", seed=0)
    >>> history = net.fit(x, y, epochs=200, optimizer=cr.Adam(0.01), loss="gaussian_nll", verbose=0)
    >>> deviations = np.exp(net.predict([[-0.5], [0.5]])[:, 1] / 2)
    >>> bool(deviations[0] < 0.15 < 0.3 < deviations[1])
    True
    """

    name: ClassVar[str] = "gaussian_nll"
    activations: ClassVar[tuple[str, ...] | None] = ("identity",)

    def target_columns(self, outputs: int) -> int:
        """Return half of them."""
        return outputs // 2

    def check_output(self, activation: str, shape: tuple[int, ...]) -> None:
        """Refuse outputs that are not means and log variances in a row."""
        super().check_output(activation, shape)
        if len(shape) > 1 or shape[0] % 2 != 0:
            raise ValueError(f"loss 'gaussian_nll' needs an even number of outputs in a row, got shape {shape}")


@dataclass(frozen=True)
class CrossEntropy(Loss):
    """−Σ target · log output with softmax; with sigmoid, the same for each independent label and its opposite.

    Computed from the pre-activations, so it stays finite where the probability underflows.

    Parameters
    ----------
    label_smoothing : float
        Share of each target that is spread over all classes, in [0, 1) (Szegedy et al. 2016).
    """

    name: ClassVar[str] = "cross_entropy"
    activations: ClassVar[tuple[str, ...] | None] = ("softmax", "sigmoid")
    label_smoothing: float = 0.0

    def __post_init__(self) -> None:
        checked_number(self.label_smoothing, "label_smoothing", lowest=0, highest=1, open_highest=True)

    def _core(self) -> _core.Loss:
        return _core.Loss(self.name, label_smoothing=float(self.label_smoothing))


LOSSES: dict[str, type[Loss]] = {cls.name: cls for cls in (MSE, MAE, Huber, Poisson, Hinge, GaussianNLL, CrossEntropy)}


def as_loss(loss: Loss | str) -> Loss:
    """Return the loss of that name, or the loss itself."""
    return loss if isinstance(loss, Loss) else LOSSES[checked_name(loss, "loss", LOSSES)]()
