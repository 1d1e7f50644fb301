"""Layers of members side by side."""

from __future__ import annotations

from ...layers.members import BatchEnsemble, Repeat, SeparateDense
from .activation import activate
from .dense import ADD_PRODUCTS, START
from .elementary import FLUSHED
from .function import Function
from .program import COPY, Routine, Value, code_of

_ENSEMBLE = Function(
    """
/* z = ((x r) weights) s + bias for each member, with its factors r of inputs and s of outputs */
static void ensemble(const real *x, size_t members, size_t inputs, const real *r,
                     WEIGHTS(weights), const real *s, const real *bias,
                     size_t outputs, real *scaled, real *z) {
  for (size_t member = 0; member < members; ++member) {
    for (size_t k = 0; k < inputs; ++k) scaled[k] = flushed(x[k] * r[k]);
    start(NULL, outputs, z);
    add_products(scaled, inputs, PASSED(weights, 0, 0), outputs, z, outputs);
    for (size_t k = 0; k < outputs; ++k) z[k] = flushed(z[k]) * s[k] + bias[k];
    x += inputs;
    r += inputs;
    s += outputs;
    bias += outputs;
    z += outputs;
  }
}
""",
    (ADD_PRODUCTS, START, FLUSHED),
)

_SEPARATE = Function(
    """
/* z = bias + x weights for each member, with its own weights */
static void dense_apart(const real *x, size_t members, size_t inputs, WEIGHTS(weights), const real *bias,
                        size_t outputs, real *z) {
  for (size_t member = 0; member < members; ++member) {
    start(bias + member * outputs, outputs, z);
    add_products(x, inputs, PASSED(weights, member * inputs * outputs, 0), outputs, z, outputs);
    x += inputs;
    z += outputs;
  }
}
""",
    (ADD_PRODUCTS, START),
)


@code_of.register
def _(layer: Repeat, routine: Routine, x: Value) -> Value:
    routine.use(COPY)
    y = routine.value(layer.members * x.size)
    for member in range(layer.members):
        routine.run(f"copy({x}, {x.size}, {y} + {member * x.size});", values=[x, y])
    return y


@code_of.register
def _(layer: BatchEnsemble, routine: Routine, x: Value) -> Value:
    members, inputs = layer.place.input_shape
    routine.use(_ENSEMBLE)
    scaled, z = routine.value(inputs, "scaled"), routine.value(members * layer.units)
    weights = routine.factors("weights", layer.weights)
    r = routine.numbers("input_factors", layer.input_factors)
    s = routine.numbers("output_factors", layer.output_factors)
    given = f"{r}, {weights}, {s}, {routine.numbers('bias', layer.bias)}, {layer.units}"
    routine.run(f"ensemble({x}, {members}, {inputs}, {given}, {scaled}, {z});", values=[x, scaled, z])
    activate(routine, layer.activation, z, layer.units)
    return z


@code_of.register
def _(layer: SeparateDense, routine: Routine, x: Value) -> Value:
    members, inputs = layer.place.input_shape
    routine.use(_SEPARATE)
    z = routine.value(members * layer.units)
    weights, bias = routine.factors("weights", layer.weights), routine.numbers("bias", layer.bias)
    routine.run(f"dense_apart({x}, {members}, {inputs}, {weights}, {bias}, {layer.units}, {z});", values=[x, z])
    activate(routine, layer.activation, z, layer.units)
    return z
