"""The networks of the benchmarks: installed peers have the same outputs, before training and after a step."""

import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest

import chainrule as cr

ROOT = Path(__file__).parents[1]
NETWORKS = ["cifar", "bnconv", "har1d", "resmlp", "autoenc", "mlp-dropout"]


@pytest.fixture(autouse=True)
def root_is_found(monkeypatch):
    monkeypatch.syspath_prepend(ROOT)


def workload_of(name):
    from benchmarks.workloads import named

    (workload,) = named(name)
    return workload


def few_samples(workload):
    """Return a few samples of the shapes of a workload, with labels or numbers as targets."""
    from benchmarks.data import Data

    net, draws = workload.initial(), np.random.default_rng(0)
    X = draws.random((12, net.inputs), dtype=np.float32)
    y = draws.standard_normal((12, net.outputs), dtype=np.float32)
    if workload.output == "softmax":
        y = y.argmax(axis=1)
    return Data(X, y, X, y)


def learned(workload):
    """Return the workload with layers that have learned a little, so that they are not those of the start."""
    net = workload.initial()
    data = few_samples(workload)
    loss = "cross_entropy" if workload.output == "softmax" else "mse"
    net.fit(data.X_train, data.y_train, epochs=3, batch_size=4, optimizer="adam", loss=loss, verbose=0)
    if not hasattr(workload, "layers"):
        return workload
    return dataclasses.replace(workload, layers=lambda: [layer.copy() for layer in net.stack])


def models(workload, peer):
    """Return the models of a peer that compile nothing, on one thread."""
    from benchmarks.peers import load
    from benchmarks.workload import SkipError

    try:
        found = load(peer)
    except ImportError as error:
        pytest.skip(str(error))
    parameters = [] if hasattr(workload, "layers") else [(a.weights, a.bias) for a in workload.initial().stack]
    made = {}
    for variant, make in found.builders(workload, parameters).items():
        if variant.startswith("1 thread") and "compiled" not in variant and "scripted" not in variant:
            try:
                made[variant] = make()
            except SkipError as error:
                assert "there are no images" in str(error)
    assert made
    return made


@pytest.mark.parametrize("peer", ["torch", "onnxruntime"])
@pytest.mark.parametrize("name", NETWORKS)
def test_peers_predict_the_same(name, peer):
    workload = learned(workload_of(f"predict-32-{name}"))
    data = few_samples(workload)
    for variant, model in models(workload, peer).items():
        with model.turn():
            assert workload.quality(model, data) < 1e-4, variant
            outputs = np.asarray(model.predict(model.native(data.X_train)))
        ours = workload.initial().predict(data.X_train)
        np.testing.assert_allclose(outputs.reshape(ours.shape), ours, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["lenet", "lstm", "gru", "normed"])
def test_peers_start_from_the_same_network(name):
    workload = workload_of(name)
    data = few_samples(workload)
    for model in models(workload, "torch").values():
        with model.turn():
            outputs = model.outputs(data.X_train)
        np.testing.assert_allclose(outputs, workload.initial().predict(data.X_train), rtol=1e-4, atol=1e-6)


def test_peers_read_a_stream_the_same_way():
    workload = dataclasses.replace(workload_of("lstm-step"), samples=1)
    model = models(workload, "torch")["1 thread"]
    with model.turn():
        assert workload.quality(model, few_samples(workload)) < 1e-6


# Dropout would draw other numbers in each peer, and Adam goes as far along a gradient that only rounding made as along
# any other.
STEPS = {name: cr.SGD(0.1) for name in ("cifar", "bnconv", "har1d", "autoenc")} | {"mlp": cr.AdamW(weight_decay=10)}


@pytest.mark.parametrize("name", STEPS)
def test_peers_make_the_same_step(name):
    workload = dataclasses.replace(workload_of(name), optimizer=STEPS[name])
    data = few_samples(workload)
    net = workload.initial()
    before = net.predict(data.X_train)
    net.fit(data.X_train, data.y_train, batch_size=12, optimizer=STEPS[name], loss=workload.loss, epochs=1, verbose=0)
    after = net.predict(data.X_train)
    for variant, model in models(workload, "torch").items():
        with model.turn():
            model.load(workload, data.X_train, data.y_train)
            model.epoch()
            outputs = model.outputs(data.X_train)
        assert np.abs(outputs - after).max() < 0.01 * np.abs(after - before).max(), variant


def test_every_new_workload_runs(monkeypatch):
    from benchmarks import runner
    from benchmarks.peers import load

    monkeypatch.setattr(runner, "PAUSE", 0)
    monkeypatch.setattr(runner, "load", lambda kind, mnist: few_samples(workload))
    for name in [*NETWORKS, "mlp", *(f"predict-{per_call}-{name}" for per_call in (1, 32, 1000) for name in NETWORKS)]:
        workload = workload_of(name)
        run, (result,) = runner.measure(workload, [load("chainrule")], epochs=1, samples=5)
        assert not result.skipped, result.skipped
        assert run.samples == 5
        assert math.isfinite(result.quality) and 0 < result.best * run.scale < 1e9


def test_the_growth_of_the_time_is_measured(monkeypatch):
    from benchmarks import runner, scaling
    from benchmarks.peers import load

    monkeypatch.setattr(runner, "PAUSE", 0)
    growth = scaling.scaling(load("chainrule"), epochs=1, samples=200)
    assert [point["samples"] for point in growth["samples"]] == [20, 40, 80, 120, 160, 200]
    assert [point["width"] for point in growth["width"]] == list(scaling.WIDTHS)
    assert all(point["seconds"] > 0 for points in growth.values() for point in points)
