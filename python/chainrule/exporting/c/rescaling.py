"""Fixed and learned factors of features."""

from __future__ import annotations

from ...layers.rescaling import Normalization, Rescale
from ...layers.scale import Scale
from .elementary import FLUSHED
from .function import Function
from .program import Constant, Routine, Value, code_of


def _each(name: str, comment: str, formula: str, parameters: str) -> Function:
    text = f"""
/* {comment}, in place, with numbers for each feature */
static void {name}(real *x, size_t places, {parameters}, size_t features) {{
  for (size_t place = 0; place < places; ++place, x += features) {{
    for (size_t k = 0; k < features; ++k) x[k] = flushed({formula});
  }}
}}
"""
    return Function(text, (FLUSHED,))


_STANDARDISE = _each(
    "standardise",
    "(x - mean) / deviation",
    "(x[k] - mean[k]) / deviation[k]",
    "const real *mean, const real *deviation",
)
_RESCALE = _each(
    "rescale", "x factor + offset", "x[k] * factor[k] + offset[k]", "const real *factor, const real *offset"
)
_MULTIPLY = _each("multiply", "x factor", "x[k] * factor[k]", "const real *factor")


@code_of.register
def _(layer: Normalization, routine: Routine, x: Value) -> Value:
    given = [routine.numbers("mean", layer.mean), routine.numbers("deviation", layer.std)]
    return _changed("standardise", _STANDARDISE, given, routine, x)


@code_of.register
def _(layer: Rescale, routine: Routine, x: Value) -> Value:
    given = [routine.numbers("factor", layer.factor), routine.numbers("offset", layer.offset)]
    return _changed("rescale", _RESCALE, given, routine, x)


@code_of.register
def _(layer: Scale, routine: Routine, x: Value) -> Value:
    return _changed("multiply", _MULTIPLY, [routine.numbers("factors", layer.factors)], routine, x)


def _changed(name: str, function: Function, given: list[Constant], routine: Routine, x: Value) -> Value:
    routine.use(function)
    z = routine.changeable(x)
    features = given[0].values.size
    names = ", ".join(map(str, given))
    routine.run(f"{name}({z}, {z.size // features}, {names}, {features});", values=[z])
    return z
