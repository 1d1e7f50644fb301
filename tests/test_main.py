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


def test_export_writes_c_and_says_how_large_it_is(tmp_path, capsys):
    net = cr.Network([cr.Input(5, 3), cr.LSTM(4), cr.Dense(2, "softmax")], seed=0)
    path = tmp_path / "gesture.safetensors"
    net.save(path)
    assert main(["export", str(path), "--c", "--name", "gesture"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"wrote {tmp_path / 'gesture.c'} and {tmp_path / 'gesture.h'}",
        f"constants {4 * net.parameter_count} bytes",
        "workspace 112 bytes",
        "state     112 bytes for each stream",
    ]
    assert "void gesture_step(gesture_state *state" in (tmp_path / "gesture.h").read_text()
    assert main(["export", str(path), "--c", str(tmp_path / "small.c"), "--weights", "int8"]) == 0
    assert "constants 328 bytes" in capsys.readouterr().out
    assert "model_predict" in (tmp_path / "small.h").read_text()


def test_export_writes_onnx(tmp_path, capsys):
    pytest.importorskip("onnx")
    cr.Network([3, 2], seed=0).save(tmp_path / "net.safetensors")
    assert main(["export", str(tmp_path / "net.safetensors"), "--onnx"]) == 0
    assert (tmp_path / "net.onnx").stat().st_size > 0
    assert main(["export", str(tmp_path / "net.safetensors"), "--onnx", "--weights", "int8"]) == 2
    assert "--weights needs --c" in capsys.readouterr().err


def test_export_needs_a_form():
    with pytest.raises(SystemExit):
        main(["export", "net.safetensors"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["export", "/nowhere.safetensors", "--c"], "/nowhere.safetensors"),
        (["export", "pyproject.toml", "--c"], "pyproject.toml"),
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
