"""Numbers with mixtures of their cosines."""

from __future__ import annotations

from ...layers.periodic import Periodic
from .elementary import COSINE, FLUSHED
from .function import Function
from .program import Routine, Value, code_of

_WAVES = Function(
    """
/* Of each feature x, and y_j = bias_j + sum over waves k of weights_kj cos(2 pi (frequencies_k x + phases_k)) */
static void mix_waves(const real *x, size_t features, size_t waves, const real *frequencies, const real *phases,
                      const real *weights, const real *bias, size_t mixed, real *y) {
  for (size_t i = 0; i < features; ++i) {
    y[i] = x[i];
    for (size_t j = 0; j < mixed; ++j) y[(1 + j) * features + i] = bias[j * features + i];
    for (size_t k = 0; k < waves; ++k) {
      const real cosine = cosine_of_turns(flushed(fma(frequencies[k * features + i], x[i], phases[k * features + i])));
      for (size_t j = 0; j < mixed; ++j) {
        real *to = y + (1 + j) * features + i;
        *to = flushed(fma(weights[(k * mixed + j) * features + i], cosine, *to));
      }
    }
  }
}
""",
    (COSINE, FLUSHED),
)


@code_of.register
def _(layer: Periodic, routine: Routine, x: Value) -> Value:
    routine.use(_WAVES)
    mixed = layer.size - 1
    y = routine.value(layer.size * x.size)
    names = ("frequencies", "phases", "weights", "bias")
    given = ", ".join(str(routine.numbers(name, getattr(layer, name))) for name in names)
    routine.run(f"mix_waves({x}, {x.size}, {layer.waves}, {given}, {mixed}, {y});", values=[x, y])
    return y
