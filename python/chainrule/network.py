"""The network: layers in a row, and everything that one does with them."""

from __future__ import annotations

import copy as copying
import math
import secrets
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import _core, _state
from ._arrays import (
    Batches,
    Samples,
    as_inputs,
    as_parameters,
    as_rows,
    as_sample_weight,
    as_samples,
    as_targets,
    as_tokens,
    with_class_weight,
)
from ._checks import checked_flag, checked_integer, checked_name, checked_number
from ._config import to_config
from .checkpoints import Checkpoints, Position, Unfinished
from .fitting import LOGGER, CallbackLike, Plan, as_callbacks, metric_name, run
from .history import History
from .layers import Dense, Input, Layer, Shape, enter, shapes_through
from .losses import Hinge, Loss, as_loss
from .optimizers import Adam, Optimizer, as_optimizer
from .sequences import Masking, check_padding
from .streams import Stream

if TYPE_CHECKING:
    from .check import Report
    from .diagnose import Diagnosis
    from .stepper import Stepper

_CORES: dict[str, type[_core.NetworkFloat32] | type[_core.NetworkFloat64]] = {
    "float32": _core.NetworkFloat32,
    "float64": _core.NetworkFloat64,
}


class Network:
    """A feed-forward neural network.

    Parameters
    ----------
    layers : sequence of int, or of Input and layers
        Sizes, such as ``[784, 300, 10]``; or ``[Input(784), Dense(300), Dense(10, activation="softmax")]``.
    activation, output : str
        With sizes: activation of the hidden layers and of the last one.
    weights : optional
        With sizes: the initial weights of all layers, as for `Dense`.
    l1, l2, max_norm : float
        With sizes: regularisation of all layers, as for `Dense`.
    dtype : {"float32", "float64"}
        Precision of everything in the network.
    seed : int, optional
        Of initial weights, shuffling and noise, 0 to 2⁶⁴ − 1; the same seed gives the same bytes. Drawn when not given.

    Attributes
    ----------
    layers : list
        The layers; their `weights`, `bias` and `trainable` can be read and set.
    history : History
        Metrics of all epochs so far.
    epochs : int
        Number of epochs so far.
    rate_factor : float
        What the learning rate is multiplied by (see `ReduceOnPlateau`).

    Examples
    --------
    >>> import numpy as np, chainrule as cr
    >>> X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], dtype=float)
    >>> net = cr.Network([2, 8, 1], activation="tanh", output="sigmoid", seed=0)
    >>> net
    Network([2, 8, 1], 33 parameters, float32, seed=0)
    >>> history = net.fit(X, [0, 1, 1, 0], epochs=500, batch_size="full", optimizer=cr.Adam(0.05), verbose=0)
    >>> net.predict_classes(X).tolist()
    [0, 1, 1, 0]
    """

    def __init__(
        self,
        layers: Sequence[int] | Sequence[Input | Layer],
        activation: str = "relu",
        output: str = "identity",
        *,
        weights: Any = None,
        l1: float = 0.0,
        l2: float = 0.0,
        max_norm: float | None = None,
        dtype: str = "float32",
        seed: int | None = None,
    ) -> None:
        first, rest = _as_layers(layers, activation, output, weights=weights, l1=l1, l2=l2, max_norm=max_norm)
        seed = secrets.randbits(64) if seed is None else checked_integer(seed, "seed", lowest=0, highest=2**64 - 1)
        self._build(first, rest, str(np.dtype(dtype)) if not isinstance(dtype, str) else dtype, seed)
        for layer in rest:
            layer._initialize(seed)

    def _build(self, first: Input, rest: Sequence[Layer], dtype: str, seed: int) -> None:
        self.dtype = checked_name(dtype, "dtype", _CORES)
        self.seed = seed
        self.layers: list[Input | Layer] = [first, *rest]
        self._shapes = shapes_through(first, rest)
        # The number of words, where samples are words.
        self._vocabulary: int | None = getattr(rest[0], "vocabulary", None)
        self.epochs = 0
        self.rate_factor = 1.0
        self.history = History()
        self.optimizer: Optimizer | None = None
        self.loss: Loss | None = None
        self._unfinished: Unfinished | None = None
        self._trainer = threading.RLock()
        self._core: _core.NetworkFloat32 | _core.NetworkFloat64 = _CORES[self.dtype](first.size)
        if enter(rest, self, 0, first.shape) == 0:
            raise ValueError(f"layers must have at least one that computes, got {self.layers!r}")
        check_padding(self)

    # --- what it is

    @property
    def inputs(self) -> int:
        """Number of features."""
        return math.prod(self._shapes[0])

    @property
    def outputs(self) -> int:
        """Number of outputs."""
        return math.prod(self._shapes[-1])

    @property
    def parameter_count(self) -> int:
        """Number of weights and biases."""
        return int(self._core.parameter_count)

    @property
    def _stack(self) -> list[Layer]:
        """The layers behind the input."""
        return [layer for layer in self.layers if isinstance(layer, Layer)]

    @property
    def _computing(self) -> list[Layer]:
        """The layers that the core has."""
        return [layer for layer in self._stack if layer._index is not None]

    @property
    def _leaves(self) -> list[Layer]:
        """The layers behind the input, those of blocks one by one."""
        return [leaf for layer in self._stack for leaf in layer._leaves()]

    @property
    def _dense(self) -> list[Dense]:
        return [layer for layer in self.layers if isinstance(layer, Dense)]

    @property
    def _sizes(self) -> list[int | Shape]:
        return [shape[0] if len(shape) == 1 else shape for shape in self._shapes]

    def __repr__(self) -> str:
        return f"Network({self._sizes}, {self.parameter_count:,} parameters, {self.dtype}, seed={self.seed})"

    def summary(self) -> str:
        """Print a table of layers, shapes and parameter counts, and return it."""
        rows = [("layer", "output", "activation", "parameters", "trainable")]
        rows.append(("Input", str(self._shapes[0]), "", "0", ""))
        for layer, shape in zip(self._stack, self._shapes[1:], strict=True):
            count = layer.parameter_count
            trainable = ("yes" if layer.trainable else "no") if count else ""
            rows.append((type(layer).__name__, str(shape), layer.activation, f"{count:,}", trainable))
        widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
        lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
        lines.insert(1, "-" * len(max(lines, key=len)))
        text = "\n".join([*lines, f"{self.parameter_count:,} parameters, {self.dtype}"])
        print(text)
        return text

    # --- training

    def fit(
        self,
        X: ArrayLike | Iterable[Any] | Callable[[], Iterable[Any]],
        y: ArrayLike | None = None,
        *,
        epochs: int = 10,
        batch_size: int | str = 32,
        optimizer: Optimizer | str | None = None,
        loss: Loss | str | None = None,
        validation_data: tuple[Any, ...] | None = None,
        sample_weight: ArrayLike | None = None,
        class_weight: Mapping[int, float] | str | None = None,
        shuffle: bool = True,
        input_noise: float = 0.0,
        callbacks: Iterable[CallbackLike] = (),
        checkpoint: str | PathLike[str] | None = None,
        checkpoint_every: int | str = 1,
        resume: bool = False,
        verbose: int = 1,
    ) -> History:
        """Train.

        Parameters
        ----------
        X : array (samples, inputs) or sparse matrix of SciPy
            uint8 (scaled by 1/255), float32 and float64 of any strides are read in place, batch by batch; CSR is never
            made dense. Zeros cost nothing where there are many of them. Without y, an iterable of batches (X, y) or
            (X, y, sample_weight), or a callable that gives one for each epoch: each batch is a step, and the next is
            fetched by a thread while the core trains.
        y : array (samples,) of labels, or (samples, outputs), or of the shape of the last layer
            Integer labels 0 … outputs − 1 mean rows with a one at the label; with one sigmoid output and
            cross-entropy they are 0 or 1.
        epochs : int
            Passes over the data.
        batch_size : int or "full"
            Samples a step; the last short batch is used.
        optimizer : Optimizer or str, optional
            Default: the one last used, at first `Adam()`. The same settings go on with their state, others begin anew.
        loss : Loss or str, optional
            Default: the one last used; at first cross-entropy for a softmax output or one sigmoid output, else mse.
        validation_data : (X, y) or (X, y, sample_weight), optional
            Evaluated after each epoch.
        sample_weight : array (samples,), or (samples, steps) where the outputs are sequences, optional
            A batch's loss is the weighted mean. Weights of steps give those of padding none; a sample's own is their
            mean.
        class_weight : mapping of label to weight, or "balanced", optional
            Multiplied into the samples' weights.
        shuffle : bool
            A new order each epoch, from the seed; False for layers that are stateful.
        input_noise : float
            Standard deviation of normal noise on the inputs, in training only.
        callbacks : iterable
            `Callback` objects or functions of (network, epoch, metrics); a function that returns True stops.
        checkpoint : str or path, optional
            A model file, from which `load` and `resume` go on as though the fit had never stopped. It is written
            atomically; the one before stays until then.
        checkpoint_every : int or str
            Epochs, or like "500 steps" or "30 seconds"; the end of the fit is written in any case.
        resume : bool
            Go on with the fit in whose checkpoint this network was, with the same data and settings; `epochs` and the
            callbacks' numbers of epochs count from its beginning.
        verbose : {0, 1, 2}
            Nothing; a progress bar in a terminal or notebook, elsewhere a line an epoch; a line an epoch. All go to
            standard error.

        Returns
        -------
        History
            The network's history: loss (without penalties) and metric by epoch, of this call and those before.

        Raises
        ------
        ValueError, TypeError
            For what cannot be trained with, before anything is changed.
        DivergedError
            When loss or weights stop being finite; the weights are those from before that epoch.
        OSError
            When a checkpoint cannot be written; the one before is whole, and so is the network.
        RuntimeError
            When another thread trains the network.

        Warns
        -----
        ChainruleWarning
            Before a network is first trained, when some samples show that it will hardly learn: units that are all
            saturated or dead, gradients that vanish or explode, labels that the outputs do not mean. See `diagnose`.
        """
        plan = self._plan(
            X, y, sample_weight, class_weight, batch_size=batch_size, optimizer=optimizer, loss=loss, shuffle=shuffle,
            input_noise=input_noise, epochs=epochs, callbacks=callbacks, verbose=verbose, checkpoint=checkpoint,
            checkpoint_every=checkpoint_every, resume=resume,
        )  # fmt: skip
        if validation_data is not None:
            if not isinstance(validation_data, (tuple, list)) or len(validation_data) not in (2, 3):
                raise ValueError("validation_data must be (X, y) or (X, y, sample_weight)")
            plan.validation = self._batches(*validation_data, loss=plan.loss, prefix="validation ")
        with self._by_one_thread():
            self._unfinished = None
            begin = plan.position.epoch + 1
            LOGGER.info("fit of %r, epochs %d to %d: %r, %r", self, begin, plan.epochs, plan.optimizer, plan.loss)
            run(self, plan)
            LOGGER.info("fit ended after epoch %d of %d: %r", plan.position.epoch, plan.epochs, self.history)
        return self.history

    def partial_fit(self, X: ArrayLike, y: ArrayLike, **options: Any) -> Network:
        """Make one pass over the data, with the options of `fit`; returns the network."""
        self.fit(X, y, **{"verbose": 0, **options, "epochs": 1})
        return self

    def train_on_batch(
        self,
        X: ArrayLike,
        y: ArrayLike,
        *,
        optimizer: Optimizer | str | None = None,
        loss: Loss | str | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> dict[str, float]:
        """Make one step on all samples given; returns loss and metric from before the step.

        Examples
        --------
        >>> import numpy as np, chainrule as cr
        >>> net = cr.Network([1, 1], seed=0, weights=0.0)
        >>> net.train_on_batch(np.ones((4, 1)), np.ones(4), optimizer=cr.SGD(0.5))
        {'loss': 0.5, 'mae': 1.0}
        """
        plan = self._plan(
            X, y, sample_weight, None, batch_size="full", optimizer=optimizer, loss=loss, shuffle=False,
            input_noise=0.0, epochs=1,
        )  # fmt: skip
        with self._by_one_thread():
            epochs, history, self.history = self.epochs, self.history, History()
            try:
                run(self, plan)
                metrics = self.history
            finally:
                self.epochs, self.history = epochs, history
        return {name: values[0] for name, values in metrics.items() if name != "learning_rate"}

    @contextmanager
    def _by_one_thread(self) -> Iterator[None]:
        """Callbacks may train the network too; other threads may not, not even between two epochs."""
        if not self._trainer.acquire(blocking=False):
            raise RuntimeError("the network is being trained by another thread")
        try:
            yield
        finally:
            self._trainer.release()

    # --- using

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Return the outputs, (samples, outputs), or of the shape of the last layer.

        Parameters
        ----------
        X : array (samples, inputs) or sparse matrix of SciPy
            As for `fit`.

        Examples
        --------
        >>> import numpy as np, chainrule as cr
        >>> cr.Network([3, 2], weights=1.0).predict(np.ones((1, 3)))
        array([[3., 3.]], dtype=float32)
        """
        outputs = self._core.predict_in_place(X) if self._vocabulary is None else None
        if outputs is None:
            outputs = self._core.predict(self._as_samples(X))
        return outputs if len(self._shapes[-1]) == 1 else outputs.reshape(-1, *self._shapes[-1])

    def predict_classes(self, X: ArrayLike) -> NDArray[np.int64]:
        """Return a label a sample: the largest output; with one output, whether it is above ½, or 0 after `Hinge`."""
        outputs = self.predict(X)
        edge = 0.0 if isinstance(self.loss, Hinge) else 0.5
        return (outputs[:, 0] > edge).astype(np.int64) if self.outputs == 1 else outputs.argmax(axis=1)

    def evaluate(
        self, X: ArrayLike, y: ArrayLike, *, loss: Loss | str | None = None, sample_weight: ArrayLike | None = None
    ) -> dict[str, float]:
        """Return the mean loss (without penalties) and "accuracy" for classes, "mae" for other targets."""
        chosen = self._chosen_loss(loss)
        data = self._batches(X, y, sample_weight, loss=chosen)
        value, metric = self._core.evaluate(data.X, data.y, data.weights, chosen._core())
        return {"loss": value, metric_name(chosen, self.outputs, data.y): metric}

    def folded(self) -> Network:
        """Return a network that predicts the same up to rounding, with fewer layers.

        In prediction a `BatchNorm` is an affine map of each feature. Behind `Dense`, `Conv1D`, `Conv2D` or
        `Conv2DTranspose` with activation "identity" it goes into weights and bias, and an `Activation` behind them
        becomes theirs (Jacob et al. 2018, section 3.2). `Dropout` and `GaussianNoise` are left out. All else stays, in
        `Residual` and `Concatenate` too. The network itself is not changed; the new one has no optimiser's state, and
        would learn as one without normalisation.

        Returns
        -------
        Network
            With the same history, number of epochs and loss.

        Examples
        --------
        >>> import numpy as np, chainrule as cr
        >>> block = [cr.Dense(8, "identity"), cr.BatchNorm(), cr.Activation("relu"), cr.Dropout(0.2)]
        >>> net = cr.Network([cr.Input(4), *block, cr.Dense(2, "softmax")], seed=0)
        >>> X = np.random.default_rng(0).standard_normal((50, 4))
        >>> history = net.fit(X, X[:, 0] > 0, epochs=5, verbose=0)
        >>> net.folded().layers
        [Input(4), Dense(8, activation='relu'), Dense(2, activation='softmax')]
        >>> np.allclose(net.folded().predict(X), net.predict(X), atol=1e-6)
        True
        """
        from .folding import folded

        return folded(self)

    def stepper(self, streams: int = 1) -> Stepper:
        """Return a copy that reads sequences one step at a time: see `chainrule.Stepper`."""
        from .stepper import Stepper

        return Stepper(self, streams)

    # --- below fit

    def forward(self, X: ArrayLike, *, training: bool = False) -> NDArray[Any]:
        """Return the outputs, and keep what `backward` needs.

        Parameters
        ----------
        X : array (samples, inputs)
        training : bool
            Whether layers do what they do in training: drop units, add noise, take the batch's statistics. What they
            draw changes from step to step.
        """
        samples = as_inputs(self._as_rows(X), self.inputs, self.dtype)
        draws = (True, self.seed, self._core.optimizer_steps) if checked_flag(training, "training") else ()
        outputs = self._core.forward(samples, *draws)
        return outputs.reshape(-1, *self._shapes[-1])

    def backward(self, output_gradient: ArrayLike) -> NDArray[Any]:
        """Go back from ∂E/∂outputs of the last `forward`: stores the gradients and returns ∂E/∂X.

        Parameters
        ----------
        output_gradient : array (samples, outputs)
            Of whatever error E; nothing is averaged and no penalty is added.

        Raises
        ------
        RuntimeError
            Before any forward, or after the weights have changed.
        """
        rows = as_rows(output_gradient, self._shapes[-1])
        gradient = as_inputs(rows, self.outputs, self.dtype, "output_gradient")
        back = self._core.backward(np.ascontiguousarray(gradient, dtype=self.dtype))
        return back.reshape(-1, *self._shapes[0])

    def step(self, optimizer: Optimizer | str | None = None) -> None:
        """Make one update from the stored gradients (clipping and max-norm apply)."""
        chosen = self._chosen_optimizer(optimizer)
        self._core.gradients()  # refuses before the optimiser is changed
        self._use(chosen, self.loss)
        rate = float(chosen.rates(self._core.optimizer_steps, 1)[0]) * self.rate_factor
        self._core.step(chosen._core(), rate)

    @property
    def gradients(self) -> list[tuple[NDArray[Any], ...]]:
        """The stored gradients of each layer with parameters, such as (∂E/∂weights, ∂E/∂bias); zero where frozen."""
        flat = self._core.gradients()
        parts, begin = [], 0
        for layer in self._stack:
            if count := layer.parameter_count:
                parts.append(tuple(layer._by_name(flat[begin : begin + count]).values()))
                begin += count
        return parts

    def loss_and_gradient(
        self, X: ArrayLike, y: ArrayLike, loss: Loss | str | None = None, sample_weight: ArrayLike | None = None
    ) -> tuple[float, NDArray[Any]]:
        """Return the objective (mean loss and penalties) and its gradient, laid out as `parameters`.

        What ``scipy.optimize.minimize(..., jac=True)`` asks for.
        """
        chosen = self._chosen_loss(loss)
        data = self._batches(X, y, sample_weight, loss=chosen)
        value = self._core.loss_and_gradient(data.X, data.y, data.weights, chosen._core())
        return value, self._core.gradients()

    @property
    def parameters(self) -> NDArray[Any]:
        """A copy of all parameters in one array, for each layer weights row by row, then bias; assign to set."""
        return self._core.parameters()

    @parameters.setter
    def parameters(self, values: ArrayLike) -> None:
        self._core.set_parameters(as_parameters(values, (self.parameter_count,), self.dtype, "parameters"))

    def check(self, X: ArrayLike, y: ArrayLike, **options: Any) -> Report:
        """Compare the core with the reference, the object model and central differences: see `chainrule.check`."""
        from .check import check

        return check(self, X, y, **options)

    def diagnose(self, X: ArrayLike, y: ArrayLike, *, loss: Loss | str | None = None) -> Diagnosis:
        """Show what the samples do in each layer, and what to try: see `chainrule.diagnose`."""
        from .diagnose import diagnose

        return diagnose(self, X, y, loss=loss)

    def plot_weights(self, layer: int = 1, **options: Any) -> Any:
        """Draw the weights of a layer (needs the extra `plot`): see `chainrule.plot.weights`."""
        from .plot import weights

        return weights(self, layer, **options)

    # --- keeping

    def save(self, path: str | PathLike[str]) -> None:
        """Write weights, architecture, optimiser state and random state into one safetensors file, atomically."""
        from .io import save

        save(self, path)

    def copy(self) -> Network:
        """Return an independent copy, with optimiser state and history."""
        return copying.deepcopy(self)

    def __getstate__(self) -> dict[str, Any]:
        description, tensors = _state.of_network(self)
        return {"description": description, "tensors": tensors}

    def __setstate__(self, state: dict[str, Any]) -> None:
        _state.restore(self, state["description"], state["tensors"])

    # --- arguments

    def _chosen_optimizer(self, optimizer: Optimizer | str | None) -> Optimizer:
        return as_optimizer(optimizer) if optimizer is not None else self.optimizer or Adam()

    def _chosen_loss(self, loss: Loss | str | None) -> Loss:
        activation = self._computing[-1].activation
        if loss is None:
            classes = activation == "softmax" or (activation == "sigmoid" and self.outputs == 1)
            loss = self.loss or ("cross_entropy" if classes else "mse")
        chosen = as_loss(loss)
        chosen.check_output(activation, self._shapes[-1])
        return chosen

    def _use(self, optimizer: Optimizer, loss: Loss | None) -> None:
        if optimizer != self.optimizer:
            self._core.reset_optimizer()
            self.rate_factor = 1.0
        self.optimizer = optimizer
        self.loss = loss

    def _as_rows(self, X: Any, argument: str = "X") -> Any:
        rows = as_rows(X, self._shapes[0])
        if self._vocabulary is None or hasattr(rows, "tocsr"):
            return rows
        return as_tokens(rows, self._vocabulary, argument)

    def _as_samples(self, X: Any, argument: str = "X") -> Samples:
        return as_samples(self._as_rows(X, argument), self.inputs, self.dtype, argument)

    def _batches(
        self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None, *, loss: Loss, prefix: str = ""
    ) -> Batches:
        inputs = self._as_samples(X, f"{prefix}X")
        activation = self._computing[-1].activation
        y = as_rows(y, self._shapes[-1])
        columns = loss.target_columns(self.outputs)
        targets = as_targets(y, len(inputs), columns, loss, activation, self.dtype, f"{prefix}y")
        of_steps = targets.ndim == 2 and columns == self.outputs and activation != "softmax"
        steps = self._shapes[-1][0] if of_steps and len(self._shapes[-1]) == 2 else None
        return Batches(inputs, targets, as_sample_weight(sample_weight, len(inputs), steps))

    def _training_batches(
        self,
        X: Any,
        y: ArrayLike,
        sample_weight: ArrayLike | None,
        class_weight: Mapping[int, float] | str | None,
        *,
        loss: Loss,
    ) -> Batches:
        data = self._batches(X, y, sample_weight, loss=loss)
        data.weights = with_class_weight(data.weights, class_weight, data.y)
        return data

    def _stream(self, source: Any, class_weight: Mapping[int, float] | str | None, loss: Loss) -> Stream:
        if isinstance(class_weight, str):
            raise ValueError(f"class_weight must be a mapping for batches that come one by one, got {class_weight!r}")

        def checked(X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Batches:
            return self._training_batches(X, y, sample_weight, class_weight, loss=loss)

        return Stream(source, checked)

    def _plan(
        self,
        X: Any,
        y: ArrayLike | None,
        sample_weight: ArrayLike | None,
        class_weight: Mapping[int, float] | str | None,
        *,
        batch_size: int | str,
        optimizer: Optimizer | str | None,
        loss: Loss | str | None,
        shuffle: bool,
        input_noise: float,
        epochs: int,
        callbacks: Iterable[CallbackLike] = (),
        verbose: int = 0,
        checkpoint: str | PathLike[str] | None = None,
        checkpoint_every: int | str = 1,
        resume: bool = False,
    ) -> Plan:
        chosen_loss = self._chosen_loss(loss)
        noise = checked_number(input_noise, "input_noise", lowest=0)
        if noise > 0 and self._vocabulary is not None:
            raise ValueError(f"input_noise must be 0 for words, got {input_noise!r}")
        if noise > 0 and any(isinstance(leaf, Masking) for leaf in self._leaves):
            raise ValueError(f"input_noise must be 0 with a Masking, as noise is no padding; got {input_noise!r}")
        data: Batches | Stream
        if y is None:
            data = self._stream(X, class_weight, chosen_loss)
            if sample_weight is not None or noise > 0:
                raise ValueError("sample_weight and input_noise do not go with batches that come one by one")
            samples = 0
        else:
            data = self._training_batches(X, y, sample_weight, class_weight, loss=chosen_loss)
            if noise > 0 and isinstance(data.X, _core.SparseMatrix):
                raise ValueError(f"input_noise must be 0 for a sparse X, as noise has no zeros; got {input_noise!r}")
            samples = len(data)
        if isinstance(batch_size, str):
            if batch_size != "full":
                raise ValueError(f"batch_size must be an integer or 'full', got {batch_size!r}")
            batch_size = max(samples, 1)
        batch_size = min(checked_integer(batch_size, "batch_size", lowest=1), max(samples, 1))
        chosen_optimizer = self._chosen_optimizer(optimizer)
        called = as_callbacks(callbacks)
        settings = {
            "samples": samples,
            "batch_size": batch_size,
            "shuffle": checked_flag(shuffle, "shuffle"),
            "input_noise": noise,
            "optimizer": to_config(chosen_optimizer),
            "loss": to_config(chosen_loss),
            "callbacks": [type(callback).__name__ for callback in called],
        }
        unfinished = Unfinished(Position(), settings)
        if checked_flag(resume, "resume"):
            if self._unfinished is None:
                raise ValueError("resume must be False for a network that was not loaded from a checkpoint of a fit")
            unfinished = copying.deepcopy(self._unfinished)
            unfinished.check(settings)
        return Plan(
            data=data,
            validation=None,
            epochs=checked_integer(epochs, "epochs", lowest=0),
            batch_size=batch_size,
            loss=chosen_loss,
            optimizer=chosen_optimizer,
            shuffle=settings["shuffle"],
            input_noise=noise,
            callbacks=called,
            callback_states=unfinished.callbacks,
            position=unfinished.position,
            checkpoints=Checkpoints(checkpoint, checkpoint_every, settings),
            verbose=checked_integer(verbose, "verbose", lowest=0, highest=2),
        )


def _as_layers(
    layers: Sequence[int] | Sequence[Input | Layer], activation: str, output: str, **options: Any
) -> tuple[Input, list[Layer]]:
    items: list[Any] = list(layers)
    if items and all(not isinstance(item, (Input, Layer)) for item in items):
        sizes = [checked_integer(size, "layers", lowest=1, highest=2**31) for size in items]
        activations = [activation] * (len(sizes) - 2) + [output]
        items = [Input(sizes[0])]
        items += [Dense(units, f, **options) for units, f in zip(sizes[1:], activations, strict=False)]
    elif options["weights"] is not None or options["l1"] or options["l2"] or options["max_norm"] is not None:
        raise ValueError("weights, l1, l2 and max_norm go with a list of sizes; give them to the layers instead")
    if len(items) < 2 or not isinstance(items[0], Input):
        raise ValueError(f"layers must be sizes, or an Input and at least one layer behind it; got {layers!r}")
    rest: list[Layer] = []
    for item in items[1:]:
        if not isinstance(item, Layer):
            raise TypeError(f"layers must be Input and layers, or sizes; got {item!r}")
        rest.append(item)
    leaves = [leaf for layer in rest for leaf in layer._leaves()]
    for i, leaf in enumerate(leaves):
        if leaf._network is not None or any(leaf is other for other in leaves[:i]):
            raise ValueError(f"{leaf!r} is in a network already; a layer belongs to one place")
    for layer in rest[:-1]:
        if layer.activation == "softmax":
            raise ValueError("activation 'softmax' must be on the last layer")
    return items[0], rest
