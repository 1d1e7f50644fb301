"""The consistency of the code: one version, a stub that matches the extension, no questions about kinds."""

import ast
import re
import sys
from importlib import metadata, resources
from pathlib import Path
from types import WrapperDescriptorType

import pytest

import chainrule
from chainrule import _core

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def test_tests_run_against_the_installed_package():
    assert Path(_core.__file__).suffix in {".so", ".pyd"}
    assert str(ROOT / "python") not in sys.path


@pytest.mark.parametrize(
    "version",
    [chainrule.__version__, _core.__version__, metadata.version("chainrule")],
    ids=["package", "extension", "metadata"],
)
def test_version_is_that_of_pyproject(version):
    assert version == PROJECT["version"]


def test_version_is_written_in_pyproject_only():
    sources = [ROOT / "CMakeLists.txt"]
    for folder in ("cmake", "cpp", "python"):
        sources += [
            path
            for path in (ROOT / folder).rglob("*")
            if path.suffix in {".cmake", ".txt", ".cpp", ".hpp", ".py", ".pyi"}
        ]
    assert [path for path in sources if f'"{PROJECT["version"]}"' in path.read_text(encoding="utf-8")] == []


# The stub as data: a class is a dictionary from name to member. A function is the list of its arguments; a property or
# variable is None.
Member = list[str] | None


def is_public(name: str) -> bool:
    return not name.startswith("_") or name in {"__init__", "__version__"}


def stub_member(node: ast.stmt) -> tuple[str, Member]:
    if isinstance(node, ast.AnnAssign):
        return ast.unparse(node.target), None
    assert isinstance(node, ast.FunctionDef)
    if any(ast.unparse(decorator) == "property" for decorator in node.decorator_list):
        return node.name, None
    return node.name, [argument.arg for argument in node.args.args]


def stub_class(node: ast.ClassDef, classes: dict[str, dict[str, Member]]) -> dict[str, Member]:
    members: dict[str, Member] = {}
    for base in node.bases:
        members |= classes.get(ast.unparse(base).partition("[")[0], {})
    own = [stub_member(child) for child in node.body if isinstance(child, ast.FunctionDef | ast.AnnAssign)]
    return members | {name: member for name, member in own if is_public(name)}


def stub() -> tuple[dict[str, dict[str, Member]], dict[str, Member]]:
    tree = ast.parse((resources.files("chainrule") / "_core.pyi").read_text(encoding="utf-8"))
    classes: dict[str, dict[str, Member]] = {}
    members: dict[str, Member] = {}
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            classes[node.name] = stub_class(node, classes)
        elif isinstance(node, ast.FunctionDef | ast.AnnAssign):
            members |= [stub_member(node)]
    return {name: members for name, members in classes.items() if not name.startswith("_")}, members


def extension_member(value: object) -> Member:
    """Read the arguments from the first line of a pybind11 docstring: name(self: type, layer: int) -> type."""
    if not callable(value):
        return None
    signature = (value.__doc__ or "").partition("\n")[0].rpartition(" -> ")[0]
    return re.findall(r"[(,] ?(\w+)(?=: )", signature)


CLASSES, MEMBERS = stub()


def test_stub_has_the_names_of_the_extension():
    extension = {name: value for name, value in vars(_core).items() if is_public(name)}
    assert CLASSES.keys() == {name for name, value in extension.items() if isinstance(value, type)}
    assert {name: extension_member(value) for name, value in extension.items() if name not in CLASSES} == MEMBERS


@pytest.mark.parametrize("name", CLASSES)
def test_stub_has_the_members_of_the_extension(name):
    # A class that Python cannot construct still has an inherited __init__, which raises.
    extension = {
        member: value
        for member, value in vars(getattr(_core, name)).items()
        if is_public(member) and not isinstance(value, WrapperDescriptorType)
    }
    assert CLASSES[name] == {member: extension_member(value) for member, value in extension.items()}


SOURCES = sorted((ROOT / "python" / "chainrule").rglob("*.py"))


def classes_of(path: Path) -> list[type]:
    """Return the kinds of layers, losses, optimisers and schedules that a file defines, abstract ones included."""
    bases = (chainrule.Layer, chainrule.Loss, chainrule.Optimizer, chainrule.Schedule)
    name = ".".join(path.relative_to(ROOT / "python").with_suffix("").parts)
    module = sys.modules.get(name)
    return [
        value
        for value in vars(module or object).values()
        if isinstance(value, type) and value.__module__ == name and issubclass(value, bases) and value not in bases
    ]


KINDS = {kind.__name__: path for path in SOURCES for kind in classes_of(path)}


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT / "python" / "chainrule")))
def test_no_file_asks_which_kind_it_meets_but_the_kinds_own(path):
    asked = [
        name.id
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in {"isinstance", "issubclass"}
        for name in ast.walk(node.args[1])
        if isinstance(name, ast.Name)
    ]
    assert [name for name in asked if KINDS.get(name, path) != path and "reference" not in path.parts] == []


def test_the_kinds_are_found():
    assert {"Dense", "Recurrent", "Composite", "CrossEntropy", "IRprop", "Warmup"} <= KINDS.keys()
