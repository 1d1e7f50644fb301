"""Gradient checking: first by hand, as the textbook does it, then with the package's own check."""

import numpy as np

import chainrule as cr

rng = np.random.default_rng(0)
X, y = rng.standard_normal((6, 4)), rng.integers(0, 3, 6)
net = cr.Network([4, 5, 3], activation="tanh", output="softmax", dtype="float64", seed=0)

value, gradient = net.loss_and_gradient(X, y)
start, h = net.parameters, 1e-5
print("parameter   gradient        central difference")
for index in (0, 7, 24, 42):
    values = []
    for step in (-h, h):
        moved = start.copy()
        moved[index] += step
        net.parameters = moved
        values.append(net.loss_and_gradient(X, y)[0])
    print(f"{index:9}  {gradient[index]: .12f}  {(values[1] - values[0]) / (2 * h): .12f}")
net.parameters = start

print()
print(net.check(X, y))
