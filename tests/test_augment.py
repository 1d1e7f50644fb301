"""Random changes of images."""

import numpy as np
import pytest
import scipy.ndimage

import chainrule as cr

IMAGES = np.random.default_rng(0).random((5, 7, 6, 2))


def zoom_by(images, tenths, seed):
    return cr.augment.zoom(images, tenths / 10, seed)


CHANGES = [cr.augment.shift, cr.augment.rotate, zoom_by, cr.augment.crop, cr.augment.noise]


@pytest.mark.parametrize("change", CHANGES)
def test_nothing_changes_by_nothing_and_a_seed_says_what_changes(change):
    assert change(IMAGES, 0, 1) == pytest.approx(IMAGES)
    assert change(IMAGES, 3, 1).tobytes() == change(IMAGES, 3, 1).tobytes()
    assert change(IMAGES, 3, 1).tobytes() != change(IMAGES, 3, 2).tobytes()
    assert change(np.full((1, 9, 9, 1), 255, np.uint8), 0, 0) == pytest.approx(np.full((1, 9, 9, 1), 255, np.float32))
    with pytest.raises(ValueError, match=r"\(samples, height, width, channels\), got \(7, 6\)"):
        change(IMAGES[0, :, :, 0], 1, 0)


def test_a_shift_keeps_the_sum_of_what_stays_inside():
    images = np.zeros((500, 9, 9, 1))
    images[:, 4, 4] = 1.0
    moved = cr.augment.shift(images, 3, 0)
    assert moved.sum(axis=(1, 2, 3)) == pytest.approx(np.ones(500))
    distances = (moved[..., 0] * np.indices((9, 9))[:, None]).sum(axis=(2, 3)) - 4
    assert abs(distances).max() <= 3
    assert distances.min(axis=1) == pytest.approx([-3, -3], abs=0.05)
    assert distances.max(axis=1) == pytest.approx([3, 3], abs=0.05)
    assert abs(np.corrcoef(distances)[0, 1]) < 0.1


def test_a_rotation_turns_a_slope_about_the_middle():
    y, x = np.indices((9, 9)) - 4.0
    slopes = np.repeat(np.stack([y, x], axis=-1)[None], 50, axis=0)
    turned = cr.augment.rotate(slopes, 400, np.arange(50))
    inside = np.hypot(y, x) < 4
    angle = np.arctan2(turned[:, 4, 5, 0], turned[:, 4, 5, 1])[:, None]
    assert turned[:, inside, 0] == pytest.approx(np.cos(angle) * y[inside] + np.sin(angle) * x[inside])
    assert turned[:, inside, 1] == pytest.approx(-np.sin(angle) * y[inside] + np.cos(angle) * x[inside])
    assert angle.min() < -2.5
    assert angle.max() > 2.5


def test_cosine_and_sine():
    degrees = np.linspace(-800, 800, 4001)
    cos, sin = cr.augment._cosine_and_sine(degrees)
    assert cos == pytest.approx(np.cos(np.deg2rad(degrees)), abs=1e-14)
    assert sin == pytest.approx(np.sin(np.deg2rad(degrees)), abs=1e-14)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("threads", [1, 3])
def test_places_between_pixels_are_those_of_scipy(dtype, threads, many_threads):
    cr.set_num_threads(threads)
    images = IMAGES.astype(dtype)
    maps = np.random.default_rng(1).normal(0, 1.5, (5, 2, 3))
    got = cr.augment._warped(images, tuple(maps[:, 0].T), tuple(maps[:, 1].T))
    i, j = np.indices((7, 6))
    expected = np.empty_like(got)
    for n, c in np.ndindex(5, 2):
        places = [row[0] * i + row[1] * j + row[2] for row in maps[n]]
        expected[n, :, :, c] = scipy.ndimage.map_coordinates(
            images[n, :, :, c].astype(float), places, order=1, mode="grid-constant"
        )
    assert got.dtype == dtype
    assert got == pytest.approx(expected, abs=1e-6)


def test_zoom_changes_distances_from_the_middle():
    y, x = np.indices((9, 9)) - 4.0
    zoomed = cr.augment.zoom(np.repeat(np.stack([y, x], axis=-1)[None], 50, axis=0), 0.3, 0)
    for image in zoomed:
        factor = 1 / image[4, 5, 1]
        inside = np.maximum(abs(y), abs(x)) < 4 * factor
        assert image[inside] == pytest.approx(np.stack([y, x], axis=-1)[inside] / factor)
    factors = 1 / zoomed[:, 4, 5, 1]
    assert 0.7 <= factors.min() < 0.75
    assert 1.25 < factors.max() <= 1.3


