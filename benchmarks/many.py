"""Times of many small networks at once, next to those of peers: ``python -m benchmarks.many``.

The first table trains 1,000 networks 8-32-32-1 on 500 rows, by Adam in batches of 32, for 50 epochs; a peer that takes
minutes trains fewer, and its time is scaled. The second one cross-validates 784-100-10 on 10,000 digits in five folds
of 10 epochs. Peers that are not installed are left out.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

import chainrule as cr

from .data import load

NETWORKS, ROWS, BATCH, EPOCHS = 1_000, 500, 32, 50
SIZES = (8, 32, 32, 1)
FOLDS, DIGITS, FOLD_EPOCHS = 5, 10_000, 10
REPEATS = 3

Times = Iterator[tuple[str, float]]


def best(run: Callable[[], object]) -> float:
    """Return the seconds of the fastest of some runs."""
    seconds = []
    for _ in range(REPEATS):
        begin = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - begin)
    return min(seconds)


def population() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the rows of all networks, and their targets."""
    X = np.random.default_rng(0).standard_normal((ROWS, SIZES[0]), dtype=np.float32)
    return X, X[:, :1] * X[:, 1:2]


def networks(count: int = NETWORKS) -> list[cr.Network]:
    """Return networks with other seeds."""
    return [cr.Network(list(SIZES), seed=seed) for seed in range(count)]


def ours(X: NDArray[np.float32], y: NDArray[np.float32], threads: int) -> Times:
    """Time chainrule with one thread and with several."""
    options: dict[str, Any] = {"epochs": EPOCHS, "batch_size": BATCH, "optimizer": "adam", "verbose": 0}
    many = networks()
    for count in sorted({1, threads}):
        cr.set_num_threads(count)
        yield f"chainrule, fit_many, threads: {count}", best(lambda: cr.fit_many(many, X, y, **options))
    cr.set_num_threads(1)

    def one_by_one() -> None:
        for network in many:
            network.fit(X, y, **options)

    yield "chainrule, one by one, threads: 1", best(one_by_one)
    cr.set_num_threads(threads)


