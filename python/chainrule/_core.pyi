"""The C++ core: conversion and checks of shape and type happen at this border, everything else in C++.

Private: `chainrule.Network` and its neighbours are the public face. Arrays of samples (``X``, rows of targets) may be
uint8 (``X`` only: scaled by 1/255 while gathered), float32 or float64, of any strides, aligned and of native byte
order; they are read in place. Labels are contiguous int64.
"""

from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

_Float = TypeVar("_Float", np.float32, np.float64)
# Sums over samples of weight, weighted loss and weighted metric.
Totals = tuple[float, float, float]

__version__: str

class Loss:
    """name: "mse", "mae", "huber", "poisson", "hinge", "gaussian_nll", "cross_entropy"."""

    def __init__(self, name: str, label_smoothing: float = 0.0, delta: float = 1.0) -> None: ...

class Optimizer:
    """rule: "sgd", "adagrad", "adadelta", "rmsprop", "adam", "nadam", "delta_bar_delta", "irprop".

    settings: any of momentum, nesterov (0 or 1), beta1, beta2, rho, epsilon, weight_decay (decoupled), clip_norm,
    clip_value (0: none), increase, decrease, smoothing, min_gain, max_gain, min_step, max_step: docs/formulas.md.
    """

    def __init__(self, rule: str, settings: Mapping[str, float]) -> None: ...

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
    """(streams, inputs) to (streams, outputs), behind all steps since the last reset."""
    def reset(self) -> None: ...

class StepperFloat32(_Stepper[np.float32]): ...
class StepperFloat64(_Stepper[np.float64]): ...

# A capsule with the functions that chainrule.inference calls.
sample_functions: object

class _Network(Generic[_Float]):
    def __init__(self, inputs: int) -> None: ...
    def add_layer(self, kind: str, activation: str, numbers: Mapping[str, float]) -> None: ...
    """kind: the name of the Python class; numbers: what it says of itself. Parameters start at zero."""

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

    # --- below fit: forward keeps what backward needs
    def penalty(self) -> float: ...
    def predict(self, X: NDArray[Any] | SparseMatrix) -> NDArray[_Float]: ...
    def predict_in_place(self, X: object) -> NDArray[_Float] | None: ...
    """None where X is no finite array (samples, inputs) that can be read as it is."""
    def predict_population(self, parameters: NDArray[Any], X: NDArray[Any] | SparseMatrix) -> NDArray[_Float]: ...
    """(members, samples, outputs), with each row of parameters, (members, parameter_count), in the place of its own."""
    def stepper(self, streams: int) -> StepperFloat32 | StepperFloat64: ...
    def sample_predictor(self) -> SamplePredictorFloat32 | SamplePredictorFloat64: ...
    def forward(self, X: NDArray[Any], training: bool = False, seed: int = 0, epoch: int = 0) -> NDArray[_Float]: ...
    def backward(self, output_gradient: NDArray[Any]) -> NDArray[_Float]: ...
    """From ∂E/∂a of the last layer: stores the gradients and returns ∂E/∂X. RuntimeError before any forward."""
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
        batch_size: int,
        shuffle: bool,
        seed: int,
        epoch: int,
        loss: Loss,
        optimizer: Optimizer,
        rates: NDArray[np.float64],
        input_noise: float,
        poll: Callable[[int], Any] | None,
        first_step: int = 0,
        last_step: int | None = None,
        totals: Totals = (0.0, 0.0, 0.0),
    ) -> tuple[int, Totals, int]:
        """One pass over the data with the GIL released, or its steps from first_step to before last_step.

        rates: one learning rate a step of the epoch, ceil(samples / batch_size) of them. poll(steps of the epoch that
        are done) is called with the GIL about every 50 ms (signals are checked then, with or without poll); True from
        it, or an exception, stops the epoch after a whole step, and an exception comes out of here. Returns (steps
        done, totals, diverged): totals go on from those that came with the steps before; diverged is -1, or the step
        whose loss or weights stopped being finite, and then parameters and optimiser state are spoiled. y: labels
        (samples,) int64, or rows (samples, outputs).
        """

    def remember(self) -> None: ...
    def go_back(self) -> None: ...
    def forget(self) -> None: ...
    """Keeps parameters, statistics and optimiser state; returns to them; gives their memory back."""

    def evaluate(
        self, X: NDArray[Any] | SparseMatrix, y: NDArray[Any], sample_weight: NDArray[np.float64] | None, loss: Loss
    ) -> tuple[float, float]: ...
    """(mean loss, mean metric)."""

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

def shuffled_order(samples: int, seed: int, epoch: int) -> NDArray[np.int64]: ...
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
def set_work_per_thread(work: float) -> None:
    """For tests: multiply-adds of a step that are worth another thread."""

def build_info() -> dict[str, str]:
    """ "compiler", "isa", "openmp"."""
