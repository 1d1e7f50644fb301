"""Rows of a table against central differences and one-hot rows times the table."""

import numpy as np
import pytest

from chainrule.reference import Embedding


def test_gradients(rng, assert_gradients_are_differences):
    x = rng.integers(0, 5, (3, 4))
    assert_gradients_are_differences(Embedding(rng.standard_normal((5, 2))), x, input_gradient=False)


def test_is_the_product_with_one_hot_rows(rng):
    layer, x = Embedding(rng.standard_normal((5, 2))), np.array([[0, 4, 4], [1, 0, 4]])
    assert layer.forward(x.astype(np.float64)) == pytest.approx(np.eye(5)[x] @ layer.weights)
    deltas = rng.standard_normal((2, 3, 2))
    assert layer.backward(deltas).tolist() == np.zeros((2, 3)).tolist()
    assert layer.weight_gradient == pytest.approx(np.einsum("sti,stj->ij", np.eye(5)[x], deltas))
    assert not np.any(layer.weight_gradient[2:4])
