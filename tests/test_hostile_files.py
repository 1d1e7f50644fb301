"""Hostile files: each is refused cleanly or read correctly; reading runs no code and needs little memory."""

import gzip
import json
import os
import re
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import chainrule as cr
from chainrule.files import safetensors as files

pytestmark = pytest.mark.filterwarnings("ignore::chainrule.ChainruleWarning")

ROOT = Path(__file__).parents[1]
X, Y = cr.data.two_spirals(20)


@pytest.fixture
def path(tmp_path):
    net = cr.Network([2, 3, 2], output="softmax", seed=0)
    net.fit(X, Y, epochs=2, optimizer=cr.Adam(0.01), verbose=0)
    net.save(tmp_path / "net")
    return tmp_path / "net"


def describe_anew(path, **changes):
    """Write the file with other entries in its description, given as JSON, and unchanged arrays."""
    content = path.read_bytes()
    end = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:end])
    description = header["__metadata__"]["chainrule"]
    for name, text in changes.items():
        # The last of two equal keys counts.
        description = f'{description[:-1]}, "{name}": {text}}}'
    header["__metadata__"]["chainrule"] = description
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + content[end:])


def test_thousands_of_mutated_files():
    # In a separate process, so that a crash or hang is a failure and does not end the tests.
    done = subprocess.run(
        [sys.executable, "-W", "error", ROOT / "tools" / "fuzz_files.py", "--files", "3000"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    for kind in ("model", "IDX"):
        for outcome in ("refused", "read, and valid"):
            count = re.search(rf"([\d,]+) {kind} files {outcome}", done.stdout)
            assert count is not None and int(count[1].replace(",", "")) > 50, done.stdout


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"history": '{"loss": [1' + "0" * 400 + "]}"}, "too large"),
        ({"history": '{"loss": "12"}'}, "history of 'loss' must be a list of numbers"),
        ({"history": '{"loss": [true]}'}, "history of 'loss' must be a list of numbers"),
        ({"history": '{"loss": ["nan"]}'}, "history of 'loss' must be a list of numbers"),
        ({"history": '{"loss": []}'}, "history must have lists of one length"),
        ({"history": '{"loss": [1], "mae": [1, 2]}'}, "history must have lists of one length"),
        ({"rule": '""'}, "arrays of an optimizer without a rule"),
        ({"rule": "null"}, "not a whole chainrule model"),
        ({"steps": str(2**60)}, "steps must be at least 0 and at most"),
        ({"epochs": str(2**64)}, "epochs must be at least 0 and at most"),
        ({"seed": str(2**64)}, "seed must be"),
        ({"seed": "true"}, "seed must be an integer"),
        ({"rate_factor": "NaN"}, "rate_factor must be finite"),
        ({"rate_factor": "Infinity"}, "rate_factor must be finite"),
        ({"optimizer": '{"type": "Adam", "learning_rate": NaN}'}, "learning_rate must be finite"),
        ({"optimizer": '{"type": "Adam", "rule": "sgd"}'}, "unexpected keyword argument 'rule'"),
        (
            {"optimizer": '{"type": "SGD", "learning_rate": ' + '{"type": "Warmup", "steps": 1, "then": ' * 2 + "1}}}"},
            "then must not be a Warmup again",
        ),
        ({"fit": "{}"}, "not a whole chainrule model"),
        ({"layers": "[" * 10_000 + "]" * 10_000}, "recursion"),
    ],
)
def test_description_is_checked(path, changes, message):
    describe_anew(path, **changes)
    with pytest.raises(cr.ModelFileError, match=message):
        cr.load(path)


def test_history_may_have_nan(path):
    describe_anew(path, history='{"loss": [NaN, 1], "val_loss": [NaN, Infinity]}')
    assert np.isnan(cr.load(path).history["loss"][0])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"totals": [1, "1", 1]}, "totals must be a number"),
        ({"totals": [10**400, 1, 1]}, "totals must be a number"),
        ({"totals": [1, 1]}, "not enough values"),
        ({"step": -1}, "step must be"),
        ({"stopped": 0}, "stopped must be True or False"),
    ],
)
def test_place_of_a_checkpoint_is_checked(path, changes, message):
    place = {"epoch": 1, "step": 0, "totals": [0.0, 0.0, 0.0], "stopped": False, **changes}
    describe_anew(path, fit=json.dumps({"position": place, "settings": {"callbacks": []}, "callbacks": []}))
    with pytest.raises(cr.ModelFileError, match=message):
        cr.load(path)


