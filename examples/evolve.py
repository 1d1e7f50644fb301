"""Two spirals, learned without a gradient, by an evolution strategy (Salimans et al. 2017), and by backpropagation."""

import time

import numpy as np

import chainrule as cr

X, y = cr.data.two_spirals()
X *= 4  # tanh bends little over numbers as small as these
net = cr.Network([2, 24, 24, 1], activation="tanh", output="sigmoid", seed=0)
rng = np.random.default_rng(0)


def losses(population):
    """Return the cross-entropy of each member."""
    a = np.clip(cr.predict_population(net, population, X)[:, :, 0], 1e-6, 1 - 1e-6)
    return -np.where(y == 1, np.log(a), np.log(1 - a)).mean(axis=1)


begin = time.perf_counter()
mean, m, v = net.parameters.astype(float), 0.0, 0.0
for _ in range(1500):
    steps = 0.05 * rng.standard_normal((100, mean.size))
    both = losses(np.concatenate([mean + steps, mean - steps])).reshape(2, 100)
    # Ranks, from -1/2 to 1/2, in the place of losses: outliers count no more than others.
    ranks = both.ravel().argsort().argsort().reshape(2, 100) / 199 - 0.5
    gradient = (ranks[0] - ranks[1]) @ steps
    m, v = 0.9 * m + 0.1 * gradient, 0.99 * v + 0.01 * gradient**2
    mean -= 0.03 * m / (np.sqrt(v) + 1e-8)
net.parameters = mean
seconds = time.perf_counter() - begin
print(f"evolution: accuracy {np.mean(net.predict_classes(X) == y):.1%}, {seconds:.1f} s")

begin = time.perf_counter()
net = cr.Network([2, 24, 24, 1], activation="tanh", output="sigmoid", seed=0)
net.fit(X, y, epochs=6000, batch_size="full", optimizer=cr.IRprop(), verbose=0)
seconds = time.perf_counter() - begin
print(f"backpropagation: accuracy {np.mean(net.predict_classes(X) == y):.1%}, {seconds:.1f} s")
