"""An autoencoder of digits, 784-128-16-128-784, compared with PCA of 16 components; needs chainrule[plot].

python examples/autoencoder.py [DIRECTORY-OF-MNIST]   (without it, the sample that comes with the package)
"""

import sys

import numpy as np
from matplotlib.figure import Figure

import chainrule as cr

CODE = 16

data = cr.data.mnist(sys.argv[1]) if len(sys.argv) > 1 else cr.data.mnist_sample()
train, test = (X.astype(np.float32) / 255 for X in (data.X_train, data.X_test))

net = cr.Network(
    [
        cr.Input(784),
        cr.Dense(128, "relu"),
        cr.Dense(CODE, "identity"),
        cr.Dense(128, "relu"),
        cr.Dense(784, "sigmoid"),
    ],
    seed=0,
)
net.fit(train, train, epochs=30, batch_size=64, optimizer=cr.Adam(2e-3), loss="cross_entropy", verbose=0)
by_network = net.predict(test)

mean = train.mean(axis=0)
components = np.linalg.svd(train - mean, full_matrices=False)[2][:CODE]
by_pca = mean + (test - mean) @ components.T @ components


def error(reconstructed):
    return float(np.mean((reconstructed - test) ** 2))


print(f"mean square error per pixel, {CODE} numbers per image: {error(by_network):.4f}, PCA {error(by_pca):.4f}")

figure = Figure(figsize=(8, 3), layout="constrained")
for row, (name, images) in enumerate((("digits", test), ("network", by_network), ("PCA", by_pca))):
    for column in range(12):
        axes = figure.add_subplot(3, 12, row * 12 + column + 1)
        axes.imshow(images[column].reshape(28, 28), cmap="gray_r", vmin=0, vmax=1)
        axes.set(xticks=[], yticks=[], ylabel=name if column == 0 else "")
figure.suptitle(f"test images from {CODE} numbers each")
figure.savefig("autoencoder.png")