def test_checkpoint_must_be_within_the_epoch(path):
    net = cr.Network([2, 3, 2], seed=0)
    options = {"epochs": 3, "batch_size": 5, "verbose": 0}
    net.fit(X, Y, **options, checkpoint=path)
    fit = files.read(path)[0]["fit"]
    fit["position"] |= {"epoch": 0, "step": 4}
    describe_anew(path, fit=json.dumps(fit))
    with pytest.raises(ValueError, match="within the epoch's 4 steps to resume, got one after step 4"):
        cr.load(path).fit(X, Y, **options, resume=True)


def test_arrays_of_callbacks_belong_to_a_fit(path):
    net = cr.Network([2, 3, 2], seed=0)
    net.fit(X, Y, epochs=2, verbose=0, callbacks=[cr.EarlyStopping()], checkpoint=path)
    cr.load(path)
    content = path.read_bytes()
    path.write_bytes(content.replace(b'\\"fit\\": ', b'\\"fat\\": '))
    with pytest.raises(cr.ModelFileError, match="arrays of callbacks without a fit"):
        cr.load(path)
    fit = files.read(path)[0]["fat"]
    describe_anew(path, fit=json.dumps({**fit, "settings": {**fit["settings"], "callbacks": []}}))
    with pytest.raises(cr.ModelFileError, match="callbacks must be"):
        cr.load(path)


def test_any_number_of_steps_is_gone_on_from(path):
    describe_anew(path, steps=str(2**53))
    net = cr.load(path)
    net.fit(X, Y, epochs=1, optimizer=cr.Adam(0.01), verbose=0)
    assert net.core.optimizer_steps == 2**53 + 1


def test_thousands_of_layers_are_read(path):
    net = cr.Network([1] * 3000, seed=0)
    net.save(path)
    assert cr.load(path).parameters.tobytes() == net.parameters.tobytes()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_pipe_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(cr.ModelFileError, match="pipe must be a file"):
        cr.load(tmp_path / "pipe")
    with pytest.raises(cr.DataError, match="pipe must be a file"):
        cr.data.read_idx(tmp_path / "pipe", 1)


def test_folder_is_refused(tmp_path):
    with pytest.raises(cr.ModelFileError, match="must be a file"):
        cr.load(tmp_path)
    with pytest.raises(cr.DataError, match="must be a file"):
        cr.data.read_idx(tmp_path, 1)


def test_file_may_be_shortened_while_it_is_read(path, monkeypatch):
    # If the file were mapped, this would crash the process.
    read = files.safetensors.numpy.load

    def late(content):
        os.truncate(path, 10)
        return read(content)

    monkeypatch.setattr(files.safetensors.numpy, "load", late)
    assert cr.load(path).predict(X).shape == (20, 2)
    with pytest.raises(cr.ModelFileError):
        cr.load(path)


def idx(path, *sizes, content=b""):
    path.write_bytes(bytes([0, 0, 8, len(sizes)]) + b"".join(struct.pack(">I", size) for size in sizes) + content)
    return path


def test_idx_of_no_bytes_and_an_impossible_shape_is_refused(tmp_path):
    with pytest.raises(cr.DataError, match="no array can have"):
        cr.data.read_idx(idx(tmp_path / "idx", 0, 2**32 - 1, 2**32 - 1), 3)
    assert cr.data.read_idx(idx(tmp_path / "idx", 3, 0), 2).shape == (3, 0)


def test_zipped_idx_is_not_unpacked_beyond_its_promise(tmp_path):
    path = idx(tmp_path / "idx", 3, content=b"abc")
    path.write_bytes(gzip.compress(path.read_bytes() + bytes(1 << 20)))
    with pytest.raises(cr.DataError, match=r"must hold 3 bytes for shape \(3,\), got more"):
        cr.data.read_idx(path, 1)


@pytest.mark.parametrize("dimensions", [0, -1, 33, 256, 1.0, "3", True])
def test_idx_dimensions_are_checked(tmp_path, dimensions):
    with pytest.raises((ValueError, TypeError), match="dimensions must be"):
        cr.data.read_idx(idx(tmp_path / "idx", 1, content=b"a"), dimensions)
