"""Networks as files of C: written, compiled into one library, and called."""

import ctypes
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor

import numpy as np

STRICT = ("-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Werror")


def run(*command, **options):
    """The output of a command that must succeed."""
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, **options)
    assert done.returncode == 0, done.stderr[:3000]
    return done.stdout


def pointer(array):
    return array.ctypes.data_as(ctypes.c_void_p)


class Library:
    """Networks by name in one shared library; the file of each has its name."""

    def __init__(self, networks, folder, *flags, compiler="cc", **options):
        self.networks = dict(networks)
        folder.mkdir(exist_ok=True)
        names = {name: f"net{number}" for number, name in enumerate(self.networks)}
        self.sizes = {name: self.networks[name].to_c(folder / f"{c}.c", name=c, **options) for name, c in names.items()}
        files = [folder / f"{c}.c" for c in names.values()]

        def compile_file(file):
            run(compiler, *STRICT, *flags, "-fPIC", "-c", file, "-o", file.with_suffix(".o"))

        with ThreadPoolExecutor(2) as pool:
            list(pool.map(compile_file, files))
        run(compiler, "-shared", *(file.with_suffix(".o") for file in files), "-o", folder / "nets.so", "-lm")
        self._library = ctypes.CDLL(str(folder / "nets.so"))
        self._names = names
        self.folder = folder

    def function(self, name, what):
        return getattr(self._library, f"{self._names[name]}_{what}")

    def text(self, name, suffix=".c"):
        return (self.folder / f"{self._names[name]}{suffix}").read_text()

    def predict(self, name, X):
        """The outputs of samples one by one, in the shape of `Network.predict`."""
        net = self.networks[name]
        outputs = np.full((len(X), *net.shapes[-1]), np.nan, net.dtype)
        for x, y in zip(np.ascontiguousarray(X, net.dtype), outputs, strict=True):
            self.function(name, "predict")(pointer(x), pointer(y))
        return outputs

    def steps(self, name, X, outputs):
        """The outputs after each step of a sequence, of so many numbers."""
        net = self.networks[name]
        state = np.full(self.sizes[name].state, 255, np.uint8)
        made = np.full((len(X), outputs), np.nan, net.dtype)
        self.function(name, "reset")(pointer(state))
        for x, y in zip(np.ascontiguousarray(X, net.dtype), made, strict=True):
            self.function(name, "step")(pointer(state), pointer(np.atleast_1d(x)), pointer(y))
        return made


def has(*commands):
    """Whether all of these can be run."""
    return all(shutil.which(command) for command in commands)
