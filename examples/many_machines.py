"""One network on many machines: each trains on its share of every batch, and all end with the bytes of one.

    pip install "chainrule[mpi]" mpich
    mpiexec -n 4 python -m mpi4py examples/many_machines.py

Without mpiexec, one process does all the work and ends with the same hash.
"""

import hashlib

import numpy as np

import chainrule as cr

try:
    from mpi4py import MPI

    ranks = MPI.COMM_WORLD
except (ImportError, RuntimeError):  # without mpi4py, or without a runtime of MPI
    ranks = None

# Every rank gives all samples, as an array or a file that is mapped into memory, and trains on its share of them. With
# data="local" it would give its own samples alone.
rng = np.random.default_rng(0)
X = rng.normal(size=(4000, 30)).astype(np.float32)
y = (np.abs(X[:, :3]).argmax(axis=1)).astype(np.int64)

# The seed must be given: without one, each rank would begin with other weights, which is refused.
net = cr.Network([30, 200, 3], output="softmax", seed=0)
history = net.fit(
    X, y, epochs=20, batch_size=500, optimizer=cr.Adam(0.01), validation_split=0.2, communicator=ranks, verbose=0
)

if ranks is None or ranks.rank == 0:
    print(f"ranks: {1 if ranks is None else ranks.size}")
    print(f"validation accuracy: {100 * history['val_accuracy'][-1]:.1f}%")
    print(f"hash of the weights: {hashlib.sha256(net.parameters.tobytes()).hexdigest()[:16]}")
