"""Searches on clusters of Dask, one of whose workers is killed in the middle, and of Ray: the scores are those of here.

Each runs in a process of its own, whose workers it starts and ends.
"""

import json
import subprocess
import sys
from pathlib import Path

import joblib
import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"
PRINT = """
    print(json.dumps([found.cv_results_["mean_test_score"].tolist(), found.best_params_]))
"""
DASK = """
import json, os, signal, sys, threading, time
import cluster_search

def fits_made(dask_worker):
    return dask_worker.state.executed_count

def kill_one(client):
    processes = client.run(os.getpid)
    while sum(client.run(fits_made).values()) < 3:
        time.sleep(0.01)
    os.kill(processes[min(processes)], signal.SIGKILL)
    print("killed", file=sys.stderr)

if __name__ == "__main__":
    with cluster_search.on_dask() as client:
        killer = threading.Thread(target=kill_one, args=(client,))
        killer.start()
        found = cluster_search.search()
        killer.join()
"""
RAY = """
import json, cluster_search

if __name__ == "__main__":
    with cluster_search.on_ray():
        found = cluster_search.search()
"""


@pytest.fixture
def example(monkeypatch):
    monkeypatch.syspath_prepend(EXAMPLES)
    return pytest.importorskip("cluster_search")


def run(script, folder):
    path = folder / "run.py"
    path.write_text(f"import sys\nsys.path.insert(0, {str(EXAMPLES)!r})\n{script}{PRINT}")
    done = subprocess.run([sys.executable, str(path)], capture_output=True, text=True, timeout=300, cwd=folder)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1]), done.stderr


def assert_same(found, example):
    scores, best = found
    with joblib.parallel_config("threading", n_jobs=2):
        here = example.search()
    assert scores == here.cv_results_["mean_test_score"].tolist()
    assert {**best, "hidden_layer_sizes": tuple(best["hidden_layer_sizes"])} == here.best_params_


def test_a_worker_of_dask_that_is_killed_changes_no_score(tmp_path, example):
    pytest.importorskip("distributed")
    found, errors = run(DASK, tmp_path)
    assert "killed" in errors
    assert_same(found, example)


def test_ray_finds_the_same(tmp_path, example):
    pytest.importorskip("ray")
    found, _ = run(RAY, tmp_path)
    assert_same(found, example)
