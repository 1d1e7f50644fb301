"""Convolutions over images and signals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...layers.convolution import Conv1D, Conv2DTranspose, Convolution, Correlation
from ...layers.windows import Window, rows_and_columns
from .activation import activate
from .dense import ADD_PRODUCTS, START
from .function import Function
from .program import COPY, Constant, Routine, Value, code_of

WINDOW = Function("""
/* Windows that move along an axis: its size, theirs, how they move, zeros before the axis, and their number. */
typedef struct {
  size_t inputs, size, stride, dilation, before, outputs;
} window;
""")

# The inputs of a row of a window are next to each other.
_CONVOLVE = Function(
    """
/* z = bias + sum over the rows, columns and channels of each window, in this order */
static void convolve(const real *x, const window *rows, const window *columns, size_t channels,
                     WEIGHTS(weights), const real *bias, size_t filters, real *z) {
  const size_t row_size = columns->size * channels * filters;
  for (size_t r = 0; r < rows->outputs; ++r) {
    for (size_t c = 0; c < columns->outputs; ++c, z += filters) {
      const size_t left = c * columns->stride, end = columns->before + columns->inputs;
      const size_t first = left < columns->before ? columns->before - left : 0;
      const size_t last = left + columns->size > end ? end - left : columns->size;
      start(bias, filters, z);
      for (size_t ky = 0; ky < rows->size && first < last; ++ky) {
        const size_t y = r * rows->stride + ky * rows->dilation;
        if (y < rows->before || y - rows->before >= rows->inputs) continue;
        const real *from = x + ((y - rows->before) * columns->inputs + left + first - columns->before) * channels;
        const size_t at = ky * row_size + first * channels * filters;
        add_products(from, (last - first) * channels, PASSED(weights, at, 0), filters, z, filters);
      }
    }
  }
}
""",
    (WINDOW, START, ADD_PRODUCTS),
)

_CONVOLVE_APART = Function(
    """
/* The same for windows with gaps, and for groups of channels that have filters of their own. */
static void convolve_apart(const real *x, const window *rows, const window *columns, size_t channels, size_t groups,
                           WEIGHTS(weights), const real *bias, size_t filters, real *z) {
  const size_t inputs = channels / groups, outputs = filters / groups;
  for (size_t r = 0; r < rows->outputs; ++r) {
    for (size_t c = 0; c < columns->outputs; ++c, z += filters) {
      start(bias, filters, z);
      for (size_t ky = 0; ky < rows->size; ++ky) {
        const size_t y = r * rows->stride + ky * rows->dilation;
        if (y < rows->before || y - rows->before >= rows->inputs) continue;
        for (size_t kx = 0; kx < columns->size; ++kx) {
          const size_t left = c * columns->stride + kx * columns->dilation;
          if (left < columns->before || left - columns->before >= columns->inputs) continue;
          const real *from = x + ((y - rows->before) * columns->inputs + left - columns->before) * channels;
          const size_t at = (ky * columns->size + kx) * inputs * filters;
          if (inputs == 1 && outputs == 1) {
            for (size_t k = 0; k < filters; ++k) z[k] = fma(from[k], WEIGHT(weights, at, k), z[k]);
            continue;
          }
          for (size_t g = 0; g < groups; ++g) {
            const size_t to = g * outputs;
            add_products(from + g * inputs, inputs, PASSED(weights, at + to, to), filters, z + to, outputs);
          }
        }
      }
    }
  }
}
""",
    (WINDOW, START, ADD_PRODUCTS),
)

_CONVOLVE_BACK = Function(
    """
