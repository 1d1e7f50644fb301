"""A network as a file of C and its header."""

from __future__ import annotations

import math
import os
import re
from os import PathLike
from pathlib import Path

from ..._checks import checked_name
from ...files.safetensors import write_atomically
from ...model import Model
from ...prediction.stepper import one_step_of
from .composite import through
from .dense import ADD_MIXED_PRODUCTS, ADD_PRODUCTS
from .file import Entry, Program, Sizes, entry_of
from .function import Function, numbers
from .program import Routine, Unit, Value
from .stored import FORMS, stored_as

_KEYWORDS = (
    "auto", "break", "case", "char", "const", "continue", "default", "do", "double", "else", "enum", "extern", "float",
    "for", "goto", "if", "inline", "int", "long", "register", "restrict", "return", "short", "signed", "sizeof",
    "static", "struct", "switch", "typedef", "union", "unsigned", "void", "volatile", "while",
)  # fmt: skip

_DIVIDE = Function("""
/* y = x / unit, rounded once */
static void divide(const real *x, size_t count, double unit, real *y) {
  for (size_t k = 0; k < count; ++k) y[k] = (real)((double)x[k] / unit);
}
""")

_TO_UNITS = Function("""
/* y deviation + mean in place, in the units of the targets */
static void to_units(real *y, size_t count, const double *deviation, const double *mean, size_t targets) {
  for (size_t k = 0; k < count; ++k) {
    const double scaled = (double)y[k] * deviation[k % targets];
    y[k] = (real)(scaled + mean[k % targets]);
  }
}
""")


def to_c(model: Model, path: str | PathLike[str], name: str = "model", weights: str | None = None) -> Sizes:
    """Write a network as `Network.to_c` does; return the memory that it takes."""
    where = _checked_path(path)
    _check_name(name)
    unit = _unit(model, weights)
    # Sequences of any length have no workspace of a known size.
    is_open = None in model.shown_shapes[0]
    whole = None if is_open else _entry(model, Routine(unit), 1)
    program = Program(name, model, unit, whole, _stepped(model, unit, is_needed=is_open))
    header = where.with_suffix(".h")
    write_atomically(header, program.header().encode("ascii"))
    write_atomically(where, program.source(header.name).encode("ascii"))
    return program.sizes


def _checked_path(path: str | PathLike[str]) -> Path:
    where = Path(os.fsdecode(path))
    if where.suffix != ".c" or re.search(r'["\\\n\r]', where.name) or not where.name.isascii():
        raise ValueError(f"path must be of a file of C in plain letters, such as 'model.c', got {os.fsdecode(path)!r}")
    return where


def _check_name(name: str) -> None:
    if not isinstance(name, str):
        raise TypeError(f"name must be a name in C, got {name!r}")
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name) or name in _KEYWORDS:
        raise ValueError(
            f"name must be a name in C: a letter, then letters, digits and _, and no keyword; got {name!r}"
        )


def _unit(model: Model, weights: str | None) -> Unit:
    """Return a file without anything yet; ValueError for a form of weights that the network cannot have."""
    dtype = model.dtype
    form = dtype if weights is None else checked_name(weights, "weights", FORMS)
    if form == "float64" != dtype:
        raise ValueError("weights must be 'float32', 'float16' or 'int8' for a float32 network, got 'float64'")
    if model.precision == "full":
        return Unit(dtype, stored_as(form, dtype))
    if form != dtype:
        raise ValueError(f"weights must be 'float32' for a network in mixed precision, got {form!r}")
    return Unit(dtype, stored_as(form, dtype), {ADD_PRODUCTS: ADD_MIXED_PRODUCTS}, rounds_factors=True)


def _stepped(model: Model, unit: Unit, is_needed: bool) -> Entry | None:
    """Return the entry that reads a step; None for a network that cannot be read so, or an error if it is needed."""
    try:
        made = one_step_of(model)
    except ValueError as error:
        if is_needed:
            shape = model.shown_shapes[0]
            raise ValueError(f"Input{shape} must have a number of steps for C, or be read in steps: {error}") from error
        return None
    return _entry(made.twin, Routine(unit, carries=True), 1 + made.first)


def _entry(model: Model, routine: Routine, first: int) -> Entry:
    x = made = Value("x", math.prod(model.shapes[0]), is_given=True)
    if model.border.scale != 1.0:
        routine.scope = "input"
        routine.use(_DIVIDE)
        made = routine.value(x.size)
        unit = numbers(1.0 / model.border.scale, "float64")
        routine.run(f"divide(x, {x.size}, {unit}, {made});", values=[x, made])
    routine.scope = ""
    for number, layer in enumerate(model.stack, start=first):
        routine.remark(f"{number}. {layer!r}")
        try:
            made = through([layer], routine, made, number)
        except ValueError as error:
            raise ValueError(f"layer {number}, {layer!r}, cannot be written in C: {error}") from error
    routine.scope = "outputs"
    if made.is_given:
        made = routine.changeable(made)
    if (scale := model.border.scale_of_targets) is not None:
        routine.use(_TO_UNITS)
        std, mean = routine.exact("std", scale.std), routine.exact("mean", scale.mean)
        routine.run(f"to_units({made}, {made.size}, {std}, {mean}, {len(scale.mean)});", values=[made])
    return entry_of(routine, x, made)
