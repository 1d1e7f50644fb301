"""Model files: loading restores what was saved, and refuses other files."""

import json
import os
import struct
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy

import chainrule as cr
from chainrule._settings import to_config


@pytest.fixture
def net():
    X, y = cr.data.two_spirals(60)
    net = cr.Network(
        [cr.Input(2), cr.Dense(9, "gelu", l2=1e-4, max_norm=3.0), cr.Dense(2, "softmax", trainable=True)],
        seed=2**64 - 1,
    )
    optimizer = cr.Nadam(cr.Warmup(3, cr.PiecewiseConstant([9], [0.02, 0.01])), clip_norm=5.0)
    net.fit(X, y, epochs=4, optimizer=optimizer, loss=cr.CrossEntropy(0.1), verbose=0)
    return net


def go_on(net):
    X, y = cr.data.two_spirals(60)
    net.fit(X, y, epochs=3, verbose=0)
    return net.parameters.tobytes()


def test_loaded_network_goes_on_to_the_same_bytes(net, tmp_path):
    path = tmp_path / "net.safetensors"
    net.save(path)
    loaded = cr.load(path)
    assert dict(loaded.history) == dict(net.history)
    assert loaded.optimizer == net.optimizer
    assert loaded.loss == net.loss
    assert repr(loaded.layers) == repr(net.layers)
    assert go_on(loaded) == go_on(net)


@pytest.mark.parametrize("optimizer", ["sgd", "adadelta", "delta_bar_delta", "irprop"])
def test_state_of_every_kind_comes_back(optimizer, tmp_path):
    X, y = cr.data.sine(30)
    net = cr.Network([1, 20, 1], seed=0, dtype="float64")
    net.fit(X, y, epochs=3, batch_size="full", optimizer=optimizer, verbose=0)
    net.save(tmp_path / "a")
    loaded = cr.load(tmp_path / "a")
    for n in (net, loaded):
        n.fit(X, y, epochs=3, batch_size="full", verbose=0)
    assert net.parameters.tobytes() == loaded.parameters.tobytes()


@pytest.mark.parametrize(
    "number", [np.float32(0.25), np.float64(0.25), np.array(0.25), Fraction(1, 4), Decimal("0.25")], ids=repr
)
def test_settings_of_any_kind_of_number_are_kept(number, tmp_path):
    optimizer = cr.SGD(cr.StepDecay(number, np.int64(3)), momentum=number, nesterov=np.True_)
    net = cr.Network([1, 1], seed=0)
    net.fit(*cr.data.sine(5), optimizer=optimizer, loss=cr.Huber(number), verbose=0)
    net.rate_factor = number
    net.save(tmp_path / "net")
    loaded = cr.load(tmp_path / "net")
    assert loaded.optimizer == cr.SGD(cr.StepDecay(0.25, 3), momentum=0.25, nesterov=True)
    assert loaded.loss == cr.Huber(0.25)
    assert loaded.rate_factor == 0.25


def test_settings_read_from_a_file_are_those_that_were_written():
    config = to_config(cr.SGD(cr.Warmup(3, cr.PiecewiseConstant([9], [0.02, 0.01])), clip_norm=1))
    assert json.loads(json.dumps(config)) == config


def test_file_has_the_mode_of_any_new_file(net, tmp_path):
    net.save(tmp_path / "net")
    (tmp_path / "other").write_bytes(b"")
    assert (tmp_path / "net").stat().st_mode == (tmp_path / "other").stat().st_mode


def test_failed_write_leaves_the_old_file_and_nothing_else(net, tmp_path, monkeypatch):
    path = tmp_path / "net"
    net.save(path)
    old = path.read_bytes()

    def full(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        net.save(path)
    assert path.read_bytes() == old
    assert [p.name for p in tmp_path.iterdir()] == ["net"]


def test_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"absent/net[.]safetensors must be in a folder that exists"):
        cr.Network([2, 1]).save(tmp_path / "absent" / "net.safetensors")
    with pytest.raises(FileNotFoundError, match="nothing"):
        cr.load(tmp_path / "nothing")


def parts(path: Path):
    content = path.read_bytes()
    size = struct.unpack("<Q", content[:8])[0]
    return json.loads(content[8 : 8 + size]), content[8 + size :]


def rewrite(path, header, data):
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def edit_description(key, value):
    def change(header, data):
        description = json.loads(header["__metadata__"]["chainrule"])
        description[key] = value
        header["__metadata__"]["chainrule"] = json.dumps(description)
        return header, data

    return change


def drop(name):
    def change(header, data):
        del header[name]
        return header, data

    return change


def rename(old, new):
    def change(header, data):
        header[new] = header.pop(old)
        return header, data

    return change


def change_metadata(text):
    def change(header, data):
        header["__metadata__"]["chainrule"] = text
        return header, data

    return change


@pytest.mark.parametrize(
    "change",
    [
        lambda h, d: (h, d[:-4]),
        lambda h, d: (h, d + b"more"),
        lambda h, d: (h, d[:100] + b"\xff" * 8 + d[108:]),
        drop("layers.0.weights"),
        drop("optimizer.m"),
        drop("__metadata__"),
        rename("layers.0.bias", "layers.7.bias"),
        rename("optimizer.m", "optimizer.n"),
        change_metadata("{"),
        change_metadata("[" * 100_000),
        change_metadata("{}"),
        change_metadata("[1, 2]"),
        edit_description("layers", []),
        edit_description("layers", 3),
        edit_description("layers", [{"type": "Input", "shape": [2]}, {"type": "Dense", "units": 10**12}]),
        edit_description("layers", [{"type": "Input", "shape": [10**9]}, {"type": "Dense", "units": 10**9}]),
        edit_description("layers", [{"type": "Input", "shape": [2]}, {"type": "os.system", "units": 2}]),
        edit_description("dtype", "float16"),
        edit_description("seed", -1),
        edit_description("seed", "0"),
        edit_description("rule", "rule"),
        edit_description("steps", -3),
        edit_description("epochs", 1.5),
        edit_description("rate_factor", None),
        edit_description("optimizer", {"type": "Popen"}),
        edit_description("optimizer", {"type": "SGD", "nonsense": 1}),
        edit_description("optimizer", 7),
        edit_description("loss", {"type": "SGD"}),
        edit_description("history", {"loss": 3}),
    ],
)
def test_altered_file_is_refused(net, tmp_path, change):
    path = tmp_path / "net"
    net.save(path)
    rewrite(path, *change(*parts(path)))
    with pytest.raises(cr.ModelFileError):
        cr.load(path)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\xff" * 64, b"\x00" * 8])
def test_foreign_file_is_refused(tmp_path, content):
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(cr.ModelFileError):
        cr.load(tmp_path / "file")


def test_every_truncation_is_refused(net, tmp_path):
    net.save(tmp_path / "net")
    content = (tmp_path / "net").read_bytes()
    for length in range(0, len(content), 37):
        (tmp_path / "short").write_bytes(content[:length])
        with pytest.raises(cr.ModelFileError):
            cr.load(tmp_path / "short")


def test_other_safetensors_file_is_refused(tmp_path):
    (tmp_path / "file").write_bytes(safetensors.numpy.save({"a": np.zeros(3)}))
    with pytest.raises(cr.ModelFileError, match="not a chainrule model"):
        cr.load(tmp_path / "file")
