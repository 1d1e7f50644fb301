"""Layers that read a sequence step by step."""

from __future__ import annotations

from dataclasses import dataclass
from functools import singledispatch
from typing import Any

from ...layers.bidirectional import Bidirectional
from ...layers.recurrent import GRU, LSTM, Recurrent, SimpleRNN
from .activation import identifier, scalar
from .dense import ADD_PRODUCTS, START
from .elementary import FLUSHED, SIGMOID
from .function import Function
from .program import COPY, Routine, Value, code_of


@dataclass(frozen=True)
class Cell:
    """A step of a layer as a function of C, which reads x and changes the state.

    Attributes
    ----------
    name : str
    function : Function
    gates : int
        The sums that a step computes, in units.
    states : tuple of str
    constants : dict of str to array
        What comes after the weights, by name; None where there is none.
    """

    name: str
    function: Function
    gates: int
    states: tuple[str, ...]
    constants: dict[str, Any]


@singledispatch
def cell_of(layer: Any) -> Cell:
    """Return the cell of a recurrent layer; each kind registers its function."""
    raise ValueError(f"{layer!r} has no form in C")


_HEAD = """
/* A step of {what}: x and the state before it make the state after it. */
static void {name}(const real *x, size_t inputs, WEIGHTS(weights),
    WEIGHTS(recurrent), {constants},
    size_t units, real *sums, {states}) {{
"""


def _function(name: str, what: str, constants: str, states: str, body: str, activation: str) -> Function:
    head = _HEAD.format(what=what, name=name, constants=constants, states=states)
    gated = (SIGMOID,) if "sigmoid(" in body else ()
    needs = (ADD_PRODUCTS, START, FLUSHED, *gated, scalar(activation))
    return Function(head + body.replace("ACTIVATE", f"f_{identifier(activation)}"), needs)


_SIMPLE = """  start(bias, units, sums);
  add_products(x, inputs, PASSED(weights, 0, 0), units, sums, units);
  add_products(h, units, PASSED(recurrent, 0, 0), units, sums, units);
  for (size_t k = 0; k < units; ++k) h[k] = ACTIVATE(flushed(sums[k]));
}
"""

_LSTM = """  start(bias, 4 * units, sums);
  add_products(x, inputs, PASSED(weights, 0, 0), 4 * units, sums, 4 * units);
  add_products(h, units, PASSED(recurrent, 0, 0), 4 * units, sums, 4 * units);
  const real *i = sums, *f = sums + units, *g = sums + 2 * units, *o = sums + 3 * units;
  for (size_t k = 0; k < units; ++k) {
    const real in = sigmoid(SEE_I);
    const real keep = sigmoid(SEE_F);
    c[k] = flushed(fma(in, ACTIVATE(flushed(g[k])), flushed(keep * c[k])));
    h[k] = flushed(sigmoid(SEE_O) * ACTIVATE(c[k]));
  }
}
"""

# z and r of the states, and the term of the candidate, whose bias is its own.
_GRU_AFTER = """  real *const z = sums, *const r = sums + units, *const candidate = sums + 2 * units;
  real *const term = sums + 3 * units;
  start(bias, 3 * units, sums);
  add_products(x, inputs, PASSED(weights, 0, 0), 3 * units, sums, 3 * units);
  add_products(h, units, PASSED(recurrent, 0, 0), 3 * units, sums, 2 * units);
  start(recurrent_bias, units, term);
  add_products(h, units, PASSED(recurrent, 2 * units, 2 * units), 3 * units, term, units);
  for (size_t k = 0; k < units; ++k) {
    const real fresh = ACTIVATE(flushed(fma(sigmoid(flushed(r[k])), flushed(term[k]), flushed(candidate[k]))));
    h[k] = flushed(fma(sigmoid(flushed(z[k])), h[k] - fresh, fresh));
  }
}
"""

_GRU_BEFORE = """  real *const z = sums, *const r = sums + units, *const candidate = sums + 2 * units;
  start(bias, 3 * units, sums);
  add_products(x, inputs, PASSED(weights, 0, 0), 3 * units, sums, 3 * units);
  add_products(h, units, PASSED(recurrent, 0, 0), 3 * units, sums, 2 * units);
  for (size_t k = 0; k < units; ++k) r[k] = flushed(sigmoid(flushed(r[k])) * h[k]);
  add_products(r, units, PASSED(recurrent, 2 * units, 2 * units), 3 * units, candidate, units);
  for (size_t k = 0; k < units; ++k) {
    const real fresh = ACTIVATE(flushed(candidate[k]));
    h[k] = flushed(fma(sigmoid(flushed(z[k])), h[k] - fresh, fresh));
  }
}
"""


@cell_of.register
def _(layer: SimpleRNN) -> Cell:
    name = f"simple_step_{identifier(layer.activation)}"
    function = _function(name, "a simple layer", "const real *bias", "real *h", _SIMPLE, layer.activation)
    return Cell(name, function, 1, ("h",), {"bias": layer.bias})