/* The transposed convolution: z = bias + sum over the windows that reach each place of the result. */
static void convolve_back(const real *x, const window *rows, const window *columns, size_t channels,
                          WEIGHTS(weights), const real *bias, size_t filters, real *z) {
  for (size_t r = 0; r < rows->inputs; ++r) {
    for (size_t c = 0; c < columns->inputs; ++c, z += filters) {
      start(bias, filters, z);
      for (size_t ky = 0; ky < rows->size; ++ky) {
        const size_t down = r + rows->before - ky, y = down / rows->stride;
        if (r + rows->before < ky || down % rows->stride != 0 || y >= rows->outputs) continue;
        for (size_t kx = 0; kx < columns->size; ++kx) {
          const size_t right = c + columns->before - kx, place = right / columns->stride;
          if (c + columns->before < kx || right % columns->stride != 0 || place >= columns->outputs) continue;
          const size_t at = (ky * columns->size + kx) * channels * filters;
          add_products(x + (y * columns->outputs + place) * channels, channels, PASSED(weights, at, 0), filters, z,
                       filters);
        }
      }
    }
  }
}
""",
    (WINDOW, START, ADD_PRODUCTS),
)

_REMEMBER = Function("""
/* Moves the last steps to the beginning, where they are what comes before the next one. */
static void remember(const real *steps, size_t size, size_t kept, real *past) {
  for (size_t k = 0; k < kept; ++k) past[k] = steps[size - kept + k];
}
""")


def windows_of(routine: Routine, moves: Sequence[Window]) -> str:
    """Return the windows of an image or signal as arguments: those of its rows and of its columns."""
    routine.use(WINDOW)
    names: list[Constant] = []
    for role, move in zip(("rows", "columns"), rows_and_columns(moves), strict=True):
        sizes = np.array([move.inputs, move.size, move.stride, move.dilation, move.before, move.outputs], np.int64)
        names.append(routine.unit.constant(f"{routine.scope}_{role}", "window", sizes))
    return ", ".join(f"&{name}" for name in names)


@code_of.register
def _(layer: Correlation, routine: Routine, x: Value) -> Value:
    return _correlated(layer, layer.moves(layer.place.input_shape), routine, x)


@code_of.register
def _(layer: Conv1D, routine: Routine, x: Value) -> Value:
    shape = layer.place.input_shape
    (window,) = layer.moves(shape)
    if not routine.carries or window.reach == 0:
        return _correlated(layer, [window], routine, x)
    # One step arrives after those that the window reaches back to.
    channels = shape[-1]
    past = routine.carried("inputs", window.reach * channels)
    steps = routine.value(past.size + channels, "steps")
    routine.use(COPY, _REMEMBER)
    routine.run(
        f"copy({past}, {past.size}, {steps});",
        f"copy({x}, {channels}, {steps} + {past.size});",
        f"remember({steps}, {steps.size}, {past.size}, {past});",
        values=[x, steps],
    )
    alone = Window(window.reach + 1, window.size, 1, window.dilation, 0, 1)
    return _correlated(layer, [alone], routine, steps)


def _correlated(layer: Correlation, moves: Sequence[Window], routine: Routine, x: Value) -> Value:
    channels = layer.place.input_shape[-1]
    _, columns = rows_and_columns(moves)
    apart = layer.groups > 1 or columns.dilation > 1
    routine.use(_CONVOLVE_APART if apart else _CONVOLVE)
    call = f"convolve_apart({x}, {{}}, {channels}, {layer.groups}" if apart else f"convolve({x}, {{}}, {channels}"
    outputs = layer.filters
    for window in moves:
        outputs *= window.outputs
    return _convolved(layer, routine, x, call.format(windows_of(routine, moves)), layer.weights, outputs)


@code_of.register
def _(layer: Conv2DTranspose, routine: Routine, x: Value) -> Value:
    shape = layer.place.input_shape
    moves = layer.moves(shape)
    routine.use(_CONVOLVE_BACK)
    call = f"convolve_back({x}, {windows_of(routine, moves)}, {shape[-1]}"
    outputs = moves[0].inputs * moves[1].inputs * layer.filters
    # (height, width, filters, channels): the filters come last, as in other convolutions.
    weights = np.ascontiguousarray(layer.weights.transpose(0, 1, 3, 2))
    return _convolved(layer, routine, x, call, weights, outputs)


def _convolved(layer: Convolution, routine: Routine, x: Value, call: str, weights: NDArray[Any], outputs: int) -> Value:
    z = routine.value(outputs)
    bias = routine.numbers("bias", layer.bias) if layer.use_bias else "NULL"
    stored = routine.factors("weights", weights)
    routine.run(f"{call}, {stored}, {bias}, {layer.filters}, {z});", values=[x, z])
    activate(routine, layer.activation, z, layer.filters)
    return z
