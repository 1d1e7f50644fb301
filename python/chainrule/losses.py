"""The losses. The loss of a batch is the (weighted) mean over its samples of the loss of a sample."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from . import _core, reference
from ._checks import checked_number
from .arrays import are_labels
from .target_scale import TargetScale

__all__ = ["MAE", "MSE", "CrossEntropy", "GaussianNLL", "Hinge", "Huber", "LogCosh", "Loss", "Poisson", "Quantile"]

# Every loss by its name, filled in as the classes are defined.
LOSSES: dict[str, type[Loss]] = {}


class Loss:
    """What a network's outputs are measured by."""

    name: ClassVar[str]
    # Output activations with which the loss has a meaning; None: all.
    activations: ClassVar[tuple[str, ...] | None] = None
    # Whether the outputs are means, and after them log variances.
    has_variances: ClassVar[bool] = False
    # Whether targets are classes, so that the metric is the accuracy.
    classifies: ClassVar[bool] = False
    # Whether the loss is computed from the pre-activations of the last layer.
    from_pre_activations: ClassVar[bool] = False
    # Whether outputs and targets may be in any unit, as the loss depends on their differences alone.
    is_of_differences: ClassVar[bool] = False
    # Whether a user gives its gradient, which is checked before the first step.
    needs_check: ClassVar[bool] = False
    # Whether it takes targets of other shapes than the outputs'.
    takes_any_targets: ClassVar[bool] = False
    # A single output above this value means class 1.
    decision_edge: ClassVar[float] = 0.5

    def __init_subclass__(cls, by_name: bool = True) -> None:
        if by_name:
            LOSSES.setdefault(cls.name, cls)

    def for_outputs(self, shape: tuple[int, ...], unit: TargetScale | None) -> Loss:
        """Return the loss for outputs of this shape, and in this unit."""
        return self

    def core_loss(self) -> _core.Loss:
        """Return the loss as the core takes it."""
        return _core.Loss(self.name)

    def reference(self) -> reference.losses.Loss:
        """Return the same loss of the reference."""
        return reference.losses.LOSSES[self.name](**vars(self))

    def target_columns(self, outputs: int) -> int:
        """Return how many targets a sample has, for so many outputs."""
        return outputs

    def metric_name(self, outputs: int, y: NDArray[Any]) -> str:
        """Return the name of the metric that the core reports next to the loss."""
        return "accuracy" if self.classifies or (are_labels(y) and self.target_columns(outputs) > 1) else "mae"

    def report(self, loss: float, metric: float, outputs: int, y: NDArray[Any]) -> dict[str, float]:
        """Return what the core reports by name; some targets have no metric."""
        name = self.metric_name(outputs, y)
        return {"loss": loss, name: metric} if name else {"loss": loss}

    def check_gradient(self, outputs: NDArray[Any], targets: NDArray[Any]) -> None:
        """Refuse a gradient that is not that of the values, for some rows of outputs; those of the core are right.

        Raises
        ------
        ValueError
            Naming the first that is wrong.
        """

    def check_storable(self) -> None:
        """Refuse a loss that a checkpoint cannot name."""

    def reads_labels(self, y: NDArray[Any]) -> bool:
        """Tell whether integer targets of a single output are labels; else they are numbers."""
        return False

    def check_targets(self, rows: NDArray[Any], activation: str, argument: str) -> None:
        """Refuse rows of targets that the loss has no meaning for, with outputs of this activation.

        Outputs at the steps of a sequence, or at the pixels of an image, have a row each.

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
    is_of_differences: ClassVar[bool] = True


@dataclass(frozen=True)
class MAE(Loss):
    """Absolute error, summed over the outputs: Σ abs(target − output)."""

    name: ClassVar[str] = "mae"
    is_of_differences: ClassVar[bool] = True


@dataclass(frozen=True)
class Huber(Loss):
    """Squared error near zero, absolute error beyond (Huber 1964).

    Parameters
    ----------
    delta : float
        Where one becomes the other, > 0, in units of the targets.
    """

    name: ClassVar[str] = "huber"
    is_of_differences: ClassVar[bool] = True
    delta: float = 1.0

    def __post_init__(self) -> None:
        checked_number(self.delta, "delta", lowest=0, open_lowest=True)

    def core_loss(self) -> _core.Loss:
        return _core.Loss(self.name, delta=float(self.delta))


@dataclass(frozen=True)
class LogCosh(Loss):
    """Nearly half the squared error near zero, nearly the absolute error beyond: Σ log cosh(output − target).

    It has all derivatives, and stays finite for any error.

    Examples
    --------
    >>> import chainrule as cr
    >>> net = cr.Network([1, 1], weights=1.0, seed=0, dtype="float64")
    >>> round(net.evaluate([[1.0]], [0.0], loss="log_cosh")["loss"], 4)
    0.4338
    """

    name: ClassVar[str] = "log_cosh"
    is_of_differences: ClassVar[bool] = True


@dataclass(frozen=True)
class Quantile(Loss):
    """The loss that quantiles of the targets minimise (Koenker and Bassett 1978).

    For each quantile q and target t with its output a, it adds up q (t − a) where a < t, and (1 − q) (a − t) elsewhere.
    For k quantiles of m targets there are k m outputs in a row: the m outputs of the first quantile, then those of the
    second, and so on, so that ``net.predict(X).reshape(-1, k, m)`` has an axis for each. A single quantile takes
    outputs of any shape. The metric is that of the quantile nearest to ½, the first of equals.

    Parameters
    ----------
    quantiles : float or sequence of float
        In (0, 1), ascending; by name, ``loss="quantile"``, it is the median.

    Raises
    ------
    ValueError
        For quantiles outside of (0, 1) or in another order, and for outputs that are no such row.

    Examples
    --------
    >>> import numpy as np, chainrule as cr
    >>> y = np.random.default_rng(0).standard_normal(1000)
    >>> net = cr.Network([1, 3], weights=0.0, seed=0)
    >>> loss = cr.Quantile([0.1, 0.5, 0.9])
    >>> history = net.fit(np.zeros((1000, 1)), y, epochs=50, optimizer=cr.Adam(0.02), loss=loss, verbose=0)
    >>> [round(float((y < quantile).mean()), 1) for quantile in net.predict([[0.0]])[0]]
    [0.1, 0.5, 0.9]
    """

    name: ClassVar[str] = "quantile"
    is_of_differences: ClassVar[bool] = True
    quantiles: float | Iterable[float] = 0.5

    def __post_init__(self) -> None:
        several = isinstance(self.quantiles, Iterable) and getattr(self.quantiles, "ndim", 1) > 0
        given: Any = self.quantiles if several else (self.quantiles,)
        levels = tuple(
            checked_number(q, "quantiles", lowest=0, highest=1, open_lowest=True, open_highest=True) for q in given
        )
        if not levels or any(low >= high for low, high in pairwise(levels)):
            raise ValueError(f"quantiles must be ascending, and at least one, got {self.quantiles!r}")
        object.__setattr__(self, "quantiles", levels)

    @property
    def levels(self) -> tuple[float, ...]:
        """The quantiles, also where a single one was given."""
        assert isinstance(self.quantiles, tuple)
        return self.quantiles

    def core_loss(self) -> _core.Loss:
        return _core.Loss(self.name, quantiles=self.levels)

    def target_columns(self, outputs: int) -> int:
        """Return the outputs of one quantile."""
        return outputs // len(self.levels)

    def check_output(self, activation: str, shape: tuple[int, ...]) -> None:
        """Refuse outputs that are not as many for each of several quantiles, in a row."""
        super().check_output(activation, shape)
        count = len(self.levels)
        if count > 1 and (len(shape) > 1 or shape[0] % count != 0):
            raise ValueError(
                f"loss 'quantile' needs outputs in a row, {count} for each target as there are {count} quantiles; "
                f"got shape {shape}"
            )


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
    has_variances: ClassVar[bool] = True
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
