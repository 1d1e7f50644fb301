"""Some of the features."""

from __future__ import annotations

from ...layers.selection import Select
from .function import Function
from .program import Routine, Value, code_of

_SELECT = Function("""
/* The chosen features of each place */
static void select_features(const real *x, size_t places, size_t features, const uint32_t *chosen, size_t count,
                            real *y) {
  for (size_t place = 0; place < places; ++place, x += features, y += count) {
    for (size_t k = 0; k < count; ++k) y[k] = x[chosen[k]];
  }
}
""")


@code_of.register
def _(layer: Select, routine: Routine, x: Value) -> Value:
    features = layer.place.input_shape[-1]
    chosen = layer.chosen(layer.place.input_shape)
    places = x.size // features
    routine.use(_SELECT)
    y = routine.value(places * len(chosen))
    listed = routine.whole("features", chosen)
    routine.run(f"select_features({x}, {places}, {features}, {listed}, {len(chosen)}, {y});", values=[x, y])
    return y
