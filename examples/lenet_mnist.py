"""LeNet-5 (LeCun et al. 1998, with ReLU, maxima and dropout) on MNIST: at least 99 % of the test images.

python examples/lenet_mnist.py DIRECTORY-OF-MNIST   (without it, MNIST is downloaded: needs chainrule[data])
python examples/lenet_mnist.py --small              (the sample of digits in the package: a few seconds)
"""

import sys

import chainrule as cr

BATCH = 32

small = "--small" in sys.argv
folders = [argument for argument in sys.argv[1:] if argument != "--small"]
digits = cr.data.mnist_sample() if small else cr.data.mnist(folders[0] if folders else None)
epochs = 20 if small else 10
net = cr.Network(
    [
        cr.Input(28, 28, 1),
        cr.Conv2D(6, 5, "relu", padding="same"),
        cr.MaxPool2D(2),
        cr.Conv2D(16, 5, "relu"),
        cr.MaxPool2D(2),
        cr.Flatten(),
        cr.Dense(120),
        cr.Dropout(0.4),
        cr.Dense(84),
        cr.Dense(10, "softmax"),
    ],
    seed=0,
)
net.fit(
    digits.X_train.reshape(-1, 28, 28, 1),
    digits.y_train,
    epochs=epochs,
    batch_size=BATCH,
    optimizer=cr.SGD(cr.CosineDecay(0.03, epochs * -(-len(digits.X_train) // BATCH)), momentum=0.9),
    validation_data=(digits.X_test.reshape(-1, 28, 28, 1), digits.y_test),
    verbose=2,
)
print(f"test accuracy {net.evaluate(digits.X_test.reshape(-1, 28, 28, 1), digits.y_test)['accuracy']:.2%}")
