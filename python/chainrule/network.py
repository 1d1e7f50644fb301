"""The network: a model that trains, and the doors to everything else."""

from __future__ import annotations

import logging
import os
import secrets
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ._checks import checked_integer
from .check import check
from .convertible import Convertible
from .diagnose import Diagnosis, diagnose
from .errors import ModelFileError
from .files import safetensors
from .function_loss import LossLike
from .history import History
from .initialize import initialize_from
from .layers.base import Layer
from .layers.given import as_layers
from .layers.input import Input
from .metrics import MetricLike
from .nodes import Network as NodesNetwork
from .optimizers import Optimizer
from .plot.networks import weights as plot_weights
from .prediction.folding import folded
from .prediction.stepper import Stepper
from .stack import Numbers
from .training.agreement import agreed
from .training.callbacks import CallbackLike
from .training.checkpoints import Unfinished
from .training.fitting import run, train_step
from .training.given import Given
from .training.plan import Options, check_loss, make_plan
from .training.ranks import Ranks
from .verification.report import Report
from .verification.table import as_table


class Network(Convertible):
    """A feed-forward neural network.

    Parameters
    ----------
    layers : sequence of int, or of Input and layers or sizes
        Sizes, such as ``[784, 300, 10]`` or ``[Input(784, scale=1 / 255), 300, 10]``; or layers, such as
        ``[Input(784), Dense(300, "relu"), Dense(10, "softmax")]``.
        Layers of another network are copied, with their parameters: ``[*other.truncated(6).layers, Dense(3)]``.
    activation, output : str
        With sizes: activation of the hidden layers and of the last one.
    weights : optional
        With sizes: the initial weights of all layers, as for `Dense`.
    l1, l2, max_norm : float
        With sizes: regularisation of all layers, as for `Dense`.
    dtype : {"float32", "float64"}
        Type of all numbers in the network.
    precision : {"full", "mixed"}
        "mixed": the factors of products, which are weights, activations and deltas, are rounded to bfloat16, and all
        else is float32: sums, weights, the optimiser. Fast on processors with a matrix unit, with the same bytes on all
        others; see docs/mixed_precision.md.
    seed : int, optional
        Of initial weights, shuffling and noise, 0 to 2⁶⁴ − 1; the same seed gives the same bytes. Drawn when not given.

    target_scale : "auto" or (mean, std), optional
        The unit in which numbers are learned: the network learns (y − mean) / std and predicts in the units of y, in
        files, steppers and folded networks too. "auto" takes both from the targets of the first fit, one for each
        output. Loss and metric in the history are in this unit. Needs a linear output and a loss of differences.

    Attributes
    ----------
    layers : tuple
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
        precision: str = "full",
        seed: int | None = None,
        target_scale: str | tuple[ArrayLike, ArrayLike] | None = None,
    ) -> None:
        first, rest = as_layers(layers, activation, output, weights=weights, l1=l1, l2=l2, max_norm=max_norm)
        seed = secrets.randbits(64) if seed is None else checked_integer(seed, "seed", lowest=0, highest=2**64 - 1)
        numbers = Numbers(dtype if isinstance(dtype, str) else str(np.dtype(dtype)), precision)
        self._build(first, rest, numbers, seed)
        for layer in rest:
            layer.start(seed)
        self.border = self.border.with_unit(target_scale)

    def _build(self, first: Input, rest: Sequence[Layer], numbers: Numbers, seed: int) -> None:
        super()._build(first, rest, numbers, seed)
        self._unfinished: Unfinished | None = None
        self._trainer = threading.RLock()

    def summary(self) -> str:
        """Print a table of layers, shapes and parameter counts, and return it."""
        rows = [("layer", "output", "activation", "parameters", "trainable")]
        first, *rest = self.shown_shapes
        rows.append(("Input", str(first), "", "0", ""))
        for layer, shape in zip(self.stack, rest, strict=True):
            count = layer.parameter_count
            trainable = ("yes" if layer.trainable else "no") if count else ""
            rows.append((type(layer).__name__, str(shape), layer.activation, f"{count:,}", trainable))
        text = f"{as_table(rows)}\n{self.parameter_count:,} parameters, {self.numbers}"
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
        loss: LossLike | None = None,
        validation_data: tuple[Any, ...] | None = None,
        validation_split: float = 0.0,
        sample_weight: ArrayLike | None = None,
        class_weight: Mapping[Any, float] | str | None = None,
        shuffle: bool = True,
        input_noise: float = 0.0,
        metrics: Iterable[MetricLike] | MetricLike = (),
        callbacks: Iterable[CallbackLike] | CallbackLike = (),
        keep: str = "last",
        checkpoint: str | PathLike[str] | None = None,
        checkpoint_every: int | str = 1,
        resume: bool = False,
        communicator: Any = None,
        data: str = "global",
        verbose: int = 1,
    ) -> History:
        """Train.

        Parameters
        ----------
        X : array (samples, inputs) or sparse matrix of SciPy
            float32 and float64 of any strides are read in place, batch by batch, and so are uint8 if the `Input` has
            the scale 1 / 255; CSR is never made dense. Many zeros make training faster. Without y, an iterable of
            batches (X, y) or (X, y, sample_weight), whose sequences may have other lengths from batch to batch after
            an `Input` of any number of steps, or a callable that returns one for each epoch: each batch is a
            step, and a thread fetches the next batch while the core trains.
        y : array (samples,) of labels, or (samples, outputs), or of the shape of the last layer
            For outputs at each step or pixel, labels are (samples, steps) or (samples, height, width).
            Integer labels 0 … outputs − 1 are one-hot encoded; with one sigmoid output and cross-entropy they are 0
            or 1.
        epochs : int
            Passes over the data.
        batch_size : int or "full"
            Samples per step; the last short batch is used.
        optimizer : Optimizer or str, optional
            Default: the optimiser of the previous `fit`, or `Adam()`. Passing equal settings keeps its state, other
            settings reset it.
        loss : Loss or str, or function of (outputs, targets) that returns (values, gradient), optional
            Default: the loss of the previous `fit`; at first cross-entropy for a softmax output or one sigmoid output,
            else mse. For a function see `FunctionLoss`; its gradient is checked by differences of its values for some
            samples, before the first step.
        validation_data : (X, y) or (X, y, sample_weight), optional
            Evaluated after each epoch; with `class_weight`, its samples have the same weights of classes.
        validation_split : float
            Share of the samples that is held back for validation, in [0, 1); the network's seed chooses them.
        sample_weight : array (samples,), or (samples, steps) or (samples, height, width) for such outputs, optional
            The loss of a batch is the weighted mean; a sample's weight is the mean over its steps. Steps that a mask
            marks as padding have the weight 0.
        class_weight : mapping of label to weight, or "balanced", optional
            Multiplied into the samples' weights.
        shuffle : bool
            Whether each epoch has a new order, drawn from the seed; must be False for stateful layers.
        input_noise : float
            Standard deviation of normal noise on the inputs, in training only.
        metrics : iterable, or a single one
            "r2", "rmse", or functions of (outputs, targets) that return a number, or one for each output. They are
            computed after each epoch for the samples and the validation data, and are in the history by their names,
            with ``name[i]`` for each of several outputs. A name that the loss brings, "accuracy" or "mae", is allowed.
        callbacks : iterable, or a single one
            `Callback` objects, or functions of (network, epoch, metrics); a function that returns True stops.
        keep : {"last", "best"} or a metric
            Whose parameters and statistics the network has after the fit, also after Ctrl-C: those of the last epoch,
            or of the one with the best "val_loss"; or that metric of the validation data, such as "val_accuracy", of
            which the package knows whether it shall be large. Of equal epochs the latest is kept, and the last one
            where each value is NaN. `history.restored_epoch` tells which it was. It goes before `EarlyStopping`.
        checkpoint : str or path, optional
            A model file, written atomically, from which `load` and `resume` continue an interrupted fit.
        checkpoint_every : int or str
            Epochs, or like "500 steps" or "30 seconds"; the end of the fit is always written.
        resume : bool
            Resume the interrupted fit stored in the checkpoint that this network was loaded from. Data and settings
            must be the same; `epochs`, and the callbacks' numbers of epochs, count from the beginning of that fit.
        communicator : mpi4py.MPI.Comm or Communicator, optional
            Of processes that call `fit` together with the same arguments, such as ``MPI.COMM_WORLD``: each trains on
            its share of every batch, and all of them end with the bytes of one process. The first one alone prints,
            logs, writes files and calls the callbacks. See docs/many_machines.md.
        data : {"global", "local"}
            "local": each rank of the communicator is given samples of its own, also as validation data, which no other
            rank has; `chainrule.communicators.order_of_epoch` tells their order. "global": all are given the same ones.
        verbose : {0, 1, 2}
            0: nothing; 1: a progress bar in a terminal or notebook, else a line per epoch; 2: a line per epoch. All is
            written to standard error.

        Returns
        -------
        History
            The network's history: loss (without penalties) and metric by epoch, of this call and those before.

        Raises
        ------
        ValueError, TypeError
            For arguments that cannot be used, before anything is changed.
        DivergedError
            When loss or weights stop being finite; the weights are those from before that epoch, or those to `keep`.
        OSError
            When a checkpoint cannot be written; the checkpoint from before is whole, and so is the network.
        RuntimeError
            When another thread trains the network.
        RankError
            When the fit has failed on another rank of the communicator.

        Warns
        -----
        ChainruleWarning
            Before a network is first trained, if some samples show that it will hardly learn: units that are all
            saturated or dead, gradients that vanish or explode, labels that do not go with the outputs. See `diagnose`.
        """
        given = Given(X, y, sample_weight, class_weight, validation_data, validation_split)
        options = Options(
            epochs=epochs, batch_size=batch_size, optimizer=optimizer, loss=loss, shuffle=shuffle,
            input_noise=input_noise, metrics=metrics, callbacks=callbacks, keep=keep, checkpoint=checkpoint,
            checkpoint_every=checkpoint_every, resume=resume, verbose=verbose,
        )  # fmt: skip
        with Ranks(communicator) as ranks, ExitStack() as training:
            ranks.agree_on(data)
            with ranks.together():
                plan = make_plan(self, given, options, self._unfinished, ranks)
                training.enter_context(self._exclusive())
            ranks.check_same(lambda: agreed(self, plan))
            self._unfinished = None
            begin, of = plan.position.epoch + 1, (plan.optimizer, plan.loss)
            ranks.log(logging.INFO, "fit of %r, epochs %d to %d: %r, %r", self, begin, plan.epochs, *of)
            with ranks.noting_interrupts():
                run(self, plan)
            ended = plan.position.epoch
            ranks.log(logging.INFO, "fit ended after epoch %d of %d: %r", ended, plan.epochs, self.history)
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
        loss: LossLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> dict[str, float]:
        """Make one step on all samples given; return loss and metric from before the step.

        Examples
        --------
        >>> import numpy as np, chainrule as cr
        >>> net = cr.Network([1, 1], seed=0, weights=0.0)
        >>> net.train_on_batch(np.ones((4, 1)), np.ones(4), optimizer=cr.SGD(0.5))
        {'loss': 0.5, 'mae': 1.0}
        """
        chosen = self.chosen_loss(loss)
        data = self.border.batches(X, y, sample_weight, loss=chosen)
        with self._exclusive():
            if chosen != self.loss:
                check_loss(self, chosen, data)
            return train_step(self, data, self.chosen_optimizer(optimizer), chosen)

    @contextmanager
    def _exclusive(self) -> Iterator[None]:
        """Keep other threads from training; callbacks, which run in the same thread, may."""
        if not self._trainer.acquire(blocking=False):
            raise RuntimeError("the network is being trained by another thread")
        outer, self.training_thread = self.training_thread, threading.get_ident()
        try:
            yield
        finally:
            self.training_thread = outer
            self._trainer.release()

    # --- using

    def folded(self) -> Network:
        """Return a network that predicts the same up to rounding, with fewer layers.

        In prediction, `BatchNorm`, `Scale`, `Normalization` and `Rescale` are affine maps of each feature. After
        `Dense`, `Conv1D`, `Conv2D` or `Conv2DTranspose` with activation "identity", or before a `Dense`, they are
        merged into its weights and bias, and an `Activation` after it becomes its own (Jacob et al. 2018, section 3.2).
        `Dropout` and `GaussianNoise` are left out. All else stays, in `Residual` and `Concatenate` too. The network
        itself is not changed; the new one has no optimiser state, and would learn as one without normalisation.

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
        (Input(4), Dense(8, activation='relu'), Dense(2, activation='softmax'))
        >>> np.allclose(net.folded().predict(X), net.predict(X), atol=1e-6)
        True
        """
        return folded(self)

    def stepper(self, streams: int = 1) -> Stepper:
        """Return a copy that reads sequences one step at a time: see `chainrule.Stepper`."""
        return Stepper(self, streams)

    def check(self, X: ArrayLike, y: ArrayLike, **options: Any) -> Report:
        """Compare the core with the reference, the object model and central differences: see `chainrule.check`."""
        return check(self, X, y, **options)

    def diagnose(self, X: ArrayLike, y: ArrayLike, *, loss: LossLike | None = None) -> Diagnosis:
        """Show what the samples do in each layer, and what to try: see `chainrule.diagnose`."""
        return diagnose(self, X, y, loss=loss)

    def initialize_from(self, X: ArrayLike, *, seed: int | np.random.Generator | None = None) -> None:
        """Draw weights so that each pre-activation has the variance 1 over samples: see `chainrule.initialize`.

        Parameters
        ----------
        X : array (samples, inputs)
            As for `fit`.
        seed : int or numpy.random.Generator, optional
            By default the network's.
        """
        with self._exclusive():
            initialize_from(self, X, seed=seed)

    def plot_weights(self, layer: int = 1, **options: Any) -> Any:
        """Draw the weights of a layer (needs the extra `plot`): see `chainrule.plot.weights`."""
        return plot_weights(self, layer, **options)

    # --- keeping

    def save(self, path: str | PathLike[str]) -> None:
        """Write weights, architecture, optimiser state, random state and history into one safetensors file.

        The file is complete or not there: it is written next to its place, synced, and renamed.

        Parameters
        ----------
        path : str or path
            Its folder must exist. The ending is the user's choice; ".safetensors" says what it is.

        Raises
        ------
        OSError
            When the file cannot be written; one that was there before is left as it was.
        """
        safetensors.write(Path(os.fsdecode(path)), *self.describe())

    @classmethod
    def from_nodes(cls, nodes: NodesNetwork) -> Network:
        """Return a network of float64 with the sizes and weights of an object model, `chainrule.nodes.Network`."""
        network = cls(nodes.sizes, activation="sigmoid", output="sigmoid", dtype="float64", seed=0)
        network.parameters = nodes.flat(connection.weight for connection in nodes.connections)
        return network


def load(path: str | PathLike[str]) -> Network:
    """Read a network from a file that `Network.save` or a checkpoint of `Network.fit` wrote.

    Parameters
    ----------
    path : str or path

    Raises
    ------
    FileNotFoundError
        When there is no such file.
    ModelFileError
        When the file is truncated, foreign, or does not fit what it says of itself.

    Examples
    --------
    >>> import tempfile, pathlib, chainrule as cr
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder) / "net.safetensors"
    ...     cr.Network([4, 3, 2], seed=0).save(path)
    ...     cr.load(path)
    Network([4, 3, 2], 23 parameters, float32, seed=0)
    """
    file = Path(os.fsdecode(path))
    with safetensors.whole_model(file):
        description, tensors = safetensors.read(file)
        if "estimator" in description:
            raise ModelFileError(f"{file} is an estimator for tables; read it with chainrule.tabular.load")
        if "ensemble" in description:
            raise ModelFileError(f"{file} is an ensemble; read it with chainrule.Ensemble.load")
        unfinished = Unfinished.taken_from(description, tensors)
        network = Network.__new__(Network)
        network.restore(description, tensors)
        network._unfinished = unfinished
    return network
