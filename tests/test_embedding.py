"""Embeddings: tokens, and gradients of the tokens that occur."""

import numpy as np
import pytest

import chainrule as cr


@pytest.mark.parametrize("words", [[[0, 9]], [[-1, 0]], [[0.5, 1]], [[np.nan, 1]], [[2**40, 1]]])
def test_what_is_no_word_is_refused_before_anything_changes(words):
    net = cr.Network([cr.Input(2), cr.Embedding(9, 4), cr.SimpleRNN(3)], seed=0)
    before = net.parameters
    target = np.zeros((1, 3))
    for use in (
        lambda: net.predict(words),
        lambda: net.predict(np.array(words, dtype=np.float32)),
        lambda: net.forward(words),
        lambda: net.fit(words, target, epochs=1, verbose=0),
        lambda: net.fit([(words, target)], epochs=1, verbose=0),
        lambda: net.evaluate(words, target),
        lambda: net.loss_and_gradient(words, target),
    ):
        with pytest.raises(ValueError, match=r"X must hold whole numbers in \[0, 9\), got"):
            use()
    assert np.array_equal(net.parameters, before)


def test_the_core_reads_nothing_outside_of_the_vocabulary():
    net = cr.Network([cr.Input(4), cr.Embedding(3, 20)], seed=0)
    X = np.array([[-1e30, -1, 3, 1e30], [np.nan, np.inf, -np.inf, 2]], dtype=np.float32)
    ends = net.core.forward(X).reshape(8, 20)
    weights = net.layers[1].weights
    for vector, word in zip(ends, [0, 0, 2, 2, 0, 2, 0, 2], strict=True):
        assert np.array_equal(vector, weights[word])


def test_bytes_are_words_too():
    net = cr.Network([cr.Input(2), cr.Embedding(256, 4)], seed=0)
    words = np.array([[0, 255]])
    assert np.array_equal(net.predict(words.astype(np.uint8)), net.predict(words))
    assert np.array_equal(net.forward(words.astype(np.uint8)), net.predict(words))


def test_plain_descent_moves_only_the_words_that_occur():
    net = cr.Network([cr.Input(3), cr.Embedding(50, 20), cr.SimpleRNN(4), cr.Dense(2, "softmax")], seed=0)
    before = net.layers[1].weights
    net.fit([[1, 7, 7], [49, 1, 0]], [0, 1], epochs=2, optimizer=cr.SGD(0.1), verbose=0)
    moved = np.any(net.layers[1].weights != before, axis=1)
    assert np.flatnonzero(moved).tolist() == [0, 1, 7, 49]


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("vocabulary", [300, 100_000])  # updates of the second are deferred
@pytest.mark.parametrize(
    ("make", "penalty"),
    [
        (lambda **clip: cr.SGD(0.1, **clip), 0.0),
        (lambda **clip: cr.SGD(0.1, **clip), 0.01),
        (lambda **clip: cr.SGD(0.1, momentum=0.9, **clip), 0.0),
        (lambda **clip: cr.SGD(0.1, momentum=0.9, nesterov=True, **clip), 0.01),
        (lambda **clip: cr.Adagrad(0.1, **clip), 0.0),
        (lambda **clip: cr.Adam(0.01, **clip), 0.0),
        (lambda **clip: cr.AdamW(0.01, **clip), 0.0),
        (lambda **clip: cr.RMSprop(0.01, **clip), 0.0),
    ],
    ids=["sgd", "sgd-l2", "momentum", "nesterov-l2", "adagrad", "adam", "adamw", "rmsprop"],
)
def test_words_that_are_absent_are_updated_as_by_their_whole_gradient(make, penalty, vocabulary, threads, many_threads):
    rng = np.random.default_rng(0)
    words, y = np.minimum(rng.geometric(0.02, (40, 6)) - 1, 299), np.arange(40) % 2

    def trained(**clip):
        layers = [cr.Embedding(vocabulary, 33, l2=penalty), cr.SimpleRNN(4), cr.Dense(2, "softmax")]
        net = cr.Network([cr.Input(6), *layers], seed=0)
        for _ in range(2):
            net.fit(words, y, epochs=1, batch_size=8, optimizer=make(**clip), verbose=0)
            yield net.parameters.tobytes()

    cr.set_num_threads(threads)
    # Clipping by norm needs the whole gradient before any parameter changes.
    assert list(trained()) == list(trained(clip_norm=1e30))


def test_only_the_words_that_occur_have_a_gradient():
    net = cr.Network([cr.Input(3), cr.Embedding(6, 2), cr.Flatten(), cr.Dense(1, "identity", weights=1.0)], seed=0)
    net.forward([[1, 4, 4]])
    assert not net.backward([[1.0]]).any()
    assert net.gradients[0][0].tolist() == [[0, 0], [1, 1], [0, 0], [0, 0], [2, 2], [0, 0]]


@pytest.mark.parametrize("mask", [False, True])
@pytest.mark.parametrize("optimizer", [cr.SGD(1.0), cr.SGD(1.0, clip_value=5.0), cr.Adagrad(0.1)])
@pytest.mark.parametrize("penalty", [{"l1": 0.1}, {"l2": 0.1}])
def test_words_that_are_absent_are_penalised_after_a_mask_too(mask, optimizer, penalty):
    words, y = np.array([[1, 2, 0], [2, 1, 0]]), np.zeros((2, 1))
    layers = [cr.Embedding(5, 2, mask_zero=mask, **penalty), cr.SimpleRNN(2), cr.Dense(1)]
    net = cr.Network([cr.Input(3), *layers], seed=0, dtype="float64")
    assert net.check(words, y, optimizer=optimizer, loss="mse").ok
    before = net.layers[1].weights
    net.train_on_batch(words, y, optimizer=optimizer, loss="mse")
    if optimizer == cr.SGD(1.0):
        moved = 0.1 * (before if "l2" in penalty else np.sign(before))
        np.testing.assert_allclose((before - net.layers[1].weights)[3:], moved[3:], rtol=1e-12)
