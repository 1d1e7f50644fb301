"""Data that come batch by batch, for what is larger than memory or made on the way."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from typing import Any, TypeVar

from ..border import Batches

_Item = TypeVar("_Item")


class Stream:
    """Batches from an iterable, or from a callable that returns a fresh one for each epoch; each is one step.

    Parameters
    ----------
    source : iterable or callable
        Of batches (X, y) or (X, y, sample_weight). A callable with a method `batches_of` is asked by the number of the
        epoch, so that what it draws does not depend on the epochs before.
    checked : callable
        Makes `Batches` of such a tuple, or raises.

    Raises
    ------
    TypeError
        When the source is neither.
    """

    def __init__(self, source: Any, checked: Callable[..., Batches]) -> None:
        if not callable(source) and not isinstance(source, Iterable):
            raise TypeError(
                f"X without y must be an iterable of batches, or a callable that returns one; got {source!r}"
            )
        self.source = source
        self.checked = checked

    @property
    def lasts_one_epoch(self) -> bool:
        """Whether the source is used up by reading it once, as a generator is."""
        return not callable(self.source) and iter(self.source) is self.source

    def batches(self, epoch: int) -> Iterator[Batches]:
        """Yield the batches of an epoch; a thread fetches the next one ahead."""
        with closing(ahead(self._items(epoch))) as items:
            yield from items

    def _items(self, epoch: int) -> Iterator[Batches]:
        for item in self._of_epoch(epoch):
            if not isinstance(item, (tuple, list)) or len(item) not in (2, 3):
                raise ValueError(f"a batch must be (X, y) or (X, y, sample_weight), got {type(item).__name__}")
            yield self.checked(*item)

    def _of_epoch(self, epoch: int) -> Iterable[Any]:
        batches: Iterable[Any] = self.source
        if hasattr(self.source, "batches_of"):
            batches = self.source.batches_of(epoch)
        elif callable(self.source):
            batches = self.source()
        return batches


def ahead(items: Iterator[_Item]) -> Generator[_Item, None, None]:
    """Yield the items; while one is in use, a thread fetches the next one.

    The thread is a daemon, and is not waited for if the items are not read to their end: a source that blocks keeps
    neither an exception nor the end of the process.

    Examples
    --------
    >>> list(ahead(iter("abc")))
    ['a', 'b', 'c']
    """
    wanted: queue.SimpleQueue[bool] = queue.SimpleQueue()
    fetched: queue.SimpleQueue[tuple[bool, Any]] = queue.SimpleQueue()

    def fetch() -> None:
        while wanted.get():
            try:
                fetched.put((True, next(items)))
            except StopIteration:
                fetched.put((False, None))
                return
            except BaseException as error:
                fetched.put((False, error))
                return

    thread = threading.Thread(target=fetch, name="chainrule-batches", daemon=True)
    thread.start()
    wanted.put(True)
    try:
        while True:
            there, item = _patient(fetched)
            if not there:
                thread.join()
                if item is not None:
                    raise item
                return
            wanted.put(True)
            yield item
    finally:
        wanted.put(False)


def _patient(fetched: queue.SimpleQueue[tuple[bool, Any]]) -> tuple[bool, Any]:
    """Wait for the next item in short steps, as a signal is only handled between two of them."""
    while True:
        try:
            return fetched.get(timeout=0.2)
        except queue.Empty:
            continue
