"""Vectors for tokens."""

from __future__ import annotations

from ...layers.embedding import Embedding
from .function import Function
from .masking import find_steps
from .program import Routine, Value, code_of

CODE = Function("""
/* A code from 0 to count - 1 that comes as a number; others are the nearest of them. */
static size_t code(real x, size_t count) {
  return !(x > 0) ? 0 : x < (real)count ? (size_t)x : count - 1;
}
""")

_EMBED = Function(
    """
/* The vector of each token; the first tokens may have none, but zeros. */
static void embed(const real *tokens, size_t steps, size_t vocabulary, size_t without,
                  WEIGHTS(vectors), size_t units, real *y) {
  for (size_t step = 0; step < steps; ++step, y += units) {
    const size_t token = code(tokens[step], vocabulary);
    for (size_t k = 0; k < units; ++k) {
      y[k] = token < without ? 0 : WEIGHT(vectors, (token - without) * units, k);
    }
  }
}
""",
    (CODE,),
)


@code_of.register
def _(layer: Embedding, routine: Routine, x: Value) -> Value:
    if layer.mask_zero:
        assert layer.place.mask_source is not None
        routine.masks[layer.place.mask_source] = find_steps(routine, x, x.size, 0.0)
    routine.use(_EMBED)
    y = routine.value(x.size * layer.units)
    vectors = routine.weights("weights", layer.weights)
    without = int(layer.zero_is_missing)
    routine.run(f"embed({x}, {x.size}, {layer.vocabulary}, {without}, {vectors}, {layer.units}, {y});", values=[x, y])
    return y
