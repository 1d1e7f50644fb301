"""Tables of text."""

from __future__ import annotations

from collections.abc import Sequence


def as_table(rows: Sequence[Sequence[str]]) -> str:
    """Return rows in columns, with a line under the first row.

    Examples
    --------
    >>> print(as_table([("name", "size"), ("weights", "12")]))
    name     size
    -------------
    weights  12
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    lines.insert(1, "-" * max(map(len, lines)))
    return "\n".join(lines)
