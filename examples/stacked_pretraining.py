"""Greedy layer-wise pretraining for few labels, compared with the same network without pretraining.

python examples/stacked_pretraining.py [DIRECTORY-OF-MNIST] [--quick]

Each layer is first trained as an autoencoder on all images (Bengio et al. 2007); only 100 labels are used.
"""

import argparse
from itertools import pairwise

import numpy as np

import chainrule as cr

SIZES = [784, 400, 200, 100]
LABELS = 100

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument(
    "directory", nargs="?", help="folder of MNIST's files; without it, the sample of the package is used"
)
parser.add_argument("--quick", action="store_true", help="two seeds instead of five")
options = parser.parse_args()

SEEDS = 2 if options.quick else 5
data = cr.data.mnist(options.directory) if options.directory else cr.data.mnist_sample()
images, test_images = (X.astype(np.float32) / 255 for X in (data.X_train, data.X_test))


def pretrained(seed):
    """Return layers, each trained to reconstruct the outputs of the layer below from noisy copies of them."""
    layers, values = [], images
    for inputs, units in pairwise(SIZES):
        coder = cr.Network([cr.Input(inputs), cr.Dense(units, "sigmoid"), cr.Dense(inputs, "sigmoid")], seed=seed)
        coder.fit(values, values, epochs=10, batch_size=64, loss="cross_entropy", input_noise=0.3, verbose=0)
        half = coder.layers[1]
        layers.append(cr.Dense(units, "sigmoid", weights=half.weights, bias=half.bias))
        values = cr.Network([cr.Input(inputs), layers[-1]]).predict(values)
    return [cr.Dense(layer.units, "sigmoid", weights=layer.weights, bias=layer.bias) for layer in layers]


def accuracy(hidden, seed):
    net = cr.Network([cr.Input(784), *hidden, cr.Dense(10, "softmax")], seed=seed)
    first = np.random.default_rng(seed).permutation(len(images))[:LABELS]
    net.fit(images[first], data.y_train[first], epochs=150, batch_size=20, verbose=0)
    return net.evaluate(test_images, data.y_test)["accuracy"]


with_it, without = [], []
for seed in range(SEEDS):
    with_it.append(accuracy(pretrained(seed), seed))
    without.append(accuracy([cr.Dense(units, "sigmoid") for units in SIZES[1:]], seed))
    print(f"seed {seed}: pretrained {with_it[-1]:.1%}, untrained {without[-1]:.1%}")
print(f"mean of {SEEDS} seeds, {LABELS} labels: pretrained {np.mean(with_it):.1%}, untrained {np.mean(without):.1%}")