@pytest.mark.parametrize("change", [*CHANGES, lambda images, _, seeds: cr.augment.flip(images, seeds)])
def test_what_is_drawn_for_an_image_depends_on_its_seed_alone(change):
    seeds = np.arange(10, 15)
    together = change(IMAGES, 2, seeds)
    assert change(IMAGES[[3, 1]], 2, seeds[[3, 1]]).tobytes() == together[[3, 1]].tobytes()
    assert change(np.asfortranarray(IMAGES), 2, seeds.astype(np.uint8)).tobytes() == together.tobytes()
    assert change(IMAGES[:0], 2, 0).shape == (0, 7, 6, 2)


@pytest.mark.parametrize("seed", [np.arange(4), np.arange(5) - 1, np.ones(5), np.ones((5, 1), int)])
def test_bad_seeds_are_refused(seed):
    with pytest.raises(ValueError, match="seed must be an integer >= 0, or one for each of 5 images"):
        cr.augment.shift(IMAGES, 1, seed)


def test_flips_are_images_or_their_mirrors():
    flipped = cr.augment.flip(np.repeat(IMAGES, 40, axis=0), 0)
    mirrored = np.array([np.array_equal(image, IMAGES[i // 40][:, ::-1]) for i, image in enumerate(flipped)])
    kept = np.array([np.array_equal(image, IMAGES[i // 40]) for i, image in enumerate(flipped)])
    assert (mirrored ^ kept).all()
    assert 0.4 < mirrored.mean() < 0.6


def test_crops_are_windows_at_whole_pixels():
    images = np.repeat(IMAGES[:1], 200, axis=0)
    cropped = cr.augment.crop(images, 1, 0)
    framed = np.pad(IMAGES[0], ((1, 1), (1, 1), (0, 0)))
    windows = {framed[i : i + 7, j : j + 6].tobytes() for i, j in np.ndindex(3, 3)}
    assert {image.tobytes() for image in cropped} == windows


def test_noise_has_its_deviation():
    noisy = cr.augment.noise(np.zeros((100, 10, 10, 1)), 2.5, 0)
    assert noisy.mean() == pytest.approx(0, abs=0.1)
    assert noisy.std() == pytest.approx(2.5, rel=0.05)
    with pytest.raises(ValueError, match="deviation must"):
        cr.augment.noise(IMAGES, -1, 0)


def test_fit_takes_augmented_batches():
    digits = cr.data.mnist_sample()
    X = digits.X_train.reshape(-1, 28, 28, 1)[:200]
    each_epoch = cr.augment.batches(
        X, digits.y_train[:200], 64, lambda images, seeds: cr.augment.shift(images, 1, seeds)
    )
    assert [len(y) for _, y in each_epoch()] == [64, 64, 64, 8]
    net = cr.Network(
        [cr.Input(28, 28, 1, scale=1 / 255), cr.MaxPool2D(4), cr.Flatten(), cr.Dense(10, "softmax")], seed=0
    )
    history = net.fit(each_epoch, epochs=5, optimizer=cr.Adam(0.01), verbose=0)
    assert history["loss"][-1] < history["loss"][0]


def test_batches_change_an_image_in_the_same_way_whatever_the_batch():
    X, y = np.repeat(IMAGES, 8, axis=0), np.arange(40)
    epochs = [cr.augment.batches(X, y, size, lambda x, seeds: cr.augment.shift(x, 1, seeds), 3) for size in (7, 40)]
    for _ in range(2):
        small, large = ([np.concatenate(part) for part in zip(*epoch(), strict=True)] for epoch in epochs)
        assert small[0].tobytes() == large[0].tobytes()
        assert small[1].tobytes() == large[1].tobytes()
    assert small[0].tobytes() != next(epochs[1].batches_of(0))[0].tobytes()


def test_batches_without_a_change_train_as_the_array_does():
    X, y = IMAGES.repeat(8, axis=0).reshape(40, -1), np.arange(40) % 3

    def net():
        return cr.Network([84, 5, 3], activation="tanh", output="softmax", seed=6)

    streamed, whole = net(), net()
    streamed.fit(cr.augment.batches(X, y, 8, lambda x, _: x, seed=6), epochs=3, verbose=0)
    whole.fit(X, y, batch_size=8, epochs=3, verbose=0)
    assert streamed.parameters.tobytes() == whole.parameters.tobytes()
