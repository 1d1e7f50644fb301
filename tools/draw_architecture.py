"""Draws the architecture from the imports of the package and the includes of the core.

``python tools/draw_architecture.py FILE [--repo DIR]`` writes the picture. A box is a file or folder with what it
contains, and stands above everything that it imports. Arrows that follow from others are left out.
"""

from __future__ import annotations

import argparse
import functools
import re
import textwrap
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from statistics import mean

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from matplotlib.path import Path as MplPath
from measure_code import FLOOR_OF, folder_of, imports, python_files

Graph = dict[str, set[str]]

PYTHON, CORE, UP = "#dbe7f3", "#e6efdc", "#c0392b"
# All lengths are in inches.
MARGIN = 0.3
LINE, TITLE, PADDING, ROW_GAP, GAP = 0.125, 0.22, 0.07, 0.32, 0.2
CHARACTER, TITLE_CHARACTER = 0.054, 0.088


@dataclass
class Box:
    """A rectangle with a title and lines of text, or, without a title, a point that a long arrow passes."""

    title: str = ""
    lines: list[str] = field(default_factory=list)
    x: float = 0.0
    y: float = 0.0

    @property
    def width(self) -> float:
        text = max((len(line) for line in self.lines), default=0)
        return max(CHARACTER * text, TITLE_CHARACTER * len(self.title)) + 2 * PADDING if self.title else 0.0

    @property
    def height(self) -> float:
        return TITLE + LINE * len(self.lines) + PADDING / 2 if self.title else 0.0

    @property
    def center(self) -> float:
        return self.x + self.width / 2


@dataclass
class Tower:
    """The boxes of one language: which stands on which, what each contains, and the rows, lowest first."""

    title: str
    color: str
    arrows: Graph
    contents: dict[str, list[str]]
    rows: list[list[str]]
    boxes: dict[str, Box] = field(default_factory=dict)
    # The boxes and points that each arrow goes through, from its begin to its end.
    paths: list[list[str]] = field(default_factory=list)


def reachable(arrows: Graph, start: str) -> set[str]:
    """Return all that an item stands on, directly or not."""
    found: set[str] = set()
    todo = [*arrows[start]]
    while todo:
        item = todo.pop()
        if item not in found:
            found.add(item)
            todo += arrows[item]
    return found


def reduced(arrows: Graph) -> Graph:
    """Return the arrows that do not follow from others."""
    below = {item: reachable(arrows, item) for item in arrows}
    return {
        item: {target for target in targets if not any(target in below[other] for other in targets - {target})}
        for item, targets in arrows.items()
    }


def package(repo: Path) -> Tower:
    """Return the tower of the Python package, a box per file or folder directly below chainrule/."""
    modules = python_files(repo)
    arrows: Graph = {}
    contents: dict[str, list[str]] = {}
    for module, path in modules.items():
        if module == "chainrule":
            continue
        _, unit, *rest = module.split(".")
        # Of a folder within a folder its name.
        contents.setdefault(unit, []).extend(name for name in rest[:1] if name not in contents.get(unit, []))
        targets = arrows.setdefault(unit, set())
        for target in imports(module, path, modules):
            # Who imports the package itself uses what it offers, which ends at the network.
            name = target.split(".")[1] if "." in target else "network"
            targets |= {name} - {unit}

    @functools.cache
    def level(unit: str) -> int:
        return 1 + max((level(target) for target in arrows[unit]), default=-1)

    rows = [sorted(unit for unit in arrows if level(unit) == row) for row in range(max(map(level, arrows)) + 1)]
    return Tower("python/chainrule", PYTHON, reduced(arrows), contents, rows)


