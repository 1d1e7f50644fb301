"""Two spirals, learned by an evolution strategy (Salimans et al. 2017), by backpropagation, and by both in turn."""

import time

import numpy as np

import chainrule as cr

X, y = cr.data.two_spirals()
X *= 4  # tanh is nearly linear for numbers as small as the original ones


def losses(net, population):
    """Return the cross-entropy of each member."""
    a = np.clip(cr.predict_population(net, population, X)[:, :, 0], 1e-6, 1 - 1e-6)
    return -np.where(y == 1, np.log(a), np.log(1 - a)).mean(axis=1)


def evolve(net, generations):
    """Follow the gradient that the ranks of small random steps estimate."""
    rng = np.random.default_rng(0)
    mean, m, v = net.parameters.astype(float), 0.0, 0.0
    for _ in range(generations):
        steps = 0.05 * rng.standard_normal((100, mean.size))
        both = losses(net, np.concatenate([mean + steps, mean - steps])).reshape(2, 100)
        # Ranks, from -1/2 to 1/2, replace the losses, so that outliers count no more than others.
        ranks = both.ravel().argsort().argsort().reshape(2, 100) / 199 - 0.5
        gradient = (ranks[0] - ranks[1]) @ steps
        m, v = 0.9 * m + 0.1 * gradient, 0.99 * v + 0.01 * gradient**2
        mean -= 0.03 * m / (np.sqrt(v) + 1e-8)
    net.parameters = mean


def descend(net, epochs):
    net.fit(X, y, epochs=epochs, batch_size="full", optimizer=cr.IRprop(), verbose=0)


def first_evolve_then_descend(net):
    evolve(net, 200)
    descend(net, 6000)


for title, learn in {
    "evolution": lambda net: evolve(net, 1500),
    "backpropagation": lambda net: descend(net, 6000),
    "one after the other": first_evolve_then_descend,
}.items():
    net = cr.Network([2, 24, 24, 1], activation="tanh", output="sigmoid", seed=0)
    begin = time.perf_counter()
    learn(net)
    seconds = time.perf_counter() - begin
    print(f"{title}: accuracy {np.mean(net.predict_classes(X) == y):.1%}, {seconds:.1f} s", flush=True)
