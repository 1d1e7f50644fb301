"""Layers made of layers: properties beyond those that test_layers.py checks for every layer."""

import numpy as np
import pytest

import chainrule as cr
from chainrule import _core

RANDOM = np.random.default_rng(0)
X = RANDOM.standard_normal((7, 4))


def test_a_residual_block_of_zeros_passes_its_inputs_on():
    net = cr.Network([cr.Input(4), cr.Residual([cr.Dense(4, "relu", weights=0.0)])], seed=0, dtype="float64")
    assert (net.predict(X) == X).all()


def test_branches_lie_side_by_side():
    twice = cr.Dense(4, "identity", weights=2 * np.eye(4))
    net = cr.Network([cr.Input(4), cr.Concatenate([[], [twice], []])], seed=0, dtype="float64")
    assert (net.predict(X) == np.hstack([X, 2 * X, X])).all()
    images = X.reshape(7, 2, 2)
    net = cr.Network([cr.Input(2, 2), cr.Concatenate([[], [cr.Activation("relu")]])], seed=0, dtype="float64")
    assert (net.predict(images) == np.concatenate([images, np.maximum(images, 0)], axis=-1)).all()


def test_a_sum_adds_what_its_branches_make():
    halves = [cr.Dense(3, weights=np.full((4, 3), 0.5))], [cr.Activation("relu"), cr.Dense(3, weights=np.eye(4, 3))]
    net = cr.Network([cr.Input(4), cr.Add(halves)], seed=0, dtype="float64")
    expected = 0.5 * X.sum(axis=1, keepdims=True) + np.maximum(X, 0)[:, :3]
    assert net.predict(X) == pytest.approx(expected, rel=1e-14)


def test_a_residual_block_is_a_sum_with_an_empty_branch():
    def trained(block):
        net = cr.Network([cr.Input(4), block, cr.Dense(2, "softmax")], seed=3)
        net.fit(X, np.arange(7) % 2, epochs=3, verbose=0)
        return net.parameters.tobytes()

    assert trained(cr.Residual([cr.Dense(4, "tanh")])) == trained(cr.Add([[cr.Dense(4, "tanh")], []]))


def test_the_layers_within_are_layers_like_others(tmp_path):
    inner = cr.Dense(4, "tanh")
    net = cr.Network([cr.Input(4), cr.Residual([cr.BatchNorm(), inner]), cr.Dense(2, "softmax")], seed=0)
    block = net.layers[1]
    assert block.parameter_count == 8 + 20
    assert net.parameter_count == 28 + 10
    inner.bias = [1, 2, 3, 4]
    assert net.parameters[24:28].tolist() == [1, 2, 3, 4]
    inner.trainable = False
    before = inner.weights, block.layers[0].gamma
    net.fit(X, np.arange(7) % 2, epochs=2, verbose=0)
    assert (inner.weights == before[0]).all()
    assert (block.layers[0].gamma != before[1]).any()
    assert block.trainable
    block.trainable = False
    assert not block.layers[0].trainable
    net.save(tmp_path / "net.safetensors")
    loaded = cr.load(tmp_path / "net.safetensors").layers[1]
    assert not loaded.trainable
    assert loaded.layers[0].running_mean.tobytes() == block.layers[0].running_mean.tobytes()
    arrays = pytest.importorskip("safetensors.numpy").load_file(tmp_path / "net.safetensors")
    assert {"layers.0.0.gamma", "layers.0.0.running_mean", "layers.0.1.weights"} < set(arrays)


def test_blocks_may_be_nested():
    deep = cr.Residual(
        [cr.Concatenate([[cr.Dense(2, "relu")], [cr.Residual([cr.Dense(4, "relu")]), cr.Dense(2, "silu")]])]
    )
    net = cr.Network([cr.Input(4), deep, cr.Dense(3, "softmax")], seed=0, dtype="float64")
    assert net.check(X, np.arange(7) % 3).ok


