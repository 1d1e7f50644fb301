"""Colours, markers and the figure that all pictures share."""

from __future__ import annotations

from typing import Any

BLUE, ORANGE, GREEN, VERMILION, PURPLE, SKY, YELLOW = (
    "#0072b2", "#e69f00", "#009e73", "#d55e00", "#cc79a7", "#56b4e9", "#f0e442",
)  # fmt: skip
CLASS_COLORS = (BLUE, ORANGE, GREEN, PURPLE, SKY, VERMILION, YELLOW)
MARKERS = "os^DvPX"


def new_figure(width: float, height: float) -> Any:
    """Return an empty figure of this size in inches; ImportError without matplotlib."""
    try:
        from .figure import NotebookFigure
    except ImportError as error:
        raise ImportError('pictures need matplotlib: pip install "chainrule[plot]"') from error
    return NotebookFigure(figsize=(width, height), layout="constrained")


def class_color(label: int) -> str:
    """Return the colour of a class; colours repeat after the last."""
    return CLASS_COLORS[label % len(CLASS_COLORS)]
