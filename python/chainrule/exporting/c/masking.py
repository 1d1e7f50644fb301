"""Steps that are padding, wherever they are."""

from __future__ import annotations

from ...layers.masking import Masking
from .elementary import FLUSHED
from .function import Function, numbers
from .program import Routine, Value, code_of

_FIND = Function(
    """
/* The number of steps that are not padding, whose features all have one value, and then these steps. */
static void find_steps(const real *x, size_t steps, size_t features, real padding, real *found) {
  size_t count = 0;
  for (size_t step = 0; step < steps; ++step) {
    for (size_t k = 0; k < features; ++k) {
      if (flushed(x[step * features + k]) != padding) {
        found[1 + count++] = (real)step;
        break;
      }
    }
  }
  found[0] = (real)count;
}
""",
    (FLUSHED,),
)


def find_steps(routine: Routine, x: Value, steps: int, padding: float) -> Value:
    """Add the search for the steps that are not padding; return their number and themselves."""
    routine.use(_FIND)
    found = routine.value(1 + steps, "steps")
    value = numbers(padding, routine.unit.dtype)
    routine.run(f"find_steps({x}, {steps}, {x.size // steps}, {value}, {found});", values=[x, found])
    return found


@code_of.register
def _(layer: Masking, routine: Routine, x: Value) -> Value:
    routine.masks[layer.place.index] = find_steps(routine, x, layer.place.input_shape[0], layer.value)
    return x
