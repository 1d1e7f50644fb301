"""Networks that are trained side by side, each as it would be alone."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._checks import checked_flag, checked_integer
from ..arrays import as_array, with_rows
from ..errors import DivergedError, warn
from ..history import History
from ..machine import get_num_threads
from ..network import Network
from ..training.callbacks import Callback, as_callbacks
from ..training.given import Given
from ..training.plan import Options, make_plan
from ..training.ranks import Ranks
from .pool import StopWhenSet, side_by_side

_FIT = inspect.signature(Network.fit)
# What the arguments of a fit are where they are not given, but for samples, targets and the bar.
_DEFAULTS = {name: one.default for name, one in _FIT.parameters.items() if name not in ("self", "X", "y", "verbose")}
_GIVEN, _OPTIONS = ([field.name for field in fields(kind)] for kind in (Given, Options))


@dataclass(frozen=True)
class Fit:
    """What became of one of many networks.

    Attributes
    ----------
    network : Network
    history : History
        The network's history.
    error : DivergedError or None
        Where loss or weights stopped being finite; the network has the weights from before that epoch.
    """

    network: Network
    history: History
    error: DivergedError | None

    def __repr__(self) -> str:
        ending = "" if self.error is None else f", diverged in epoch {self.error.epoch}"
        return f"Fit({self.history!r}{ending})"


def fit_many(
    networks: Sequence[Network],
    X: ArrayLike,
    y: ArrayLike,
    *,
    rows: Sequence[ArrayLike] | None = None,
    settings: Sequence[Mapping[str, Any]] | None = None,
    n_jobs: int | None = None,
    verbose: int = 1,
    **options: Any,
) -> list[Fit]:
    """Train networks side by side; each ends with the bytes that `Network.fit` alone gives it.

    Threads go over networks, and within each where there are more threads than networks. The networks may have any
    architectures, and share the data.

    Parameters
    ----------
    networks : sequence of Network
        Each once.
    X : array (samples, inputs), or of the shape of samples; or sparse matrix of SciPy
    y : array (samples,) of labels, or (samples, outputs)
    rows : sequence of array, optional
        For each network the samples that it is trained with: indices, or a mask (samples,) of booleans. By default all.
        ``sample_weight`` is that of all samples, as X and y are, and ``validation_split`` a share of the rows.
    settings : sequence of mapping, optional
        For each network arguments of `Network.fit` of its own, which go before those of all: ``{"optimizer":
        cr.Adam(1e-3), "callbacks": cr.EarlyStopping(patience=5)}``.
    n_jobs : int, optional
        Networks that are trained at the same time, >= 1; by default as many as there are threads.
    verbose : {0, 1}
        1: a progress bar over all networks.
    **options
        Arguments of `Network.fit` for all networks. Callback objects are copied for each, and functions are called from
        several threads.

    Returns
    -------
    list of Fit
        In the order of the networks.

    Raises
    ------
    ValueError, TypeError
        For arguments that cannot be used, with the number of the network, before any is trained.
    KeyboardInterrupt
        After Ctrl-C, when each network has ended its epoch: all can be used and trained further.

    Warns
    -----
    ChainruleWarning
        When networks diverged; the others are trained to their ends.

    Examples
    --------
    >>> import numpy as np, chainrule as cr
    >>> X = np.random.default_rng(0).standard_normal((60, 2))
    >>> y = X[:, 0] * X[:, 1]
    >>> networks = [cr.Network([2, width, 1], seed=0) for width in (4, 8, 16)]
    >>> fits = cr.fit_many(networks, X, y, epochs=5, verbose=0)
    >>> alone = cr.Network([2, 8, 1], seed=0)
    >>> history = alone.fit(X, y, epochs=5, verbose=0)
    >>> np.array_equal(networks[1].parameters, alone.parameters)
    True
    """
    jobs = _checked_jobs(networks, X, y, rows, settings, options)
    at_once = len(jobs) if n_jobs is None else checked_integer(n_jobs, "n_jobs", lowest=1)
    threads = get_num_threads()
    workers = max(1, min(at_once, len(jobs), threads if n_jobs is None else at_once))
    shown = checked_integer(verbose, "verbose", lowest=0, highest=1) == 1
    return _run(jobs, workers, max(1, threads // workers), shown)


@dataclass(frozen=True)
class _Job:
    """One network, with its samples and the arguments of its fit."""

    number: int
    network: Network
    X: Any
    y: Any
    rows: NDArray[np.int64] | None
    options: dict[str, Any]

    def fit(self, stop: Event) -> Fit:
        """Train the network until its end, or until the epoch in which `stop` is set."""
        X, y, weights = self.X, self.y, self.options["sample_weight"]
        if self.rows is not None:
            # A label that these rows lack is a class all the same.
            border, loss = self.network.border, self.network.chosen_loss(self.options["loss"])
            self.network.border = border.with_classes([border.new_labels(y)], loss)
            X, y = X[self.rows], y[self.rows]
            weights = None if weights is None else as_array(weights, "sample_weight")[self.rows]
        callbacks: list[Any] = [*self.options["callbacks"], StopWhenSet(stop)]
        error = None
        try:
            own = {"sample_weight": weights, "callbacks": callbacks, "verbose": 0}
            self.network.fit(X, y, **{**self.options, **own})
        except DivergedError as diverged:
            error = diverged
        return Fit(self.network, self.network.history, error)

    @property
    def files(self) -> list[Path]:
        """The files and folders that the fit writes."""
        written = [callback.destination for callback in as_callbacks(self.options["callbacks"])]
        return [Path(path).absolute() for path in (self.options["checkpoint"], *written) if path is not None]

    @property
    def work(self) -> float:
        """About how long the fit takes, in any unit."""
        samples = len(self.y) if self.rows is None else len(self.rows)
        return float(self.network.parameter_count) * samples * float(self.options["epochs"])


def _checked_jobs(
    networks: Sequence[Network],
    X: Any,
    y: Any,
    rows: Sequence[ArrayLike] | None,
    settings: Sequence[Mapping[str, Any]] | None,
    options: Mapping[str, Any],
) -> list[_Job]:
    networks = checked_networks(networks)
    if y is None:
        raise TypeError("y must be an array, as many networks take no batches that come one by one; got None")
    X, y = with_rows(X), as_array(y, "y")
    if X.ndim < 2 or y.ndim < 1 or X.shape[0] != y.shape[0]:
        raise ValueError(f"X and y must have as many samples, got shapes {X.shape} and {y.shape}")
    own = [kept(of_one) for of_one in _of_each(settings, "settings", len(networks)) or [{}] * len(networks)]
    options = kept(options)
    chosen = _of_each(rows, "rows", len(networks)) or [None] * len(networks)
    for name in ("checkpoint", "resume"):
        if options.get(name):
            raise ValueError(f"{name} must be in the settings of each network, as it is another file; got it for all")
    jobs = []
    for number, (network, of_one, some) in enumerate(zip(networks, own, chosen, strict=True)):
        try:
            arguments = _arguments({**options, **of_one})
            picked = None if some is None else indices(some, X.shape[0], "rows")
            job = _Job(number, network, X, y, picked, arguments)
            _check(job)
        except (TypeError, ValueError) as error:
            raise type(error)(f"network {number}: {error}") from error
        jobs.append(job)
    _check_files(jobs)
    return jobs


def checked_networks(given: Iterable[Network]) -> list[Network]:
    """Return networks as a list; TypeError for anything else, ValueError for none, or one that is there twice."""
    networks: list[Any] = list(given) if isinstance(given, Iterable) else [None]
    if not all(isinstance(each, Network) for each in networks):
        raise TypeError(f"networks must be a sequence of Network objects, got {given!r}")
    count = len({id(each) for each in networks})
    if not count or count != len(networks):
        raise ValueError(
            f"networks must be at least one, and each once, got {len(networks)}, {count} of them different"
        )
    return networks


def _of_each(given: Sequence[Any] | None, name: str, count: int) -> list[Any]:
    if given is None:
        return []
    if isinstance(given, (Mapping, str)) or not isinstance(given, Iterable) or len(each := list(given)) != count:
        raise ValueError(f"{name} must have one entry for each of the {count} networks, got {given!r}")
    return each


def _arguments(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return all arguments of a fit but samples and targets; callbacks are copies."""
    if not_free := {"X", "y", "verbose", "self"} & given.keys():
        raise TypeError(f"settings must not have {sorted(not_free)}")
    arguments = {**_DEFAULTS, **given}
    if len(arguments) > len(_DEFAULTS):
        _FIT.bind(None, None, **given)  # raises a TypeError that names what no fit takes
    if arguments["communicator"] is not None:
        raise ValueError(
            "communicator must be None for many networks, whose messages would mix; give each process networks of its "
            f"own, got {arguments['communicator']!r}"
        )
    callbacks = arguments["callbacks"]
    each = callbacks if isinstance(callbacks, Iterable) else [callbacks]
    arguments["callbacks"] = [copy.deepcopy(one) if isinstance(one, Callback) else one for one in each]
    return arguments


