"""Layers without a bias: as those with a bias of zero, which training leaves alone and users do not see."""

import numpy as np
import pytest

import chainrule as cr

X = np.random.default_rng(0).standard_normal((40, 4, 4, 2))
LABELS = np.arange(40) % 3


def layers(use_bias):
    return [
        cr.Input(4, 4, 2),
        cr.Conv2D(5, 2, "tanh", bias=0.0, use_bias=use_bias, l2=0.01),
        cr.Conv2DTranspose(2, 2, "tanh", bias=0.0, use_bias=use_bias),
        cr.Reshape(16, 2),
        cr.Conv1D(3, 3, "tanh", bias=0.0, use_bias=use_bias),
        cr.Dense(4, "tanh", bias=0.0, use_bias=use_bias),
        cr.Flatten(),
        cr.Dense(6, "tanh", bias=0.0, use_bias=use_bias, max_norm=2.0),
        cr.Dense(3, bias=0.0, use_bias=use_bias),
    ]


def weighted(net):
    return [layer for layer in net.layers[1:] if hasattr(layer, "use_bias")]


def test_gradients_and_predictions_are_those_of_zero_biases():
    without, within = (cr.Network(layers(use_bias), seed=0) for use_bias in (False, True))
    for one, other in zip(weighted(without), weighted(within), strict=True):
        assert one.bias is None
        assert other.weights.tobytes() == one.weights.tobytes()
    assert within.parameter_count - without.parameter_count == 5 + 2 + 3 + 4 + 6 + 3
    assert within.predict(X).tobytes() == without.predict(X).tobytes()
    losses = [net.loss_and_gradient(X, np.eye(3)[LABELS])[0] for net in (without, within)]
    assert losses[0] == losses[1]
    for one, other in zip(without.gradients, within.gradients, strict=True):
        assert len(one) == 1
        assert one[0].tobytes() == other[0].tobytes()


@pytest.mark.parametrize(
    "optimizer",
    [
        *(name for name in cr.optimizers.OPTIMIZERS if name != "irprop"),
        cr.AdamW(clip_norm=0.1),
        cr.SGD(0.1, clip_value=0.1),
    ],
    ids=str,
)
@pytest.mark.parametrize("batch_size", [8, 40])
def test_what_is_zero_stays_zero(optimizer, batch_size):
    net = cr.Network(layers(use_bias=False), seed=0)
    before = net.parameters
    net.fit(X, np.eye(3)[LABELS], epochs=3, optimizer=optimizer, batch_size=batch_size, verbose=0)
    assert not np.array_equal(net.parameters, before)
    assert not net.predict(np.zeros((1, 4, 4, 2))).any()


def test_check_files_copies_and_populations(tmp_path):
    net = cr.Network(layers(use_bias=False), seed=0)
    assert net.check(X[:8], np.eye(3)[LABELS[:8]]).ok
    net.save(tmp_path / "net")
    for same in (cr.load(tmp_path / "net"), net.copy(), cr.Network([*net.truncated(8).layers], seed=0)):
        assert same.predict(X).tobytes() == net.predict(X).tobytes()
        assert weighted(same)[0].bias is None
    many = cr.predict_population(net, np.stack([net.parameters, 2 * net.parameters]), X)
    assert many[0].tobytes() == net.predict(X).tobytes()


def test_a_normalisation_folds_into_a_bias_that_was_not_there():
    net = cr.Network(
        [
            cr.Input(4, 4, 2),
            cr.Normalization.from_data(3 * X + 1),
            cr.Conv2D(5, 2, use_bias=False),
            cr.BatchNorm(),
            cr.Activation("relu"),
            cr.Flatten(),
            cr.Dense(3, use_bias=False),
        ],
        seed=0,
        target_scale=(5.0, 2.0),
        dtype="float64",
    )
    net.fit(3 * X + 1, np.eye(3)[LABELS], epochs=2, verbose=0)
    folded = net.folded()
    assert not any(isinstance(layer, cr.BatchNorm) for layer in folded.layers)
    assert folded.predict(3 * X + 1) == pytest.approx(net.predict(3 * X + 1), abs=1e-9)


def test_what_is_not_there_cannot_be_given():
    with pytest.raises(ValueError, match=r"bias must be 0 with use_bias=False, got 0\.5"):
        cr.Dense(3, bias=0.5, use_bias=False)
    with pytest.raises(TypeError, match="use_bias must be"):
        cr.Conv2D(3, 2, use_bias="no")
    net = cr.Network([cr.Input(2), cr.Dense(3, "sigmoid", use_bias=False)])
    with pytest.raises(AttributeError, match=r"Dense\(3, activation='sigmoid', use_bias=False\) has no bias"):
        net.layers[1].bias = 1.0
    with pytest.raises(ValueError, match="units with a bias only"):
        cr.nodes.Network.from_network(net)
    assert net.check(np.ones((3, 2)), np.ones((3, 3)), loss="mse").ok
