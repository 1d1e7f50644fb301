"""Convolutions over images and signals."""

from __future__ import annotations

import itertools
import math
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

# In mixed precision, products are divided into blocks, which begin with a window. It is copied, with zeros for what is
# outside of the signal.
_MULTIPLY_WINDOWS = Function(
    """
/* z = bias + each window, with its rows, columns and channels in this order, times the filters of its group */
static void multiply_windows(const real *x, const window *rows, const window *columns, size_t channels, size_t groups,
                             WEIGHTS(weights), const real *bias, size_t filters, real *values, real *z) {
  const size_t inputs = channels / groups, outputs = filters / groups;
  for (size_t r = 0; r < rows->outputs; ++r) {
    for (size_t c = 0; c < columns->outputs; ++c, z += filters) {
      start(bias, filters, z);
      for (size_t g = 0; g < groups; ++g) {
        size_t count = 0;
        for (size_t ky = 0; ky < rows->size; ++ky) {
          const size_t y = r * rows->stride + ky * rows->dilation - rows->before;
          for (size_t kx = 0; kx < columns->size; ++kx) {
            const size_t at = c * columns->stride + kx * columns->dilation - columns->before;
            const int inside = y < rows->inputs && at < columns->inputs;
            const real *from = inside ? x + (y * columns->inputs + at) * channels + g * inputs : x;
            for (size_t k = 0; k < inputs; ++k) values[count++] = inside ? from[k] : 0;
          }
        }
        add_products(values, count, PASSED(weights, g * outputs, g * outputs), filters, z + g * outputs, outputs);
      }
    }
  }
}
""",
    (WINDOW, START, ADD_PRODUCTS),
)

# The elements of a kernel that meet a place are those of its remainder by the stride; the last ones meet it first.
_MULTIPLY_WINDOWS_BACK = Function(
    """
/* How many elements of windows meet the places of a remainder by their stride */
static size_t elements_of(const window *axis, size_t remainder) {
  return remainder < axis->size ? (axis->size - remainder - 1) / axis->stride + 1 : 0;
}

/* How many meet those of smaller remainders */
static size_t elements_before(const window *axis, size_t remainder) {
  size_t count = 0;
  for (size_t k = 0; k < remainder; ++k) count += elements_of(axis, k);
  return count;
}

/* The transposed convolution: z = bias + what each place meets times the filters of these elements */
static void multiply_windows_back(const real *x, const window *rows, const window *columns, size_t channels,
                                  WEIGHTS(weights), const real *bias, size_t filters, real *values, real *z) {
  for (size_t r = 0; r < rows->inputs; ++r) {
    for (size_t c = 0; c < columns->inputs; ++c, z += filters) {
      const size_t down = (r + rows->before) % rows->stride, right = (c + columns->before) % columns->stride;
      const size_t height = elements_of(rows, down), width = elements_of(columns, right);
      const size_t first = elements_before(rows, down) * columns->size + height * elements_before(columns, right);
      size_t count = 0;
      for (size_t i = 1; i <= height; ++i) {
        const size_t y = (r + rows->before) / rows->stride - height + i;
        for (size_t j = 1; j <= width; ++j) {
          const size_t at = (c + columns->before) / columns->stride - width + j;
          const int inside = y < rows->outputs && at < columns->outputs;
          const real *from = inside ? x + (y * columns->outputs + at) * channels : x;
          for (size_t k = 0; k < channels; ++k) values[count++] = inside ? from[k] : 0;
        }
      }
      start(bias, filters, z);
      add_products(values, count, PASSED(weights, first * channels * filters, 0), filters, z, filters);
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
    each_channel = 1 < layer.groups == channels == layer.filters
    if routine.unit.rounds_factors and not each_channel:
        return _multiplied(layer, moves, routine, x)
    apart = layer.groups > 1 or columns.dilation > 1
    routine.use(_CONVOLVE_APART if apart else _CONVOLVE)
    call = f"convolve_apart({x}, {{}}, {channels}, {layer.groups}" if apart else f"convolve({x}, {{}}, {channels}"
    return _convolved(layer, routine, x, call.format(windows_of(routine, moves)), layer.weights, _outputs(layer, moves))


def _outputs(layer: Correlation, moves: Sequence[Window]) -> int:
    return layer.filters * math.prod(window.outputs for window in moves)


def _multiplied(layer: Correlation, moves: Sequence[Window], routine: Routine, x: Value) -> Value:
    channels = layer.place.input_shape[-1]
    routine.use(_MULTIPLY_WINDOWS)
    values = routine.value(math.prod(layer.weights.shape[:-1]), "window")
    call = f"multiply_windows({x}, {windows_of(routine, moves)}, {channels}, {layer.groups}"
    return _convolved(layer, routine, x, call, layer.weights, _outputs(layer, moves), values)


@code_of.register
def _(layer: Conv2DTranspose, routine: Routine, x: Value) -> Value:
    shape = layer.place.input_shape
    moves = layer.moves(shape)
    outputs = moves[0].inputs * moves[1].inputs * layer.filters
    given = f"{x}, {windows_of(routine, moves)}, {shape[-1]}"
    # (height, width, filters, channels): the filters come last, as in other convolutions.
    weights = np.ascontiguousarray(layer.weights.transpose(0, 1, 3, 2))
    if not routine.unit.rounds_factors:
        routine.use(_CONVOLVE_BACK)
        return _convolved(layer, routine, x, f"convolve_back({given}", weights, outputs)
    routine.use(_MULTIPLY_WINDOWS_BACK)
    values = routine.value(math.prod(weights.shape[:-1]), "window")
    by_remainder = [_by_remainder(window) for window in moves]
    parts = [
        weights[np.ix_(*elements)].reshape(-1, *weights.shape[2:]) for elements in itertools.product(*by_remainder)
    ]
    call = f"multiply_windows_back({given}"
    return _convolved(layer, routine, x, call, np.concatenate(parts), outputs, values)


def _by_remainder(window: Window) -> list[NDArray[np.intp]]:
    """Return the elements of a kernel by their remainder of the stride, the last ones first."""
    return [np.arange(first, window.size, window.stride)[::-1] for first in range(window.stride)]


def _convolved(
    layer: Convolution,
    routine: Routine,
    x: Value,
    call: str,
    weights: NDArray[Any],
    outputs: int,
    window: Value | None = None,
) -> Value:
    z = routine.value(outputs)
    bias = routine.numbers("bias", layer.bias) if layer.use_bias else "NULL"
    # Where nothing is copied to a window, nothing is rounded.
    stored = (routine.weights if window is None else routine.factors)("weights", weights)
    written = [z] if window is None else [window, z]
    arguments = ", ".join(map(str, [stored, bias, layer.filters, *written]))
    routine.run(f"{call}, {arguments});", values=[x, *written])
    activate(routine, layer.activation, z, layer.filters)
    return z
