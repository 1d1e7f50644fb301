"""The C++ core: conversion and checks of shape and type happen at this border, everything else in C++.

Private: `chainrule.Network` and its neighbours are the public face. Arrays of samples (``X``, rows of targets) may be
uint8 (``X`` only: scaled by 1/255 while gathered), float32 or float64, of any strides, aligned and of native byte
order; they are read in place. Labels are contiguous int64.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

_Float = TypeVar("_Float", np.float32, np.float64)
# Sums over samples of weight, weighted loss and weighted metric.
Totals = tuple[float, float, float]

__version__: str

class Loss:
    """name: "mse", "mae", "huber", "log_cosh", "quantile", "poisson", "hinge", "gaussian_nll", "cross_entropy".

    quantiles: for "quantile" only, the outputs of the first quantile come first. function: for "function" only; it
    is called with (outputs, targets, weights, weights of steps or None) of some samples, and returns (losses,
    ∂E/∂outputs, metrics) of each.
    """

    def __init__(
        self,
        name: str,
        label_smoothing: float = 0.0,
        delta: float = 1.0,
        quantiles: Sequence[float] = (),
        function: Callable[..., tuple[NDArray[Any], NDArray[Any], NDArray[Any]]] | None = None,
    ) -> None: ...

class Optimizer:
    """rule: "sgd", "adagrad", "adadelta", "rmsprop", "adam", "nadam", "delta_bar_delta", "irprop".

    Each rule reads some of the settings; 0 is none: docs/formulas.md.
    """

    def __init__(
        self,
        rule: str,
        momentum: float = 0.0,
        nesterov: bool = False,
        beta1: float = 0.0,
        beta2: float = 0.0,
        rho: float = 0.0,
        epsilon: float = 0.0,
        weight_decay: float = 0.0,
        clip_norm: float = 0.0,
        clip_value: float = 0.0,
        increase: float = 0.0,
        decrease: float = 0.0,
        smoothing: float = 0.0,
        min_gain: float = 0.0,
        max_gain: float = 0.0,
        min_step: float = 0.0,
        max_step: float = 0.0,
    ) -> None: ...

class EpochOptions:
    """What all parts of an epoch have in common.

    rates: one learning rate per step of the epoch, ceil(samples / batch_size) of them.
    weight_decays: one weight decay per step; None: that of the optimiser in all of them.
    samples_of_ranks: how many samples each rank has of its own, of which those of this one are given; empty: all ranks
    are given the same ones.
    """

    def __init__(
        self,
        loss: Loss,
        optimizer: Optimizer,
        rates: NDArray[np.float64],
        batch_size: int,
        shuffle: bool,
        seed: int,
        epoch: int,
        input_noise: float = 0.0,
        weight_decays: NDArray[np.float64] | None = None,
        samples_of_ranks: Sequence[int] = (),
    ) -> None: ...

class _Ranks(Protocol):
    """The processes that train together: each call sends or fills the bytes of a memoryview."""

    rank: int
    size: int

    def receive_from_before(self, data: memoryview) -> None: ...
    def send_to_next(self, data: memoryview) -> None: ...
    def broadcast_from_last(self, data: memoryview) -> None: ...

class EpochPart:
    """Steps [first_step, last_step) of an epoch, to its end if last_step is None; the totals of the steps before.

    So many samples of the epoch came in batches before these data.
    """

    def __init__(
        self,
        first_step: int = 0,
        last_step: int | None = None,
        totals: Totals = (0.0, 0.0, 0.0),
        samples_before: int = 0,
    ) -> None: ...

# --- settings of layers: one class per kind

class ConvolutionAxis:
    def __init__(self, image: int, result: int, kernel: int, stride: int, dilation: int, before: int) -> None: ...

class PoolAxis:
    def __init__(self, inputs: int, outputs: int, window: int, stride: int, before: int) -> None: ...

class Slice:
    """A branch's outputs, (places, width), in those of the merge, (places, of)."""

    def __init__(self, places: int, first: int, width: int, of: int) -> None: ...

class RecurrentCell: ...

def lstm_cell(peepholes: bool, activation: str) -> RecurrentCell: ...
def gru_cell(reset_after: bool, activation: str) -> RecurrentCell: ...
def simple_cell(activation: str) -> RecurrentCell: ...

class ActivationSettings:
    def __init__(self, activation: str, places: int) -> None: ...

class BatchNormSettings:
    def __init__(self, features: int, momentum: float, epsilon: float) -> None: ...

class ConvolutionSettings:
    """From the image to the result; transposed: from the result to the image."""

    def __init__(
        self,
        rows: ConvolutionAxis,
        columns: ConvolutionAxis,
        image_channels: int,
        result_channels: int,
        groups: int,
        transposed: bool,
        activation: str,
        l1: float,
        l2: float,
        use_bias: bool,
    ) -> None: ...

