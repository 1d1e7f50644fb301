"""A network inside a compiled loop: builds cython_loop.pyx against the installed package, and times one prediction.

Needs Cython, setuptools and a C compiler.
"""

import importlib.util
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from Cython.Build import cythonize
from setuptools import Distribution, Extension

import chainrule as cr
from chainrule.inference import Predictor


def build(folder: str):
    extension = Extension("cython_loop", [str(Path(__file__).with_suffix(".pyx"))])
    modules = cythonize([extension], build_dir=folder, quiet=True)
    command = Distribution({"ext_modules": modules}).get_command_obj("build_ext")
    command.build_lib = command.build_temp = folder
    command.ensure_finalized()
    command.run()
    spec = importlib.util.spec_from_file_location("cython_loop", command.get_ext_fullpath("cython_loop"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


steps = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
with tempfile.TemporaryDirectory() as folder:
    loop = build(folder)
for dtype in ("float32", "float64"):
    net = cr.Network([8, 32, 32, 1], activation="tanh", seed=0, dtype=dtype)
    begin = time.perf_counter()
    loop.walk(Predictor(net), np.linspace(-1, 1, 8, dtype=dtype), steps)
    seconds = time.perf_counter() - begin
    print(f"{dtype}: {steps:,} predictions, {seconds / steps * 1e9:.0f} ns each")

    slow = np.linspace(-1, 1, 8, dtype=dtype)
    for _ in range(100):
        slow[0] += slow.dtype.type(0.01) * net.predict(slow[np.newaxis])[0, 0]
    fast = loop.walk(Predictor(net), np.linspace(-1, 1, 8, dtype=dtype), 100)
    print(f"the same walk from Python: {'agrees' if np.allclose(slow, fast, atol=1e-6) else 'differs'}")
try:
    loop.walk(Predictor(net), np.linspace(-1, 1, 8, dtype="float32"), 1)
except TypeError as error:
    print(error)
