"""Codes as flags."""

from __future__ import annotations

from ...layers.columns import OneHot
from .embedding import CODE
from .function import Function
from .program import Routine, Value, code_of

_FLAGS = Function(
    """
/* For each column a flag for each of its codes, without the first ones; the flags are zero before. */
static void set_flags(const real *x, size_t columns, const uint32_t *codes, size_t without, real *flags) {
  for (size_t column = 0; column < columns; ++column) {
    const size_t number = code(x[column], codes[column]);
    if (number >= without) flags[number - without] = 1;
    flags += codes[column] - without;
  }
}
""",
    (CODE,),
)


@code_of.register
def _(layer: OneHot, routine: Routine, x: Value) -> Value:
    routine.use(_FLAGS)
    (size,) = layer.output_shape(layer.place.input_shape)
    flags = routine.value(size)
    routine.zero(flags)
    codes, without = routine.whole("codes", layer.codes), int(layer.zero_is_missing)
    routine.run(f"set_flags({x}, {len(layer.codes)}, {codes}, {without}, {flags});", values=[x, flags])
    return flags
