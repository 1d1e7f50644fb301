"""The file of C of a network, and its header."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ...model import Model
from .frame import CAREFUL, HEADER, HOW, HOW_STEP, INCLUDES, PREDICT, PUBLIC, PUBLIC_STEP, RESET, STEP
from .memory import Layout, laid_out
from .program import Routine, Unit, Value
from .text import body_text, commented, constant_bytes, constant_text, function_text, of_type
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
    whole : Entry or None
        Which predicts a sample.
    step : Entry or None
        Which reads a step.
    """

    name: str
    model: Model
    unit: Unit
    whole: Entry | None
    step: Entry | None

    @cached_property
    def sizes(self) -> Sizes:
        """The memory that the program takes."""
        size = np.dtype(self.unit.dtype).itemsize
        workspace = 0 if self.whole is None else self.whole.workspace
        state = 0 if self.step is None else self.step.workspace + sum(self.step.routine.states.values())
        return Sizes(constant_bytes(self.unit), size * workspace, size * state)

    def header(self) -> str:
        """Return the text of the header."""
        facts = {"PARAMETERS": self.model.parameter_count, "CONSTANT_BYTES": self.sizes.constants}
        how, declared = [], []
        if (whole := self.whole) is not None:
            facts |= {"INPUTS": whole.x.size, "OUTPUTS": whole.y.size, "WORKSPACE": whole.workspace}
            how.append(HOW)
            declared.append(PUBLIC)
        if (step := self.step) is not None:
            facts |= {"STEP_INPUTS": step.x.size, "STEP_OUTPUTS": step.y.size}
            how.append(HOW_STEP)
            fields = {**step.routine.states, "workspace": step.workspace}
            listed = "\n".join(f"  real {field}[{size}];" for field, size in fields.items())
            declared.append(PUBLIC_STEP.replace("$fields", listed))
        defined = "\n".join(f"#define $NAME_{fact} {value}" for fact, value in facts.items())
        comment = commented([*self._described(), *(self._named(line) for text in how for line in text.splitlines())])
        return comment + self._named(HEADER.replace("$facts", defined).replace("$declared", "".join(declared)))

    def source(self, header: str) -> str:
        """Return the text of the file, which includes a header of this name."""
        parts = [INCLUDES.replace("$header", header), CAREFUL]
        parts += [function_text(self.unit), constant_text(self.unit.constants)]
        if self.whole is not None:
            parts.append(PREDICT.replace("$body", self.whole.body))
        if self.step is not None:
            parts.append(STEP.replace("$body", self.step.body))
            states = self.step.routine.states.items()
            cleared = [f"  for (size_t k = 0; k < {size}; ++k) state->{name}[k] = 0;" for name, size in states]
            parts.append(RESET.replace("$cleared", "\n".join(cleared)))
        tried = self.whole or self.step
        assert tried is not None  # a network that has neither is refused
        parts.append(trial_text(tried.x.size, self.unit.dtype, reads_steps=self.whole is None))
        return self._named("".join(parts))

    def _named(self, text: str) -> str:
        return of_type(text.replace("$NAME", self.name.upper()).replace("$name", self.name), self.unit.dtype)

    def _described(self) -> list[str]:
        """Return lines that say what the network is."""
        shapes = [_shown(shape) for shape in self.model.shown_shapes]
        scale = self.model.border.scale
        scaled = "" if scale == 1.0 else f", which is multiplied by {scale!r}"
        lines = ["A neural network, written by chainrule.", "", f"  input {shapes[0]}{scaled}"]
        lines += [
            f"  {number}. {layer!r} to {shape}"
            for number, (layer, shape) in enumerate(zip(self.model.stack, shapes[1:], strict=True), start=1)
        ]
        if self.model.border.classes is not None:
            labels = [str(label) for label in self.model.border.classes.tolist()]
            said = f"The outputs are of the classes {', '.join(labels)}, in this order."
            if self.model.shapes[-1][-1] == 1:
                said = f"The output is low for the class {labels[0]}, and high for {labels[-1]}."
            lines += ["", *textwrap.wrap(said, 110)]
        return lines


def _shown(shape: Sequence[int | None]) -> str:
    sizes = ", ".join("any number" if size is None else str(size) for size in shape)
    return f"({sizes})" if len(shape) > 1 else f"{sizes} numbers"
