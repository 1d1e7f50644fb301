"""Two inputs and a band: a table next to a sequence, and three quantiles instead of a single number.

python examples/two_inputs.py

`Select` gives each branch its part of a sample; the loss `Quantile` has an output for each quantile.
"""

import numpy as np

import chainrule as cr

STEPS = 20
rng = np.random.default_rng(0)
static = rng.uniform(-1, 1, (3000, 4))
sequence = rng.standard_normal((3000, STEPS, 3)).cumsum(axis=1) / np.sqrt(STEPS)
# The noise grows with the second static feature.
y = sequence[:, -5:, 0].mean(axis=1) * static[:, 0] + (0.6 + 0.5 * static[:, 1]) * rng.standard_normal(3000)
X = np.hstack([static, sequence.reshape(3000, -1)])
train, test = slice(0, 2400), slice(2400, None)

table = [cr.Select(slice(0, 4)), cr.Dense(16, "relu")]
series = [cr.Select(slice(4, None)), cr.Reshape(STEPS, 3), cr.GRU(16)]
quantiles = [0.1, 0.5, 0.9]
net = cr.Network(
    [cr.Input(X.shape[1]), cr.Concatenate([table, series]), cr.Dense(32, "relu"), cr.Dense(len(quantiles))], seed=0
)
net.fit(
    X[train], y[train], epochs=40, loss=cr.Quantile(quantiles), validation_split=0.15,
    callbacks=cr.EarlyStopping(patience=5), verbose=0,
)  # fmt: skip
predicted = net.predict(X[test])
for quantile, values in zip(quantiles, predicted.T, strict=True):
    print(f"share below quantile {quantile}: {(y[test] < values).mean():.2f}")
width = predicted[:, 2] - predicted[:, 0]
noisy = static[test, 1] > 0
print(f"width of the band: noise small: {width[~noisy].mean():.2f}, noise large: {width[noisy].mean():.2f}")
