"""The core's folders are floors: a file includes files of its own floor and of lower ones, and there are no circles."""

import re
import runpy
from pathlib import Path

ROOT = Path(__file__).parents[1]
CPP = ROOT / "cpp"
# From bottom to top; folders on the same floor do not include each other.
FLOORS = runpy.run_path(str(ROOT / "tools" / "measure_code.py"))["FLOORS"]


def folder(path: str) -> str:
    """Return the folder of a file, or the name without extension of a file in cpp/ itself."""
    first = path.split("/")[0]
    return first.partition(".")[0]


def floor(path: str) -> int:
    return next(i for i, folders in enumerate(FLOORS) if folder(path) in folders)


def includes() -> dict[str, set[str]]:
    """Return the files of the core that each file includes."""
    found = {}
    for path in sorted([*CPP.rglob("*.hpp"), *CPP.rglob("*.cpp")]):
        name = path.relative_to(CPP).as_posix()
        if not name.startswith("tests/"):
            found[name] = set(re.findall(r'^\s*#\s*include "([^"]+)"', path.read_text(encoding="utf-8"), re.MULTILINE))
    return found


def test_every_file_has_a_floor_and_includes_files_that_exist():
    files = includes()
    assert len(files) > 50
    assert [name for name in files if not any(folder(name) in folders for folders in FLOORS)] == []
    assert {(name, other) for name, others in files.items() for other in others if other not in files} == set()


def test_includes_point_down():
    upward = {
        (name, other)
        for name, others in includes().items()
        for other in others
        if floor(other) > floor(name) or (floor(other) == floor(name) and folder(other) != folder(name))
    }
    assert upward == set()


def test_no_files_include_each_other_in_a_circle():
    left = includes()
    while True:
        leaves = {name for name, others in left.items() if not others & left.keys()}
        if not leaves:
            break
        left = {name: others for name, others in left.items() if name not in leaves}
    assert left == {}
