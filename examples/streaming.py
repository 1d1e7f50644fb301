"""A forecast on a stream: an LSTM learns from windows, and then reads one measurement after the other.

python examples/streaming.py

A stepper carries the state of the network, so that each measurement costs one step and not a whole window.
"""

import time

import numpy as np

import chainrule as cr

STEPS, AHEAD = 48, 6
rng = np.random.default_rng(0)
time_of_day = np.arange(6000) / 24 * 2 * np.pi
load = np.sin(time_of_day) + 0.3 * np.sin(time_of_day / 7) + 0.05 * rng.standard_normal(6000)
weather = np.cos(time_of_day / 7) + 0.1 * rng.standard_normal(6000)
series = np.column_stack([load, weather]).astype(np.float32)

starts = np.arange(0, 4800 - STEPS - AHEAD)
X = series[starts[:, None] + np.arange(STEPS)]
y = series[starts[:, None] + STEPS + np.arange(AHEAD), 0]
net = cr.Network([cr.Input(STEPS, 2), cr.LSTM(24), cr.Dense(AHEAD)], seed=0)
net.fit(X, y, epochs=6, batch_size=64, optimizer=cr.Adam(3e-3), validation_split=0.1, verbose=0)

stepper = net.stepper()
forecasts = []
begin = time.perf_counter()
for row in series[4800:-AHEAD]:
    forecasts.append(stepper.step(row))
step_time = (time.perf_counter() - begin) / len(forecasts)
later = np.arange(4800, 6000 - AHEAD)
actual = series[later[:, None] + 1 + np.arange(AHEAD), 0]
# The state needs some steps to fill.
error = np.sqrt(((np.array(forecasts) - actual)[STEPS:] ** 2).mean(axis=0))
persistence = np.sqrt(((series[later, 0][:, None] - actual)[STEPS:] ** 2).mean(axis=0))
for ahead in (1, AHEAD):
    print(f"error {ahead} ahead: {error[ahead - 1]:.3f}, of the last value: {persistence[ahead - 1]:.3f}")
print(f"{step_time * 1e6:.1f} µs per measurement")
