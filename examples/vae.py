"""A variational autoencoder (Kingma and Welling 2014) of digits, and digits sampled from it; needs chainrule[plot].

python examples/vae.py [DIRECTORY-OF-MNIST] [--quick]

The encoder computes mean and log variance of a code, `Sampling` draws the code, and the decoder makes an image from it.
`Sampling` also adds the divergence from a standard normal to the loss, which is the cross-entropy of the pixels.
"""

import argparse

import numpy as np
from matplotlib.figure import Figure

import chainrule as cr

CODE = 8

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument(
    "directory", nargs="?", help="folder of MNIST's files; without it, the sample of the package is used"
)
parser.add_argument("--quick", action="store_true", help="fewer epochs")
options = parser.parse_args()

data = cr.data.mnist(options.directory) if options.directory else cr.data.mnist_sample()
train, test = (X.astype(np.float32) / 255 for X in (data.X_train, data.X_test))

net = cr.Network(
    [
        cr.Input(784),
        cr.Dense(256, "relu"),
        cr.Dense(2 * CODE, "identity"),
        cr.Sampling(),
        cr.Dense(256, "relu"),
        cr.Dense(784, "sigmoid"),
    ],
    seed=0,
)
epochs = 8 if options.quick else 30
net.fit(train, train, epochs=epochs, batch_size=100, optimizer=cr.Adam(1e-3), loss="cross_entropy", verbose=0)
reconstructed = net.predict(test)

centre = train.mean(axis=0)
components = np.linalg.svd(train - centre, full_matrices=False)[2][:CODE]
by_pca = centre + (test - centre) @ components.T @ components
errors = [float(np.mean((images - test) ** 2)) for images in (reconstructed, by_pca)]
print(f"mean square error per pixel, {CODE} numbers per image: {errors[0]:.4f}, PCA {errors[1]:.4f}")

decoder = cr.Network([CODE, 256, 784], activation="relu", output="sigmoid")
for own, learned in zip(decoder.layers[1:], net.layers[4:], strict=True):
    own.weights, own.bias = learned.weights, learned.bias
drawn = decoder.predict(np.random.default_rng(0).standard_normal((48, CODE)))
figure = Figure(figsize=(8, 2.8), layout="constrained")
for image, axes in zip(drawn, figure.subplots(4, 12).flat, strict=True):
    axes.imshow(image.reshape(28, 28), cmap="gray_r", vmin=0, vmax=1)
    axes.axis("off")
figure.suptitle("digits sampled from the decoder")
figure.savefig("vae.png")
