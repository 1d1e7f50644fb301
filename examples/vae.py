"""A variational autoencoder (Kingma and Welling 2014) of digits, from below `fit`; needs chainrule[plot].

python examples/vae.py [DIRECTORY-OF-MNIST] [--quick]

The encoder gives mean and log variance of a code, the decoder makes an image from a code drawn so. The error is the
cross-entropy of the pixels plus the divergence of the code from a standard normal, ½ Σ (e^v + m² − 1 − v).
"""

import argparse

import numpy as np
from matplotlib.figure import Figure

import chainrule as cr

CODE, BATCH = 8, 100

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("directory", nargs="?", help="of MNIST; without it, the sample that comes with the package")
parser.add_argument("--quick", action="store_true", help="fewer epochs")
options = parser.parse_args()

data = cr.data.mnist(options.directory) if options.directory else cr.data.mnist_sample()
train, test = (X.astype(np.float32) / 255 for X in (data.X_train, data.X_test))
rng = np.random.default_rng(0)

encoder = cr.Network([784, 256, 2 * CODE], activation="relu", seed=0)
decoder = cr.Network([CODE, 256, 784], activation="relu", output="sigmoid", seed=1)
optimizers = cr.Adam(1e-3), cr.Adam(1e-3)

for _ in range(6 if options.quick else 30):
    for rows in np.split(rng.permutation(len(train)), len(train) // BATCH):
        x = train[rows]
        mean, log_variance = np.split(encoder.forward(x), 2, axis=1)
        deviation = np.exp(log_variance / 2)
        noise = rng.standard_normal(mean.shape)
        pixels = decoder.forward(mean + deviation * noise)
        # Of the mean over the batch of -Σ x log p + (1 - x) log(1 - p).
        by_code = decoder.backward((pixels - x) / np.maximum(pixels * (1 - pixels), 1e-6) / BATCH)
        by_mean = by_code + mean / BATCH
        by_log_variance = by_code * noise * deviation / 2 + (np.exp(log_variance) - 1) / 2 / BATCH
        encoder.backward(np.concatenate([by_mean, by_log_variance], axis=1))
        encoder.step(optimizers[0])
        decoder.step(optimizers[1])

reconstructed = decoder.predict(encoder.predict(test)[:, :CODE])
centre = train.mean(axis=0)
components = np.linalg.svd(train - centre, full_matrices=False)[2][:CODE]
by_pca = centre + (test - centre) @ components.T @ components
errors = [float(np.mean((images - test) ** 2)) for images in (reconstructed, by_pca)]
print(f"mean square error of a pixel, {CODE} numbers an image: {errors[0]:.4f}, PCA {errors[1]:.4f}")

drawn = decoder.predict(rng.standard_normal((48, CODE)))
figure = Figure(figsize=(8, 2.8), layout="constrained")
for image, axes in zip(drawn, figure.subplots(4, 12).flat, strict=True):
    axes.imshow(image.reshape(28, 28), cmap="gray_r", vmin=0, vmax=1)
    axes.axis("off")
figure.suptitle("digits that nobody wrote")
figure.savefig("vae.png")
