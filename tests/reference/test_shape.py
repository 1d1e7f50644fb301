"""Layers that move values, against central differences and small examples."""

import numpy as np
import pytest

from chainrule.reference import Flatten, Reshape, UpSample2D, ZeroPad2D


@pytest.mark.parametrize(
    "layer", [Flatten(), Reshape((3, 8)), Reshape((-1, 2, 3)), ZeroPad2D(((1, 0), (2, 3))), UpSample2D((2, 3))]
)
def test_gradients(rng, assert_gradients_are_differences, layer):
    assert_gradients_are_differences(layer, rng.standard_normal((2, 3, 4, 2)))


def test_values_keep_their_row_major_order():
    x = np.arange(12.0).reshape(1, 2, 3, 2)
    assert Flatten().forward(x).tolist() == [list(range(12))]
    assert Reshape((4, 3)).forward(x)[0, 1].tolist() == [3.0, 4.0, 5.0]


def test_pixels_become_blocks():
    z = UpSample2D((1, 2)).forward(np.array([[1.0, 2.0], [3.0, 4.0]]).reshape(1, 2, 2, 1))
    assert z[0, :, :, 0].tolist() == [[1.0, 1.0, 2.0, 2.0], [3.0, 3.0, 4.0, 4.0]]


def test_border_is_zero():
    z = ZeroPad2D(((1, 0), (0, 2))).forward(np.array([[7.0]]).reshape(1, 1, 1, 1))
    assert z[0, :, :, 0].tolist() == [[0.0, 0.0, 0.0], [7.0, 0.0, 0.0]]