def on_jax(X: NDArray[np.float32], y: NDArray[np.float32], threads: int) -> Times:
    """Time a jitted scan over all steps, mapped over the networks; the compilation is not counted."""
    import jax
    import jax.numpy as jnp

    from .peers.jax_scan import adam, first_state, forward

    def loss(parameters: Any, x: Any, y: Any) -> Any:
        return 0.5 * jnp.square(forward(parameters, x, "relu") - y).sum(axis=1).mean()

    steps, settings = -(-ROWS // BATCH), cr.Adam()

    def step(state: Any, rows: Any) -> Any:
        return adam(state, jax.grad(loss)(state["parameters"], x_all[rows], y_all[rows]), settings), None

    def fit(weights: Any, key: Any) -> Any:
        def epoch(state: Any, key: Any) -> Any:
            # The last batch is filled up from the first rows, so that all have one shape.
            order = jnp.resize(jax.random.permutation(key, ROWS), (steps, BATCH))
            return jax.lax.scan(step, state, order)

        state = {"parameters": weights, **first_state(weights, settings)}
        return jax.lax.scan(epoch, state, jax.random.split(key, EPOCHS))[0]["parameters"]

    x_all, y_all = jnp.asarray(X), jnp.asarray(y)
    layers = [network.stack for network in networks()]
    weights = [
        tuple(jnp.asarray(np.stack([getattr(stack[i], name) for stack in layers])) for name in ("weights", "bias"))
        for i in range(len(SIZES) - 1)
    ]
    keys = jax.random.split(jax.random.key(0), NETWORKS)
    fit_all = jax.jit(jax.vmap(fit))
    jax.block_until_ready(fit_all(weights, keys))
    yield f"JAX {jax.__version__}, vmap of a jitted scan", best(lambda: jax.block_until_ready(fit_all(weights, keys)))


def on_sklearn(X: NDArray[np.float32], y: NDArray[np.float32], threads: int) -> Times:
    """Time scikit-learn's regressor in joblib's processes; a tenth of the networks, and ten times the seconds."""
    import joblib
    import sklearn
    from sklearn.neural_network import MLPRegressor

    def fit(seed: int) -> None:
        options = {"batch_size": BATCH, "max_iter": EPOCHS, "n_iter_no_change": EPOCHS, "random_state": seed}
        model = MLPRegressor(hidden_layer_sizes=SIZES[1:-1], **options)
        with warnings.catch_warnings(action="ignore"):  # not converged
            model.fit(X, y.ravel())

    with joblib.parallel_config("loky", n_jobs=threads, inner_max_num_threads=1):
        joblib.Parallel()(joblib.delayed(fit)(seed) for seed in range(threads))  # starts the processes
        begin = time.perf_counter()
        joblib.Parallel()(joblib.delayed(fit)(seed) for seed in range(NETWORKS // 10))
        seconds = 10 * (time.perf_counter() - begin)
    yield f"scikit-learn {sklearn.__version__}, joblib, processes: {threads}", seconds


def our_folds(X: NDArray[np.float32], y: NDArray[np.int64], threads: int) -> Times:
    """Time chainrule's cross-validation."""
    cr.set_num_threads(threads)

    def make() -> cr.Network:
        return cr.Network([784, 100, 10], output="softmax", seed=0)

    yield (
        f"chainrule, cross_validate, threads: {threads}",
        best(
            lambda: cr.cross_validate(
                make, X, y, cv=FOLDS, epochs=FOLD_EPOCHS, batch_size=BATCH, optimizer="adam", verbose=0
            )
        ),
    )


def torch_fold(X: NDArray[np.float32], y: NDArray[np.int64], held: NDArray[np.int64]) -> float:
    """Train PyTorch's network without some samples; return its accuracy on these."""
    import torch
    from torch import nn

    from benchmarks.peers.pytorch import eager_step

    torch.set_num_threads(1)
    rows = np.delete(np.arange(len(X)), held)
    x_train, y_train = torch.from_numpy(X[rows]), torch.from_numpy(y[rows])
    network = nn.Sequential(nn.Linear(784, 100), nn.ReLU(), nn.Linear(100, 10))
    step = eager_step(network, lambda network, x, y: nn.functional.cross_entropy(network(x), y), cr.Adam())
    for _ in range(FOLD_EPOCHS):
        for chosen in torch.split(torch.randperm(len(rows)), BATCH):
            step(x_train[chosen], y_train[chosen])
    with torch.inference_mode():
        return float((network(torch.from_numpy(X[held])).argmax(dim=1).numpy() == y[held]).mean())


def torch_folds(X: NDArray[np.float32], y: NDArray[np.int64], threads: int) -> Times:
    """Time PyTorch in joblib's processes, which keep running between the repeats."""
    import joblib
    import torch

    folds = np.array_split(np.random.default_rng(0).permutation(len(X)), FOLDS)

    def run() -> None:
        joblib.Parallel()(joblib.delayed(torch_fold)(X, y, held) for held in folds)

    with joblib.parallel_config("loky", n_jobs=threads, inner_max_num_threads=1):
        run()
        yield f"PyTorch {torch.__version__}, joblib, processes: {threads}", best(run)


def table(title: str, parts: list[Callable[..., Times]], *arguments: Any) -> None:
    """Print the seconds of all parts."""
    print(f"\n| {title} | seconds |\n| --- | --- |")
    for part in parts:
        try:
            for name, seconds in part(*arguments):
                print(f"| {name} | {seconds:.2f} |", flush=True)
        except ImportError as error:
            print(f"| {error} | – |")


def main() -> None:
    """Print both tables."""
    threads = cr.get_num_threads()
    table(f"{NETWORKS:,} networks {'-'.join(map(str, SIZES))}", [ours, on_jax, on_sklearn], *population(), threads)
    data = load("mnist", None).first(DIGITS)
    table(
        f"{FOLDS} folds of 784-100-10, {DIGITS:,} digits",
        [our_folds, torch_folds],
        data.X_train,
        data.y_train,
        threads,
    )


if __name__ == "__main__":
    main()
