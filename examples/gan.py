"""Adversarial networks (Goodfellow et al. 2014) learn a ring of eight Gaussians, then digits; needs chainrule[plot].

python examples/gan.py [DIRECTORY-OF-MNIST] [--quick]

Both networks are trained below `fit`: the generator learns from the discriminator's gradient with respect to its
inputs. The discriminator judges packs of samples (PacGAN, Lin et al. 2018): a pack with samples of only one mode
reveals a generator that has lost the others.
"""

import argparse

import numpy as np
from matplotlib.figure import Figure

import chainrule as cr

MODES, DEVIATION, BATCH = 8, 0.05, 256

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument(
    "directory", nargs="?", help="folder of MNIST's files; without it, the sample of the package is used"
)
parser.add_argument("--quick", action="store_true", help="fewer steps for the digits")
options = parser.parse_args()

rng = np.random.default_rng(0)


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def train(generator, discriminator, real, pack, steps, rate):
    codes, size = generator.inputs, generator.outputs
    optimizers = cr.Adam(rate, beta1=0.5), cr.Adam(rate, beta1=0.5)
    # Targets below one keep the discriminator from being too sure to teach the generator (Salimans et al. 2016).
    is_real = np.repeat([0.9, 0.0], BATCH // pack)[:, None]
    for _ in range(steps):
        made = generator.predict(rng.standard_normal((BATCH, codes)))
        z = discriminator.forward(np.concatenate([real(BATCH), made]).reshape(-1, pack * size))
        discriminator.backward((sigmoid(z) - is_real) / len(z))
        discriminator.step(optimizers[0])

        made = generator.forward(rng.standard_normal((BATCH, codes)))
        z = discriminator.forward(made.reshape(-1, pack * size))
        by_samples = discriminator.backward((sigmoid(z) - 1) / len(z))
        generator.backward(by_samples.reshape(-1, size))
        generator.step(optimizers[1])


# --- the ring

angles = 2 * np.pi * np.arange(MODES) / MODES
centres = np.stack([np.cos(angles), np.sin(angles)], axis=1)


def ring(samples):
    return centres[rng.integers(MODES, size=samples)] + DEVIATION * rng.standard_normal((samples, 2))


generator = cr.Network([16, 128, 128, 2], activation="relu", seed=1)
train(generator, cr.Network([8, 128, 128, 1], activation="leaky_relu", seed=2), ring, pack=4, steps=3000, rate=1e-3)
points = generator.predict(rng.standard_normal((2000, 16)))
distances = np.linalg.norm(points[:, None] - centres, axis=2)
near = distances.min(axis=1) < 4 * DEVIATION
found = np.unique(distances.argmin(axis=1)[near])
print(f"{len(found)} of {MODES} modes found, {near.mean():.0%} of the samples within four deviations of one")

# --- digits

data = cr.data.mnist(options.directory) if options.directory else cr.data.mnist_sample()
images = data.X_train.astype(np.float32) / 255

writer = cr.Network([32, 256, 512, 784], activation="relu", output="sigmoid", seed=3)
judge = cr.Network(
    [
        cr.Input(784),
        cr.Dense(256, "leaky_relu"),
        cr.Dense(128, "leaky_relu"),
        cr.Dense(1, "identity"),
    ],
    seed=4,
)
train(
    writer,
    judge,
    lambda n: images[rng.integers(len(images), size=n)],
    pack=1,
    steps=300 if options.quick else 3000,
    rate=3e-4,
)

reader = cr.Network([cr.Input(784), 300, 10], output="softmax", seed=0)
reader.fit(images, data.y_train, epochs=10, optimizer=cr.SGD(0.1, momentum=0.9), verbose=0)
written = writer.predict(rng.standard_normal((1000, 32)))
read = reader.predict(written)
sure = read.max(axis=1) > 0.9
kinds = len(np.unique(read.argmax(axis=1)[sure]))
print(f"a classifier is sure of {sure.mean():.0%} of the digits written, and finds {kinds} kinds among them")

figure = Figure(figsize=(9, 3.6), layout="constrained")
left, right = figure.subfigures(1, 2, width_ratios=[1, 1.6])
axes = left.subplots()
axes.plot(*ring(2000).T, ".", color="0.75", markersize=3, label="real")
axes.plot(*points.T, ".", color=cr.plot.VERMILION, markersize=3, label="generated")
axes.set(aspect="equal", title="a ring of Gaussians")
axes.legend(loc="center")
for image, axes in zip(written, right.subplots(6, 12).flat, strict=False):
    axes.imshow(image.reshape(28, 28), cmap="gray_r", vmin=0, vmax=1)
    axes.axis("off")
right.suptitle("digits generated")
figure.savefig("gan.png")
