"""Jobs that each train a network, in threads of one pool."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from queue import Empty, SimpleQueue
from threading import Event
from typing import TypeVar

from tqdm import tqdm

from .. import _core
from .._checks import checked_integer
from ..training.callbacks import Callback

_Job = TypeVar("_Job")
_Result = TypeVar("_Result")
# Seconds after which a waiting thread looks for signals: one that another thread has received does not wake it.
_LOOKS = 0.2


class StopWhenSet(Callback):
    """Stops a fit at the end of an epoch once an event is set."""

    listens = False

    def __init__(self, event: Event) -> None:
        self.event = event

    def wants_to_stop(self) -> bool:
        """Tell whether the event is set."""
        return self.event.is_set()


def side_by_side(
    function: Callable[[_Job], _Result],
    jobs: Sequence[_Job],
    *,
    workers: int,
    threads: int,
    stop: Event,
    shown: bool,
) -> list[_Result]:
    """Return the results of a function for jobs, of which `workers` run at a time.

    Parameters
    ----------
    function : function of a job
        Looks at `stop` now and then.
    jobs : sequence
        The first ones start first, so that the longest should come first.
    workers, threads : int
        Threads of the pool, and how many each of them may take within the core.
    stop : Event
        Is set when Ctrl-C comes or a job fails. The pool then waits for the jobs that run.
    shown : bool
        Whether there is a progress bar over the jobs.
    """
    done: dict[int, _Result] = {}
    pool = ThreadPoolExecutor(workers, initializer=_core.limit_own_teams, initargs=(threads,))
    with pool, tqdm(total=len(jobs), desc="networks", disable=not shown) as bar:
        try:
            running = {pool.submit(function, job): place for place, job in enumerate(jobs)}
            ended: SimpleQueue[Future[_Result]] = SimpleQueue()
            for future in running:
                future.add_done_callback(ended.put)
            for _ in jobs:
                future = _next_of(ended)
                done[running[future]] = future.result()
                bar.update()
        except BaseException:
            # Ctrl-C is raised in this thread alone.
            stop.set()
            pool.shutdown(wait=True, cancel_futures=True)
            raise
    return [done[place] for place in range(len(jobs))]


def _next_of(ended: SimpleQueue[Future[_Result]]) -> Future[_Result]:
    """Return the next job that has ended."""
    while True:
        try:
            return ended.get(timeout=_LOOKS)
        except Empty:
            continue


def workers_of(n_jobs: int | None, count: int) -> int:
    """Return how many of `count` networks are trained at a time, for what `n_jobs` means in scikit-learn."""
    from joblib import effective_n_jobs

    wanted = None if n_jobs is None else checked_integer(n_jobs, "n_jobs", lowest=-(2**31))
    return min(int(effective_n_jobs(wanted)), count)
