"""Prediction in a product: one sample at a time, from several threads, with a network that is read from a file.

python examples/serving.py

`net.predict(x[None])` is the way from Python. A network may be shared by threads as long as none trains it.
"""

import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

import chainrule as cr

rng = np.random.default_rng(0)
X = rng.uniform(0, 100, (2000, 12)).astype(np.float32)
y = (X[:, 0] * X[:, 1] > 2500).astype(int)
layers = [cr.Input(12), cr.Normalization.from_data(X), cr.Dense(32, "relu"), cr.Dense(2, "softmax")]
trained = cr.Network(layers, seed=0)
trained.fit(X, y, epochs=30, verbose=0)

with tempfile.TemporaryDirectory() as folder:
    file = Path(folder) / "model.safetensors"
    # Folded, the normalisation is a part of the first weights.
    trained.folded().save(file)
    net = cr.load(file)

print(f"accuracy {net.score(X, y):.1%}")
times = []
for x in X:
    begin = time.perf_counter()
    net.predict(x[None])
    times.append(time.perf_counter() - begin)
print(f"one sample: median {np.median(times) * 1e6:.1f} µs, 99 % below {np.quantile(times, 0.99) * 1e6:.1f} µs")

alone = [net.predict(x[None]).tobytes() for x in X]
with ThreadPoolExecutor(8) as pool:
    together = list(pool.map(lambda x: net.predict(x[None]).tobytes(), X))
print(f"eight threads give {'the same bytes' if together == alone else 'other bytes'}")
