"""A sine of varying frequency, forecast ten steps ahead by Conv1D and LSTM; baselines are persistence and regression.

python examples/sine_forecast.py [--quick]   (needs chainrule[plot])
"""

import argparse

import numpy as np
from matplotlib.figure import Figure

import chainrule as cr

WINDOW, AHEAD = 60, 10

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--quick", action="store_true", help="fewer epochs")
options = parser.parse_args()

rng = np.random.default_rng(0)
steps = 12_000
pace = 0.25 + 0.15 * np.sin(np.arange(steps) / 130) + 0.05 * np.sin(np.arange(steps) / 37)
series = np.sin(np.cumsum(pace)) + 0.05 * rng.standard_normal(steps)

windows = np.lib.stride_tricks.sliding_window_view(series, WINDOW + AHEAD)
X, y = windows[:, :WINDOW, None], windows[:, -1:]
split = len(X) * 4 // 5
X_test, y_test = X[split + WINDOW + AHEAD :], y[split + WINDOW + AHEAD :]
X, y = X[:split], y[:split]

net = cr.Network(
    [
        cr.Input(WINDOW, 1),
        cr.Conv1D(16, 5, "relu"),
        cr.LSTM(32),
        cr.Dense(1, "identity"),
    ],
    seed=0,
)
epochs = 8 if options.quick else 30
decay = cr.CosineDecay(3e-3, epochs * -(-len(X) // 64))
net.fit(X, y, epochs=epochs, batch_size=64, optimizer=cr.Adam(decay, clip_norm=1.0), verbose=0)
by_network = net.predict(X_test)

with_one = np.column_stack([X[:, :, 0], np.ones(len(X))])
coefficients = np.linalg.lstsq(with_one, y, rcond=None)[0]
by_regression = np.column_stack([X_test[:, :, 0], np.ones(len(X_test))]) @ coefficients


def error(forecast):
    return float(np.sqrt(np.mean((forecast - y_test) ** 2)))


print(
    f"root mean square error {AHEAD} steps ahead: network {error(by_network):.3f}, "
    f"linear regression {error(by_regression):.3f}, persistence {error(X_test[:, -1]):.3f}"
)

figure = Figure(figsize=(8, 3), layout="constrained")
axes = figure.subplots()
axes.plot(y_test[:300], color="0.6", label="observed")
axes.plot(by_regression[:300], color=cr.plot.BLUE, label="linear regression")
axes.plot(by_network[:300], color=cr.plot.VERMILION, label="network")
axes.set(xlabel="step", title=f"{AHEAD} steps ahead")
axes.legend(ncols=3, loc="lower center")
figure.savefig("sine_forecast.png")
