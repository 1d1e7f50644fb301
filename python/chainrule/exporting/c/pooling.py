"""Pools over windows, and over all places."""

from __future__ import annotations

from collections.abc import Sequence

from ...layers.pooling import GlobalPool, Pool
from ...layers.windows import Window
from .convolution import WINDOW, windows_of
from .elementary import FLUSHED
from .function import Function
from .program import Routine, Value, code_of

_COVERED = Function(
    """
/* The first place that a window covers, and the one after the last. */
static size_t first_of(const window *axis, size_t output) {
  const size_t begin = output * axis->stride;
  return begin < axis->before ? 0 : begin - axis->before;
}

static size_t end_of(const window *axis, size_t output) {
  const size_t end = output * axis->stride + axis->size - axis->before;
  return end < axis->inputs ? end : axis->inputs;
}
""",
    (WINDOW,),
)

_LOOPS = """
/* $what of each channel over the places that each window covers */
static void $name(const real *x, const window *rows, const window *columns, size_t channels, real *restrict y) {
  for (size_t r = 0; r < rows->outputs; ++r) {
    for (size_t c = 0; c < columns->outputs; ++c, y += channels) {
      const size_t top = first_of(rows, r), bottom = end_of(rows, r);
      const size_t left = first_of(columns, c), right = end_of(columns, c);
      const real *first = x + (top * columns->inputs + left) * channels;
      for (size_t k = 0; k < channels; ++k) y[k] = $first;
      for (size_t i = top; i < bottom; ++i) {
        for (size_t j = left; j < right; ++j) {
          const real *from = x + (i * columns->inputs + j) * channels;
          for (size_t k = 0; k < channels; ++k) y[k] = $next;
        }
      }
$last    }
  }
}
"""


def _pool(name: str, what: str, first: str, following: str, last: str = "") -> str:
    places = {"$name": name, "$what": what, "$first": first, "$next": following, "$last": last}
    text = _LOOPS
    for place, words in places.items():
        text = text.replace(place, words)
    return text


_MAXIMUM = Function(
    _pool("max_pool", "The largest value", "first[k]", "from[k] > y[k] ? from[k] : y[k]"),
    (_COVERED,),
)

_MEAN = Function(
    _pool(
        "mean_pool",
        "The mean",
        "0",
        "flushed(y[k] + flushed(from[k]))",
        """      const real count = (real)((bottom - top) * (right - left));
      for (size_t k = 0; k < channels; ++k) y[k] = flushed(y[k] / count);
""",
    ).replace("      const real *first = x + (top * columns->inputs + left) * channels;\n", ""),
    (_COVERED, FLUSHED),
)


@code_of.register
def _(layer: Pool, routine: Routine, x: Value) -> Value:
    return _pooled(layer.maximum, layer.moves(layer.place.input_shape), layer.place.input_shape[-1], routine, x)


@code_of.register
def _(layer: GlobalPool, routine: Routine, x: Value) -> Value:
    shape = layer.place.input_shape
    return _pooled(layer.maximum, [Window(n, n, 1, 1, 0, 1) for n in shape[:-1]], shape[-1], routine, x)


def _pooled(maximum: bool, moves: Sequence[Window], channels: int, routine: Routine, x: Value) -> Value:
    routine.use(_MAXIMUM if maximum else _MEAN)
    size = channels
    for window in moves:
        size *= window.outputs
    y = routine.value(size)
    name = "max_pool" if maximum else "mean_pool"
    routine.run(f"{name}({x}, {windows_of(routine, moves)}, {channels}, {y});", values=[x, y])
    return y
