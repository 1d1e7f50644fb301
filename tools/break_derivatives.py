"""Flips the sign of each derivative of the core in turn, and checks that a test fails.

    python tools/break_derivatives.py

It works on copies, with the kernels of one instruction set, and needs the package installed with its extra `dev`. A
mutation that no test notices is printed as SURVIVED; the exit status is then 1.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import pybind11

import chainrule

ROOT = Path(__file__).parents[1]
ISA = str(chainrule.info()["isa"])
TESTS = ["tests/test_core_matches_reference.py", "tests/test_network.py"]


def mutations(kernels: Path) -> Iterator[tuple[Path, str, str]]:
    """Yield file, name and mutated text."""
    activations = kernels / "activations.hpp"
    text = activations.read_text(encoding="utf-8")
    for found in re.finditer(r"derivative\(Kind<Activation::(\w+)>.*?\n}\n", text, re.DOTALL):
        broken = re.sub(r"\n  return (.*?);\n}\n$", r"\n  return -(\1);\n}\n", found[0], flags=re.DOTALL)
        yield activations, f"derivative of {found[1]}", text.replace(found[0], broken)
    losses = kernels / "loss.hpp"
    text = losses.read_text(encoding="utf-8")
    for found in re.finditer(r"Term<T> (\w+)\((Kind<Activation::\w+>)?.*?\n}\n", text, re.DOTALL):
        broken = re.sub(r"return \{(.*), ([^,]*(?:\([^()]*\))?[^,]*)\};", r"return {\1, -(\2)};", found[0])
        if found[1] == "huber":
            broken = found[0].replace("select(near, e, copysign(delta, e))", "-select(near, e, copysign(delta, e))")
        if found[1] == "absolute_error":
            broken = found[0].replace("copysign(constant<T>(1), e)", "copysign(constant<T>(1), -e)")
        yield losses, f"gradient of {found[1]} {found[2] or ''}", text.replace(found[0], broken)
    for name, old, new in (
        ("gradient of softmax with cross-entropy", "fma(a, target_sum, -t)}", "-fma(a, target_sum, -t)}"),
        ("gradient of gaussian by the mean", "weighted, constant<T>(0.5)", "-weighted, constant<T>(0.5)"),
        ("derivative of softmax", "* (g - mean))", "* (mean - g))"),
    ):
        yield losses, name, text.replace(old, new)


def build(source: Path, folder: Path) -> None:
    if not folder.exists():
        subprocess.run(
            ["cmake", "-S", source, "-B", folder, "-G", "Ninja", f"-DCHAINRULE_ISAS=baseline;{ISA}",
             "-DSKBUILD_PROJECT_VERSION=" + chainrule.__version__, f"-DPython_EXECUTABLE={sys.executable}",
             f"-Dpybind11_DIR={pybind11.get_cmake_dir()}"],
            check=True, stdout=subprocess.DEVNULL,
        )  # fmt: skip
    subprocess.run(["cmake", "--build", folder, "--target", "_core"], check=True, stdout=subprocess.DEVNULL)


def tests_fail(core: Path, package: Path) -> bool:
    for old in package.glob("_core*.so"):
        old.unlink()
    shutil.copy(core, package / f"_core{EXTENSION_SUFFIXES[0]}")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-x", "-q", *TESTS],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(package.parent), "CHAINRULE_ISA": ISA}, capture_output=True,
    )  # fmt: skip
    return done.returncode == 1


def main() -> int:
    with tempfile.TemporaryDirectory() as temporary:
        source, package = Path(temporary) / "source", Path(temporary) / "site" / "chainrule"
        shutil.copytree(ROOT / "cpp", source / "cpp")
        shutil.copytree(ROOT / "cmake", source / "cmake")
        shutil.copytree(ROOT / "python", source / "python")
        shutil.copy(ROOT / "CMakeLists.txt", source)
        shutil.copytree(Path(chainrule.__file__).parent, package)
        survived = 0
        for file, name, broken in mutations(source / "cpp" / "kernels"):
            whole = file.read_text(encoding="utf-8")
            if broken == whole:
                raise RuntimeError(f"no sign to turn in the {name}")
            file.write_text(broken, encoding="utf-8")
            build(source, source / "build")
            noticed = tests_fail(next((source / "build").glob("_core*.so")), package)
            file.write_text(whole, encoding="utf-8")
            print(f"{name:60}{'noticed' if noticed else 'SURVIVED'}", flush=True)
            survived += not noticed
    return 1 if survived else 0


if __name__ == "__main__":
    sys.exit(main())
