"""The file of C of a network, and its header."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ...model import Model
from .memory import Layout, laid_out
from .program import Routine, Unit, Value
from .text import CAREFUL, body_text, commented, constant_bytes, constant_text, function_text, of_type
from .trial import trial_text


@dataclass(frozen=True)
class Sizes:
    """The memory that a network in C takes, in bytes.

    Attributes
    ----------
    constants : int
        Of weights and other constants, in flash or another memory that is only read.
    workspace : int
        Of the values between layers.
    state : int
        Of a stream that is read step by step, with the values between layers; 0 where there is none.
    """

    constants: int
    workspace: int
    state: int


@dataclass(frozen=True)
class Entry:
    """A function that users call.

    Attributes
    ----------
    routine : Routine
    x, y : Value
        The caller's numbers.
    layout : Layout
        Of the values in between.
    """

    routine: Routine
    x: Value
    y: Value
    layout: Layout

    @property
    def workspace(self) -> int:
        """The size of the workspace, which C does not allow to be zero."""
        return max(self.layout.size, 1)

    @property
    def body(self) -> str:
        """The statements, with the workspace in a pointer of this name."""
        body = body_text(self.routine.statements, self.layout, self.y)
        return body if self.layout.size > 0 else f"  (void)workspace;\n{body}"


def entry_of(routine: Routine, x: Value, y: Value) -> Entry:
    """Return a routine with the places of its values."""
    return Entry(routine, x, y, laid_out(routine.statements, y))


@dataclass(frozen=True)
class Program:
    """A network in C.

    Attributes
    ----------
    name : str
        What public names begin with.
    model : Model
    unit : Unit
    whole : Entry
        Which predicts a sample.
    step : Entry or None
        Which reads a step.
    """

    name: str
    model: Model
    unit: Unit
    whole: Entry
    step: Entry | None

    @cached_property
    def sizes(self) -> Sizes:
        """The memory that the program takes."""
        size = np.dtype(self.unit.dtype).itemsize
        state = 0 if self.step is None else self.step.workspace + sum(self.step.routine.states.values())
        return Sizes(constant_bytes(self.unit), size * self.whole.workspace, size * state)

    def header(self) -> str:
        """Return the text of the header."""
        facts = {
            "INPUTS": self.whole.x.size,
            "OUTPUTS": self.whole.y.size,
            "WORKSPACE": self.whole.workspace,
            "PARAMETERS": self.model.parameter_count,
            "CONSTANT_BYTES": self.sizes.constants,
        }
        parts = [self._described(), _PUBLIC]
        if self.step is not None:
            facts |= {"STEP_INPUTS": self.step.x.size, "STEP_OUTPUTS": self.step.y.size}
            fields = {**self.step.routine.states, "workspace": self.step.workspace}
            parts.append(_PUBLIC_STEP.replace("$fields", "\n".join(f"  real {f}[{n}];" for f, n in fields.items())))
        defined = "\n".join(f"#define $NAME_{fact} {value}" for fact, value in facts.items())
        return self._named("".join(parts).replace("$facts", defined) + _PUBLIC_END)

    def source(self, header: str) -> str:
        """Return the text of the file, which includes a header of this name."""
        parts = [f"/* See {header}. Written by chainrule. */\n", _INCLUDES.replace("$header", header), CAREFUL]
        parts += [function_text(self.unit), constant_text(self.unit.constants)]
        parts.append(_PREDICT.replace("$body", self.whole.body))
        if self.step is not None:
            parts.append(_STEP.replace("$body", self.step.body))
            cleared = [f"  for (size_t k = 0; k < {n}; ++k) state->{f}[k] = 0;" for f, n in self._states.items()]
            parts.append(_RESET.replace("$cleared", "\n".join(cleared)))
        parts.append(trial_text(self.whole.x.size, self.unit.dtype))
        return self._named("".join(parts))

    @property
    def _states(self) -> dict[str, int]:
        return {} if self.step is None else self.step.routine.states

    def _named(self, text: str) -> str:
        return of_type(text.replace("$NAME", self.name.upper()).replace("$name", self.name), self.unit.dtype)

    def _described(self) -> str:
        """Return a comment that says what the network is, and how to call it."""
        shapes = [_shown(shape) for shape in self.model.shapes]
        lines = ["A neural network, written by chainrule.", "", f"  input {shapes[0]}{self._scale()}"]
        lines += [
            f"  {number}. {layer!r} to {shape}"
            for number, (layer, shape) in enumerate(zip(self.model.stack, shapes[1:], strict=True), start=1)
        ]
        if self.model.border.classes is not None:
            labels = ", ".join(map(str, self.model.border.classes.tolist()))
            lines.append(f"  The outputs are of the classes {labels}, in this order.")
        lines += ["", *_HOW, *(_HOW_STEP if self.step is not None else [])]
        return commented(lines)

    def _scale(self) -> str:
        scale = self.model.border.scale
        return "" if scale == 1.0 else f", which is multiplied by {scale!r}"


def _shown(shape: Sequence[int]) -> str:
    return f"{math.prod(shape)} numbers" + (f" {tuple(shape)}" if len(shape) > 1 else "")


_HOW = [
    "$name_predict(x, y) reads the $NAME_INPUTS numbers of a sample, the last axis first in memory, and writes the",
    "$NAME_OUTPUTS outputs. It keeps the values between layers in a static workspace, so it must not run twice at the",
    "same time; $name_predict_with(x, y, workspace) takes one of $NAME_WORKSPACE numbers from the caller instead.",
    "x and y must not overlap.",
]
_HOW_STEP = [
    "",
    "A sequence can also be read as it arrives: $name_reset(&state) once, then $name_step(&state, x, y) with the",
    "$NAME_STEP_INPUTS numbers of each step, which writes the outputs after this step. Each stream has its own state.",
]

_PUBLIC = """#ifndef $NAME_H
#define $NAME_H

$facts

#ifdef __cplusplus
extern "C" {
#endif

void $name_predict(const real *x, real *y);
void $name_predict_with(const real *x, real *y, real *workspace);
"""

_PUBLIC_STEP = """
/* What a stream remembers of the steps before, and its workspace. */
typedef struct {
$fields
} $name_state;

void $name_reset($name_state *state);
void $name_step($name_state *state, const real *x, real *y);
"""

_PUBLIC_END = """
#ifdef __cplusplus
}
#endif

#endif
"""

_INCLUDES = """#include "$header"

#include <math.h>
#include <stddef.h>
#include <stdint.h>
"""

_PREDICT = """
void $name_predict_with(const real *x, real *y, real *workspace) {
$body}

void $name_predict(const real *x, real *y) {
  static real workspace[$NAME_WORKSPACE];
  $name_predict_with(x, y, workspace);
}
"""

_STEP = """
void $name_step($name_state *state, const real *x, real *y) {
  real *const workspace = state->workspace;
$body}
"""

_RESET = """
void $name_reset($name_state *state) {
$cleared
}
"""
