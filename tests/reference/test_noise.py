"""Dropout and noise: the random words that they draw, and what they do with them."""

import numpy as np
import pytest

from chainrule.reference import Dropout, GaussianNoise, Sampling, random


def in_training(layer, seed=5, epoch=2, first_place=10):
    layer.training = True
    layer.set_draw(seed, epoch, first_place)
    return layer


@pytest.mark.parametrize("layer", [Dropout(0.4), Dropout(0.5, spatial=True), GaussianNoise(0.3)])
@pytest.mark.parametrize("training", [True, False])
def test_gradients(rng, assert_gradients_are_differences, layer, training):
    in_training(layer).training = training
    assert_gradients_are_differences(layer, rng.standard_normal((3, 4, 2)))


def test_each_sample_draws_its_own_words():
    z = in_training(Dropout(0.25, index=3)).forward(np.ones((4, 3, 2)))
    for i in range(4):
        u = random.uniform(random.words(5, 4, 10 + i, 2 * 4096 + 3, 6)).reshape(3, 2)
        assert z[i] == pytest.approx(np.where(u < 0.25, 0.0, 4 / 3))


def test_spatial_dropout_draws_a_word_a_channel():
    z = in_training(Dropout(0.5, spatial=True)).forward(np.ones((2, 3, 4, 20)))
    for i in range(2):
        u = random.uniform(random.words(5, 4, 10 + i, 2 * 4096, 20))
        assert z[i] == pytest.approx(np.broadcast_to(np.where(u < 0.5, 0.0, 2.0), (3, 4, 20)))


def test_noise_draws_its_own_words():
    z = in_training(GaussianNoise(0.5, index=1)).forward(np.zeros((3, 4)))
    for i in range(3):
        assert z[i] == pytest.approx(0.5 * random.normal(random.words(5, 5, 10 + i, 2 * 4096 + 1, 4)))


@pytest.mark.parametrize("training", [True, False])
def test_gradients_of_a_sample_drawn(rng, assert_gradients_are_differences, training):
    layer = in_training(Sampling())
    layer.training = training
    assert_gradients_are_differences(layer, rng.standard_normal((3, 4)))


def test_a_sample_is_drawn_with_its_own_words():
    z = in_training(Sampling(index=1)).forward(np.tile([[0.5, -0.5, 0.0, np.log(4.0)]], (3, 1)))
    for i in range(3):
        n = random.normal(random.words(5, 5, 10 + i, 2 * 4096 + 1, 2))
        assert z[i] == pytest.approx([0.5 + n[0], -0.5 + 2 * n[1]])


@pytest.mark.parametrize("layer", [Dropout(0.4), Dropout(0.5, spatial=True), GaussianNoise(0.3)])
def test_prediction_is_undisturbed(layer):
    assert layer.forward(np.ones((2, 3))).tolist() == np.ones((2, 3)).tolist()


def test_mean_and_share_are_as_said():
    z = in_training(Dropout(0.3)).forward(np.ones((100, 100)))
    assert (z == 0).mean() == pytest.approx(0.3, abs=0.02)
    assert z.mean() == pytest.approx(1.0, abs=0.03)
    z = in_training(GaussianNoise(0.3)).forward(np.ones((100, 100)))
    assert z.std() == pytest.approx(0.3, rel=0.03)
