"""The machine under the core: threads, instruction set, and what the core was built from."""

from __future__ import annotations

from . import _core
from ._checks import checked_integer, checked_name

__all__ = ["get_num_threads", "info", "set_isa", "set_num_threads"]


def set_num_threads(threads: int | None) -> None:
    """Set the number of threads for training and prediction; the results are the same bytes for any number.

    Fewer are taken for small networks, if waiting for each other would cost more than it saves, while other processes
    use the processors, and if the process has fewer processors. Limits set by `threadpoolctl` are obeyed.

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


def set_isa(isa: str | None) -> None:
    """Choose the kernels of another instruction set, for tests and comparisons, while nothing is being computed.

    At import the best that processor and operating system offer is chosen, or the one that the environment variable
    ``CHAINRULE_ISA`` names. "avx2", "avx512", "amx" and "neon" give the same bytes; "baseline" has no fused
    multiply-add. "amx" is AVX-512 with the matrix unit, on which products in mixed precision are computed.

    Parameters
    ----------
    isa : str or None
        One of ``info()["isas"]``; None goes back to the choice made at import.

    Examples
    --------
    >>> set_isa("baseline")
    >>> info()["isa"]
    'baseline'
    >>> set_isa(None)
    """
    _core.set_isa("" if isa is None else checked_name(isa, "isa", _core.supported_isas()))


def info() -> dict[str, str | int]:
    """Return version, compiler, OpenMP, the instruction set in use, the available ones, and threads.

    Examples
    --------
    >>> sorted(info())
    ['compiler', 'isa', 'isas', 'openmp', 'threads', 'version']
    """
    isas = ", ".join(_core.supported_isas())
    return {"version": _core.__version__, **_core.build_info(), "isas": isas, "threads": get_num_threads()}
