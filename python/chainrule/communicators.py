"""How the ranks of a fit on many machines reach each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from . import _core
from ._checks import checked_integer, checked_name

__all__ = ["Communicator", "order_of_epoch"]

# Ranks take whole blocks of so many samples, which layers add up together, by the precision of a network.
BLOCKS = {"full": 16, "mixed": 32}


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


def order_of_epoch(
    samples_of_ranks: Sequence[int],
    batch_size: int,
    *,
    seed: int,
    epoch: int,
    shuffle: bool = True,
    precision: str = "full",
) -> NDArray[np.int64]:
    """Return the order in which an epoch of ``fit(..., data="local")`` takes the samples of all ranks.

    Ranks whose samples are those of X after each other end with the bytes of one process that makes the epoch by
    ``partial_fit(X[order], y[order], shuffle=False, batch_size=batch_size)``.

    A batch begins with samples of the first rank, and ends with samples of the last one. Its b blocks of 16 samples (32
    in mixed precision) are shared out in proportion to the blocks that the ranks have left: if those before rank r have
    l of all L, they take ⌊b l / L + v⌋ blocks. v is 0, 1/2, 1/4, 3/4, 1/8, … in the steps of an epoch (van der Corput
    1935), so that the samples of each rank are spread evenly over it. A block that is not full is the last one of all.
    Each rank takes its samples in an order of its own, as it is given them or shuffled.

    Parameters
    ----------
    samples_of_ranks : sequence of int
        How many samples each rank has: multiples of 16 (32), but for the last one.
    batch_size : int
        The samples of a batch of all ranks, a multiple of 16 (32) unless it is all of them.
    seed : int
        That of the network.
    epoch : int
        The epochs that the network was trained for before, ``net.epochs``.
    shuffle : bool
        As for `Network.fit`.
    precision : {"full", "mixed"}
        That of the network.

    Returns
    -------
    array (samples,) of int64
        Indices of the samples, counted over all ranks: those of the second one follow those of the first one.

    Raises
    ------
    ValueError
        When the samples cannot be shared out in whole blocks.

    Examples
    --------
    Two batches of 48 samples have three blocks each, and the second rank has twice as many samples as the first one.

    >>> from chainrule.communicators import order_of_epoch
    >>> order = order_of_epoch([32, 64], 48, seed=0, epoch=0, shuffle=False)
    >>> order[:48:16], order[48::16]
    (array([ 0, 32, 48]), array([16, 64, 80]))
    """
    counts = [checked_integer(samples, "samples_of_ranks", lowest=1) for samples in samples_of_ranks]
    if not counts:
        raise ValueError("samples_of_ranks must be a number for each rank, got none")
    size = checked_integer(batch_size, "batch_size", lowest=1)
    seed, epoch = checked_integer(seed, "seed", lowest=0), checked_integer(epoch, "epoch", lowest=0)
    check_blocks(counts, size, checked_name(precision, "precision", BLOCKS))
    block, samples = BLOCKS[precision], sum(counts)
    orders = [
        _core.shuffled_order(count, seed, epoch, rank) if shuffle else np.arange(count)
        for rank, count in enumerate(counts)
    ]
    firsts = np.cumsum([0, *counts[:-1]])
    left, taken = np.array(counts) // block, np.zeros(len(counts), np.int64)
    order: list[NDArray[np.int64]] = []
    for step, begin in enumerate(range(0, samples, size)):
        of_batch = min(size, samples - begin)
        shares = block * np.diff(_ends_of_shares(of_batch // block, left, step), prepend=0)
        left = left - shares // block
        shares[-1] += of_batch % block
        for first, own, start, share in zip(firsts, orders, taken, shares, strict=True):
            order.append(first + own[start : start + share])
        taken += shares
    return np.concatenate(order)


def _ends_of_shares(blocks: int, left: NDArray[np.int64], step: int) -> NDArray[np.int64]:
    """Return where the ranks' shares of a batch's blocks end."""
    all_left = int(left.sum())
    # The bits of the step in reverse, as those of a fraction.
    offset = all_left * int(f"{step % 2**16:016b}"[::-1], 2) // 2**16
    return (blocks * np.cumsum(left) + offset) // max(all_left, 1)


def check_blocks(samples_of_ranks: Sequence[int], batch_size: int, precision: str) -> None:
    """Refuse samples of ranks that cannot be shared out in whole blocks; ValueError with their numbers."""
    block = BLOCKS[precision]
    if any(samples % block for samples in samples_of_ranks[:-1]):
        raise ValueError(
            f"X must have a multiple of {block} samples on each rank but the last one with data='local', got "
            f"{', '.join(map(str, samples_of_ranks))}: leave some out, or add some with the sample_weight 0"
        )
    if len(samples_of_ranks) > 1 and batch_size % block and batch_size < sum(samples_of_ranks):
        raise ValueError(f"batch_size must be a multiple of {block} or 'full' with data='local', got {batch_size}")


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
