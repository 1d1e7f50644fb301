"""MNIST row by row: an LSTM reads the 28 rows of an image; at least 98 % of the test images in six epochs.

python examples/lstm_rows.py [DIRECTORY-OF-MNIST]   (without it, the small sample of digits in the package)
"""

import sys

import chainrule as cr

digits = cr.data.mnist(sys.argv[1]) if len(sys.argv) > 1 else cr.data.mnist_sample()
epochs = 6 if len(sys.argv) > 1 else 15
steps = epochs * -(-len(digits.X_train) // 64)
rows = [images.reshape(-1, 28, 28) for images in (digits.X_train, digits.X_test)]
net = cr.Network([cr.Input(28, 28), cr.LSTM(64), cr.Dense(10, activation="softmax")], seed=0)
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
