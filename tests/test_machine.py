"""Threads and instruction sets can be set and queried."""

import os
import subprocess
import sys

import numpy as np
import pytest

import chainrule as cr

ISAS = cr.info()["isas"].split(", ")


@pytest.fixture(autouse=True)
def restore():
    yield
    cr.set_isa(None)
    cr.set_num_threads(None)


@pytest.mark.parametrize("isa", ISAS)
def test_isa_can_be_chosen(isa):
    cr.set_isa(isa)
    assert cr.info()["isa"] == isa


def test_unknown_isa_is_refused():
    with pytest.raises(ValueError, match="unknown isa 'avx'"):
        cr.set_isa("avx")


def run(isa):
    return subprocess.run(
        [sys.executable, "-c", "import chainrule as cr; print(cr.info()['isa'])"],
        env={**os.environ, "CHAINRULE_ISA": isa}, capture_output=True, text=True,
    )  # fmt: skip


def test_environment_chooses_at_import():
    assert run("baseline").stdout.strip() == "baseline"


def test_environment_with_an_unknown_isa_fails_at_import():
    done = run("mmx")
    assert done.returncode != 0
    assert "unknown instruction set 'mmx'; this processor has" in done.stderr


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_baseline_is_near(dtype):
    X = np.random.default_rng(0).standard_normal((50, 30))
    outputs = []
    for isa in ISAS:
        cr.set_isa(isa)
        net = cr.Network([30, 40, 3], activation="gelu", seed=0, dtype=dtype)
        net.fit(X, X[:, :3], epochs=2, verbose=0)
        outputs.append(net.predict(X))
    for other in outputs[1:]:
        assert np.abs(other - outputs[0]).max() < {"float32": 1e-4, "float64": 1e-12}[dtype]
