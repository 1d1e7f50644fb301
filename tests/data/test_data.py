"""The data: valid files, invalid files, and downloads from a local server."""

import functools
import gzip
import hashlib
import http.server
import os
import struct
import sys
import threading

import numpy as np
import pytest

import chainrule as cr
from chainrule.data.mnist import FILES

mnist_module = sys.modules["chainrule.data.mnist"]


def idx(array):
    return bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


@pytest.fixture
def tiny(monkeypatch):
    """Return the contents of four small files that replace MNIST's; their checksums are patched."""
    rng = np.random.default_rng(0)
    contents = {
        name: idx(rng.integers(0, 10, (5, 28, 28) if dims == 3 else (5,), dtype=np.uint8))
        for name, (dims, _) in FILES.items()
    }
    sums = {name: (FILES[name][0], hashlib.sha256(content).hexdigest()) for name, content in contents.items()}
    monkeypatch.setattr(mnist_module, "FILES", sums)
    return contents


@pytest.mark.parametrize("zipped", [False, True])
def test_idx_is_read_gzipped_or_not(tmp_path, zipped):
    array = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    path = tmp_path / "file"
    path.write_bytes(gzip.compress(idx(array)) if zipped else idx(array))
    assert np.array_equal(cr.data.read_idx(path, 3), array)


WHOLE = idx(np.arange(12, dtype=np.uint8).reshape(3, 4))


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "magic"),
        (WHOLE[:3], "magic"),
        (b"\x00\x00\x09\x02" + WHOLE[4:], "magic"),
        (b"\x00\x00\x08\x03" + WHOLE[4:], "magic"),
        (WHOLE[:9], "within its header"),
        (WHOLE[:-1], "12 bytes"),
        (WHOLE + b"x", "got more"),
        (WHOLE[:4] + b"\xff" * 8 + WHOLE[12:], "must hold"),
        (b"\x89PNG and so on", "magic"),
    ],
)
def test_idx_that_is_not_one_is_refused(tmp_path, content, message, zipped):
    path = tmp_path / "file"
    path.write_bytes(gzip.compress(content) if zipped else content)
    with pytest.raises(cr.DataError, match=message):
        cr.data.read_idx(path, 2)


def test_truncated_gzip_is_refused(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(gzip.compress(os.urandom(5000))[:-20])
    with pytest.raises(cr.DataError):
        cr.data.read_idx(path, 2)


def test_gzip_bomb_is_read_no_further_than_its_header_says(tmp_path):
    path = tmp_path / "bomb"
    path.write_bytes(gzip.compress(WHOLE + bytes(50_000_000)))
    with pytest.raises(cr.DataError, match="got more"):
        cr.data.read_idx(path, 2)


@pytest.mark.parametrize("zipped", [False, True])
def test_mnist_reads_a_directory(tmp_path, tiny, zipped):
    for name, content in tiny.items():
        path = tmp_path / (f"{name}.gz" if zipped else name)
        path.write_bytes(gzip.compress(content) if zipped else content)
    digits = cr.data.mnist(tmp_path)
    assert digits.X_train.shape == (5, 784)
    assert digits.X_test.dtype == np.uint8
    assert digits.y_train.dtype == np.int64


def test_mnist_checks_the_checksum(tmp_path, tiny):
    for name, content in tiny.items():
        (tmp_path / name).write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(cr.DataError, match="checksum"):
        cr.data.mnist(tmp_path)


def test_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="train-images"):
        cr.data.mnist(tmp_path)


def test_mnist_downloads_into_a_cache(tmp_path, tiny, monkeypatch):
    served, cache = tmp_path / "served", tmp_path / "cache"
    served.mkdir()
    for name, content in tiny.items():
        (served / f"{name}.gz").write_bytes(gzip.compress(content))

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args):
            pass

    pooch = pytest.importorskip("pooch")
    monkeypatch.setattr(pooch, "os_cache", lambda name: cache)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=served)) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            digits = cr.data.mnist(url=f"http://127.0.0.1:{server.server_port}/")
        finally:
            server.shutdown()
            thread.join()
    assert digits.X_train.shape == (5, 784)
    # The second call must not download: the server is gone.
    assert np.array_equal(cr.data.mnist(url=f"http://127.0.0.1:{server.server_port}/").X_test, digits.X_test)


def test_sample_is_the_beginning_of_mnist():
    digits = cr.data.mnist_sample()
    assert digits.X_train.shape == (6000, 784)
    assert digits.X_test.shape == (1000, 784)
    assert digits.y_train[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert digits.y_test[:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]
    assert hashlib.sha256(digits.X_train.tobytes()).hexdigest()[:16] == "a051f814a250d347"


@pytest.mark.skipif("CHAINRULE_MNIST" not in os.environ, reason="CHAINRULE_MNIST names no directory of the full set")
def test_full_mnist():
    digits = cr.data.mnist(os.environ["CHAINRULE_MNIST"])
    assert digits.X_train.shape == (60000, 784)
    assert np.array_equal(digits.X_train[:6000], cr.data.mnist_sample().X_train)


def test_spirals_are_turned_copies_of_each_other():
    X, y = cr.data.two_spirals(194)
    assert X[y == 0] == pytest.approx(-X[y == 1])
    assert np.abs(X).max() <= 1


def test_noise_comes_from_the_seed():
    assert np.array_equal(cr.data.sine(9, noise=0.1, seed=1)[1], cr.data.sine(9, noise=0.1, seed=1)[1])
    assert not np.array_equal(cr.data.sine(9, noise=0.1, seed=1)[1], cr.data.sine(9, noise=0.1, seed=2)[1])


def test_padding_follows_the_end():
    padded = cr.data.pad([np.ones((2, 3)), np.full((1, 3), 2.0)], value=-1, steps=4)
    assert padded.shape == (2, 4, 3)
    assert padded[0, :2].tolist() == [[1, 1, 1]] * 2
    assert (padded[0, 2:] == -1).all()
    assert (padded[1, 1:] == -1).all()


@pytest.mark.parametrize(
    ("sequences", "steps", "message"),
    [
        ([], None, "sequences must be at least one"),
        ([[1, 2], [[3]]], None, "sequences must have steps of one shape"),
        ([[1, 2, 3]], 2, "steps must be at least the length of the longest sequence, 3; got 2"),
    ],
)
def test_padding_refuses(sequences, steps, message):
    with pytest.raises(ValueError, match=message):
        cr.data.pad(sequences, steps=steps)