def test_frozen_layers_below_and_within_change_nothing_of_the_gradients_above():
    def gradients(frozen):
        branches = [[cr.Dense(3, "tanh")], [cr.Dense(5, "silu"), cr.Dense(2, "relu")]]
        net = cr.Network([cr.Input(4), cr.Dense(4, "relu"), cr.Concatenate(branches), cr.Dense(2, "softmax")], seed=0)
        net.layers[1].trainable = branches[0][0].trainable = not frozen
        net.fit(X, np.arange(7) % 2, epochs=1, batch_size="full", optimizer=cr.SGD(0.1), verbose=0)
        return branches[1][0].weights.tobytes(), net.layers[3].weights.tobytes()

    assert gradients(frozen=True) == gradients(frozen=False)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: cr.Residual([]), ValueError, "layers must have at least one layer"),
        (lambda: cr.Residual([3]), TypeError, "Residual must be made of layers, got 3"),
        (lambda: cr.Residual([cr.Dense(2, "softmax")]), ValueError, "'softmax' must be on the last layer of a network"),
        (lambda: cr.Concatenate([[cr.Dense(2)]]), ValueError, "branches must be at least two, got 1"),
        (lambda: cr.Add([[cr.Dense(2)]]), ValueError, "branches must be at least two, got 1"),
        (lambda: cr.Add([[cr.Dense(2)], [3]]), TypeError, "Add must be made of layers, got 3"),
        (
            lambda: cr.Network([cr.Input(4), cr.Add([[], [cr.Dense(3)]])]),
            ValueError,
            r"branches of Add must end in the same shape, got \[\(4,\), \(3,\)\]",
        ),
        (
            lambda: cr.Network([cr.Input(4), cr.Residual([cr.Dense(3)])]),
            ValueError,
            r"must keep the shape \(4,\), got \(3,\)",
        ),
        (
            lambda: cr.Network([cr.Input(2, 2), cr.Concatenate([[], [cr.Reshape((1, 4))]])]),
            ValueError,
            "branches must end in the same shape but for the features",
        ),
    ],
)
def test_it_refuses(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_a_layer_belongs_to_one_block():
    shared = cr.Dense(4)
    with pytest.raises(ValueError, match="is twice in the network"):
        cr.Network([cr.Input(4), cr.Residual([shared]), cr.Residual([shared])])


def row_of_layers() -> _core.NetworkFloat32:
    """A core with layers 0, a mask of 4 steps; 1, a fork; 2, the only layer of its first branch."""
    core = _core.NetworkFloat32(12)
    core.add_layer(_core.MaskingSettings(steps=4, value=0.0))
    core.add_layer(_core.ForkSettings())
    core.add_layer(_core.ActivationSettings("tanh", 1))
    return core


def recurrent(steps: int) -> _core.RecurrentSettings:
    return _core.RecurrentSettings(_core.simple_cell("tanh"), steps, 2, False, 1, False, 0.0, 0.0, 0.0, 0.0)


@pytest.mark.parametrize(
    ("settings", "sources", "message"),
    [
        (_core.RecallSettings(12), [], "cannot read its sources"),
        (_core.RecallSettings(12), [0], "cannot read its sources"),
        (_core.RecallSettings(12), [3], "one of the 3 layers below, got layer 3"),
        (_core.RecallSettings(12), [-1], "one of the layers below, got layer -1"),
        (_core.RecallSettings(13), [1], "cannot read its sources"),
        (recurrent(4), [1], "cannot read its sources"),
        (recurrent(3), [0], "cannot read its sources"),
        (recurrent(5), [0], "steps must divide"),
        (recurrent(0), [0], "steps must divide"),
        (_core.MergeSettings([_core.Slice(1, 0, 12, 12)] * 2), [2], "cannot read its sources"),
        (_core.MergeSettings([_core.Slice(1, 0, 6, 12), _core.Slice(1, 0, 12, 12)]), [1, 2], "cannot read its sources"),
        (_core.MergeSettings([_core.Slice(1, 6, 12, 12)]), [2], "slices must be parts"),
        (_core.MergeSettings([]), [], "slices must have one element"),
        (_core.ActivationSettings("relu", 1), [0], "cannot read its sources"),
    ],
)
def test_core_refuses_sources_that_do_not_fit(settings, sources, message):
    core = row_of_layers()
    with pytest.raises(ValueError, match=message):
        core.add_layer(settings, sources)
    # Nothing has been added: the row can be continued as if nothing had happened.
    core.add_layer(_core.RecallSettings(12), [1])
    core.add_layer(_core.MergeSettings([_core.Slice(1, 0, 12, 12)] * 2), [2, 3])
    assert core.predict(np.ones((1, 12))).tolist() == [[np.float32(1 + np.tanh(np.float32(1)))] * 12]


def test_blocks_can_be_nested_deeply_but_not_endlessly():
    block = [cr.Dense(4)]
    for _ in range(100):
        block = [cr.Residual(block)]
    net = cr.Network([cr.Input(4), *block], seed=0)
    assert np.array_equal(net.copy().predict(np.ones((1, 4))), net.predict(np.ones((1, 4))))
    with pytest.raises(ValueError, match="layers must be nested at most 100 deep"):
        cr.Residual(block)