class DenseSettings:
    """max_norm: 0 for none."""

    def __init__(self, units: int, activation: str, l1: float, l2: float, max_norm: float, use_bias: bool) -> None: ...

class DropoutSettings:
    """group: the number of last values that share one number, or all values of a sample."""

    def __init__(self, rate: float, group: int) -> None: ...

class EmbeddingSettings:
    def __init__(self, vocabulary: int, units: int, zero_is_missing: bool, l1: float, l2: float) -> None: ...

class ForkSettings:
    def __init__(self) -> None: ...

class GaussianNoiseSettings:
    def __init__(self, deviation: float) -> None: ...

class LayerNormSettings:
    def __init__(self, features: int, epsilon: float) -> None: ...

class MaskingSettings:
    def __init__(self, steps: int, value: float) -> None: ...

class MergeSettings:
    """One slice per branch. Sources: the last layers of the branches."""

    def __init__(self, slices: Sequence[Slice]) -> None: ...

class MixedActivationSettings:
    def __init__(self, features: int, activation: str) -> None: ...

class PeriodicSettings:
    """mixed: values of each feature in addition to itself, 1 to 7."""

    def __init__(self, waves: int, mixed: int) -> None: ...

class PiecewiseLinearSettings:
    """bins: of each feature."""

    def __init__(self, bins: list[int], units: int) -> None: ...

class PoolSettings:
    def __init__(self, rows: PoolAxis, columns: PoolAxis, channels: int, maximum: bool) -> None: ...

class RecallSettings:
    """size: of the fork, which is its source."""

    def __init__(self, size: int) -> None: ...

class RecurrentSettings:
    """directions: 1, or 2 for both. Source: a masking layer, or none."""

    def __init__(
        self,
        cell: RecurrentCell,
        steps: int,
        units: int,
        return_sequences: bool,
        directions: int,
        stateful: bool,
        dropout: float,
        recurrent_dropout: float,
        l1: float,
        l2: float,
    ) -> None: ...

class NormalizationSettings:
    def __init__(self, features: int) -> None: ...

class OneHotSettings:
    """codes: their number in each column."""

    def __init__(self, codes: list[int], zero_is_missing: bool) -> None: ...

class RescaleSettings:
    def __init__(self, features: int) -> None: ...

class SamplingSettings:
    def __init__(self, kl: float) -> None: ...

class RepeatSettings:
    def __init__(self, members: int) -> None: ...

class BatchEnsembleSettings:
    def __init__(self, members: int, units: int, activation: str, l1: float, l2: float) -> None: ...

class SeparateDenseSettings:
    def __init__(self, members: int, units: int, activation: str, l1: float, l2: float) -> None: ...

class ScaleSettings:
    def __init__(self, features: int) -> None: ...

class SelectSettings:
    def __init__(self, features: int, chosen: list[int]) -> None: ...

class StepwiseDenseSettings:
    def __init__(self, steps: int, units: int, activation: str, l1: float, l2: float, use_bias: bool) -> None: ...

class UpSampleSettings:
    def __init__(self, height: int, width: int, channels: int, down: int, right: int) -> None: ...

class ZeroPadSettings:
    def __init__(
        self, height: int, width: int, channels: int, top: int, bottom: int, left: int, right: int
    ) -> None: ...

LayerSettings = (
    ActivationSettings
    | BatchEnsembleSettings
    | BatchNormSettings
    | ConvolutionSettings
    | DenseSettings
    | DropoutSettings
    | EmbeddingSettings
    | ForkSettings
    | GaussianNoiseSettings
    | LayerNormSettings
    | MaskingSettings
    | MergeSettings
    | MixedActivationSettings
    | NormalizationSettings
    | OneHotSettings
    | PeriodicSettings
    | PiecewiseLinearSettings
    | PoolSettings
    | RecallSettings
    | RecurrentSettings
    | RescaleSettings
    | SamplingSettings
    | RepeatSettings
    | ScaleSettings
    | SelectSettings
    | SeparateDenseSettings
    | StepwiseDenseSettings
    | UpSampleSettings
    | ZeroPadSettings
)

class SparseMatrix:
    """Compressed sparse rows of samples, checked; indices and row_begins both int32 or both int64."""

    def __init__(self, data: NDArray[Any], indices: NDArray[Any], row_begins: NDArray[Any], columns: int) -> None: ...
    def __len__(self) -> int: ...
    @property
    def columns(self) -> int: ...

class _SamplePredictor:
    """Parameters that never change, for chainrule.inference; `address` is for its C functions."""

    @property
    def inputs(self) -> int: ...
    @property
    def outputs(self) -> int: ...
    @property
    def address(self) -> int: ...

