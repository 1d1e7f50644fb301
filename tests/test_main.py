"""The command line, as a user runs it."""

import subprocess
import sys

import pytest

import chainrule as cr
from chainrule.__main__ import main


def test_main_job_reads_digits(tmp_path, capsys):
    model, picture = tmp_path / "digits.safetensors", tmp_path / "digits.png"
    assert main(["--epochs", "12", "--save", str(model), "--plot", str(picture)]) == 0
    out = capsys.readouterr().out
    accuracy = float(out.split("test accuracy ")[-1].split("%")[0])
    assert accuracy >= 93.0
    for part in ("epoch  12", "digit  read as", "read wrong", "samples a second", "all agree"):
        assert part in out
    digits = cr.data.mnist_sample()
    assert cr.load(model).evaluate(digits.X_test, digits.y_test)["accuracy"] == pytest.approx(accuracy / 100)
    assert picture.read_bytes()[:4] == b"\x89PNG"


def test_check_and_info(capsys):
    assert main(["check", "--hidden", "20"]) == 0
    assert "object model" in capsys.readouterr().out
    assert main(["info"]) == 0
    assert f"version   {cr.__version__}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--epochs", "0"], "--epochs must be at least 1"),
        (["--rate", "-1"], "learning_rate must be"),
        (["--data", "/nowhere"], "train-images"),
        (["--seed", "-3"], "seed must be"),
    ],
)
def test_mistakes_are_told_in_a_line(arguments, message, capsys):
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith("chainrule: ")
    assert message in error
    assert "Traceback" not in error


def test_module_runs_outside_the_source_tree(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "chainrule", "info"], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0
    assert "isa" in done.stdout
