"""A surrogate model: a network that stands for a slow simulation, in physical units from end to end.

python examples/surrogate.py

Eight parameters of a beam give its deflection, its stress and its first frequency, which differ in scale by a factor of
10¹⁰. Samples and targets are passed as they are: the scales are part of the network, and of its file.
"""

import tempfile
from pathlib import Path

import numpy as np

import chainrule as cr

rng = np.random.default_rng(0)
# Length, width and height (m), modulus (Pa), density (kg/m³), force (N), where it acts, and damping, without effect.
low = np.array([1.0, 0.05, 0.1, 7e10, 2500.0, 1e3, 0.3, 0.01])
high = np.array([3.0, 0.15, 0.3, 2.1e11, 8000.0, 1e4, 1.0, 0.05])
X = rng.uniform(low, high, (4000, 8))
length, width, height, modulus, density, force, at, _ = X.T
inertia = width * height**3 / 12
deflection = force * (at * length) ** 2 * (3 * length - at * length) / (6 * modulus * inertia)
stress = force * at * length * height / (2 * inertia)
frequency = 0.56 * np.sqrt(modulus * inertia / (density * width * height * length**4))
y = np.column_stack([deflection, stress, frequency])
train, test = slice(0, 3200), slice(3200, None)

net = cr.Network(
    [cr.Input(8), cr.Normalization.from_data(X[train]), cr.Dense(64, "tanh"), cr.Dense(64, "tanh"), cr.Dense(3)],
    target_scale="auto",
    seed=0,
)
net.fit(
    X[train], y[train], epochs=300, validation_split=0.1, optimizer=cr.Adam(cr.CosineDecay(3e-3)),
    callbacks=cr.EarlyStopping(patience=30), verbose=0,
)  # fmt: skip

with tempfile.TemporaryDirectory() as folder:
    file = Path(folder) / "beam.safetensors"
    net.save(file)
    predicted = cr.load(file).predict(X[test])
for name, p, t in zip(("deflection", "stress", "frequency"), predicted.T, y[test].T, strict=True):
    print(f"{name:10} R² {1 - ((p - t) ** 2).sum() / ((t - t.mean()) ** 2).sum():.3f}")
