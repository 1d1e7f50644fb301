"""The losses. The loss of a batch is the (weighted) mean over its samples of the loss of a sample."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from . import _core
from ._checks import checked_name, checked_number

__all__ = ["MAE", "MSE", "CrossEntropy", "GaussianNLL", "Hinge", "Huber", "Loss", "Poisson"]

# Every loss by its name, filled in as the classes are defined.
LOSSES: dict[str, type[Loss]] = {}


class Loss:
    """What a network's outputs are measured by."""

    name: ClassVar[str]
    # Output activations with which the loss has a meaning; None: all.
    activations: ClassVar[tuple[str, ...] | None] = None
    # Whether targets are classes, so that the metric is the accuracy.
    classifies: ClassVar[bool] = False
    # Whether the loss is computed from the pre-activations of the last layer.
    from_pre_activations: ClassVar[bool] = False
    # A single output above this value means class 1.
    decision_edge: ClassVar[float] = 0.5

    def __init_subclass__(cls) -> None:
        if "name" in vars(cls):
            LOSSES.setdefault(cls.name, cls)

    def core_loss(self) -> _core.Loss:
        """Return the loss as the core takes it."""
        return _core.Loss(self.name)

    def target_columns(self, outputs: int) -> int:
        """Return how many targets a sample has, for so many outputs."""
        return outputs

    def metric_name(self, outputs: int, y: NDArray[Any]) -> str:
        """Return the name of the metric that the core reports next to the loss."""
        return "accuracy" if self.classifies or (y.ndim == 1 and self.target_columns(outputs) > 1) else "mae"

    def reads_labels(self, y: NDArray[Any]) -> bool:
        """Tell whether integer targets of a single output are labels; else they are numbers."""
        return False

    def check_targets(self, rows: NDArray[Any], activation: str, argument: str) -> None:
        """Refuse rows of targets that the loss has no meaning for, with outputs of this activation.

        Raises
        ------
        ValueError
            Naming the worst value.
        """

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

    def core_loss(self) -> _core.Loss:
        return _core.Loss(self.name, delta=float(self.delta))


@dataclass(frozen=True)
class Poisson(Loss):
    """Negative log-likelihood of counts whose rate is the output: Σ output − target · log output."""

    name: ClassVar[str] = "poisson"
    activations: ClassVar[tuple[str, ...] | None] = ("softplus", "sigmoid", "exp")

    def check_targets(self, rows: NDArray[Any], activation: str, argument: str) -> None:
        """Refuse negative counts."""
        if rows.min() < 0:
            raise ValueError(f"{argument} must be counts >= 0 for loss 'poisson', got {rows.min()}")


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
    classifies: ClassVar[bool] = True
    decision_edge: ClassVar[float] = 0.0

    def reads_labels(self, y: NDArray[Any]) -> bool:
        """Tell labels 0 and 1 from targets −1 and 1."""
        return bool(y.min() >= 0)

    def check_targets(self, rows: NDArray[Any], activation: str, argument: str) -> None:
        """Refuse targets that are neither −1 and 1 nor 0 and 1."""
        low = 0 if rows.min() == 0 else -1
        wrong = rows[(rows != low) & (rows != 1)]
        if wrong.size:
            raise ValueError(f"{argument} must be {low} and 1 for loss 'hinge', got {wrong[0]}")


@dataclass(frozen=True)
class GaussianNLL(Loss):
    """Negative log-likelihood of a normal distribution, of which outputs are mean and variance (Nix and Weigend 1994).

    For m targets there are 2 m outputs: the means μ, followed by the log variances s. The loss is
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
    classifies: ClassVar[bool] = True
    from_pre_activations: ClassVar[bool] = True
    label_smoothing: float = 0.0

    def __post_init__(self) -> None:
        checked_number(self.label_smoothing, "label_smoothing", lowest=0, highest=1, open_highest=True)

    def core_loss(self) -> _core.Loss:
        return _core.Loss(self.name, label_smoothing=float(self.label_smoothing))

    def reads_labels(self, y: NDArray[Any]) -> bool:
        """Integers 0 and 1 of a single output are labels."""
        return True

    def check_targets(self, rows: NDArray[Any], activation: str, argument: str) -> None:
        """Refuse what is no probability, and rows that are no distribution where the outputs are one."""
        if rows.min() < 0 or rows.max() > 1:
            worst = rows.min() if rows.min() < 0 else rows.max()
            raise ValueError(f"{argument} must be in [0, 1] for loss 'cross_entropy', got {worst}")
        if activation == "softmax":
            sums = rows.sum(axis=1, dtype=np.float64)
            worst = sums[np.argmax(np.abs(sums - 1))]
            if abs(worst - 1) > 1e-3:
                raise ValueError(f"rows of {argument} must sum to 1 for softmax with 'cross_entropy', got {worst:g}")


def as_loss(loss: Loss | str) -> Loss:
    """Return the loss of that name, or the loss itself."""
    return loss if isinstance(loss, Loss) else LOSSES[checked_name(loss, "loss", LOSSES)]()
