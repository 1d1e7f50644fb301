"""Random changes of images."""

import numpy as np
import pytest
import scipy.ndimage

import chainrule as cr

IMAGES = np.random.default_rng(0).random((5, 7, 6, 2))


def zoom_by(images, tenths, seed):
    return cr.augment.zoom(images, tenths / 10, seed)


@pytest.mark.parametrize("change", [cr.augment.shift, cr.augment.rotate, zoom_by, cr.augment.crop, cr.augment.noise])
def test_nothing_changes_by_nothing_and_a_seed_says_what_changes(change):
    assert change(IMAGES, 0, 1) == pytest.approx(IMAGES)
    assert change(IMAGES, 3, 1).tobytes() == change(IMAGES, 3, 1).tobytes()
    assert change(IMAGES, 3, 1).tobytes() != change(IMAGES, 3, 2).tobytes()
    assert change(np.full((1, 9, 9, 1), 255, np.uint8), 0, 0) == pytest.approx(np.full((1, 9, 9, 1), 255, np.float32))
    with pytest.raises(ValueError, match=r"\(samples, height, width, channels\), got \(7, 6\)"):
        change(IMAGES[0, :, :, 0], 1, 0)


def test_a_shift_keeps_the_sum_of_what_stays_inside():
    images = np.zeros((20, 9, 9, 1))
    images[:, 4, 4] = 1.0
    moved = cr.augment.shift(images, 3, 0)
    assert moved.sum(axis=(1, 2, 3)) == pytest.approx(np.ones(20))
    y, x = (moved[..., 0] * np.indices((9, 9))[:, None]).sum(axis=(2, 3)) - 4
    expected = np.random.default_rng(0).uniform(-3, 3, (2, 20))
    assert y == pytest.approx(expected[0])
    assert x == pytest.approx(expected[1])


def test_a_rotation_turns_a_slope_about_the_middle():
    y, x = np.indices((9, 9)) - 4.0
    turned = cr.augment.rotate(x[None, :, :, None] + 0 * IMAGES[:1, :1, :1, :1], 40, 0)[0, :, :, 0]
    angle = np.deg2rad(np.random.default_rng(0).uniform(-1, 1) * 40)
    inside = np.hypot(y, x) < 4
    assert turned[inside] == pytest.approx((np.sin(angle) * y + np.cos(angle) * x)[inside])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_places_between_pixels_are_those_of_scipy(dtype):
    images = IMAGES.astype(dtype)
    y, x = np.random.default_rng(1).uniform(-4, 11, (2, 5, 7, 6))
    got = cr.augment._bilinear(images, y, x)
    expected = np.empty_like(got)
    for i, j in np.ndindex(5, 2):
        expected[i, :, :, j] = scipy.ndimage.map_coordinates(
            images[i, :, :, j].astype(float), [y[i], x[i]], order=1, mode="grid-constant"
        )
    assert got.dtype == dtype
    assert got == pytest.approx(expected, abs=1e-6)


def test_zoom_changes_distances_from_the_middle():
    y, x = np.indices((9, 9)) - 4.0
    factor = np.random.default_rng(0).uniform(0.7, 1.3)
    zoomed = cr.augment.zoom(np.stack([y, x], axis=-1)[None], 0.3, 0)[0]
    inside = np.maximum(abs(y), abs(x)) < 4 * factor
    assert zoomed[inside] == pytest.approx(np.stack([y, x], axis=-1)[inside] / factor)


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
    each_epoch = cr.augment.batches(X, digits.y_train[:200], 64, lambda images, seed: cr.augment.shift(images, 1, seed))
    assert [len(y) for _, y in each_epoch()] == [64, 64, 64, 8]
    net = cr.Network(
        [cr.Input(28, 28, 1, scale=1 / 255), cr.MaxPool2D(4), cr.Flatten(), cr.Dense(10, "softmax")], seed=0
    )
    history = net.fit(each_epoch, epochs=5, optimizer=cr.Adam(0.01), verbose=0)
    assert history["loss"][-1] < history["loss"][0]
