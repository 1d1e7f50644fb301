"""Layers made of layers."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ...layers.base import Layer
from ...layers.composite import Add, Branched, Concatenate
from .elementary import FLUSHED
from .function import Function
from .program import Routine, Value, code_of

_ADD = Function(
    """
/* Adds x, of so many features at each place, to some of the features of y. */
static void add_features(const real *x, size_t places, size_t features, real *y, size_t of) {
  for (size_t place = 0; place < places; ++place, x += features, y += of) {
    for (size_t k = 0; k < features; ++k) y[k] = flushed(y[k] + flushed(x[k]));
  }
}
""",
    (FLUSHED,),
)


def through(layers: Sequence[Layer], routine: Routine, x: Value, first: int = 1) -> Value:
    """Add the calls of layers in a row, with numbers from the first on; return what they make of x."""
    outer = routine.scope
    for number, layer in enumerate(layers, start=first):
        name = f"{type(layer).__name__.lower()}_{number}"
        routine.scope = f"{outer}_{name}" if outer else name
        x = code_of(layer, routine, x)
    routine.scope = outer
    return x


def _ends(layer: Branched, routine: Routine, x: Value) -> list[Value]:
    """Return what all branches make of x."""
    ends = []
    outer = routine.scope
    for number, branch in enumerate(layer.branches, start=1):
        routine.scope = f"{outer}_{number}"
        with routine.keeping(x):
            ends.append(through(branch, routine, x))
    routine.scope = outer
    return ends


@code_of.register
def _(layer: Add, routine: Routine, x: Value) -> Value:
    *places, width = layer.output_shape(layer.place.input_shape)
    return _added(routine, [(end, 0, width) for end in _ends(layer, routine, x)], width, math.prod(places))


@code_of.register
def _(layer: Concatenate, routine: Routine, x: Value) -> Value:
    *places, width = layer.output_shape(layer.place.input_shape)
    first, parts = 0, []
    for end in _ends(layer, routine, x):
        features = end.size // math.prod(places)
        parts.append((end, first, features))
        first += features
    return _added(routine, parts, width, math.prod(places))


def _added(routine: Routine, parts: Sequence[tuple[Value, int, int]], width: int, places: int) -> Value:
    """Return the sum of values that have some of the features, from a first one on, and zero elsewhere."""
    routine.use(_ADD)
    y = routine.value(width * places)
    routine.zero(y)
    for part, first, features in parts:
        to = f"{y} + {first}" if first else f"{y}"
        routine.run(f"add_features({part}, {places}, {features}, {to}, {width});", values=[part, y])
    return y
