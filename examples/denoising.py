"""A denoiser of digits, 784-512-784, trained on noisy inputs and clean targets; the best linear filter is the baseline.

python examples/denoising.py [DIRECTORY-OF-MNIST]   (without it, the sample that comes with the package)

The linear filter is the least-squares map from noisy to clean images, which is better than PCA with any number of
components. Needs chainrule[plot].
"""

import sys

import numpy as np
from matplotlib.figure import Figure

import chainrule as cr

NOISE = 0.5

data = cr.data.mnist(sys.argv[1]) if len(sys.argv) > 1 else cr.data.mnist_sample()
train, test = (X.astype(np.float32) / 255 for X in (data.X_train, data.X_test))
rng = np.random.default_rng(0)
noisy = test + NOISE * rng.standard_normal(test.shape).astype(np.float32)

net = cr.Network([784, 512, 784], output="sigmoid", seed=0)
# The inputs get new noise in each epoch; the targets stay clean.
net.fit(
    train, train, epochs=15, batch_size=64, optimizer=cr.Adam(1e-3), loss="cross_entropy", input_noise=NOISE, verbose=0
)
by_network = net.predict(noisy)

mean = train.mean(axis=0)
covariance = np.cov(train.T)
filter_ = np.linalg.solve(covariance + NOISE**2 * np.eye(784), covariance)
by_filter = mean + (noisy - mean) @ filter_


def error(images):
    return float(np.mean((images - test) ** 2))


print(
    f"mean square error per pixel: noisy {error(noisy):.4f}, network {error(by_network):.4f}, "
    f"linear filter {error(by_filter):.4f}"
)

figure = Figure(figsize=(8, 3), layout="constrained")
for row, (name, images) in enumerate((("noisy", noisy), ("network", by_network), ("linear", by_filter))):
    for column in range(12):
        axes = figure.add_subplot(3, 12, row * 12 + column + 1)
        axes.imshow(images[column].reshape(28, 28), cmap="gray_r", vmin=0, vmax=1)
        axes.set(xticks=[], yticks=[], ylabel=name if column == 0 else "")
figure.suptitle("denoised test images")
figure.savefig("denoising.png")
