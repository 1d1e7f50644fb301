"""Activations, alone and mixed with the identity."""

from __future__ import annotations

import re

import numpy as np

from ...activations import name_and_alpha
from ...layers.activation import Activation
from ...layers.mixed_activation import MixedActivation
from . import elementary
from .elementary import FLUSHED
from .function import Function
from .program import Routine, Value, code_of

_MISH = Function(
    """
/* z tanh(log(1 + e^z)) = z n / (n + 2), n = e^z (e^z + 2) */
static real mish(real z) {
  const real e = exponential(smaller(20.0, z));
  const real n = flushed(e * (e + 2));
  return z * flushed(n / (n + 2));
}
""",
    (elementary.EXP,),
)

# What each activation of a single value makes of z, with its α if it has one, and the functions that it calls.
_FORMULAS: dict[str, tuple[str, tuple[Function, ...]]] = {
    "identity": ("z", ()),
    "sigmoid": ("sigmoid(z)", (elementary.SIGMOID,)),
    "tanh": ("hyperbolic_tangent(z)", (elementary.TANH,)),
    "relu": ("0 > z ? 0 : z", ()),
    "leaky_relu": ("0 < z ? z : ALPHA * z", ()),
    "elu": ("0 < z ? z : ALPHA * exponential_minus_one(z)", (elementary.EXPM1,)),
    "selu": (
        "0 < z ? 1.0507009873554805 * z : 1.7580993408473766 * exponential_minus_one(z)",
        (elementary.EXPM1,),
    ),
    "softplus": ("softplus(z)", (elementary.SOFTPLUS,)),
    "softsign": ("z / (1 + (z < 0 ? -z : z))", ()),
    "gelu": ("gelu(z)", (elementary.GELU,)),
    "silu": ("z * sigmoid(z)", (elementary.SIGMOID,)),
    "mish": ("mish(z)", (_MISH,)),
    "hard_sigmoid": ("smaller(1, larger(0, z / 6 + 0.5))", (elementary.SMALLER, elementary.LARGER)),
    "exp": ("exponential(z)", (elementary.EXP,)),
}

_SOFTMAX = Function(
    """
/* e^(z - max z) / sum, in place, at each of some places; 16 partial sums are added in pairs. */
static void softmax(real *z, size_t places, size_t count) {
  for (size_t place = 0; place < places; ++place, z += count) {
    real top = z[0];
    real sum[16] = {0};
    for (size_t k = 1; k < count; ++k) top = z[k] > top ? z[k] : top;
    for (size_t k = 0; k < count; ++k) {
      z[k] = exponential(z[k] - top);
      sum[k % 16] += z[k];
    }
    for (size_t half = 8; half > 0; half /= 2) {
      for (size_t k = 0; k < half; ++k) sum[k] += sum[k + half];
    }
    for (size_t k = 0; k < count; ++k) z[k] = flushed(z[k] / sum[0]);
  }
}
""",
    (elementary.EXP,),
)


def identifier(activation: str) -> str:
    """Return an activation's name as names of C have it."""
    return re.sub(r"\W", "_", activation.rstrip(")"))


def scalar(activation: str) -> Function:
    """Return the function f_<activation> of a single value."""
    name, alpha = name_and_alpha(activation)
    formula, needs = _FORMULAS[name]
    if alpha is not None:
        formula = formula.replace("ALPHA", np.format_float_positional(alpha, trim="0"))
    text = f"\nstatic real f_{identifier(activation)}(real z) {{\n  return flushed({formula});\n}}\n"
    return Function(text, (FLUSHED, *needs))


def _whole_array(activation: str) -> Function:
    name = identifier(activation)
    text = f"""
/* z = f(z) */
static void {name}_all(real *z, size_t count) {{
  for (size_t k = 0; k < count; ++k) z[k] = f_{name}(z[k]);
}}
"""
    return Function(text, (scalar(activation),))


def activate(routine: Routine, activation: str, z: Value, features: int) -> None:
    """Apply an activation to z in place; a softmax is taken over the features of each place."""
    if activation == "softmax":
        routine.use(_SOFTMAX)
        routine.run(f"softmax({z}, {z.size // features}, {features});", values=[z])
        return
    routine.use(_whole_array(activation))
    routine.run(f"{identifier(activation)}_all({z}, {z.size});", values=[z])


@code_of.register
def _(layer: Activation, routine: Routine, x: Value) -> Value:
    z = routine.changeable(x)
    activate(routine, layer.activation, z, layer.place.input_shape[-1])
    return z


@code_of.register
def _(layer: MixedActivation, routine: Routine, x: Value) -> Value:
    features = layer.place.input_shape[-1]
    name = identifier(layer.function)
    text = f"""
/* x + share (f(x) - x), in place, with a share for each feature */
static void mix_{name}(real *x, size_t places, const real *shares, size_t features) {{
  for (size_t place = 0; place < places; ++place, x += features) {{
    for (size_t k = 0; k < features; ++k) {{
      x[k] = flushed(x[k] + shares[k] * (f_{name}(x[k]) - x[k]));
    }}
  }}
}}
"""
    routine.use(Function(text, (scalar(layer.function),)))
    z = routine.changeable(x)
    shares = routine.numbers("shares", layer.shares)
    routine.run(f"mix_{name}({z}, {z.size // features}, {shares}, {features});", values=[z])
    return z
