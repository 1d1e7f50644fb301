"""The model: layers in a row over a core, with their parameters, passes, copies and state."""

from __future__ import annotations

import copy as copying
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._checks import checked_flag, checked_integer, checked_number
from ._settings import to_config
from .arrays import as_parameters, read_only
from .border import Batches
from .errors import warn
from .files import description as described
from .function_loss import LossLike, as_loss
from .history import History
from .input_range import InputRange
from .layers.base import Layer, cut
from .layers.input import Input
from .losses import Loss
from .metrics import Metric, MetricLike, as_metrics, measured, r2
from .optimizers import Adam, Optimizer, as_optimizer
from .schedules import Schedule, values_from
from .snapshot import Snapshot
from .stack import Numbers, Stack, settled_shape

_Model = TypeVar("_Model", bound="Model")
# Names of the optimiser's arrays in a state begin so.
_OPTIMIZER = "optimizer."


class Model(Stack):
    """Layers in a row over a core; `Network` adds training, and the doors to everything else."""

    seed: int
    epochs: int
    rate_factor: float
    history: History
    optimizer: Optimizer | None
    loss: Loss | None
    input_range: InputRange

    def _build(self, first: Input, rest: Sequence[Layer], numbers: Numbers, seed: int) -> None:
        self._stack(first, rest, numbers)
        self.seed = seed
        self.epochs = 0
        self.rate_factor = 1.0
        self.history = History()
        self.input_range = InputRange()
        self.optimizer = None
        self.loss = None

    def __repr__(self) -> str:
        counted = f"{self.parameter_count:,} parameters"
        return f"{type(self).__name__}({self.sizes}, {counted}, {self.numbers}, seed={self.seed})"

    # --- passes

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Return the outputs, (samples, outputs), or of the shape of the last layer.

        Parameters
        ----------
        X : array (samples, inputs) or sparse matrix of SciPy
            As for `Network.fit`.

        Raises
        ------
        RuntimeError
            While another thread trains the network; predict with a `copy` of it.

        Examples
        --------
        >>> import numpy as np, chainrule as cr
        >>> cr.Network([3, 2], weights=1.0).predict(np.ones((1, 3)))
        array([[3., 3.]], dtype=float32)
        """
        samples: Any = X
        outputs = self.core.predict_in_place(X) if self.border.is_read_in_place(X) else None
        if outputs is None:
            samples = self.border.samples(X)
            outputs = self.core_of(samples).predict(samples)
        if self.input_range.is_due():
            self.input_range.compare(samples)
        if self.border.target_scale is not None:
            outputs = self.border.in_units(outputs)
        return outputs if len(self.shapes[-1]) == 1 else self._shaped(outputs)

    def _shaped(self, outputs: NDArray[Any]) -> NDArray[Any]:
        """Return outputs as rows in the shape of the last layer; the rows tell the number of steps."""
        features = self.shapes[-1][1:]
        return outputs.reshape(len(outputs), outputs.shape[1] // math.prod(features), *features)

    def predict_classes(self, X: ArrayLike) -> NDArray[Any]:
        """Return a label per sample, or per step or pixel: the largest of the outputs along the last axis.

        With one output, whether it is above ½ (0 after `Hinge`). Networks that were fitted to strings return strings.
        """
        return self.labels_of(self.predict(X))

    def labels_of(self, outputs: NDArray[Any]) -> NDArray[Any]:
        """Return the labels that outputs mean."""
        edge = 0.5 if self.loss is None else self.loss.decision_edge
        single = self.shapes[-1][-1] == 1
        numbers = (outputs[..., 0] > edge).astype(np.int64) if single else outputs.argmax(axis=-1)
        return self.border.labels(numbers)

    def predict_proba(self, X: ArrayLike) -> NDArray[Any]:
        """Return the probability of each class along the last axis, (samples, classes); a single sigmoid has two.

        Raises
        ------
        ValueError
            When the outputs are no probabilities.
        """
        return self.probabilities_of(self.predict(X))

    def probabilities_of(self, outputs: NDArray[Any]) -> NDArray[Any]:
        """Return the probabilities that outputs mean."""
        if self.border.activation not in ("softmax", "sigmoid"):
            raise ValueError(f"predict_proba needs an output of softmax or sigmoid, got {self.border.activation!r}")
        return np.concatenate([1 - outputs, outputs], axis=-1) if self.shapes[-1][-1] == 1 else outputs

    def score(self, X: ArrayLike, y: ArrayLike, *, sample_weight: ArrayLike | None = None) -> float:
        """Return the accuracy for classes, and the coefficient of determination R² (mean over outputs) for numbers.

        After `GaussianNLL` it is that of the means.
        """
        chosen = self.chosen_loss(None)
        data = self.border.batches(X, y, sample_weight, loss=chosen)
        self.input_range.compare(data.X)
        if chosen.metric_name(data.outputs, data.y) == "accuracy":
            return self.core_of(data.X).evaluate(data.X, data.y, data.weights, chosen.core_loss())[1]
        outputs = self.predict(X)
        means = outputs[..., : outputs.shape[-1] // 2] if chosen.has_variances else outputs
        return r2(means, np.asarray(y, dtype=np.float64), data.weights)

    def pre_activations(self, X: ArrayLike) -> NDArray[Any]:
        """Return the pre-activations of the last layer, such as the logits before a softmax, as `predict`."""
        return self.without_last_activation().predict(X)

    def evaluate(
        self,
        X: ArrayLike,
        y: ArrayLike,
        *,
        loss: LossLike | None = None,
        sample_weight: ArrayLike | None = None,
        metrics: Iterable[MetricLike] | MetricLike = (),
    ) -> dict[str, float]:
        """Return the mean loss (without penalties), "accuracy" or "mae", and `metrics`, as for `Network.fit`."""
        chosen = self.chosen_loss(loss)
        data = self.border.batches(X, y, sample_weight, loss=chosen)
        self.input_range.compare(data.X)
        made = as_metrics(metrics, chosen.metric_name(data.outputs, data.y))
        found = self.core_of(data.X).evaluate(data.X, data.y, data.weights, chosen.core_loss())
        if not math.isfinite(found[0]):
            warn("the loss of evaluate is not finite: X or y overflows in a layer or in the loss")
        return {**chosen.report(*found, data.outputs, data.y), **self.measure(data, made)}

    def measure(self, data: Batches, metrics: Sequence[Metric]) -> dict[str, float]:
        """Return metrics of the predictions for checked samples, in the units of the targets."""
        if not metrics:
            return {}
        outputs = self.border.in_units(self.core_of(data.X).predict(data.X)).reshape(-1, *self.shapes[-1])
        return measured(metrics, outputs, self.border.targets_in_units(data.y), data.weights)

    def forward(self, X: ArrayLike, *, training: bool = False) -> NDArray[Any]:
        """Return the outputs, and keep what `backward` needs.

        Parameters
        ----------
        X : array (samples, inputs)
        training : bool
            Whether layers do what they do in training: drop units, add noise, take the batch's statistics. The random
            numbers change from step to step.
        """
        samples = self.border.dense_samples(X)
        core = self.core_of(samples)
        if any(leaf.schedule is not None for leaf in self.leaves):
            self.follow(core.optimizer_steps, 1)
        draws = (True, self.seed, core.optimizer_steps) if checked_flag(training, "training") else ()
        outputs = self.border.in_units(core.forward(samples, *draws))
        return outputs.reshape(-1, *self.shapes[-1])

    def backward(self, output_gradient: ArrayLike) -> NDArray[Any]:
        """Go back from ∂E/∂outputs of the last `forward`: store the gradients and return ∂E/∂X.

        Parameters
        ----------
        output_gradient : array (samples, outputs)
            Gradient of any error E; nothing is averaged and no penalty is added.

        Raises
        ------
        RuntimeError
            Before any forward, or after the weights have changed.
        """
        back = self.core.backward(self.border.output_gradient(output_gradient))
        return back.reshape(-1, *self.shapes[0])

    def step(self, optimizer: Optimizer | str | None = None) -> None:
        """Make one update from the stored gradients (clipping and max-norm apply).

        Raises
        ------
        OverflowError
            When weights would not be finite; they stay as they are.
        """
        chosen = self.chosen_optimizer(optimizer)
        self.core.gradients()  # refuses before the optimiser is changed
        self.adopt(chosen, self.loss)
        step = self.core.optimizer_steps
        rate = float(chosen.rates(step, 1)[0]) * self.rate_factor
        self.core.step(chosen.core_optimizer(step), rate)

    def loss_and_gradient(
        self, X: ArrayLike, y: ArrayLike, loss: LossLike | None = None, sample_weight: ArrayLike | None = None
    ) -> tuple[float, NDArray[Any]]:
        """Return the objective (mean loss and penalties) and its gradient, laid out as `parameters`.

        This is the function that ``scipy.optimize.minimize(..., jac=True)`` takes.
        """
        chosen = self.chosen_loss(loss)
        data = self.border.batches(X, y, sample_weight, loss=chosen)
        value = self.core_of(data.X).loss_and_gradient(data.X, data.y, data.weights, chosen.core_loss())
        return value, self.core.gradients()

    @property
    def gradients(self) -> list[tuple[NDArray[Any], ...]]:
        """The stored gradients of each layer with parameters, such as (∂E/∂weights, ∂E/∂bias); zero where frozen."""
        flat = read_only(self.core.gradients())
        parts, begin = [], 0
        for layer in self.stack:
            if count := layer.parameter_count:
                parts.append(tuple(layer.named(flat[begin : begin + count]).values()))
                begin += count
        return parts

    @property
    def parameters(self) -> NDArray[Any]:
        """A copy of all parameters in one array, for each layer weights row by row, then bias; assign to set."""
        return read_only(self.core.parameters())

    @parameters.setter
    def parameters(self, values: ArrayLike) -> None:
        self.core.set_parameters(as_parameters(values, (self.parameter_count,), self.dtype, "parameters"))

    def snapshot(self) -> Snapshot:
        """Return what `go_back` needs to make the network predict as it does now."""
        statistics = [values.ravel() for layer in self.stack for values in layer.statistic_arrays().values()]
        return Snapshot(self.parameters, np.concatenate([np.zeros(0, self.dtype), *statistics]))

    def go_back(self, snapshot: Snapshot) -> None:
        """Restore the parameters and statistics of a snapshot; ValueError if they are those of another network."""
        shapes = {
            (number, name): shape
            for number, layer in enumerate(self.stack)
            for name, shape in layer.statistic_shapes(layer.place.input_shape).items()
        }
        size = sum(map(math.prod, shapes.values()))
        statistics = cut(as_parameters(snapshot.statistics, (size,), self.dtype, "statistics"), shapes)
        self.parameters = snapshot.parameters
        for (number, name), values in statistics.items():
            self.stack[number].set_statistic(name, values)

    # --- loss and optimiser

    def chosen_optimizer(self, optimizer: Optimizer | str | None) -> Optimizer:
        """Return the optimiser that an argument means; None: the last one used, or `Adam()`."""
        chosen = as_optimizer(optimizer) if optimizer is not None else self.optimizer or Adam()
        chosen.check_precision(self.dtype)
        return chosen

    def chosen_loss(self, loss: LossLike | None) -> Loss:
        """Return the loss that an argument means; None: the last one used, or the one that goes with the outputs."""
        activation = self.border.activation
        if loss is None:
            classes = activation == "softmax" or (activation == "sigmoid" and self.outputs == 1)
            loss = self.loss or ("cross_entropy" if classes else "mse")
        chosen = as_loss(loss)
        chosen.check_output(activation, self.shapes[-1])
        return chosen.for_outputs(self.shapes[-1], self.border.scale_of_targets)

    def adopt(self, optimizer: Optimizer, loss: Loss | None) -> None:
        """Use these from now on; the optimiser's state is kept only if its settings are those used before."""
        if optimizer != self.optimizer:
            self.core.reset_optimizer()
            self.rate_factor = 1.0
        self.optimizer = optimizer
        self.loss = loss

    def follow(self, first_step: int, count: int, resolved: Mapping[Layer, Schedule] | None = None) -> None:
        """Give layers the values of their schedules in steps to come; those that follow a fit are among `resolved`."""
        for leaf in self.leaves:
            if leaf.schedule is not None:
                schedule = leaf.schedule if resolved is None else resolved[leaf]
                leaf.follow(values_from(schedule, first_step, count))

    # --- copies and state

    def truncated(self: _Model, layers: int) -> _Model:
        """Return a network of the first layers only, such as the features of a trained classifier.

        Parameters
        ----------
        layers : int
            Number of layers after the input, >= 1; fewer from the end if it is negative.

        Examples
        --------
        >>> import numpy as np, chainrule as cr
        >>> net = cr.Network([4, 16, 8, 3], seed=0)
        >>> net.truncated(2), net.truncated(-1).predict(np.ones((1, 4))).shape
        (Network([4, 16, 8], 216 parameters, float32, seed=0), (1, 8))
        """
        count = checked_integer(layers, "layers", lowest=-len(self.stack), highest=len(self.stack))
        kept = self.stack[:count]
        if not any(layer.in_core for layer in kept):
            raise ValueError(f"layers must leave at least one that computes, got {layers}")

        def shorten(description: dict[str, Any], arrays: described.Tensors) -> None:
            del description["layers"][1 + len(kept) :]
            for name in [name for name in arrays if int(name.split(".")[1]) >= len(kept)]:
                del arrays[name]
            description.update(loss=None, history={}, epochs=0)
            if len(kept) < len(self.stack):
                description["target_scale"] = None

        return self.rebuilt(shorten)

    def without_last_activation(self: _Model) -> _Model:
        """Return a network whose outputs are the pre-activations of this one's last layer."""

        def change(description: dict[str, Any], _: described.Tensors) -> None:
            last = self.computing[-1]
            # A layer without an activation of its outputs, such as a pool, has none that could be cut.
            if last.output_activation != "identity":
                description["layers"][self.layers.index(last)]["activation"] = "identity"

        return self.rebuilt(change)

    def copy(self: _Model) -> _Model:
        """Return an independent copy, with optimiser state and history."""
        return copying.deepcopy(self)

    def describe(self) -> tuple[dict[str, Any], described.Tensors]:
        """Return everything that the model is: a description that JSON can hold, and the arrays."""
        description = {
            "layers": [layer.config() for layer in self.layers],
            "dtype": self.dtype,
            "precision": self.numbers.precision,
            "seed": self.seed,
            "epochs": self.epochs,
            "rate_factor": to_config(self.rate_factor),
            "optimizer": to_config(self.optimizer),
            "loss": to_config(self.loss),
            "classes": None if self.border.classes is None else self.border.classes.tolist(),
            "target_scale": self.border.unit_config(),
            "input_range": self.input_range.config(),
            "rule": self.core.optimizer_rule,
            "steps": self.core.optimizer_steps,
            "history": dict(self.history),
            "restored_epoch": self.history.restored_epoch,
        }
        tensors = {
            f"layers.{index}.{name}": values
            for index, layer in enumerate(self.stack)
            for name, values in (layer.parameter_arrays() | layer.statistic_arrays()).items()
        }
        tensors |= {f"{_OPTIMIZER}{name}": values for name, values in self.core.optimizer_state().items()}
        return description, tensors

    def restore(self, description: dict[str, Any], tensors: described.Tensors) -> None:
        """Make a model that has not been built yet what `describe` told of another; ValueError where they differ."""
        first, rest = described.layers_of(description["layers"])
        dtype = description["dtype"]
        parts, statistics = described.arrays_of(rest, settled_shape(first, rest), tensors, dtype)
        parameters = np.concatenate([np.zeros(0), *(part.reshape(-1) for part in parts)])
        slots = {name.removeprefix(_OPTIMIZER): name for name in tensors if name.startswith(_OPTIMIZER)}
        if len(slots) + len(parts) + len(statistics) != len(tensors):
            raise ValueError(f"unknown arrays among {sorted(tensors)}")
        state = {n: described.checked_array(tensors, slots[n], parameters.shape, dtype) for n in slots}
        numbers = Numbers(dtype, description.get("precision", "full"))
        self._build(first, rest, numbers, checked_integer(description["seed"], "seed", lowest=0, highest=2**64 - 1))
        self.core.set_parameters(parameters)
        for layer, name, values in statistics:
            layer.set_statistic(name, values)
        self._restore_training(description, state)

    def _restore_training(self, description: dict[str, Any], state: described.Tensors) -> None:
        self.epochs = checked_integer(description["epochs"], "epochs", lowest=0)
        self.rate_factor = checked_number(description["rate_factor"], "rate_factor", lowest=0)
        self.optimizer = described.checked_settings(Optimizer, description["optimizer"])
        self.loss = described.checked_settings(Loss, description["loss"])
        self.history = described.checked_history(description["history"])
        restored = description.get("restored_epoch", 0)
        self.history.restored_epoch = checked_integer(restored, "restored_epoch", lowest=0, highest=self.history.epochs)
        self.input_range = InputRange.of_config(description.get("input_range"))
        if description.get("classes") is not None:
            self.border = replace(self.border, classes=described.checked_labels(description["classes"]))
        unit = described.checked_target_scale(description.get("target_scale"), self.outputs)
        self.border = replace(self.border, target_scale=unit)
        if description["rule"] != "":
            steps = checked_integer(description["steps"], "steps", lowest=0, highest=2**53)
            self.core.set_optimizer_state(description["rule"], steps, state)
        elif state:
            raise ValueError(f"arrays of an optimizer without a rule: {sorted(state)}")

    def fixed(self: _Model, X: Any) -> _Model:
        """Return the network, or after an open `Input` a copy that takes sequences as long as these alone."""
        if not self._input.is_open:
            return self
        shape = list(self.border.fitting(X).input_shape)
        return self.rebuilt(lambda description, _: description["layers"][0].update(shape=shape))

    def rebuilt(self: _Model, change: Callable[[dict[str, Any], described.Tensors], Any]) -> _Model:
        """Return a model built from a changed description and arrays, without the optimiser's state."""
        description, tensors = self.describe()
        description["rule"] = ""
        values = {name: array for name, array in tensors.items() if not name.startswith(_OPTIMIZER)}
        change(description, values)
        values = {name: array.astype(description["dtype"], copy=False) for name, array in values.items()}
        made = type(self).__new__(type(self))
        made.restore(description, values)
        made.loss = None if made.loss is None else self.loss
        return made

    def __getstate__(self) -> dict[str, Any]:
        description, tensors = self.describe()
        # A description has the name of a loss by a function only.
        return {"description": description, "tensors": tensors, "loss": self.loss}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.restore(state["description"], state["tensors"])
        self.loss = state.get("loss", self.loss)
