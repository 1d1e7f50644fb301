"""The processes that train one network together: what they tell each other between the steps of the core."""

from __future__ import annotations

import logging
import pickle
import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from types import FrameType
from typing import Any, TypeVar

from .._checks import checked_integer, checked_name
from ..communicators import Communicator, MPICommunicator, as_communicator
from ..errors import RankError
from ..model import Model
from .changes import Before, Changes

_Result = TypeVar("_Result")
LOGGER = logging.getLogger("chainrule")
# Without this handler, Python prints warnings to standard error if the application has not configured logging.
LOGGER.addHandler(logging.NullHandler())
# What a process on its own enters around each epoch, which may take microseconds.
_ALONE = nullcontext()
# Bytes of the number that tells how long a message is.
_LENGTH = 8


class Ranks:
    """The ranks of a fit, of which the first one prints, logs, writes files and calls the callbacks.

    Parameters
    ----------
    communicator : Communicator or communicator of mpi4py, optional
        Without one, the process is the only rank, and nothing is sent.

    Attributes
    ----------
    rank, size : int
        The number of this rank, and of all.
    is_lost : bool
        Whether the others can no longer be reached, or wait for something else; then nothing more is sent.
    is_interrupted : bool
        Whether Ctrl-C was pressed: then the steps end on all ranks.
    have_own_samples : bool
        Whether each rank has samples of its own, so that they must tell each other of them.
    """

    def __init__(self, communicator: Any = None) -> None:
        self._communicator: Communicator | None = None if communicator is None else as_communicator(communicator)
        self.size, self.rank = 1, 0
        self.is_lost = False
        self.is_interrupted = False
        self.have_own_samples = False
        # The error that `exchange` has raised on all ranks.
        self._known: Exception | None = None
        if self._communicator is not None:
            self.size = checked_integer(self._communicator.size, "communicator.size", lowest=1)
            self.rank = checked_integer(self._communicator.rank, "communicator.rank", lowest=0, highest=self.size - 1)

    def __enter__(self) -> Ranks:
        return self

    def __exit__(self, *exception: object) -> None:
        if isinstance(self._communicator, MPICommunicator) and not self.is_lost:
            self._communicator.close()

    @property
    def is_alone(self) -> bool:
        """Whether there is one rank only."""
        return self.size == 1

    @property
    def leads(self) -> bool:
        """Whether this is the first rank."""
        return self.rank == 0

    def agree_on(self, data: str) -> None:
        """Take what `fit` was given as `data`; an error on all ranks where it is wrong, or not the same."""
        with self.together():
            given = checked_name(data, "data", ("global", "local"))
            if given == "local" and self._communicator is None:
                raise ValueError("data must be 'global' without a communicator, got 'local'")
        self.check_same(lambda: {"data": given})
        self.have_own_samples = given == "local" and not self.is_alone

    def log(self, level: int, text: str, *values: object) -> None:
        """Log a message, on the first rank alone."""
        if self.leads:
            LOGGER.log(level, text, *values)

    # --- what the core calls

    @property
    def for_core(self) -> Ranks | None:
        """What the core hands sums on with; None if there is one rank only."""
        return None if self.is_alone else self

    def receive_from_before(self, data: memoryview) -> None:
        """Receive the sums of the ranks before this one."""
        self._call("receive", data, self.rank - 1)

    def send_to_next(self, data: memoryview) -> None:
        """Send the sums of the ranks up to this one."""
        self._call("send", data, self.rank + 1)

    def broadcast_from_last(self, data: memoryview) -> None:
        """Give the sums of the last rank to all."""
        self._call("broadcast", data, self.size - 1)

    def _call(self, method: str, data: memoryview, other: int) -> None:
        try:
            getattr(self._communicator, method)(data, other)
            # The core's memory is not to be read later.
            data.release()
        except BaseException:
            self.is_lost = True
            raise

    # --- between the steps

    def gather(self, value: Any) -> list[Any]:
        """Return the values of all ranks in their order, on each of them."""
        if not self.leads:
            self._send(pickle.dumps(value), 0)
        values = [value, *(pickle.loads(self._received(rank)) for rank in range(1, self.size))] if self.leads else []
        gathered: list[Any] = pickle.loads(self._given_by_first(pickle.dumps(values)))
        return gathered

    def exchange(self, value: _Result) -> list[_Result]:
        """Return the values of all ranks in their order, within `together`; the error of a rank is raised on all."""
        messages = self.gather((value, None))
        self._raise_others([text for _, text in messages])
        return [value for value, _ in messages]

    def of_parts(self, value: _Result) -> list[_Result]:
        """Return, within `together`, what each rank knows of its own samples; one value where all have the same."""
        return self.exchange(value) if self.have_own_samples else [value]

    def from_first(self, function: Callable[[], _Result]) -> _Result:
        """Return on all ranks what a function returns on the first one; its error is raised on all."""
        if self.is_alone:
            return function()
        error, message = None, b""
        if self.leads:
            try:
                message = pickle.dumps((function(), None))
            except BaseException as caught:
                error, message = caught, pickle.dumps((None, _text_of(caught)))
        result, text = pickle.loads(self._given_by_first(message))
        if error is not None:
            raise error
        if text is not None:
            raise RankError(0, text)
        found: _Result = result
        return found

    def lead(self, model: Model, function: Callable[[], _Result]) -> _Result:
        """Return what a function returns on the first rank; the others take over what it has changed in the network.

        Raises
        ------
        ValueError
            When the function has trained the network, whose steps the others would lack.
        """
        if self.is_alone or self.is_lost:
            return function() if self.leads else None  # type: ignore[return-value]

        def call() -> tuple[_Result, Changes]:
            before = Before(model)
            return function(), before.changes()

        result, changes = self.from_first(call)
        if not self.leads:
            changes.give(model)
        return result

    def together(self) -> AbstractContextManager[None]:
        """Return a context at whose end an error on one rank is raised on all; `exchange` alone sends within it."""
        return _ALONE if self.is_alone else self._together()

    @contextmanager
    def _together(self) -> Iterator[None]:
        error = None
        try:
            yield
        except BaseException as caught:
            error = caught
        if not self.is_lost and (error is None or error is not self._known):
            messages = self.gather((None, None if error is None else _text_of(error)))
            if error is None:
                self._raise_others([text for _, text in messages])
        if error is not None:
            raise error

    def _raise_others(self, texts: Sequence[str | None]) -> None:
        """Raise the first error of another rank, if there is one; all of them know of it."""
        failed = [(rank, text) for rank, text in enumerate(texts) if text is not None]
        if failed:
            self._known = RankError(*failed[0])
            raise self._known

    def stepping(self) -> AbstractContextManager[None]:
        """Return a context for steps of the core, which hand sums on; an error on one rank is raised on all.

        All ranks end the same step when one of them is interrupted. Any other error leaves the others within a step, so
        that they are lost.
        """
        return _ALONE if self.is_alone else self._stepping()

    @contextmanager
    def _stepping(self) -> Iterator[None]:
        with self.together():
            try:
                yield
                if self.is_interrupted:
                    raise KeyboardInterrupt
            except KeyboardInterrupt:
                raise
            except BaseException:
                self.is_lost = True
                raise

    @contextmanager
    def noting_interrupts(self) -> Iterator[None]:
        """Raise Ctrl-C after the next steps of a fit, and a second one at once.

        Within a message it would leave the other ranks waiting.
        """
        before = signal.getsignal(signal.SIGINT)
        is_main = threading.current_thread() is threading.main_thread()
        if self.is_alone or not is_main or before is not signal.default_int_handler:
            yield
            return

        def note(number: int, frame: FrameType | None) -> None:
            if self.is_interrupted:
                raise KeyboardInterrupt
            self.is_interrupted = True

        signal.signal(signal.SIGINT, note)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)
        if self.is_interrupted:
            raise KeyboardInterrupt

    def check_same(self, make_values: Callable[[], Mapping[str, Any]]) -> None:
        """Refuse values that are not the same on all ranks; ValueError on all of them."""
        if self.is_alone:
            return
        refuse_differences(self.gather(dict(make_values())))

    # --- messages of any length

    def _send(self, data: bytes, to: int) -> None:
        self._call("send", memoryview(len(data).to_bytes(_LENGTH, "little")), to)
        self._call("send", memoryview(data), to)

    def _received(self, source: int) -> bytearray:
        length = bytearray(_LENGTH)
        self._call("receive", memoryview(length), source)
        data = bytearray(int.from_bytes(length, "little"))
        self._call("receive", memoryview(data), source)
        return data

    def _given_by_first(self, data: bytes) -> bytearray:
        """Return the data of the first rank."""
        length = bytearray(len(data).to_bytes(_LENGTH, "little"))
        self._call("broadcast", memoryview(length), 0)
        given = bytearray(data) if self.leads else bytearray(int.from_bytes(length, "little"))
        self._call("broadcast", memoryview(given), 0)
        return given


def refuse_differences(values: Sequence[Mapping[str, Any]]) -> None:
    """Refuse values of ranks that are not the same on all of them; ValueError."""
    first, *others = values
    for rank, theirs in enumerate(others, start=1):
        for name, value in first.items():
            if theirs.get(name) != value:
                raise ValueError(
                    f"{name} must be the same on all ranks, got {theirs.get(name)!r} on rank {rank} and {value!r} on "
                    "rank 0"
                )


def _text_of(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"
