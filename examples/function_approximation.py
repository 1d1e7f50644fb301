"""A network approximates a noisy sine, and both are drawn; needs chainrule[plot].

python examples/function_approximation.py [FILE.png]
"""

import sys

import numpy as np
from matplotlib.figure import Figure

import chainrule as cr

x, y = cr.data.sine(200, noise=0.1, seed=0)
net = cr.Network([1, 32, 32, 1], activation="tanh", seed=0, l2=1e-5)
steps = 800 * -(-len(x) // 20)
net.fit(x, y, epochs=800, batch_size=20, optimizer=cr.Adam(cr.CosineDecay(0.003, steps)), verbose=0)

fine = np.linspace(-1, 1, 500)[:, None]
error = float(np.sqrt(np.mean((net.predict(fine) - np.sin(2 * np.pi * fine)) ** 2)))
print(f"root mean square error against the sine without noise: {error:.3f}")

figure = Figure(figsize=(7, 3.5), layout="constrained")
axes = figure.subplots()
axes.plot(x, y, ".", color="0.6", label="samples")
axes.plot(fine, np.sin(2 * np.pi * fine), "--", color=cr.plot.BLUE, label="sine")
axes.plot(fine, net.predict(fine), color=cr.plot.VERMILION, label="network")
axes.set(xlabel="x", ylabel="y", title="a noisy sine, approximated by 1-32-32-1")
axes.legend()
figure.savefig(sys.argv[1] if len(sys.argv) > 1 else "function_approximation.png")
