"""Networks as files of C: written, compiled into one library, and called."""

import ctypes
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from networks_of_layers import ACTIVATIONS, NETWORKS
from onnx_files import shaken

import chainrule as cr

STRICT = ("-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Werror")


def run(*command, **options):
    """The output of a command that must succeed."""
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, **options)
    assert done.returncode == 0, done.stderr[:3000]
    return done.stdout


def pointer(array):
    return array.ctypes.data_as(ctypes.c_void_p)


def made(*layers, shape, **options):
    """A network of layers, with other parameters than the initial ones."""
    return shaken(cr.Network([cr.Input(*shape), *layers], seed=0, **options))


def from_table(name, **options):
    """The network of this name in the table of networks of layers."""
    layers, shape = NETWORKS[name]
    return made(*(make() for make in layers), shape=shape, **options)


MIXED = ("lenet", "lstm with peepholes", "gru that resets before", "columns", "members of shared weights", "layer norm")


def everything(dtype):
    """Networks that call every function: all activations, and layers of each kind."""
    nets = {name: from_table(name, dtype=dtype) for name in (*MIXED, "piecewise linear", "convolution, groups")}
    rest = sorted({*ACTIVATIONS} - {"softmax"})
    nets["activations"] = made(cr.Concatenate([[cr.Dense(19, name)] for name in rest]), shape=(5,), dtype=dtype)
    steps = [kind(3, name) for kind in (cr.LSTM, cr.GRU, cr.SimpleRNN) for name in ("relu", "gelu")]
    nets["recurrent"] = made(cr.Concatenate([[layer] for layer in steps]), shape=(3, 4), dtype=dtype)
    nets["softmax"] = made(cr.Dense(37, "softmax"), shape=(5,), dtype=dtype)
    nets["softmax at places"] = made(cr.Conv2D(5, 2, "softmax"), shape=(4, 3, 2), dtype=dtype)
    return nets


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


_MAIN = """
#include <stdint.h>
#include <stdio.h>

static void show(const char *name, const void *bytes, size_t count) {
  uint64_t hash = 14695981039346656037u;
  for (size_t k = 0; k < count; ++k) hash = (hash ^ ((const unsigned char *)bytes)[k]) * 1099511628211u;
  printf("%s %08lx%08lx\\n", name, (unsigned long)(hash >> 32), (unsigned long)(hash & 0xffffffff));
}
"""


def hash_of(array):
    """FNV-1a of an array's bytes."""
    value = 14695981039346656037
    for byte in array.tobytes():
        value = (value ^ byte) * 1099511628211 % 2**64
    return f"{value:016x}"


def program_of_hashes(networks, samples, folder):
    """Write networks, and a program that prints the hash of the outputs of some samples of each; return the files."""
    files, includes, calls = [folder / "main.c"], [], []
    for number, (name, net) in enumerate(networks.items()):
        net.to_c(folder / f"net{number}.c", name=f"net{number}")
        files.append(folder / f"net{number}.c")
        includes.append(f'#include "net{number}.h"\n')
        X = samples[name].astype(net.dtype).reshape(len(samples[name]), -1)
        real = "float" if net.dtype == "float32" else "double"
        numbers = ", ".join(float(value).hex() for value in X.ravel())
        calls.append(
            f"  {{ static const {real} x[] = {{{numbers}}};\n"
            f"    static {real} y[{len(X)}][NET{number}_OUTPUTS];\n"
            f"    for (int i = 0; i < {len(X)}; ++i) net{number}_predict(x + i * NET{number}_INPUTS, y[i]);\n"
            f'    show("{number}", y, sizeof y); }}\n'
        )
    files[0].write_text("".join(includes) + _MAIN + "\nint main(void) {\n" + "".join(calls) + "  return 0;\n}\n")
    return files


def expected_hashes(networks, samples):
    """What the program must print."""
    hashes = {name: hash_of(net.predict(samples[name])) for name, net in networks.items()}
    return "".join(f"{number} {hashed}\n" for number, hashed in enumerate(hashes.values()))
