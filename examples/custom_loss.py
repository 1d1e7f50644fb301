"""A custom loss below `fit`: the quantile loss, which fits a band around noisy data."""

import numpy as np

import chainrule as cr


def quantile_gradient(outputs, targets, quantile):
    """Return the gradient of mean(max(q (t - a), (q - 1)(t - a)))."""
    return np.where(targets > outputs, -quantile, 1 - quantile) / len(targets)


rng = np.random.default_rng(0)
x = rng.uniform(-1, 1, (1000, 1))
t = np.sin(3 * x) + rng.standard_normal((1000, 1)) * 0.3 * (1.2 + x)

for quantile in (0.1, 0.5, 0.9):
    net = cr.Network([1, 24, 1], activation="tanh", seed=0)
    for _ in range(1500):
        outputs = net.forward(x)
        net.backward(quantile_gradient(outputs, t, quantile))
        net.step(cr.Adam(0.01))
    print(f"quantile {quantile:.1f}: {np.mean(t < net.predict(x)):.3f} of the samples are below")
