"""Layers that make images larger."""

from __future__ import annotations

import math

from ...layers.resizing import UpSample2D, ZeroPad2D
from ...layers.windows import of_axis
from .function import Function
from .program import Routine, Value, code_of

_PAD = Function("""
/* Copies the rows of an image to their places in a larger one, which is zero. */
static void put_inside(const real *x, size_t height, size_t row, size_t first, size_t row_after, real *y) {
  for (size_t r = 0; r < height; ++r) {
    for (size_t k = 0; k < row; ++k) y[first + r * row_after + k] = x[r * row + k];
  }
}
""")

_UPSAMPLE = Function("""
/* Repeats each place of an image down and to the right. */
static void repeat_places(const real *x, size_t height, size_t width, size_t channels, size_t down, size_t right,
                          real *y) {
  for (size_t r = 0; r < height * down; ++r) {
    for (size_t c = 0; c < width * right; ++c, y += channels) {
      const real *from = x + (r / down * width + c / right) * channels;
      for (size_t k = 0; k < channels; ++k) y[k] = from[k];
    }
  }
}
""")


@code_of.register
def _(layer: ZeroPad2D, routine: Routine, x: Value) -> Value:
    height, width, channels = layer.place.input_shape
    after = layer.output_shape(layer.place.input_shape)
    (top, _), (left, _) = layer.borders
    routine.use(_PAD)
    y = routine.value(math.prod(after))
    routine.zero(y)
    row, row_after = width * channels, after[1] * channels
    first = top * row_after + left * channels
    routine.run(f"put_inside({x}, {height}, {row}, {first}, {row_after}, {y});", values=[x, y])
    return y


@code_of.register
def _(layer: UpSample2D, routine: Routine, x: Value) -> Value:
    height, width, channels = layer.place.input_shape
    down, right = of_axis(layer.size, 0), of_axis(layer.size, 1)
    routine.use(_UPSAMPLE)
    y = routine.value(x.size * down * right)
    routine.run(f"repeat_places({x}, {height}, {width}, {channels}, {down}, {right}, {y});", values=[x, y])
    return y
