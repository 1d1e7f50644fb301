"""Numbers as piecewise linear functions of them."""

from __future__ import annotations

import numpy as np

from ...layers.piecewise_linear import PiecewiseLinear
from .elementary import FLUSHED
from .function import Function
from .program import Routine, Value, code_of

_PIECES = Function(
    """
/* Of each feature, in the bin that it is in: begin + x slope + share vector, share = (x - edge) / width */
static void follow_pieces(const real *x, size_t features, const uint32_t *bins, const real *edges, const real *begins,
                          const real *slopes, const real *vectors, size_t units, real *y) {
  for (size_t i = 0; i < features; ++i, y += units) {
    size_t bin = 0;
    while (bin + 1 < bins[i] && edges[bin + 1] <= x[i]) ++bin;
    const real share = flushed((x[i] - edges[bin]) / (edges[bin + 1] - edges[bin]));
    for (size_t k = 0; k < units; ++k) {
      real sum = begins[bin * units + k];
      sum += x[i] * slopes[i * units + k];
      sum += share * vectors[bin * units + k];
      y[k] = flushed(sum);
    }
    edges += bins[i] + 1;
    begins += bins[i] * units;
    vectors += bins[i] * units;
  }
}
""",
    (FLUSHED,),
)


@code_of.register
def _(layer: PiecewiseLinear, routine: Routine, x: Value) -> Value:
    routine.use(_PIECES)
    y = routine.value(x.size * layer.units)
    rows = np.split(layer.weights, np.cumsum(layer.bins)[:-1])
    begins = []
    for bias, of_one in zip(layer.bias, rows, strict=True):
        begin = bias
        for vector in of_one:
            begins.append(begin)
            begin = begin + vector
    given = [
        routine.whole("bins", layer.bins),
        routine.numbers("edges", np.concatenate(layer.edges)),
        routine.numbers("begins", begins),
        routine.numbers("slopes", layer.slopes),
        routine.numbers("vectors", layer.weights),
    ]
    names = ", ".join(map(str, given))
    routine.run(f"follow_pieces({x}, {x.size}, {names}, {layer.units}, {y});", values=[x, y])
    return y
