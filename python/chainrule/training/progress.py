"""The progress that a user sees: a bar over all epochs, or a line per epoch."""

from __future__ import annotations

import sys
import threading
from collections.abc import Mapping
from contextlib import AbstractContextManager

from tqdm.auto import tqdm


class _Bar(tqdm):  # type: ignore[misc]
    """A bar without tqdm's thread, and with a lock of this process only: a killed process would keep a shared one."""

    monitor_interval = 0


_Bar.set_lock(threading.RLock())

# In a notebook standard error is not a terminal, but tqdm has a bar for it.
_IN_NOTEBOOK = any(base.__module__ == "tqdm.notebook" for base in tqdm.__mro__)


class Progress:
    """A bar over all epochs (verbose 1, in a terminal or notebook), or a line per epoch (elsewhere, or verbose 2).

    Parameters
    ----------
    epochs, epochs_before : int
        Epochs of the whole fit, and those that a fit which is resumed has made already.
    samples : int or None
        Samples per epoch, if their number is known.
    verbose : {0, 1, 2}
        As for `Network.fit`.
    """

    def __init__(self, epochs: int, epochs_before: int, samples: int | None, verbose: int) -> None:
        self.epochs = epochs
        self.epochs_before = epochs_before
        self.verbose = verbose
        self.done = 0
        total = None if samples is None else (epochs - epochs_before) * samples
        # The bar itself is left out in short fits that show nothing, as making it takes longer than a step.
        self.bar = _bar(total) if verbose == 1 and _can_be_seen() else None

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *exception: object) -> None:
        if self.bar is not None:
            self.bar.close()

    @property
    def shown(self) -> bool:
        """Whether there is a bar."""
        return self.bar is not None

    def aside(self) -> AbstractContextManager[None]:
        """Hide the bar while something else is written to standard error."""
        return _Bar.external_write_mode(file=sys.stderr)  # type: ignore[no-any-return]

    def show(self, samples: int) -> None:
        """Show that so many samples of the epoch are done."""
        if self.bar is not None:
            self.bar.update(self.done + samples - self.bar.n)

    def epoch_done(self, epoch: int, metrics: Mapping[str, float]) -> None:
        """Show the metrics of an epoch that is done."""
        if self.verbose == 0:
            return
        shown = {name: value for name, value in metrics.items() if name != "learning_rate"}
        if self.bar is not None:
            self.done = self.bar.n
            self.bar.set_description(f"epoch {epoch}/{self.epochs}", refresh=False)
            self.bar.set_postfix({name: f"{value:.4f}" for name, value in shown.items()}, refresh=False)
            self.bar.total = self.done // (epoch - self.epochs_before) * (self.epochs - self.epochs_before)
            self.bar.refresh()
        elif _can_be_seen():
            text = "  ".join(f"{name} {value:.4f}" for name, value in shown.items())
            print(f"epoch {epoch}/{self.epochs}  {text}", file=sys.stderr, flush=True)


def _bar(total: int | None) -> _Bar | None:
    """Return a bar, where standard error can show one."""
    bar = _Bar(
        total=total,
        unit=" samples",
        unit_scale=True,
        disable=False if _IN_NOTEBOOK else None,
        dynamic_ncols=True,
        file=sys.stderr,
    )
    return None if bar.disable else bar


def _can_be_seen() -> bool:
    """Tell whether standard error exists: programs without a console, such as services, have none."""
    return sys.stderr is not None and not sys.stderr.closed
