"""The texts that a file of C consists of."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence

from . import elementary
from .function import harmless, number_texts, numbers
from .memory import Layout
from .program import Constant, Statement, Unit, Value

_WIDTH = 110
_FLOAT = re.compile(r"(?<![\w.])\d+\.\d+(?![\w.])")


def of_type(text: str, dtype: str) -> str:
    """Return a text of C for a type of numbers."""
    name, suffix = ("float", "f") if dtype == "float32" else ("double", "")
    return re.sub(r"\bfma\(", f"fma{suffix}(", re.sub(r"\breal\b", name, text))


def function_text(unit: Unit) -> str:
    """Return the definitions of all functions."""
    texts = []
    for function in unit.functions:
        text = _FLOAT.sub(lambda match: numbers(float(match[0]), unit.dtype), unit.stored.spelled(function.text))
        texts.append(elementary.in_type(text, unit.dtype))
    return "".join(texts)


def constant_text(constants: Sequence[Constant]) -> str:
    """Return the definitions of all constants."""
    texts = [""]
    for constant in constants:
        values = number_texts(constant.values)
        if constant.type == "window":
            texts.append(f"static const window {constant} = {{{', '.join(values)}}};")
            continue
        count = max((_WIDTH - 2) // (max(map(len, values)) + 2), 1)
        lines = [f"  {', '.join(values[k : k + count])}" for k in range(0, len(values), count)]
        listed = ",\n".join(lines)
        texts.append(f"static const {constant.type} {constant}[{len(values)}] = {{\n{listed}\n}};")
    return "\n".join(texts) + "\n"


def constant_bytes(unit: Unit) -> int:
    """Return how much memory the constants of layers take; a window's six sizes may have eight bytes each."""
    return sum(constant.values.nbytes for constant in unit.constants)


def body_text(statements: Sequence[Statement], layout: Layout, result: Value) -> str:
    """Return statements, with each value declared where it is used first: in the workspace, the result at y."""
    lines: list[str] = []
    declared: set[Value] = set()
    for statement in statements:
        for value in statement.values:
            if value in declared or value.is_given:
                continue
            declared.add(value)
            begin = layout.begins.get(value, 0)
            place = "y" if value is result else f"workspace + {begin}" if begin else "workspace"
            lines.append(f"real *const {value} = {place};")
        lines += statement.lines
    return "".join(_wrapped(f"  {line}") + "\n" for line in lines)


def _wrapped(line: str) -> str:
    indent = " " * (4 + len(line) - len(line.lstrip()))
    return textwrap.fill(line, _WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


def commented(lines: Sequence[str]) -> str:
    """Return a comment of several lines, in which nothing can end it."""
    return "/* " + "\n".join(f" * {harmless(line)}".rstrip() for line in lines)[3:] + "\n */\n"