def kept(options: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return arguments of a fit that can be read several times: an iterator would be used up by the first network."""
    if not isinstance(options, Mapping):
        raise TypeError(f"settings must have a mapping for each network, got {options!r}")
    return {name: list(value) if isinstance(value, Iterator) else value for name, value in options.items()}


def _weights_within(given: Any, rows: NDArray[np.int64], samples: int) -> NDArray[Any]:
    """Return the weights of all samples, of which those outside of the rows are zero."""
    weights = as_array(given, "sample_weight")
    if weights.shape[:1] != (samples,):
        return weights
    within = np.zeros_like(weights)
    within[rows] = weights[rows]
    return within


def indices(given: ArrayLike, samples: int, argument: str) -> NDArray[np.int64]:
    """Return the numbers of the samples that indices or a mask choose; ValueError for none, or unknown ones."""
    picked = np.asarray(given)
    if picked.dtype == bool:
        if picked.shape != (samples,):
            raise ValueError(f"{argument} as a mask must have shape {(samples,)}, got {picked.shape}")
        picked = np.flatnonzero(picked)
    if picked.ndim != 1 or picked.dtype.kind not in "iu" or not len(picked):
        raise ValueError(f"{argument} must be indices (count,) or a mask ({samples},), got {given!r}")
    if picked.min() < 0 or picked.max() >= samples:
        raise ValueError(f"{argument} must be from 0 to {samples - 1}, got {picked.min()} to {picked.max()}")
    return picked.astype(np.int64)


def _check(job: _Job) -> None:
    """Refuse what `Network.fit` would refuse; the data are all samples, which are not copied."""
    as_callbacks(job.options["callbacks"])
    arguments = {**job.options, "X": job.X, "y": job.y, "verbose": 0}
    if job.rows is not None:
        if arguments["validation_split"] != 0 and len(np.unique(job.rows)) < len(job.rows):
            raise ValueError(
                "validation_split must be 0 for rows that have a sample several times, as those of bootstrap have: it "
                f"would be trained with and held back; got {arguments['validation_split']!r}. Give validation_data"
            )
        weights = arguments["sample_weight"]
        arguments["sample_weight"] = None if weights is None else _weights_within(weights, job.rows, job.X.shape[0])
    given = Given(**{name: arguments[name] for name in _GIVEN})
    options = Options(**{name: arguments[name] for name in _OPTIONS})
    checked_flag(options.resume, "resume")
    ranks = Ranks()
    ranks.agree_on(arguments["data"])
    if not options.resume:
        make_plan(job.network, given, options, None, ranks)


def _check_files(jobs: Sequence[_Job]) -> None:
    """Refuse a file or folder that two networks would write."""
    writer: dict[Path, int] = {}
    for job in jobs:
        for path in job.files:
            if writer.setdefault(path, job.number) != job.number:
                raise ValueError(
                    f"network {job.number}: {path} is written by network {writer[path]} already; name another file in "
                    "the settings of each network"
                )


def _run(jobs: Sequence[_Job], workers: int, threads: int, shown: bool) -> list[Fit]:
    stop = Event()
    # The longest come first, so that threads end at about the same time.
    order = sorted(jobs, key=lambda job: -job.work)
    ended = side_by_side(lambda job: job.fit(stop), order, workers=workers, threads=threads, stop=stop, shown=shown)
    of_number = {job.number: fit for job, fit in zip(order, ended, strict=True)}
    fits = [of_number[job.number] for job in jobs]
    if diverged := [number for number, fit in enumerate(fits) if fit.error is not None]:
        warn(f"{len(diverged)} of {len(fits)} networks diverged: {_shortened(diverged)}. {fits[diverged[0]].error}")
    return fits


def _shortened(numbers: Sequence[int]) -> str:
    first = ", ".join(map(str, numbers[:5]))
    return first if len(numbers) <= 5 else f"{first}, …"
