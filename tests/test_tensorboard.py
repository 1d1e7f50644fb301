"""The files of the callback, read back by TensorBoard."""

import sys
import threading

import numpy as np
import pytest

import chainrule as cr

accumulators = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
tensor_util = pytest.importorskip("tensorboard.util.tensor_util")


def read(folder):
    """Return steps and values of each name, as arrays."""
    events = accumulators.EventAccumulator(str(folder), size_guidance={accumulators.TENSORS: 0}).Reload()
    found = {}
    for name in events.Tags()["tensors"]:
        series = events.Tensors(name)
        found[name] = ([e.step for e in series], [tensor_util.make_ndarray(e.tensor_proto) for e in series])
    return events, found


def trained(folder, epochs=3, net=None, **options):
    X, y = cr.data.two_spirals(40)
    net = net or cr.Network([2, 5, 2], activation="tanh", output="softmax", seed=0)
    net.fit(
        X, y, epochs=epochs, validation_data=(X, y), verbose=0, callbacks=[cr.TensorBoard(folder)], **options
    )  # fmt: skip
    return net


def test_scalars_are_the_history(tmp_path):
    net = trained(tmp_path)
    events, found = read(tmp_path)
    for name, values in net.history.items():
        steps, written = found[name]
        assert steps == [1, 2, 3]
        np.testing.assert_array_equal(np.float32(values), np.ravel(written))
        assert events.SummaryMetadata(name).plugin_data.plugin_name == "scalars"


def test_histograms_are_the_parameters(tmp_path):
    net = trained(tmp_path)
    events, found = read(tmp_path)
    for number, layer in enumerate(net.layers[1:], start=1):
        for kind, values in (("weights", layer.weights), ("bias", layer.bias)):
            steps, written = found[f"layer {number}/{kind}"]
            assert steps == [1, 2, 3]
            left, right, counts = written[-1].T
            edges = [*left, right[-1]]
            assert counts.sum() == values.size
            assert (edges[0], edges[-1]) == pytest.approx((values.min(), values.max()))
            np.testing.assert_array_equal(counts, np.histogram(values, bins=len(counts))[0])
            assert events.SummaryMetadata(f"layer {number}/{kind}").plugin_data.plugin_name == "histograms"


def test_second_fit_goes_on_with_the_curves(tmp_path):
    net = trained(tmp_path, epochs=2)
    trained(tmp_path, epochs=2, net=net)
    found = read(tmp_path)[1]
    assert found["loss"][0] == found["layer 1/weights"][0] == [1, 2, 3, 4]


def test_what_was_written_before_an_error_can_be_read(tmp_path):
    X, y = cr.data.two_spirals(40)
    net = cr.Network([2, 5, 2], output="softmax", seed=0)

    def fail(net, epoch, metrics):
        if epoch == 2:
            raise OSError("mine")

    with pytest.raises(OSError, match="mine"):
        net.fit(X, y, verbose=0, callbacks=[cr.TensorBoard(tmp_path), fail])
    assert read(tmp_path)[1]["loss"][0] == [1, 2]


def test_no_thread_is_left_behind(tmp_path):
    before = set(threading.enumerate())
    trained(tmp_path)
    assert set(threading.enumerate()) <= before


def test_callback_changes_no_byte(tmp_path):
    X, y = cr.data.two_spirals(40)
    plain = cr.Network([2, 5, 2], activation="tanh", output="softmax", seed=0)
    plain.fit(X, y, epochs=3, verbose=0)
    assert plain.parameters.tobytes() == trained(tmp_path).parameters.tobytes()


def test_extra_is_named_where_the_package_is_missing(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "tensorboard.compat.proto.event_pb2", None)
    with pytest.raises(ImportError, match=r"chainrule\[tensorboard\]"):
        cr.TensorBoard(tmp_path)
