"""How many threads the core works with, and what it was built from."""

from __future__ import annotations

from . import _core
from ._checks import checked_integer


def set_num_threads(threads: int | None) -> None:
    """Set the number of threads for training and prediction; the results are the same bytes for any number.

    Small networks take fewer than allowed, as waiting for each other would cost more than it brings. Limits set by
    `threadpoolctl` are obeyed.

    Parameters
    ----------
    threads : int or None
        1 to 1024; None goes back to the default: the cores that this process may use.

    Examples
    --------
    >>> set_num_threads(1)
    >>> get_num_threads()
    1
    >>> set_num_threads(None)
    """
    _core.set_num_threads(0 if threads is None else checked_integer(threads, "threads", lowest=1, highest=1024))


def get_num_threads() -> int:
    """Return the largest number of threads that the core takes now."""
    return _core.get_num_threads()


def info() -> dict[str, str | int]:
    """Return version, compiler, instruction set, OpenMP and threads.

    Examples
    --------
    >>> sorted(info())
    ['compiler', 'isa', 'openmp', 'threads', 'version']
    """
    return {"version": _core.__version__, **_core.build_info(), "threads": get_num_threads()}
