"""Data that come batch by batch, for what is larger than memory or made on the way."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any, TypeVar

from ..border import Batches

_Item = TypeVar("_Item")
_END = object()


class Stream:
    """Batches from an iterable, or from a callable that gives a fresh one for each epoch; each is one step.

    Parameters
    ----------
    source : iterable or callable
        Of batches (X, y) or (X, y, sample_weight).
    checked : callable
        Makes `Batches` of such a tuple, or raises.

    Raises
    ------
    TypeError
        When the source is neither.
    """

    def __init__(self, source: Any, checked: Callable[..., Batches]) -> None:
        if not callable(source) and not isinstance(source, Iterable):
            raise TypeError(f"X without y must be an iterable of batches, or a callable that gives one; got {source!r}")
        self.source = source
        self.checked = checked

    @property
    def lasts_one_epoch(self) -> bool:
        """Whether the source is used up by reading it once, as a generator is."""
        return not callable(self.source) and iter(self.source) is self.source

    def batches(self, first: int = 0) -> Iterator[Batches]:
        """Yield the batches of an epoch from the given one on; a thread fetches the next one ahead."""
        with closing(ahead(self._items())) as items:
            for index, item in enumerate(items):
                if index >= first:
                    yield item

    def _items(self) -> Iterator[Batches]:
        for item in self.source() if callable(self.source) else self.source:
            if not isinstance(item, (tuple, list)) or len(item) not in (2, 3):
                raise ValueError(f"a batch must be (X, y) or (X, y, sample_weight), got {type(item).__name__}")
            yield self.checked(*item)


def ahead(items: Iterator[_Item]) -> Generator[_Item, None, None]:
    """Yield the items; while one is in use, a thread fetches the next one.

    Examples
    --------
    >>> list(ahead(iter("abc")))
    ['a', 'b', 'c']
    """
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="chainrule-batches") as pool:
        coming = pool.submit(next, items, _END)
        while (item := coming.result()) is not _END:
            coming = pool.submit(next, items, _END)
            yield item  # type: ignore[misc]
