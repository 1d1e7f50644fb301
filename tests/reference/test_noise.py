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


def octets(count, *key):
    """Return the first bytes of a stream, the lowest of each word first."""
    return [int(word) >> 8 * k & 255 for word in random.words(*key, -(-count // 8)) for k in range(8)][:count]


def test_each_sample_draws_a_byte_a_value():
    z = in_training(Dropout(0.25, index=3)).forward(np.ones((4, 3, 7)))
    for i in range(4):
        drawn = np.reshape(octets(21, 5, 4, 10 + i, 2 * 4096 + 3), (3, 7))
        assert 64 not in drawn
        assert z[i] == pytest.approx(np.where(drawn < 64, 0.0, 4 / 3))


def test_spatial_dropout_draws_a_byte_a_channel():
    z = in_training(Dropout(0.5, spatial=True)).forward(np.ones((2, 3, 4, 20)))
    for i in range(2):
        drawn = np.array(octets(20, 5, 4, 10 + i, 2 * 4096))
        assert z[i] == pytest.approx(np.broadcast_to(np.where(drawn < 128, 0.0, 2.0), (3, 4, 20)))


def test_a_further_word_decides_where_a_byte_is_at_the_limit():
    kept = random.keeps((5, 2, 0), 3, 1, 2000, 0.4)[0]
    words = random.words(5, 4, 0, 2 * 4096 + 3, 270)
    ties = np.array(octets(2000, 5, 4, 0, 2 * 4096 + 3)) == 102
    assert 2 < ties.sum() < 20
    assert kept[ties].tolist() == (random.uniform(words[250 : 250 + ties.sum()]) >= 0.4 * 256 - 102).tolist()


@pytest.mark.parametrize("rate", [0.0, 1e-4, 0.003, 0.1, 0.15, 0.5, 0.7, 0.9999])
def test_the_share_that_is_dropped_is_the_rate(rate):
    draws = 400_000
    dropped = draws - random.keeps((1, 0, 0), 0, 4, draws // 4, rate).sum()
    assert abs(dropped - rate * draws) <= 4 * np.sqrt(draws * rate * (1 - rate))


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
