"""Transfer learning: a network trained on the digits 0 to 4 learns 5 to 9 from ten examples of each.

python examples/transfer.py [DIRECTORY-OF-MNIST] [--quick]

The convolutions are frozen and a new head is trained; the baseline is the same network from scratch.
"""

import argparse

import numpy as np

import chainrule as cr

EXAMPLES = 10

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument(
    "directory", nargs="?", help="folder of MNIST's files; without it, the sample of the package is used"
)
parser.add_argument("--quick", action="store_true", help="two seeds instead of five")
options = parser.parse_args()

data = cr.data.mnist(options.directory) if options.directory else cr.data.mnist_sample()
low, high, high_test = data.y_train < 5, data.y_train >= 5, data.y_test >= 5


def convolutions():
    return [
        cr.Conv2D(16, 5, "relu"),
        cr.MaxPool2D(2),
        cr.Conv2D(32, 5, "relu"),
        cr.MaxPool2D(2),
        cr.Flatten(),
    ]


teacher = cr.Network(
    [cr.Input(28, 28, 1, scale=1 / 255), *convolutions(), cr.Dropout(0.5), cr.Dense(5, "softmax")], seed=0
)
teacher.fit(data.X_train[low], data.y_train[low], epochs=8, optimizer=cr.Adam(1e-3), verbose=0)


def accuracy(seed, *, taught):
    rng = np.random.default_rng(seed)
    few = np.concatenate([rng.permutation(np.flatnonzero(data.y_train == digit))[:EXAMPLES] for digit in range(5, 10)])
    features = teacher.truncated(5).layers if taught else (cr.Input(28, 28, 1, scale=1 / 255), *convolutions())
    net = cr.Network([*features, cr.Dropout(0.5), cr.Dense(5, "softmax")], seed=seed)
    for layer in net.layers[1:6]:
        layer.trainable = not taught
    net.fit(data.X_train[few], data.y_train[few] - 5, epochs=100, batch_size=10, verbose=0)
    return net.evaluate(data.X_test[high_test], data.y_test[high_test] - 5)["accuracy"]


seeds = range(2 if options.quick else 5)
transferred = [accuracy(seed, taught=True) for seed in seeds]
scratch = [accuracy(seed, taught=False) for seed in seeds]
for seed, pair in enumerate(zip(transferred, scratch, strict=True)):
    print("seed {}: transferred {:.1%}, from scratch {:.1%}".format(seed, *pair))
print(f"mean of {len(seeds)} seeds: transferred {np.mean(transferred):.1%}, from scratch {np.mean(scratch):.1%}")