def core(repo: Path) -> Tower:
    """Return the tower of the core, a box per folder of cpp/."""
    arrows: Graph = {}
    contents: dict[str, list[str]] = {}
    root = repo / "cpp"
    for path in sorted(root.rglob("*.[ch]pp")):
        unit = folder_of(path.relative_to(root).as_posix())
        if unit is None:
            continue
        names = contents.setdefault(unit, [])
        if path.stem not in names:
            names.append(path.stem)
        found = map(folder_of, re.findall(r'^#include "(.+)"', path.read_text(encoding="utf-8"), re.MULTILINE))
        arrows.setdefault(unit, set()).update(target for target in found if target and target != unit)
    floors = sorted({FLOOR_OF[unit] for unit in arrows})
    rows = [sorted(unit for unit in arrows if FLOOR_OF[unit] == floor) for floor in floors]
    down = {u: {t for t in targets if FLOOR_OF[t] < FLOOR_OF[u]} for u, targets in arrows.items()}
    kept = reduced(down)
    return Tower("cpp", CORE, {u: kept[u] | (arrows[u] - down[u]) for u in arrows}, contents, rows)


def fill(tower: Tower) -> None:
    """Make the boxes of the files and folders."""
    for unit in tower.arrows:
        names = ", ".join(name for name in tower.contents[unit] if name != unit or len(tower.contents[unit]) > 1)
        tower.boxes[unit] = Box(unit, textwrap.wrap(names, 46 if len(names) > 100 else 34))


def widest(tower: Tower) -> float:
    """Return the width that the widest row needs, with space for arrows that pass."""
    return max(sum(tower.boxes[unit].width + GAP for unit in row) for row in tower.rows) + 2 * GAP


def place(tower: Tower, left: float, width: float, height: float | None = None) -> float:
    """Set the positions of the boxes, from the bottom up; return the height. Rows spread to `height` if it is given."""
    route(tower)
    heights = [max(tower.boxes[unit].height for unit in row) for row in tower.rows]
    natural = sum(heights) + ROW_GAP * (len(heights) - 1)
    gap = ROW_GAP + ((height or natural) - natural) / max(1, len(heights) - 1)
    y = 0.0
    for row, tallest in zip(tower.rows, heights, strict=True):
        for number, unit in enumerate(row):
            tower.boxes[unit].x = left + width * (number + 0.5) / len(row)
            tower.boxes[unit].y = y + (tallest - tower.boxes[unit].height) / 2
        y += tallest + gap
    # Boxes move to the mean position of what they are connected with, a few times down and up.
    for _ in range(20):
        for row in [*reversed(tower.rows), *tower.rows]:
            row.sort(key=functools.partial(wished, tower))
            spread(tower, row, left, width)
    return y - gap


def route(tower: Tower) -> None:
    """Make the path of each arrow; one that goes down several rows gets a point in each row on its way."""
    row_of = {unit: number for number, row in enumerate(tower.rows) for unit in row}
    for unit, targets in tower.arrows.items():
        for target in sorted(targets):
            points = [f"{unit} {target} {row}" for row in range(row_of[unit] - 1, row_of[target], -1)]
            for row, point in zip(range(row_of[unit] - 1, row_of[target], -1), points, strict=True):
                tower.boxes[point] = Box()
                tower.rows[row].append(point)
            tower.paths.append([unit, *points, target])


def wished(tower: Tower, name: str) -> float:
    """Return the mean position of the boxes and points that an arrow connects with this one."""
    linked = [
        tower.boxes[path[index + step]].center
        for path in tower.paths
        for index in range(len(path))
        for step in (-1, 1)
        if path[index] == name and 0 <= index + step < len(path)
    ]
    return sum(linked) / len(linked) if linked else tower.boxes[name].center


def spread(tower: Tower, row: list[str], left: float, width: float) -> None:
    """Put the boxes of a row as near to their wished positions as their order and the gaps between them allow."""
    boxes = [tower.boxes[name] for name in row]
    offsets = [0.0]
    for box, after in pairwise(boxes):
        offsets.append(offsets[-1] + (box.width + after.width) / 2 + GAP)
    # Neighbours that would overlap form a group, which takes the mean of their wishes (isotonic regression).
    groups: list[list[float]] = []
    for name, offset in zip(row, offsets, strict=True):
        groups.append([wished(tower, name) - offset])
        while len(groups) > 1 and mean(groups[-2]) > mean(groups[-1]):
            last = groups.pop()
            groups[-1] += last
    lowest = left + boxes[0].width / 2
    highest = left + width - boxes[-1].width / 2 - offsets[-1]
    starts = [min(max(mean(group), lowest), highest) for group in groups for _ in group]
    for box, start, offset in zip(boxes, starts, offsets, strict=True):
        box.x = start + offset - box.width / 2


