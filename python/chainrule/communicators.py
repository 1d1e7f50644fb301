"""How the ranks of a fit on many machines reach each other."""

from __future__ import annotations

from typing import Any, Protocol

__all__ = ["Communicator"]


class Communicator(Protocol):
    """What `Network.fit` needs to train one network in several processes, its ranks.

    A communicator of mpi4py, such as ``MPI.COMM_WORLD``, is taken as it is. Anything else needs these attributes and
    methods. Bytes arrive in the order in which they were sent, and a method raises an error if another rank has ended.

    Attributes
    ----------
    rank : int
        The number of this process, 0 … size − 1.
    size : int
        The number of processes.
    """

    @property
    def rank(self) -> int:
        """The number of this process."""

    @property
    def size(self) -> int:
        """The number of processes."""

    def send(self, data: memoryview, to: int) -> None:
        """Send bytes to another rank; the data may change after the method has returned."""

    def receive(self, data: memoryview, source: int) -> None:
        """Wait for as many bytes of another rank as `data` has, and write them there."""

    def broadcast(self, data: memoryview, root: int) -> None:
        """Write the bytes of the rank `root` to `data` on all others; all ranks call it."""


class MPICommunicator:
    """The communicator of mpi4py as one of chainrule, with messages of its own.

    Parameters
    ----------
    communicator : mpi4py.MPI.Comm
        It is duplicated, which all ranks must do together.
    """

    def __init__(self, communicator: Any) -> None:
        self._own = communicator.Dup()
        self.rank: int = self._own.Get_rank()
        self.size: int = self._own.Get_size()

    def send(self, data: memoryview, to: int) -> None:
        """Send bytes to another rank."""
        self._own.Send(data, dest=to)

    def receive(self, data: memoryview, source: int) -> None:
        """Receive bytes from another rank."""
        self._own.Recv(data, source=source)

    def broadcast(self, data: memoryview, root: int) -> None:
        """Write the bytes of one rank to the data of all others."""
        self._own.Bcast(data, root=root)

    def close(self) -> None:
        """Free the duplicate; all ranks call it."""
        self._own.Free()


def as_communicator(given: Any) -> Communicator:
    """Return what `Network.fit` was given as a communicator; TypeError for what is none."""
    if hasattr(given, "Get_rank") and hasattr(given, "Dup"):
        return MPICommunicator(given)
    missing = [name for name in ("rank", "size", "send", "receive", "broadcast") if not hasattr(given, name)]
    if missing:
        raise TypeError(
            "communicator must be one of mpi4py, such as MPI.COMM_WORLD, or have what chainrule.communicators."
            f"Communicator has; {given!r} has no {missing[0]!r}"
        )
    ranked: Communicator = given
    return ranked
