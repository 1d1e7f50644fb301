"""Measures how a checkout is built: import circles, includes that point up, long functions and files, lists of kinds.

``python tools/measure_code.py --repo DIR`` prints a table; it parses the sources and imports none of them.
"""

from __future__ import annotations

import argparse
import ast
import re
from collections.abc import Iterator
from pathlib import Path

# The floors of cpp/, lowest first. A file may include files of its own folder and of lower floors.
FLOORS = [
    {"base"},
    {"simd"},
    {"kernels"},
    {"layers"},
    {"network"},
    {"data"},
    {"training", "prediction"},
    {"session"},
    {"bindings"},
]
FLOOR_OF = {folder: floor for floor, folders in enumerate(FLOORS) for folder in folders}
# Files at the root of cpp/ that have no folder in some checkouts.
ROOT_FILES = {"aligned": "base", "flush_denormals": "base", "network": "network", "session": "session"}

LONG_FILE, LONG_FUNCTION = 450, 50
# So many layer kinds in one expression make it a list of kinds.
LIST_OF_KINDS = 5

Function = tuple[int, str]


def python_files(repo: Path) -> dict[str, Path]:
    """Return the modules of the package by dotted name; a package has the name of its folder."""
    root = repo / "python"
    return {
        ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__"): path
        for path in sorted((root / "chainrule").rglob("*.py"))
    }


def imports(module: str, path: Path, modules: dict[str, Path]) -> set[str]:
    """Return the modules that a file imports: at the top, for types only, or inside a function."""
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    extensions = {path.stem for path in path.parents[len(module.split(".")) - 1].rglob("_core.pyi")}
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            parts = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            origin = ".".join([*parts, *([node.module] if node.module else [])])
            for alias in node.names:
                name = f"{origin}.{alias.name}"
                if name in modules:
                    found.add(name)
                elif alias.name not in extensions:
                    found.add(origin)
    return found & modules.keys() - {module}


def circles(graph: dict[str, set[str]]) -> list[list[str]]:
    """Return the groups of modules that reach each other through imports (Tarjan's components of two or more)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    groups = []

    def visit(node: str) -> None:
        index[node] = low[node] = len(index)
        stack.append(node)
        for target in sorted(graph[node]):
            if target not in index:
                visit(target)
                low[node] = min(low[node], low[target])
            elif target in stack:
                low[node] = min(low[node], index[target])
        if low[node] == index[node]:
            begin = stack.index(node)
            group = stack[begin:]
            del stack[begin:]
            if len(group) > 1:
                groups.append(sorted(group))

    for node in graph:
        if node not in index:
            visit(node)
    return groups


def folder_of(path: str) -> str | None:
    """Return the floor's folder of a path below cpp/, None for files outside the floors, such as tests."""
    parts = Path(path).parts
    folder = ROOT_FILES.get(Path(path).stem, "") if len(parts) == 1 else parts[0]
    return folder if folder in FLOOR_OF else None


def arrows_up(repo: Path) -> list[str]:
    """Return the includes of cpp/ that point to another folder that is not on a lower floor."""
    root = repo / "cpp"
    arrows = []
    for path in sorted(root.rglob("*.[ch]pp")):
        name = path.relative_to(root).as_posix()
        source = folder_of(name)
        for header in re.findall(r'^#include "(.+)"', path.read_text(encoding="utf-8"), re.MULTILINE):
            full = header if (root / header).exists() else (path.parent.relative_to(root) / header).as_posix()
            target = folder_of(full)
            if source and target and source != target and FLOOR_OF[target] >= FLOOR_OF[source]:
                arrows.append(f"{name} -> {full}")
    return arrows


