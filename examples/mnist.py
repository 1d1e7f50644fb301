"""Full MNIST with 784-300-10: at least 98 % of the test images in ten epochs.

python examples/mnist.py DIRECTORY-OF-MNIST   (without it, MNIST is downloaded: needs chainrule[data])
"""

import sys

import chainrule as cr

digits = cr.data.mnist(sys.argv[1] if len(sys.argv) > 1 else None)
steps = 10 * -(-len(digits.X_train) // 32)
net = cr.Network([cr.Input(784, scale=1 / 255), 300, 10], activation="relu", output="softmax", seed=0)
net.fit(
    digits.X_train,
    digits.y_train,
    epochs=10,
    batch_size=32,
    optimizer=cr.SGD(cr.CosineDecay(0.1, steps), momentum=0.9),
    validation_data=(digits.X_test, digits.y_test),
    verbose=2,
)
print(f"test accuracy {net.evaluate(digits.X_test, digits.y_test)['accuracy']:.2%}")