def draw_tower(ax: Axes, tower: Tower) -> None:
    """Draw boxes and arrows; an arrow that points up is red."""
    for path in tower.paths:
        begin, *points, end = (tower.boxes[name] for name in path)
        up = end.y + end.height > begin.y
        corners = [(begin.center, begin.y), *((point.x, point.y) for point in points), (end.center, end.y + end.height)]
        connect(ax, corners, UP if up else "0.55", 1)
    for box in filter(lambda box: box.title, tower.boxes.values()):
        shape = FancyBboxPatch(
            (box.x, box.y), box.width, box.height, boxstyle="round,pad=0,rounding_size=0.06",
            facecolor=tower.color, edgecolor="0.35", linewidth=0.8, zorder=3,
        )  # fmt: skip
        ax.add_patch(shape)
        top = box.y + box.height
        ax.text(box.center, top - 0.04, box.title, ha="center", va="top", fontsize=9, weight="bold", zorder=4)
        for number, line in enumerate(box.lines):
            y = top - TITLE - LINE * number
            ax.text(box.center, y, line, ha="center", va="top", fontsize=6.8, color="0.25", zorder=4)


def connect(ax: Axes, corners: list[tuple[float, float]], color: str, width: float) -> None:
    """Draw an arrow through these points."""
    arrow = FancyArrowPatch(
        path=MplPath(corners), arrowstyle="-|>", mutation_scale=8, color=color, linewidth=width, joinstyle="round",
        zorder=2,
    )  # fmt: skip
    arrow.set_fill(False)
    ax.add_patch(arrow)


def draw(repo: Path = Path(__file__).parents[1]) -> Figure:
    """Return the picture: the package on the left, the core on the right, and the border between them."""
    left, right = package(repo), core(repo)
    fill(left)
    fill(right)
    border = widest(left) + MARGIN
    width = border + MARGIN + widest(right)
    height = place(left, 0.0, border - MARGIN)
    place(right, border + MARGIN, width - border - MARGIN, height)
    figure = Figure(figsize=(width + 0.2, height + 0.6))
    ax = figure.add_axes((0, 0, 1, 1))
    ax.set(xlim=(-0.1, width + 0.1), ylim=(-0.1, height + 0.5))
    ax.axis("off")
    for tower, x in ((left, (border - MARGIN) / 2), (right, (width + border + MARGIN) / 2)):
        ax.text(x, height + 0.25, tower.title, ha="center", va="center", fontsize=13, weight="bold", color="0.2")
        draw_tower(ax, tower)
    model, bindings = left.boxes["model"], right.boxes["bindings"]
    y, up = model.y + model.height / 2, bindings.y + bindings.height / 2
    connect(ax, [(model.x + model.width, y), (border, y), (border, up), (bindings.x, up)], "0.2", 2)
    legend = "An arrow leads from a file or folder to what it imports.\nArrows that follow from others are left out."
    ax.text(0, height, legend, fontsize=9, va="top", color="0.3")
    label = {"fc": "white", "ec": "none"}
    ax.text(border, (y + up) / 2, "_core", fontsize=10, style="italic", ha="center", bbox=label, zorder=5)
    return figure


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path, help="picture to write")
    parser.add_argument("--repo", type=Path, default=Path(__file__).parents[1], help="root of the checkout")
    options = parser.parse_args()
    draw(options.repo.resolve()).savefig(options.file, dpi=100)


if __name__ == "__main__":
    main()
