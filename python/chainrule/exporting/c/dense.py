"""Fully connected layers, and the product that all layers with weights have in common."""

from __future__ import annotations

from ...layers.dense import Dense
from .activation import activate
from .elementary import FLUSHED
from .function import Function
from .program import Routine, Value, code_of

# Four inputs at a time need the sums from memory once; the order of additions stays.
ADD_PRODUCTS = Function("""
/* sums[j] += x[i] weights[i][j] over i in ascending order, each product added with one rounding. */
static void add_products(const real *restrict x, size_t inputs,
                         WEIGHTS(weights), size_t row,
                         real *restrict sums, size_t outputs) {
  const size_t whole = inputs - inputs % 4;
  for (size_t i = 0; i < whole; i += 4) {
    const real a = x[i], b = x[i + 1], c = x[i + 2], d = x[i + 3];
    const size_t at = i * row;
    for (size_t j = 0; j < outputs; ++j) {
      real sum = fma(a, WEIGHT(weights, at, j), sums[j]);
      sum = fma(b, WEIGHT(weights, at + row, j), sum);
      sum = fma(c, WEIGHT(weights, at + 2 * row, j), sum);
      sums[j] = fma(d, WEIGHT(weights, at + 3 * row, j), sum);
    }
  }
  for (size_t i = whole; i < inputs; ++i) {
    for (size_t j = 0; j < outputs; ++j) sums[j] = fma(x[i], WEIGHT(weights, i * row, j), sums[j]);
  }
}
""")

# In mixed precision, in the order of additions of a matrix unit.
ADD_MIXED_PRODUCTS = Function(
    """
/* The nearest number of eight bits, ties to even */
static float to_bfloat16(float x) {
  union { float value; uint32_t bits; } number;
  number.value = flushed(x);
  number.bits += 0x7fff + (number.bits >> 16 & 1);
  number.bits &= 0xffff0000;
  return number.value;
}

/* sums[j] += x[i] weights[i][j] over i, in blocks of 32: those of the even i and of the odd i are summed apart. */
static void add_products(const real *restrict x, size_t inputs,
                         WEIGHTS(weights), size_t row,
                         real *restrict sums, size_t outputs) {
  for (size_t first = 0; first < outputs; first += 16) {
    const size_t count = outputs - first < 16 ? outputs - first : 16;
    for (size_t begin = 0; begin < inputs; begin += 32) {
      const size_t end = begin + 32 < inputs ? begin + 32 : inputs;
      real halves[2][16] = {{0}};
      for (size_t i = begin; i < end; ++i) {
        const real factor = to_bfloat16(x[i]);
        real *const half = halves[i % 2];
        for (size_t k = 0; k < count; ++k) half[k] = fma(factor, WEIGHT(weights, i * row + first, k), half[k]);
      }
      for (size_t k = 0; k < count; ++k) {
        sums[first + k] = flushed(sums[first + k] + flushed(flushed(halves[0][k]) + flushed(halves[1][k])));
      }
    }
  }
}
""",
    (FLUSHED,),
)

START = Function("""
/* sums = bias, or zero without one */
static void start(const real *bias, size_t count, real *sums) {
  for (size_t k = 0; k < count; ++k) sums[k] = bias == NULL ? 0 : bias[k];
}
""")

_DENSE = Function(
    """
/* z = bias + x weights at each of some places */
static void dense(const real *x, size_t places, size_t inputs, WEIGHTS(weights),
                  const real *bias, size_t outputs, real *z) {
  for (size_t place = 0; place < places; ++place, x += inputs, z += outputs) {
    start(bias, outputs, z);
    add_products(x, inputs, PASSED(weights, 0, 0), outputs, z, outputs);
  }
}
""",
    (ADD_PRODUCTS, START),
)


@code_of.register
def _(layer: Dense, routine: Routine, x: Value) -> Value:
    inputs, outputs = layer.weights.shape
    places = x.size // inputs
    routine.use(_DENSE)
    z = routine.value(places * outputs)
    weights = routine.factors("weights", layer.weights)
    bias = routine.numbers("bias", layer.bias) if layer.use_bias else "NULL"
    routine.run(f"dense({x}, {places}, {inputs}, {weights}, {bias}, {outputs}, {z});", values=[x, z])
    activate(routine, layer.activation, z, outputs)
    return z
