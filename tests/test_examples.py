"""Every example runs, and reaches the score that it promises."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"


def run(name, *arguments, folder):
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / name), *arguments], cwd=folder, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr
    return done.stdout


def number(pattern, text):
    return float(re.search(pattern, text)[1])


def test_xor(tmp_path):
    assert run("xor.py", folder=tmp_path).splitlines()[1].endswith("accuracy 100%")


def test_encoder(tmp_path):
    out = run("encoder.py", folder=tmp_path)
    assert number(r"steps: (\S+)", out) < 1e-6
    rows = [line.split() for line in out.splitlines()[3:]]
    assert all(row[0] == row[1] for row in rows)
    assert len({tuple(row[2:]) for row in rows}) == 8


def test_function_approximation(tmp_path):
    assert number(r"noise: (\S+)", run("function_approximation.py", folder=tmp_path)) < 0.08
    assert (tmp_path / "function_approximation.png").stat().st_size > 10_000


def test_gradient_checking(tmp_path):
    assert run("gradient_checking.py", folder=tmp_path).rstrip().endswith("all agree")


def test_custom_loss(tmp_path):
    for line in run("custom_loss.py", folder=tmp_path).splitlines():
        assert number(r": (\S+)", line) == pytest.approx(number(r"quantile (\S+):", line), abs=0.05)


def test_lbfgs(tmp_path):
    assert number(r"accuracy (\S+)%", run("lbfgs.py", folder=tmp_path)) > 99


@pytest.mark.parametrize("options", [[], ["--gru"]])
def test_lstm_rows(options, tmp_path):
    assert number(r"test accuracy (\S+)%", run("lstm_rows.py", *options, folder=tmp_path)) > 92


def test_adding_problem(tmp_path):
    _, lstm, gru = run("adding_problem.py", "10", folder=tmp_path).splitlines()
    for line in (lstm, gru):
        assert number(r"error (\S+),", line) < 0.1 * number(r"sums (\S+)", line)


def test_vanishing(tmp_path):
    rows = [line.split() for line in run("vanishing.py", folder=tmp_path).splitlines()[2:]]
    assert [row[0] for row in rows] == ["sigmoid", "tanh", "relu"]
    plain, *helped = map(float, rows[0][1:])
    assert plain < 1e-10
    assert min(helped) > 1e-2


def test_evolve(tmp_path):
    for line in run("evolve.py", folder=tmp_path).splitlines():
        assert number(r"accuracy (\S+)%", line) > 95


@pytest.mark.parametrize("options", [[], ["--augment"]])
def test_lenet_mnist(options, tmp_path):
    assert number(r"test accuracy (\S+)%", run("lenet_mnist.py", *options, folder=tmp_path)) > 95


def test_cython_loop(tmp_path):
    out = run("cython_loop.py", "1000", folder=tmp_path)
    assert out.count("agrees") == 2 and "predict is for a network of float32, got one of float64" in out


@pytest.mark.parametrize("arguments", [["autoencoder.py"], ["vae.py", "--quick"]])
def test_autoencoders_keep_more_than_pca(arguments, tmp_path):
    out = run(*arguments, folder=tmp_path)
    assert number(r"image: (\S+),", out) < 0.8 * number(r"PCA (\S+)", out)
    assert (tmp_path / arguments[0]).with_suffix(".png").stat().st_size > 10_000


def test_denoising(tmp_path):
    out = run("denoising.py", folder=tmp_path)
    assert number(r"network (\S+),", out) < 0.8 * number(r"filter (\S+)", out)
    assert (tmp_path / "denoising.png").stat().st_size > 10_000


def test_stacked_pretraining(tmp_path):
    out = run("stacked_pretraining.py", "--quick", folder=tmp_path).splitlines()[-1]
    assert number(r"pretrained (\S+)%", out) > number(r"untrained (\S+)%", out) + 1


def test_gan(tmp_path):
    out = run("gan.py", "--quick", folder=tmp_path)
    assert number(r"(\d+) of 8 modes", out) == 8
    assert (tmp_path / "gan.png").stat().st_size > 10_000


def test_there_and_back(tmp_path):
    out = run("there_and_back.py", folder=tmp_path)
    before, here, back = (
        number(f"{part}: accuracy (\\S+)%", out) for part in ("3 epochs", "more epochs here", "one epoch more")
    )
    assert before < 50 < 85 < min(here, back)
    assert number(r"probabilities: (\S+)", out) < 1e-6


def test_transfer(tmp_path):
    out = run("transfer.py", "--quick", folder=tmp_path).splitlines()[-1]
    assert number(r"transferred (\S+)%", out) > number(r"scratch (\S+)%", out)


def test_sine_forecast(tmp_path):
    out = run("sine_forecast.py", "--quick", folder=tmp_path)
    assert number(r"network (\S+),", out) < 0.5 * number(r"regression (\S+),", out)
    assert number(r"network (\S+),", out) < 0.5 * number(r"persistence (\S+)", out)


def test_char_rnn(tmp_path):
    out = run("char_rnn.py", "--quick", folder=tmp_path)
    assert number(r"LSTM (\S+),", out) < 0.7 * number(r"3-gram (\S+)", out)


def test_every_example_is_tested():
    here = Path(__file__).read_text(encoding="utf-8")
    # The first needs MNIST; test_cluster.py runs the second.
    elsewhere = {"mnist.py", "cluster_search.py"}
    untested = [path.name for path in EXAMPLES.glob("*.py") if path.name not in here and path.name not in elsewhere]
    assert untested == []


def test_search(tmp_path):
    out = run("search.py", str(tmp_path), "--trials", "4", "--epochs", "3", folder=tmp_path)
    assert sum(map(int, re.findall(r"(\d+) (?:trials ended|were pruned)", out))) == 4
    assert number(r"accuracy (\S+)%", out) > 70


def test_many_machines(tmp_path):
    """Without mpiexec it is one process; tests/test_mpi.py has several."""
    out = run("many_machines.py", folder=tmp_path)
    assert "ranks: 1" in out
    assert number(r"accuracy: (\S+)%", out) > 85


def test_surrogate(tmp_path):
    scores = re.findall(r"R² (\S+)", run("surrogate.py", folder=tmp_path))
    assert len(scores) == 3 and min(map(float, scores)) > 0.98


def test_table(tmp_path):
    assert number(r"AUC (\S+)", run("table.py", folder=tmp_path)) > 0.95


def test_two_inputs(tmp_path):
    out = run("two_inputs.py", folder=tmp_path)
    shares = [float(share) for share in re.findall(r": (0\.\d+)$", out, re.MULTILINE)[:3]]
    assert shares == pytest.approx([0.1, 0.5, 0.9], abs=0.07)
    assert number(r"small: (\S+),", out) < number(r"large: (\S+)", out)


def test_streaming(tmp_path):
    out = run("streaming.py", folder=tmp_path)
    assert number(r"6 ahead: (\S+),", out) < 0.3 * number(r"6 ahead: .*of the last value: (\S+)", out)


def test_serving(tmp_path):
    out = run("serving.py", folder=tmp_path)
    assert number(r"accuracy (\S+)%", out) > 95
    assert out.rstrip().endswith("eight threads give the same bytes")
