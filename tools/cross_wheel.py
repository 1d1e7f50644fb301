"""A wheel for ARM, built by a cross compiler on x86-64, and tested under qemu.

    python tools/cross_wheel.py [FOLDER]

Needs Debian's g++-aarch64-linux-gnu, qemu-user and mmdebstrap, and the package `build`. FOLDER, by default build/arm64,
gets Debian's Python for ARM with its headers, the wheel, and a folder with the wheel and what its tests need.
"""

import argparse
import subprocess
import sys
from pathlib import Path

import tomllib

ROOT = Path(__file__).parents[1]
# Debian's release, and the Python that it has.
RELEASE, PYTHON = "bookworm", "3.11"
PLATFORMS = ("manylinux_2_28_aarch64", "manylinux2014_aarch64", "linux_aarch64")


def run(*command, **options):
    print("+", *command, flush=True)
    subprocess.run([str(part) for part in command], check=True, cwd=ROOT, **options)


def get_python(root):
    packages = "python3,libpython3-dev,libgomp1,libstdc++6"
    run("mmdebstrap", "--architecture=arm64", "--variant=extract", f"--include={packages}", RELEASE, root)


def build_wheel(root, folder):
    """Build the wheel with the host's Python, whose headers and name of modules are replaced, and name it for ARM."""
    # Python's own headers are first; those of the root that they include are looked for after the compiler's.
    others = f"-idirafter {root / 'usr/include'}"
    definitions = {
        "CMAKE_TOOLCHAIN_FILE": ROOT / "cmake/aarch64.cmake",
        "Python_INCLUDE_DIR": root / f"usr/include/python{PYTHON}",
        "Python_SOABI": f"cpython-{PYTHON.replace('.', '')}-aarch64-linux-gnu",
        "CMAKE_C_FLAGS": others,
        "CMAKE_CXX_FLAGS": others,
    }
    settings = [f"-Ccmake.define.{name}={value}" for name, value in definitions.items()]
    run(sys.executable, "-m", "build", "--wheel", "--outdir", folder, f"-Cbuild-dir={folder / 'objects'}", *settings)
    (wheel,) = folder.glob("*.whl")
    run(sys.executable, "-m", "wheel", "tags", "--remove", "--platform-tag=linux_aarch64", wheel)
    (wheel,) = folder.glob("*.whl")
    return wheel


def install(wheel, site, requirements):
    platforms = [f"--platform={platform}" for platform in PLATFORMS]
    options = ["--only-binary=:all:", f"--python-version={PYTHON}", f"--target={site}", "--upgrade", "--quiet"]
    run(sys.executable, "-m", "pip", "install", *options, *platforms, wheel, *requirements)


def run_tests(root, site, command):
    python = root / f"usr/bin/python{PYTHON}"
    # The emulator finds the libraries of ARM under the root, and Python its own modules.
    emulator = ["qemu-aarch64", "-L", root, "-E", f"PYTHONHOME={root / 'usr'}", "-E", f"PYTHONPATH={site}"]
    run(*emulator, python, "-c", "import chainrule as cr; print(cr.__version__, cr.info())")
    run(*emulator, python, "-m", *command.split(), "-p", "no:cacheprovider")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT / "build/arm64")
    folder = parser.parse_args().folder.resolve()
    root = folder / "root"
    folder.mkdir(parents=True, exist_ok=True)
    with (ROOT / "pyproject.toml").open("rb") as file:
        settings = tomllib.load(file)["tool"]["cibuildwheel"]
    if not root.exists():
        get_python(root)
    for old in folder.glob("*.whl"):
        old.unlink()
    wheel = build_wheel(root, folder)
    install(wheel, folder / "site", settings["test-requires"])
    run_tests(root, folder / "site", settings["test-command"])
    print(f"{wheel.name}: {wheel.stat().st_size / 2**20:.2f} MB")


if __name__ == "__main__":
    main()
