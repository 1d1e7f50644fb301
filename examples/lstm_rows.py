"""MNIST row by row: an LSTM or a GRU reads the 28 rows of an image; at least 98 % of the test images in six epochs.

python examples/lstm_rows.py [DIRECTORY-OF-MNIST] [--gru]   (without a directory, the sample in the package)
"""

import argparse

import chainrule as cr

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument(
    "directory", nargs="?", help="folder of MNIST's files; without it, the sample of the package is used"
)
parser.add_argument("--gru", action="store_true", help="a GRU instead of an LSTM")
options = parser.parse_args()

digits = cr.data.mnist(options.directory) if options.directory else cr.data.mnist_sample()
epochs = 6 if options.directory else 15
steps = epochs * -(-len(digits.X_train) // 64)
rows = [images.reshape(-1, 28, 28) for images in (digits.X_train, digits.X_test)]
net = cr.Network(
    [cr.Input(28, 28, scale=1 / 255), cr.GRU(64) if options.gru else cr.LSTM(64), cr.Dense(10, activation="softmax")],
    seed=0,
)
net.fit(
    rows[0],
    digits.y_train,
    epochs=epochs,
    batch_size=64,
    optimizer=cr.Adam(cr.CosineDecay(0.005, steps)),
    validation_data=(rows[1], digits.y_test),
    verbose=2,
)
print(f"test accuracy {net.evaluate(rows[1], digits.y_test)['accuracy']:.2%}")
