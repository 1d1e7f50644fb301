"""Scores and times of chainrule's and scikit-learn's MLPs: prints the table of docs/sklearn.md.

Both train with their defaults (with more epochs where these are too few) on the same three quarters of the scaled data,
and are scored on the rest. They take turns in one process. The time per epoch is the time of a fit divided by its
number of epochs; the least of all fits counts.
"""

import argparse
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import sklearn
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_wine
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.preprocessing import StandardScaler

import chainrule as cr
import chainrule.sklearn

Data = tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]


def california_like(samples: int = 20640, seed: int = 0) -> Data:
    """Return districts with eight features, and a noisy price that depends on them nonlinearly and is cut off above.

    They resemble the California housing data, which would have to be downloaded: skewed incomes, ages, rooms, people,
    and prices that are high near two centres on the map.
    """
    rng = np.random.default_rng(seed)
    income = rng.gamma(4.0, 1.0, samples)
    age = rng.uniform(1, 52, samples)
    rooms = 3 + 0.5 * income + rng.gamma(2.0, 0.6, samples)
    bedrooms = rooms / 5 + rng.gamma(2.0, 0.1, samples)
    population = rng.lognormal(7.0, 0.8, samples)
    occupancy = 1.5 + rng.gamma(3.0, 0.5, samples)
    place = rng.uniform(0, 10, (samples, 2))
    centres = np.array([[2.0, 8.0], [7.0, 2.0]])
    distance = np.sqrt(((place[:, None] - centres) ** 2).sum(axis=2)).min(axis=1)
    price = 0.45 * income + 2.0 * np.exp(-distance) + 0.3 * np.sin(age / 8) - 0.4 * np.log(occupancy)
    price = np.clip(price + rng.normal(0, 0.45, samples), 0.15, 5.0)
    return np.column_stack([income, age, rooms, bedrooms, population, occupancy, place]), price


DATA: dict[str, tuple[Callable[[], Data], str, int]] = {
    "digits": (lambda: load_digits(return_X_y=True), "MLPClassifier", 200),
    "breast cancer": (lambda: load_breast_cancer(return_X_y=True), "MLPClassifier", 1000),
    "wine": (lambda: load_wine(return_X_y=True), "MLPClassifier", 1000),
    "diabetes": (lambda: load_diabetes(return_X_y=True), "MLPRegressor", 2000),
    "California-like": (california_like, "MLPRegressor", 200),
}
OWN = {"MLPClassifier": MLPClassifier, "MLPRegressor": MLPRegressor}


def halves(load: Callable[[], Data], seed: int, dtype: str) -> list[Any]:
    """Return training and test inputs, scaled, then training and test targets."""
    X, y = load()
    X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.25, random_state=seed)
    scaler = StandardScaler().fit(X_train)
    return [scaler.transform(X_train).astype(dtype), scaler.transform(X_test).astype(dtype), y_train, y_test]


def main() -> None:
    """Print a line of the table for each data set."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=10, help="splits of the data, and fits")
    parser.add_argument("--dtype", choices=["float64", "float32"], default="float64", help="type of the inputs")
    parser.add_argument("--data", nargs="+", default=list(DATA), choices=list(DATA), help="data sets")
    options = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    print(f"chainrule {cr.__version__}, scikit-learn {sklearn.__version__}, {cr.get_num_threads()} threads\n")
    print(
        "| data | score of scikit-learn | of chainrule | epochs | of chainrule | ms per epoch | of chainrule | ratio |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for name in options.data:
        load, kind, iterations = DATA[name]
        kinds = [OWN[kind], getattr(chainrule.sklearn, kind)]
        scores: list[list[float]] = [[], []]
        epochs: list[list[int]] = [[], []]
        times: list[list[float]] = [[], []]
        for seed in range(options.seeds):
            X_train, X_test, y_train, y_test = halves(load, seed, options.dtype)
            for i, estimator in enumerate(kinds):
                begin = time.perf_counter()
                model = estimator(max_iter=iterations, random_state=seed).fit(X_train, y_train)
                times[i].append(1e3 * (time.perf_counter() - begin) / model.n_iter_)
                scores[i].append(model.score(X_test, y_test))
                epochs[i].append(model.n_iter_)
        theirs, ours = np.min(times, axis=1)
        columns = [f"{np.mean(s):.4f} ± {np.std(s):.4f}" for s in scores] + [f"{np.mean(n):.0f}" for n in epochs]
        print(f"| {name} | {' | '.join(columns)} | {theirs:.3f} | {ours:.3f} | {theirs / ours:.1f} × |", flush=True)


if __name__ == "__main__":
    main()
