"""The figure that all pictures are drawn in; importing this file needs matplotlib."""

from __future__ import annotations

from io import BytesIO

from matplotlib.figure import Figure


class NotebookFigure(Figure):
    """matplotlib's figure without pyplot, which keeps every figure alive; a notebook shows it all the same."""

    def _repr_png_(self) -> bytes:
        buffer = BytesIO()
        self.savefig(buffer, format="png")
        return buffer.getvalue()
