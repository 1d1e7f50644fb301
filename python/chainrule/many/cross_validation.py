"""Cross-validation: a network for each fold, all trained side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._checks import checked_integer
from ..arrays import are_labels, as_array, with_rows
from ..network import Network
from .fitting import Fit, fit_many, indices, kept
from .folds import dealt


@dataclass(frozen=True)
class CrossValidation:
    """The networks of all folds, and how they do on the samples that they have not seen.

    Attributes
    ----------
    fits : list of Fit
        By fold: network, history, error.
    held : list of array
        By fold the numbers of the samples that its network has not seen.
    scores : dict of str to array
        What `Network.evaluate` says of these samples, (folds,) for each loss and metric.
    predictions : array (samples, outputs), or of the shape of the last layer
        Of the network that has not seen the sample; the mean, where several have not, and NaN where all have.
    """

    fits: list[Fit]
    held: list[NDArray[np.int64]]
    scores: dict[str, NDArray[np.float64]]
    predictions: NDArray[Any]

    @property
    def networks(self) -> list[Network]:
        """The network of each fold."""
        return [fit.network for fit in self.fits]

    def __repr__(self) -> str:
        shown = ", ".join(f"{name} {values.mean():.4g} ± {values.std():.2g}" for name, values in self.scores.items())
        return f"CrossValidation({len(self.fits)} folds: {shown})"


def cross_validate(
    make_network: Callable[[], Network],
    X: ArrayLike,
    y: ArrayLike,
    *,
    cv: int | Iterable[tuple[ArrayLike, ArrayLike]] | Any = 5,
    seed: int = 0,
    n_jobs: int | None = None,
    verbose: int = 1,
    **options: Any,
) -> CrossValidation:
    """Train a network for each fold, side by side, and evaluate it on the samples that are held back from it.

    Parameters
    ----------
    make_network : function
        Returns a new network at each call.
    X : array (samples, inputs), or of the shape of samples; or sparse matrix of SciPy
    y : array (samples,) of labels, or (samples, outputs)
    cv : int, or splitter of scikit-learn, or iterable of (train, held) indices
        A number of folds, >= 2, means shuffled ones, with about the same share of each label where y are labels.
    seed : int
        Of the shuffled folds.
    n_jobs, verbose, **options
        As for `fit_many`.

    Returns
    -------
    CrossValidation

    Raises
    ------
    ValueError, TypeError
        For arguments that cannot be used, before anything is trained.

    Examples
    --------
    >>> import numpy as np, chainrule as cr
    >>> X = np.random.default_rng(0).standard_normal((100, 2))
    >>> y = (X[:, 0] > 0).astype(int)
    >>> result = cr.cross_validate(
    ...     lambda: cr.Network([2, 8, 2], output="softmax", seed=0), X, y, cv=5, epochs=30, optimizer=cr.Adam(0.03),
    ...     verbose=0)
    >>> bool(result.scores["accuracy"].mean() > 0.9), result.predictions.shape
    (True, (100, 2))
    """
    rows = with_rows(X)
    targets = as_array(y, "y")
    folds = _checked_folds(_splits(rows, targets, cv, seed), rows.shape[0])
    networks = _made(make_network, len(folds))
    options = dict(kept(options))
    fits = fit_many(
        networks, rows, targets, rows=[train for train, _ in folds], n_jobs=n_jobs, verbose=verbose, **options
    )
    held = [of_one for _, of_one in folds]
    measured = [
        network.evaluate(rows[of_one], targets[of_one], metrics=options.get("metrics", ()))
        for network, of_one in zip(networks, held, strict=True)
    ]
    scores = {name: np.array([each[name] for each in measured]) for name in measured[0]}
    return CrossValidation(fits, held, scores, unseen(networks, held, rows))


def _made(make_network: Callable[[], Network], count: int) -> list[Network]:
    """Return a network for each fold."""
    if not callable(make_network):
        raise TypeError(f"make_network must be a function that returns a new network, got {make_network!r}")
    networks = [make_network() for _ in range(count)]
    if len({id(network) for network in networks}) < count:
        raise ValueError("make_network must return a new network at each call, got one of them again")
    return networks


def _splits(X: Any, y: NDArray[Any], cv: Any, seed: int) -> Sequence[tuple[ArrayLike, ArrayLike]]:
    if isinstance(cv, Iterable) and not isinstance(cv, str):
        return list(cv)
    if hasattr(cv, "split") and not isinstance(cv, str):
        return list(cv.split(X, y))
    count = checked_integer(cv, "cv", lowest=2)
    if count > len(y):
        raise ValueError(f"cv must be at most the number of samples, {len(y)}, got {count}")
    fold = folds_of(y, count, np.random.default_rng(checked_integer(seed, "seed", lowest=0)))
    return [(np.flatnonzero(fold != number), np.flatnonzero(fold == number)) for number in range(count)]


def _checked_folds(splits: Sequence[Any], samples: int) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Return the numbers of the samples that each fold trains with, and of those that it holds back."""
    if not splits:
        raise ValueError("cv must have at least one fold, got none")
    folds = []
    for number, pair in enumerate(splits):
        if not isinstance(pair, (tuple, list)) or len(pair) != 2:
            raise ValueError(f"cv must have pairs of indices, (train, held), got {pair!r}")
        train, held = (
            indices(part, samples, f"{name} of fold {number}")
            for name, part in zip(("train", "held"), pair, strict=True)
        )
        if both := len(np.intersect1d(train, held)):
            raise ValueError(
                f"cv must hold back samples that are not trained with, got {both} of fold {number} in both"
            )
        folds.append((train, held))
    return folds


def folds_of(y: NDArray[Any], folds: int, random: np.random.Generator) -> NDArray[np.int64]:
    """Return the fold of each sample, (samples,): shuffled, with about as many samples of each label."""
    order = random.permutation(len(y))
    if y.ndim == 1 and (y.dtype.kind in "bUSO" or are_labels(y)):
        order = order[np.argsort(y[order], kind="stable")]
    return dealt(order, folds, random)


def unseen(networks: Sequence[Network], held: Sequence[NDArray[np.int64]], X: Any) -> NDArray[Any]:
    """Return the mean prediction for each sample of the networks that have not seen it."""
    sums: NDArray[np.float64] | None = None
    counts = np.zeros(X.shape[0])
    dtype: Any = np.float64
    for network, of_one in zip(networks, held, strict=True):
        outputs = network.predict(X[of_one])
        if sums is None:
            sums, dtype = np.zeros((X.shape[0], *outputs.shape[1:])), outputs.dtype
        np.add.at(sums, of_one, outputs)
        np.add.at(counts, of_one, 1)
    assert sums is not None
    with np.errstate(invalid="ignore"):
        return (sums / counts.reshape(-1, *(1,) * (sums.ndim - 1))).astype(dtype)
