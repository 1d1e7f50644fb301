"""The benchmark on real tables: its measures, its file of results, and its tables."""

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("sklearn")
pandas = pytest.importorskip("pandas")
ROOT = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def root_is_found(monkeypatch):
    monkeypatch.syspath_prepend(ROOT)


@pytest.fixture
def run(monkeypatch, capsys):
    """Run the command line in this process, whose threads and environment are restored."""
    from benchmarks import tabular

    monkeypatch.setattr(tabular, "_limit_threads", lambda threads: None)

    def call(*arguments):
        assert tabular.main(["--sets", "iris", "--splits", "1", *map(str, arguments)]) == 0
        return capsys.readouterr()

    return call


def test_a_run_writes_results_goes_on_and_prints_tables(tmp_path, run):
    file, text = tmp_path / "results.jsonl", tmp_path / "tables.md"
    done = run("--models", "MLP,HistGradientBoosting", "--results", file, "--markdown", text)
    results = [json.loads(line) for line in file.read_text().splitlines()]
    assert [result["model"] for result in results] == ["MLP", "HistGradientBoosting"]
    assert all(0 <= result["error"] < 0.3 and 0 < result["fit"] < 60 for result in results)
    assert "| iris | 150 × 4 |" in text.read_text()
    assert done.out.strip() == text.read_text().strip()

    whole = file.read_text()
    file.write_text(whole.splitlines()[0] + '\n{"set": "ir')  # as a killed run may leave it
    again = run("--models", "MLP,HistGradientBoosting", "--results", file)
    assert "MLP   " not in again.err
    assert "HistGradientBoosting" in again.err
    repeated = [json.loads(line) for line in file.read_text().splitlines()]
    for before, after in zip(results, repeated, strict=True):
        assert (before["error"], before["loss"]) == (after["error"], after["loss"])
    assert run("--models", "", "--results", file).out == again.out
    alone = run("--models", "MLP", "--results", file).out
    assert "| set | rows × columns | MLP |" in alone


def test_the_command_line_names_what_it_does_not_know(run, capsys):
    with pytest.raises(SystemExit):
        run("--sets", "irises")
    assert "unknown irises; known: iris, wine" in capsys.readouterr().err


def test_measures_are_those_of_scikit_learn():
    from benchmarks.tabular import measures_of_classes, measures_of_numbers
    from sklearn.metrics import accuracy_score, log_loss, root_mean_squared_error

    draws = np.random.default_rng(0)
    p = draws.dirichlet(np.ones(3), 500)
    labels = draws.integers(0, 3, 500)
    found = measures_of_classes(labels, p)
    assert found["error"] == pytest.approx(1 - accuracy_score(labels, p.argmax(axis=1)))
    assert found["loss"] == pytest.approx(log_loss(labels, p))
    always = np.tile([0.8, 0.2], (100, 1))
    assert measures_of_classes(np.repeat([0, 1], [65, 35]), always)["calibration"] == pytest.approx(0.15)
    y, guess = draws.normal(size=(2, 50))
    assert measures_of_numbers(y, guess)["error"] == pytest.approx(root_mean_squared_error(y, guess))
    with pytest.raises(ValueError, match="not finite"):
        measures_of_classes(labels, np.full((500, 3), np.nan))


def result(name, model, error, most_rows=None, rows=1000, **more):
    measured = {"error": error, "loss": error, "calibration": 0.1, "processor": 2.0, "predict": 0.1, "classes": 2}
    about = {"set": name, "split": 0, "model": model, "most_rows": most_rows, "threads": 1, "package": "p"}
    return {**about, "version": "1", **measured, "rows": rows, "columns": 3, "test_rows": rows // 4, **more}


def test_the_summary_ranks_and_compares():
    from benchmarks.table_report import markdown, mean_ranks

    results = [
        result("few", "a", 0.1), result("few", "b", 0.2), result("many", "a", 0.4, rows=9000),
        result("many", "b", 0.2, most_rows=500, rows=9000),
        {**result("few", "c", 0.0), "trouble": "ValueError: no"},
    ]  # fmt: skip
    text = markdown(results, "a")
    assert "2 sets, of which all models have 0" in text
    assert "| few | 1,000 × 3 | **10** | 20 |" in text
    assert "| b (≤ 500 rows) | 1.50 |" not in text  # the small set has more rows than that
    assert "c failed on few, split 0: ValueError: no" in text
    assert mean_ranks({"x": {"a": 1.0, "b": 1.0, "c": 2.0}}) == {"a": 1.5, "b": 1.5, "c": 3.0}


def test_a_cap_that_a_small_set_does_not_need_is_one_column():
    from benchmarks.table_report import markdown

    results = [result("few", "a", 0.1), result("few", "b", 0.2), result("many", "a", 0.4, rows=9000)]
    text = markdown([*results, result("many", "b", 0.2, most_rows=5000, rows=9000)], "a")
    assert "| set | rows × columns | a | b (≤ 5,000 rows) |" in text
    assert "Geometric means of ratios to a, " in text
    assert "Geometric means of ratios to b (≤ 5,000 rows)" in markdown(
        [*results, result("many", "b", 0.2, 5000, 9000)], "b"
    )
    assert "| b (≤ 5,000 rows) | 1.50 | 2.000 | 0.500 | 0.1000 | 1.000 | 1.000 | 4.0 | 0.1000 |" in text


def test_categories_are_learned_in_training():
    from benchmarks.table_models import Categories

    train = pandas.DataFrame({"name": ["b", None, "a"], "flag": [True, False, True], "x": [1.0, np.nan, 4.0]})
    test = pandas.DataFrame({"name": ["c", "a"], "flag": [False, False], "x": [np.nan, 5.0]})
    table = Categories(fills=True)
    assert table.fit_transform(train)["c0"].cat.codes.tolist() == [1, -1, 0]
    made = table.transform(test)
    assert made["c0"].cat.codes.tolist() == [-1, 0]
    assert made["c1"].cat.codes.tolist() == [0, 0]
    assert made["c2"].tolist() == [2.5, 5.0]
