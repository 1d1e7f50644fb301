"""Scores and times beside scikit-learn's own: python tools/compare_sklearn.py prints the table of docs/sklearn.md.

Both train with the same settings on the same halves of the data, in turns in one process; a time is the least of
several fits.
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
    """Return districts with eight features and a price that depends on them crookedly, with noise, cut off above.

    As in the California housing data, which would have to be downloaded: a skewed income, ages, rooms, people, and a
    price that is dear near two centres on the map.
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


def scores_of(kind: type, train: list[Any], iterations: int, seed: int) -> tuple[float, float, int]:
    """Return the score on the test half, the seconds of the fit and its number of epochs."""
    X_train, X_test, y_train, y_test = train
    model = kind(max_iter=iterations, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        begin = time.perf_counter()
        model.fit(X_train, y_train)
        seconds = time.perf_counter() - begin
    return model.score(X_test, y_test), seconds, model.n_iter_


def main() -> None:
    """Print a line of the table for each data set."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=10, help="fits for the scores")
    parser.add_argument("--fits", type=int, default=3, help="fits with the first seed for the time")
    parser.add_argument("--data", nargs="+", default=list(DATA), choices=list(DATA))
    options = parser.parse_args()
    print(f"chainrule {cr.__version__}, scikit-learn {sklearn.__version__}, {cr.get_num_threads()} threads\n")
    print("| data | samples | score of scikit-learn | of chainrule | epochs | ms an epoch | | times as fast |")
    print("|---|---|---|---|---|---|---|---|")
    for name in options.data:
        load, kind, iterations = DATA[name]
        X, y = load()
        kinds = [OWN[kind], getattr(chainrule.sklearn, kind)]
        results: list[list[tuple[float, float, int]]] = [[], []]
        for seed in range(options.seeds):
            X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.25, random_state=seed)
            scaler = StandardScaler().fit(X_train)
            halves = [scaler.transform(X_train), scaler.transform(X_test), y_train, y_test]
            for _ in range(options.fits if seed == 0 else 1):
                for kept, estimator in zip(results, kinds, strict=True):
                    kept.append(scores_of(estimator, halves, iterations, seed))
        scores = [[score for score, _, _ in kept[options.fits - 1 :]] for kept in results]
        epochs = [np.mean([n for _, _, n in kept[options.fits - 1 :]]) for kept in results]
        least = [min(seconds / n for _, seconds, n in kept) for kept in results]
        columns = [f"{np.mean(s):.4f} ± {np.std(s, ddof=1) if len(s) > 1 else 0:.4f}" for s in scores]
        print(
            f"| {name} | {len(X_train)} | {' | '.join(columns)} | {epochs[0]:.0f}, {epochs[1]:.0f} "
            f"| {1e3 * least[0]:.3f} | {1e3 * least[1]:.3f} | {least[0] / least[1]:.1f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