def python_functions(path: Path) -> Iterator[Function]:
    """Yield length and name of each function in a file; lines of the docstring do not count."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            docstring = len((ast.get_docstring(node, clean=False) or "").splitlines())
            yield (node.end_lineno or node.lineno) - node.lineno + 1 - docstring, node.name


def without_comments(text: str) -> str:
    """Blank out comments, literals and preprocessor lines of C++, and keep the line breaks."""
    skip = r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])\'|^[ \t]*#(?:\\\n|[^\n])*'
    return re.sub(skip, lambda match: re.sub(r"[^\n]", " ", match[0]), text, flags=re.DOTALL | re.MULTILINE)


def cpp_functions(path: Path) -> Iterator[Function]:
    """Yield length and name of each function in a file: a block at the level of namespaces and classes, after ``)``."""
    text = without_comments(path.read_text(encoding="utf-8"))
    blocks: list[tuple[str, int, str]] = []  # kind, first line, name
    head, line, head_line = "", 1, 1
    for character in text:
        line += character == "\n"
        inside = bool(blocks) and blocks[-1][0] != "scope"
        if character == "{":
            # A brace after a name in the initialisers of a constructor belongs to the head.
            initialiser = re.search(r"\)[^:]*[^:]:[^:](.|\n)*\w\s*$", head) is not None
            if inside or initialiser:
                kind, name = "block" if inside else "initialiser", ""
            elif re.search(r"\b(namespace|class|struct|union|enum|extern)\b[^()]*$", head):
                kind, name = "scope", ""
            elif call := re.search(r"([\w~:]+|operator\S+)\s*\(", re.sub(r"template\s*<[^{}]*?>\s", "", head)):
                kind, name = "function", call[1].lstrip(":")
            else:
                kind, name = "block", ""
            blocks.append((kind, head_line, name))
            if kind != "initialiser":
                head = ""
        elif character == "}" and blocks:
            kind, begin, name = blocks.pop()
            if kind == "function":
                yield line - begin + 1, name
            if kind != "initialiser":
                head = ""
        elif character == ";" and not inside:
            head = ""
        elif not inside:
            if not head.strip():
                head, head_line = "", line
            head += character


def layer_kinds(modules: dict[str, Path]) -> dict[str, set[Path]]:
    """Return the classes below `Layer` by name, each with the files that define a class of this name."""
    bases: dict[str, set[str]] = {}
    files: dict[str, set[Path]] = {}
    for path in modules.values():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                bases.setdefault(node.name, set()).update(ast.unparse(base).split(".")[-1] for base in node.bases)
                files.setdefault(node.name, set()).add(path)
    kinds, grown = {"Layer"}, True
    while grown:
        more = {name for name, above in bases.items() if above & kinds} - kinds
        kinds, grown = kinds | more, bool(more)
    return {name: files[name] for name in kinds - {"Layer"}}


def named_in(node: ast.AST) -> set[str]:
    """Return the names, attributes and texts that an element of a collection or an argument consists of."""
    if isinstance(node, ast.Tuple | ast.BinOp):
        return {name for child in ast.iter_child_nodes(node) for name in named_in(child)}
    if isinstance(node, ast.Name):
        return {node.id}
    if isinstance(node, ast.Attribute):
        return {node.attr}
    return {node.value} if isinstance(node, ast.Constant) and isinstance(node.value, str) else set()


def lists_of_kinds(repo: Path, modules: dict[str, Path]) -> list[str]:
    """Return the places that list kinds of layers of other files, or ask an object whether it is of one."""
    kinds = layer_kinds(modules)
    places = []
    for path in modules.values():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names: set[str] = set()
            if isinstance(node, ast.List | ast.Tuple | ast.Set):
                names = {name for child in node.elts for name in named_in(child)}
            elif isinstance(node, ast.Dict):
                names = {name for child in [*node.keys, *node.values] if child for name in named_in(child)}
            elif isinstance(node, ast.ImportFrom):
                names = {alias.name for alias in node.names}
            elif isinstance(node, ast.Call) and ast.unparse(node.func) == "isinstance":
                asked = {name for name in named_in(node.args[1]) if path not in kinds.get(name, {path})}
                places += [f"{path.relative_to(repo)}:{node.lineno} isinstance {name}" for name in sorted(asked)]
            foreign = {name for name in names & kinds.keys() if path not in kinds[name]}
            if len(foreign) >= LIST_OF_KINDS:
                places.append(f"{path.relative_to(repo)}:{node.lineno} lists {len(foreign)} kinds")
    for path in sorted((repo / "cpp").rglob("*.[ch]pp")):
        if "tests" not in path.parts:
            texts = set(re.findall(r'"(\w+)"', path.read_text(encoding="utf-8"))) & kinds.keys()
            if len(texts) >= LIST_OF_KINDS:
                places.append(f"{path.relative_to(repo)} names {len(texts)} kinds")
    return places


def virtuals(repo: Path) -> int:
    """Return the number of virtual functions that `Layer` of the core declares, its destructor included."""
    text = without_comments((repo / "cpp/layers/layer.hpp").read_text(encoding="utf-8"))
    body = re.search(r"^class Layer \{.*?^\};", text, re.DOTALL | re.MULTILINE)
    return len(re.findall(r"\bvirtual\b", body[0])) if body else 0


def lengths(repo: Path) -> Iterator[tuple[str, str, list[str]]]:
    """Yield the rows on the longest files and functions, for the package, the core, and all else."""
    core = [path for path in sorted((repo / "cpp").rglob("*.[ch]pp")) if "tests" not in path.relative_to(repo).parts]
    rest = [path for folder in ("tests", "tools", "benchmarks", "examples") for path in (repo / folder).rglob("*.py")]
    rest += (repo / "cpp" / "tests").glob("*.[ch]pp")
    for title, files in {"Python": list(python_files(repo).values()), "C++": core, "tests and tools": rest}.items():
        sizes = sorted((len(p.read_text(encoding="utf-8").splitlines()), str(p.relative_to(repo))) for p in files)
        functions = sorted(
            (length, f"{path.relative_to(repo)}: {name}")
            for path in files
            for length, name in (python_functions if path.suffix == ".py" else cpp_functions)(path)
        )
        long_files = [f"{name} {size}" for size, name in reversed(sizes) if size > LONG_FILE]
        long_functions = [f"{name} {size}" for size, name in reversed(functions) if size > LONG_FUNCTION]
        yield f"{title}: longest file", f"{sizes[-1][0]} lines", [sizes[-1][1]]
        yield f"{title}: files above {LONG_FILE} lines", str(len(long_files)), long_files
        yield f"{title}: longest function", f"{functions[-1][0]} lines", [functions[-1][1]]
        yield f"{title}: functions above {LONG_FUNCTION} lines", str(len(long_functions)), long_functions


def measure(repo: Path) -> list[tuple[str, str, list[str]]]:
    """Return the rows of the table: what is measured, the figure, and the places that it counts."""
    modules = python_files(repo)
    groups = circles({module: imports(module, path, modules) for module, path in modules.items()})
    up = arrows_up(repo)
    listed = lists_of_kinds(repo, modules)
    return [
        ("Python: files in import circles", str(sum(map(len, groups))), [" ".join(group) for group in groups]),
        ("C++: includes that point up", str(len(up)), up),
        *lengths(repo),
        ("places that list kinds of layers", str(len(listed)), listed),
        ("C++: virtual functions of Layer", str(virtuals(repo)), []),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repo", type=Path, default=Path(__file__).parents[1], help="root of the checkout")
    parser.add_argument("--places", action="store_true", help="print the places that each figure counts, too")
    options = parser.parse_args()
    for title, figure, places in measure(options.repo.resolve()):
        print(f"{title:45}{figure}")
        if options.places:
            print("".join(f"    {place}\n" for place in places), end="")


if __name__ == "__main__":
    main()
