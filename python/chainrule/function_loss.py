"""A loss by a function of the user, which is checked by central differences before it trains a network."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import _core, reference
from ._checks import checked_name
from .arrays import are_labels
from .losses import LOSSES, Loss
from .target_scale import TargetScale

__all__ = ["FunctionLoss"]

# What gives the loss of each sample, and its gradient by the outputs.
LossFunction: TypeAlias = Callable[[NDArray[Any], NDArray[Any]], tuple[ArrayLike, ArrayLike]]
# What is taken as a loss.
LossLike: TypeAlias = Loss | str | LossFunction
# Fields that are in no file and in no comparison of settings.
_UNSTORED = {"stored": False}
# Outputs of a sample for which the gradient is checked, the steps of its differences relative to an output, of which
# one must agree, and how well.
_CHECKED_OUTPUTS = 8
_STEPS = (1e-5, 1e-3, 1e-2)
_TOLERANCE = 2e-3


@dataclass(frozen=True)
class FunctionLoss(Loss, by_name=False):
    """A loss by a function f(outputs, targets), which ``loss=f`` makes.

    The function returns (values, gradient): the loss of each sample, (samples,), and its derivatives by the outputs, of
    the shape of the outputs. A sample's values must depend on that sample alone. Outputs and targets are arrays that
    cannot be written, of the network's dtype, samples first, in the units of the targets, and of the shape that
    `Network.predict` returns. Targets are of that shape too if they are as many; labels, which are integers or strings,
    are numbers of classes. For other targets, give numbers of type float, (samples, any), or (samples, steps, any) for
    outputs at each step. For outputs at each step or pixel, values may be given for each, as weights of steps need it.

    The trainer takes the weighted mean of the values. Values that are infinite end a fit as diverged. Files keep the
    name of the function, not its code: pass it again after `load`.

    Parameters
    ----------
    function : str
        Name, as "module:qualified name".
    call : callable, optional
        The function; a loss from a file has none.

    Examples
    --------
    A loss that is three times as large for outputs that are too low:

    >>> import numpy as np, chainrule as cr
    >>> def lopsided(outputs, targets):
    ...     errors = outputs - targets
    ...     slopes = np.where(errors < 0, -3.0, 1.0)
    ...     return (slopes * errors).sum(axis=1), slopes
    >>> x = np.linspace(-1, 1, 400)[:, None]
    >>> net = cr.Network([1, 1], seed=0)
    >>> y = np.random.default_rng(0).standard_normal(400)
    >>> history = net.fit(x, y, epochs=60, optimizer=cr.Adam(0.01), loss=lopsided, verbose=0)
    >>> round(float((y < net.predict(x)[:, 0]).mean()), 1)
    0.8
    """

    name: ClassVar[str] = "function"
    is_of_differences: ClassVar[bool] = True
    needs_check: ClassVar[bool] = True
    takes_any_targets: ClassVar[bool] = True
    function: str
    call: LossFunction | None = field(default=None, repr=False, metadata=_UNSTORED)
    # The shape of a sample's outputs, and the unit in which the network has them.
    shape: tuple[int, ...] = field(default=(), repr=False, compare=False, metadata=_UNSTORED)
    unit: TargetScale | None = field(default=None, repr=False, compare=False, metadata=_UNSTORED)

    def __post_init__(self) -> None:
        if not isinstance(self.function, str) or not (self.call is None or callable(self.call)):
            raise TypeError(f"a loss by a function needs its name and the function, got {self!r}")

    def __deepcopy__(self, memo: dict[int, Any]) -> FunctionLoss:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        # A pickle cannot hold a function that no module has under its name.
        return FunctionLoss, (self.function, self.call if self._is_found() else None, self.shape, self.unit)

    def for_outputs(self, shape: tuple[int, ...], unit: TargetScale | None) -> FunctionLoss:
        """Return the loss for outputs of this shape, which the network has in this unit."""
        return replace(self, shape=shape, unit=unit)

    def core_loss(self) -> _core.Loss:
        """Return the loss as the core takes it; ValueError without a function."""
        self._function()
        return _core.Loss(self.name, function=self._compute)

    def reference(self) -> reference.losses.Loss:
        """Return the reference's loss by the same function."""
        return reference.losses.Function(self.values, self.shape)

    def metric_name(self, outputs: int, y: NDArray[Any]) -> str:
        """Return "accuracy" for labels, "mae" for as many targets as outputs, and no name for others."""
        if are_labels(y):
            return "accuracy"
        return "mae" if y.shape[1] == outputs else ""

    def check_storable(self) -> None:
        """Refuse a function that its name does not tell from others.

        Raises
        ------
        ValueError
            Naming it.
        """
        self._function()
        if not self._is_found():
            raise ValueError(
                f"loss {self.function!r} cannot be told from others by its name, which a checkpoint keeps: "
                "define it with def at the top level of a module"
            )

    def _is_found(self) -> bool:
        module, _, path = self.function.partition(":")
        found: Any = sys.modules.get(module)
        for part in path.split("."):
            found = getattr(found, part, None)
        return found is not None and found is self.call

    def _function(self) -> LossFunction:
        if self.call is None:
            raise ValueError(f"loss {self.function!r} is a function, which no file holds; pass it as loss")
        return self.call

    # --- one batch

    def values(self, outputs: NDArray[Any], targets: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[Any]]:
        """Return the values of rows of outputs in the network's unit, (samples,) or for each place; and their gradient.

        Raises
        ------
        ValueError, TypeError
            For results of other shapes, and those that are no numbers.
        """
        a, t = self._in_units(outputs), self._targets(targets, outputs.dtype)
        a.flags.writeable = t.flags.writeable = False
        result = self._function()(a, t)
        if not isinstance(result, tuple | list) or len(result) != 2:
            raise TypeError(f"loss {self.function!r} must return (values, gradient), got {type(result).__name__}")
        values, gradient = self._numbers(result[0], "values"), self._numbers(result[1], "gradient")
        of_samples, of_places = (len(a),), (len(a), *self.shape[:-1])
        if values.shape not in (of_samples, of_places):
            or_places = f" or {of_places}, one for each place," if of_places != of_samples else ""
            raise ValueError(
                f"values of loss {self.function!r} must have shape {of_samples}, one for each sample,{or_places} "
                f"got {values.shape}"
            )
        if gradient.shape != a.shape:
            raise ValueError(f"gradient of loss {self.function!r} must have shape {a.shape}, got {gradient.shape}")
        rows = gradient.reshape(len(a), -1)
        return values, rows if self.unit is None else self.unit.gradient(rows)

    def check_gradient(self, outputs: NDArray[Any], targets: NDArray[Any]) -> None:
        """Refuse a gradient that is not that of the values: docs/formulas.md has the rule.

        Raises
        ------
        ValueError
            Naming the first sample and output that is wrong, with both numbers.
        """
        a = outputs.astype(np.float64)
        values, gradient = self.values(a, targets)
        if not (np.isfinite(values).all() and np.isfinite(gradient).all()):
            return  # which the training tells
        for output in np.unique(np.linspace(0, a.shape[1] - 1, _CHECKED_OUTPUTS).astype(int)):
            got = gradient[:, output]
            wrong, slopes = np.ones(len(a), dtype=bool), got
            for h in _STEPS:
                near, slopes = self._has_slope(got, a, targets, int(output), h)
                wrong &= ~near
                if not wrong.any():
                    break
            for sample in np.flatnonzero(wrong)[:1]:
                where = tuple(int(i) for i in np.unravel_index(output, self.shape))
                raise ValueError(
                    f"gradient of loss {self.function!r} must be that of its values: by output "
                    f"{where[0] if len(where) == 1 else where} of sample {sample} it is {got[sample]:.6g}, where "
                    f"differences of the sample's value give {slopes[sample]:.6g}"
                )

    def _has_slope(
        self, got: NDArray[Any], a: NDArray[Any], targets: NDArray[Any], output: int, h: float
    ) -> tuple[NDArray[np.bool_], NDArray[Any]]:
        """Tell which samples have this slope by an output, or one between the slopes of a kink; and return slopes."""
        below, above = a.copy(), a.copy()
        below[:, output] -= h * np.maximum(1.0, np.abs(a[:, output]))
        above[:, output] += h * np.maximum(1.0, np.abs(a[:, output]))
        with np.errstate(all="ignore"):
            of_places = [self.values(at, targets)[0].reshape(len(a), -1) for at in (below, a, above)]
            low, middle, high = (values.sum(axis=1) for values in of_places)
            left = (middle - low) / (a - below)[:, output]
            right = (high - middle) / (above - a)[:, output]
            # Rounding of the values, and of functions that compute in float32 at the largest step.
            noise = 1e-15 * np.abs(np.stack([low, middle, high])).max(axis=0) / h
            slack = _TOLERANCE * np.maximum(np.maximum(np.abs(left), np.abs(right)), np.abs(got)) + noise + 1e-9
            near = (got >= np.minimum(left, right) - slack) & (got <= np.maximum(left, right) + slack)
            slopes = (high - low) / (above - below)[:, output]
        return near | ~np.isfinite(left) | ~np.isfinite(right), slopes

    def _numbers(self, given: Any, name: str) -> NDArray[np.float64]:
        array = np.asarray(given)
        if array.dtype.kind not in "buif":
            raise TypeError(f"{name} of loss {self.function!r} must be real numbers, got dtype {array.dtype}")
        return array.astype(np.float64)

    def _in_units(self, rows: NDArray[Any]) -> NDArray[Any]:
        in_units = rows.copy() if self.unit is None else self.unit.in_units(rows)
        return in_units.reshape(-1, *self.shape)

    def _targets(self, y: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
        """Return targets in their units and shape, as copies."""
        places = self.shape[:-1]
        if are_labels(y):
            return y.reshape(len(y), *places).copy()
        rows = y.astype(dtype)
        if rows.shape[1] == np.prod(self.shape):
            return self._in_units(rows)
        split = places if places and rows.shape[1] % np.prod(places) == 0 else ()
        return rows.reshape(len(rows), *split, -1)

    def _compute(
        self,
        outputs: NDArray[Any],
        targets: NDArray[Any],
        weights: NDArray[np.float64],
        of_steps: NDArray[np.float64] | None,
    ) -> tuple[NDArray[np.float64], NDArray[Any], NDArray[np.float64]]:
        """Return losses, gradient and metrics of a chunk's samples, as the core takes them."""
        samples = len(outputs)
        if not np.isfinite(outputs).all():
            nothing = np.full(samples, np.nan)
            return nothing, np.zeros(outputs.shape, outputs.dtype), nothing
        values, gradient = self.values(outputs, targets)
        values = values.reshape(samples, -1)
        if of_steps is not None:
            if values.shape != of_steps.shape:
                raise ValueError(
                    f"values of loss {self.function!r} must have shape {(samples, *self.shape[:-1])}, one for each "
                    f"step, as steps have weights or are padding; got {values.shape}"
                )
            counts = np.repeat(of_steps, gradient.shape[1] // of_steps.shape[1], axis=1)
            values = np.where(of_steps > 0, values, 0.0) * of_steps
            gradient = np.where(counts > 0, gradient, 0.0) * counts
        losses = values.sum(axis=1)
        self._check_finite(losses, gradient, weights > 0)
        with np.errstate(over="ignore"):
            gradient = np.ascontiguousarray(gradient, dtype=outputs.dtype)
        return losses, gradient, self._metrics(outputs, targets, of_steps)

    def _check_finite(self, losses: NDArray[Any], gradient: NDArray[Any], counted: NDArray[np.bool_]) -> None:
        """Refuse what is no number, for outputs that are: the function is wrong, not the training."""
        for name, wrong in (("values", np.isnan(losses)), ("gradient", np.isnan(gradient).any(axis=1))):
            found = np.flatnonzero(wrong & counted)
            if found.size:
                raise ValueError(f"{name} of loss {self.function!r} must be numbers, got nan for sample {found[0]}")

    def _metrics(
        self, outputs: NDArray[Any], targets: NDArray[Any], of_steps: NDArray[np.float64] | None
    ) -> NDArray[np.float64]:
        """Return the metric of each sample: the mean over its places."""
        samples = len(outputs)
        a, t = self._in_units(outputs), self._targets(targets, outputs.dtype)
        if are_labels(targets):
            of_places = (a.argmax(axis=-1) == t).astype(np.float64)
        elif t.shape == a.shape:
            of_places = np.abs(a.astype(np.float64) - t).mean(axis=-1)
        else:
            return np.zeros(samples)
        of_places = of_places.reshape(samples, -1)
        if of_steps is not None:
            of_places = of_places * of_steps
        return np.asarray(of_places.mean(axis=1))


def as_loss(loss: LossLike) -> Loss:
    """Return the loss of that name, by that function, or the loss itself."""
    if isinstance(loss, type) and issubclass(loss, Loss):
        raise TypeError(f"loss must be an object, got the class {loss.__name__}; write {loss.__name__}()")
    if isinstance(loss, Loss):
        return loss
    if callable(loss):
        function: Any = loss
        named = function if hasattr(function, "__qualname__") else type(function)
        return FunctionLoss(f"{named.__module__}:{named.__qualname__}", function)
    return LOSSES[checked_name(loss, "loss", LOSSES)]()