class SamplePredictorFloat32(_SamplePredictor): ...
class SamplePredictorFloat64(_SamplePredictor): ...

class _Stepper(Generic[_Float]):
    def step(self, inputs: NDArray[_Float]) -> NDArray[_Float]: ...
    """(streams, inputs) to (streams, outputs), after all steps since the last reset."""
    def reset(self) -> None: ...
    def state(self) -> NDArray[_Float]: ...
    """(streams, values): what the layers carry, in their order."""
    def set_state(self, values: NDArray[_Float]) -> None: ...

class StepperFloat32(_Stepper[np.float32]): ...
class StepperFloat64(_Stepper[np.float64]): ...

# A capsule with the functions that chainrule.inference calls.
sample_functions: object

class _Network(Generic[_Float]):
    def __init__(self, inputs: int, mixed: bool = False) -> None: ...
    def add_layer(self, settings: LayerSettings, sources: Sequence[int] = ()) -> None: ...
    """A layer on top, which reads the outputs of the layers `sources` too. Parameters start at zero."""

    # --- parameters: plain matrices outside, packed panels inside; getters copy
    @property
    def parameter_count(self) -> int: ...
    def layer_parameters(self, layer: int) -> NDArray[_Float]: ...
    def set_layer_parameters(self, layer: int, values: NDArray[_Float]) -> None: ...
    """Flat: the layer's part of parameters()."""
    def layer_statistics(self, layer: int) -> NDArray[_Float]: ...
    def set_layer_statistics(self, layer: int, values: NDArray[_Float]) -> None: ...
    """Flat: what training gathers that no gradient changes, such as running means."""
    def parameters(self) -> NDArray[_Float]: ...
    """Flat: for each layer its arrays in their order, row by row; for Dense weights (inputs, units), then bias."""
    def set_parameters(self, values: NDArray[_Float]) -> None: ...
    def set_trainable(self, layer: int, trainable: bool) -> None: ...
    def set_penalties(self, layer: int, l1: float, l2: float) -> None: ...
    def set_schedule(self, layer: int, values: Sequence[float]) -> None: ...
    def set_factors(self, layer: int, rate: Sequence[float], decay: Sequence[float | None]) -> None: ...
    def needs_whole_batch(self, layer: int) -> bool: ...
    """Whether a training pass of the layer must not take a batch in parts."""

    # --- below fit: forward keeps what backward needs
    def penalty(self) -> float: ...
    def predict(self, X: NDArray[Any] | SparseMatrix) -> NDArray[_Float]: ...
    def predict_in_place(self, X: object) -> NDArray[_Float] | None: ...
    """None where X is no finite array (samples, inputs) that can be read as it is."""
    def predict_population(self, parameters: NDArray[Any], X: NDArray[Any] | SparseMatrix) -> NDArray[_Float]: ...
    """(members, samples, outputs), with each row of parameters, (members, parameter_count), in the place of its own."""
    def stepper(self, streams: int, carrying: int) -> StepperFloat32 | StepperFloat64: ...
    def sample_predictor(self) -> SamplePredictorFloat32 | SamplePredictorFloat64: ...
    def forward(self, X: NDArray[Any], training: bool = False, seed: int = 0, epoch: int = 0) -> NDArray[_Float]: ...
    def backward(self, output_gradient: NDArray[Any]) -> NDArray[_Float]: ...
    """From ∂E/∂a of the last layer: stores the gradients and returns ∂E/∂X. RuntimeError before any forward."""
    def flows(
        self, X: NDArray[Any], errors: NDArray[Any], from_pre_activations: bool
    ) -> list[tuple[NDArray[_Float], NDArray[_Float]]]: ...
    """(activations, deltas) of each layer, and nothing is kept; errors are ∂E/∂z of the last layer, or else ∂E/∂a."""
    def loss_and_gradient(
        self, X: NDArray[Any] | SparseMatrix, y: NDArray[Any], sample_weight: NDArray[np.float64] | None, loss: Loss
    ) -> float: ...
    """The objective (penalties included); stores activations, deltas and gradients (penalties' included)."""
    def gradients(self) -> NDArray[_Float]: ...
    """Flat, as parameters(). RuntimeError when there are none yet."""
    def pre_activations(self, layer: int) -> NDArray[_Float]: ...
    def activations(self, layer: int) -> NDArray[_Float]: ...
    def deltas(self, layer: int) -> NDArray[_Float]: ...
    """(samples, units) of the last forward / loss_and_gradient; RuntimeError when there was none."""
    def step(self, optimizer: Optimizer, rate: float) -> None: ...
    """One update from the stored gradients, as they are (clipping and max-norm apply)."""

    # --- training
    def train_epoch(
        self,
        X: NDArray[Any] | SparseMatrix,
        y: NDArray[Any],
        sample_weight: NDArray[np.float64] | None,
        options: EpochOptions,
        part: EpochPart = ...,
        poll: Callable[[int], Any] | None = None,
        ranks: _Ranks | None = None,
    ) -> tuple[int, Totals, int]:
        """One pass over the data with the GIL released, or a part of it.

        poll(steps of the epoch that are done) is called with the GIL about every 50 ms (signals are checked then, with
        or without poll); True from it, or an exception, stops the epoch after a whole step, and the exception is
        raised. Returns (steps done, totals, diverged): totals include those of the part; diverged is -1, or the step
        whose loss or weights stopped being finite, and then parameters and optimiser state are spoiled. y: labels
        (samples,) int64, or rows (samples, outputs). With ranks, this process trains on its share of each batch, and
        all of them end with the same parameters and totals.
        """

    def train_epochs(
        self,
        X: NDArray[Any] | SparseMatrix,
        y: NDArray[Any],
        sample_weight: NDArray[np.float64] | None,
        options: EpochOptions,
        epochs: int,
        ended: Callable[[list[tuple[int, Totals, int]]], Any],
        after_each: bool,
    ) -> None:
        """Make whole epochs with the GIL released, and save a snapshot before each.

        The options are those of the first epoch, with the rates and weight decays of the steps of all. ended(what
        `train_epoch` returns of each epoch since the last call) is called after each epoch, or about every 50 ms and at
        the end. It may use the network, and change it. True from it ends the epochs; so does an exception, which is
        raised. A diverged epoch is the last one, and the network is that from before it. An exception within an epoch,
        such as KeyboardInterrupt, leaves the network within that epoch, of which `ended` is not told.
        """

    def save_snapshot(self) -> None: ...
    def restore_snapshot(self) -> None: ...
    def drop_snapshot(self) -> None: ...
    """A snapshot of parameters, statistics and optimiser state. Dropping it frees the memory of epochs too."""

    def evaluate(
        self,
        X: NDArray[Any] | SparseMatrix,
        y: NDArray[Any],
        sample_weight: NDArray[np.float64] | None,
        loss: Loss,
        ranks: _Ranks | None = None,
        samples_of_ranks: Sequence[int] = (),
    ) -> tuple[float, float]: ...
    """(mean loss, mean metric). Ranks share the samples out, or each has its own; all of them have the result."""

    # --- optimiser state: kept between calls while the rule stays the same, else begun anew
    @property
    def optimizer_rule(self) -> str: ...
    """"" before the first step."""
    @property
    def optimizer_steps(self) -> int: ...
    def optimizer_state(self) -> dict[str, NDArray[_Float]]: ...
    """Flat arrays, laid out as parameters(): "velocity", "m", "v", …"""
    def set_optimizer_state(self, rule: str, steps: int, state: Mapping[str, NDArray[_Float]]) -> None: ...
    def reset_optimizer(self) -> None: ...

