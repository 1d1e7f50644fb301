"""The report of a check: one line per comparison."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .table import as_table


@dataclass(frozen=True)
class Line:
    """One comparison: the largest relative error, where it is, and how many places at kinks were left out."""

    stage: str
    against: str
    error: float
    tolerance: float
    where: str
    kinks: int = 0

    @property
    def ok(self) -> bool:
        """Whether the error is within the tolerance; NaN is not."""
        return self.error <= self.tolerance


@dataclass
class Report:
    """What a check found; prints as a table.

    Attributes
    ----------
    ok : bool
        Whether every comparison is within its tolerance.
    lines : list of Line
    """

    lines: list[Line] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether every comparison is within its tolerance."""
        return all(line.ok for line in self.lines)

    @property
    def largest_error(self) -> float:
        """The largest relative error of all."""
        return max(line.error for line in self.lines)

    def __repr__(self) -> str:
        rows = [("stage", "core against", "largest error", "allowed", "where", "")]
        for line in self.lines:
            note = f"{line.kinks} at kinks left out" if line.kinks else ""
            verdict = note if line.ok else f"DIFFERS {note}"
            where = line.where if line.error > 0 else ""
            rows.append((line.stage, line.against, f"{line.error:.1e}", f"{line.tolerance:.0e}", where, verdict))
        first = next((line for line in self.lines if not line.ok), None)
        end = "all agree" if first is None else f"first difference: {first.stage}, at {first.where}"
        return f"{as_table(rows)}\n{end}"


def compare(
    stage: str,
    against: str,
    got: NDArray[Any],
    expected: NDArray[Any],
    tolerance: float,
    *,
    scale: float = 0.0,
    kinks: int = 0,
) -> Line:
    """Compare two arrays, relative to the largest magnitude in the expected one or to `scale`, if that is larger."""
    difference = np.abs(got.astype(np.float64) - expected)
    if difference.size == 0:
        return Line(stage, against, 0.0, tolerance, "nowhere", kinks)
    scale = max(scale, float(np.abs(expected).max()), 1e-30)
    worst = np.unravel_index(int(np.argmax(difference)), difference.shape)
    place = ", ".join(str(int(i)) for i in worst)
    return Line(stage, against, float(difference[worst]) / scale, tolerance, f"[{place}]", kinks)