@cell_of.register
def _(layer: LSTM) -> Cell:
    name = f"lstm_{'peephole_' * layer.peepholes}step_{identifier(layer.activation)}"
    body = _LSTM
    for gate, place in {"i": "k", "f": "units + k", "o": "2 * units + k"}.items():
        alone = f"flushed({gate}[k])"
        seen = f"flushed(fma(peepholes[{place}], c[k], {alone}))" if layer.peepholes else alone
        body = body.replace(f"SEE_{gate.upper()}", seen)
    constants = "const real *bias" + ", const real *peepholes" * layer.peepholes
    function = _function(name, "an LSTM", constants, "real *h, real *c", body, layer.activation)
    arrays = {"bias": layer.bias} | ({"peepholes": layer.peephole_weights} if layer.peepholes else {})
    return Cell(name, function, 4, ("h", "c"), arrays)


@cell_of.register
def _(layer: GRU) -> Cell:
    arrays = layer.parameter_arrays()
    bias, units = arrays["bias"].copy(), layer.units
    if not layer.reset_after:
        name = f"gru_before_step_{identifier(layer.activation)}"
        what = "a GRU that resets before the product"
        function = _function(name, what, "const real *bias", "real *h", _GRU_BEFORE, layer.activation)
        return Cell(name, function, 3, ("h",), {"bias": bias})
    recurrent = arrays["recurrent_bias"]
    bias[: 2 * units] += recurrent[: 2 * units]
    name = f"gru_step_{identifier(layer.activation)}"
    constants = "const real *bias, const real *recurrent_bias"
    function = _function(name, "a GRU", constants, "real *h", _GRU_AFTER, layer.activation)
    return Cell(name, function, 4, ("h",), {"bias": bias, "recurrent_bias": recurrent[2 * units :]})


@code_of.register
def _(layer: Recurrent, routine: Routine, x: Value) -> Value:
    return _read(layer, [layer], routine, x)


@code_of.register
def _(layer: Bidirectional, routine: Routine, x: Value) -> Value:
    return _read(layer, [layer.ahead, layer.back], routine, x)


def _read(layer: Recurrent | Bidirectional, halves: list[Recurrent], routine: Routine, x: Value) -> Value:
    steps, _ = layer.place.input_shape
    source = layer.place.mask_source
    mask = None if source is None else routine.masks[source]
    width = sum(half.units for half in halves)
    routine.use(COPY)
    every = halves[0].return_sequences
    y = routine.value(steps * width if every else width)
    if every and mask is not None:
        routine.zero(y)
    outer, first = routine.scope, 0
    for half, direction in zip(halves, ("ahead", "back"), strict=False):
        routine.scope = f"{outer}_{direction}" if len(halves) > 1 else outer
        _read_one_way(_Way(half, direction == "back", steps, mask, x, y, first, width), routine)
        first += half.units
    routine.scope = outer
    return y


@dataclass(frozen=True)
class _Way:
    """A layer that reads x from its beginning or end, and writes some of the features of y."""

    layer: Recurrent
    from_end: bool
    steps: int
    mask: Value | None
    x: Value
    y: Value
    first: int
    width: int


def _read_one_way(way: _Way, routine: Routine) -> None:
    layer = way.layer
    cell = cell_of(layer)
    routine.use(cell.function)
    arrays = layer.parameter_arrays()
    states = [routine.carried(name, layer.units) for name in cell.states]
    sums = routine.value(cell.gates * layer.units, "sums")
    weights = routine.factors("weights", arrays["input_weights"])
    recurrent = routine.factors("recurrent_weights", arrays["recurrent_weights"])
    constants = ", ".join(str(routine.numbers(name, values)) for name, values in cell.constants.items())
    features = arrays["input_weights"].shape[0]
    loop, step = _steps(way)
    given = f"{features}, {weights}, {recurrent}, {constants}, {layer.units}, {sums}, {', '.join(map(str, states))}"
    body = [f"{cell.name}({_at(way.x, step, features)}, {given});"]
    output = f"copy({states[0]}, {layer.units}, {{}});"
    if layer.return_sequences:
        body.append(output.format(_at(way.y, step, way.width, way.first)))
    lines = [*loop, *(f"  {line}" for line in body), "}"] if loop else body
    if not layer.return_sequences:
        lines.append(output.format(_at(way.y, "0", 0, way.first)))
    read = [] if way.mask is None else [way.mask]
    routine.run(*lines, values=[way.x, way.y, sums, *states, *read])


def _steps(way: _Way) -> tuple[list[str], str]:
    """Return the beginning of a loop over the steps, or nothing around a single one, and the step in it."""
    if way.mask is not None:
        number = f"(size_t){way.mask}[0] - i" if way.from_end else "1 + i"
        step = f"  const size_t step = (size_t){way.mask}[{number}];"
        return [f"for (size_t i = 0; i < (size_t){way.mask}[0]; ++i) {{", step], "step"
    if way.steps == 1:
        return [], "0"
    if way.from_end:
        return [f"for (size_t step = {way.steps}; step-- > 0;) {{"], "step"
    return [f"for (size_t step = 0; step < {way.steps}; ++step) {{"], "step"


def _at(value: Value, step: str, size: int, first: int = 0) -> str:
    """Return where the numbers of a step begin, of so many a step, from a first one on."""
    parts = [str(value), *([f"{step} * {size}"] if step != "0" else []), *([str(first)] if first else [])]
    return " + ".join(parts)
