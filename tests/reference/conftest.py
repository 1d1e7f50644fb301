"""Helpers that the tests of the layers share."""

import numpy as np
import pytest

from chainrule.reference import activations

H = 1e-4


def assert_gradients_are_differences(layer, x, input_gradient=True):
    """Compare all gradients of a random projection of the outputs with central differences."""
    projection = np.random.default_rng(7).standard_normal(layer.forward(x).shape)
    x_gradient = layer.backward(activations.delta(layer.activation, layer.pre_activations, projection))
    pairs = [(layer.parameters[name], gradient.copy()) for name, gradient in layer.gradients.items()]
    if input_gradient:
        pairs.append((x, x_gradient))

    def objective(values, i, step):
        start = values.flat[i]
        values.flat[i] = start + step
        value = (layer.forward(x) * projection).sum()
        values.flat[i] = start
        return value

    for values, gradient in pairs:
        differences = [
            (8 * (objective(values, i, H) - objective(values, i, -H))
             - (objective(values, i, 2 * H) - objective(values, i, -2 * H))) / (12 * H)
            for i in range(values.size)
        ]  # fmt: skip
        assert gradient.shape == values.shape
        assert gradient.ravel() == pytest.approx(differences, rel=1e-7, abs=1e-9)


@pytest.fixture(name="assert_gradients_are_differences")
def _assert_gradients_are_differences():
    return assert_gradients_are_differences


@pytest.fixture
def rng():
    return np.random.default_rng(11)
