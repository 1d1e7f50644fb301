"""LeNet-5 (LeCun et al. 1998, with ReLU, max pooling, batch normalisation and dropout) on MNIST.

python examples/lenet_mnist.py [DIRECTORY-OF-MNIST] [--augment]   (without it, the sample in the package)

With --augment the images are shifted and rotated at random in each epoch: 99.3 % of the test images after 30 epochs.
"""

import argparse

import chainrule as cr

BATCH = 64

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument(
    "directory", nargs="?", help="folder of MNIST's files; without it, the sample of the package is used"
)
parser.add_argument("--augment", action="store_true", help="train on shifted and rotated images")
options = parser.parse_args()

digits = cr.data.mnist(options.directory) if options.directory else cr.data.mnist_sample()
train, test = (X.reshape(-1, 28, 28, 1) for X in (digits.X_train, digits.X_test))
epochs = 8 if options.directory is None else 30 if options.augment else 10


def shifted_and_rotated(images, seeds):
    return cr.augment.rotate(cr.augment.shift(images, 2, seeds), 12, seeds)


net = cr.Network(
    [
        cr.Input(28, 28, 1, scale=1 / 255),
        cr.Conv2D(6, 5, "identity", padding="same"),
        cr.BatchNorm(),
        cr.Activation("relu"),
        cr.MaxPool2D(2),
        cr.Conv2D(16, 5, "identity"),
        cr.BatchNorm(),
        cr.Activation("relu"),
        cr.MaxPool2D(2),
        cr.Flatten(),
        cr.Dropout(0.1),
        cr.Dense(120, "relu"),
        cr.Dropout(0.1),
        cr.Dense(84, "relu"),
        cr.Dense(10, "softmax"),
    ],
    seed=0,
)
data = (train, digits.y_train)
if options.augment:
    data = (cr.augment.batches(*data, BATCH, shifted_and_rotated),)
net.fit(
    *data,
    epochs=epochs,
    batch_size=BATCH,
    optimizer=cr.SGD(cr.CosineDecay(0.03, epochs * -(-len(train) // BATCH)), momentum=0.9, nesterov=True),
    loss=cr.CrossEntropy(label_smoothing=0.05),
    validation_data=(test, digits.y_test),
    verbose=2,
)
print(f"test accuracy {net.evaluate(test, digits.y_test)['accuracy']:.2%}")