class NetworkFloat32(_Network[np.float32]): ...
class NetworkFloat64(_Network[np.float64]): ...

def all_finite(array: NDArray[Any], largest: float) -> bool:
    """Whether a float32 or float64 array (1-D or 2-D, any strides) has neither NaN nor infinity; no temporary.

    largest: that of the type which the numbers will be given, float32's or float64's.
    """

def random_words(seeds: NDArray[np.uint64], stream: int, count: int) -> NDArray[np.uint64]: ...
def warp(images: NDArray[Any], maps: NDArray[np.float64]) -> NDArray[Any]: ...
def shuffled_order(samples: int, seed: int, epoch: int, part: int = 0) -> NDArray[np.int64]: ...
def initial_weights(
    distribution: str, rows: int, columns: int, scale: float, seed: int, layer: int, part: int = 0
) -> NDArray[np.float64]:
    """(rows, columns): "normal", "uniform" or "orthogonal"; the scale is the standard deviation, bound, or gain."""

def set_isa(isa: str) -> None:
    """The kernels of this instruction set from now on; "": those chosen at import."""

def supported_isas() -> list[str]:
    """Best first."""

def fma_peak(dtype: str, threads: int) -> float:
    """GFLOP/s of independent fused multiply-adds, measured now."""

def set_num_threads(threads: int) -> None:
    """0: back to the default."""

def get_num_threads() -> int: ...
def limit_own_teams(threads: int) -> None:
    """Limit the threads that calls from this thread start; 0: no more than all may have."""

def set_work_per_thread(work: float) -> None:
    """For tests: multiply-adds of a step that are worth another thread."""

def set_team_sizes(sizes: str) -> None:
    """ "that pay"; for tests "as asked", even on fewer processors, or "random", changing from step to step."""

def build_info() -> dict[str, str]:
    """ "compiler", "isa", "openmp"."""
