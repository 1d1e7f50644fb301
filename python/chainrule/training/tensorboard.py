"""Training as TensorBoard shows it (needs the extra `tensorboard`)."""

from __future__ import annotations

import time
from collections.abc import Mapping
from os import PathLike, fspath
from pathlib import Path
from typing import Any

from ..model import Model
from .callbacks import Callback


class TensorBoard(Callback):
    """Write metrics, and histograms of weights and biases, for TensorBoard: ``tensorboard --logdir FOLDER``.

    The step of everything is the network's number of epochs, so that a further fit of a network continues its
    curves. Metrics are called as in `History`, parameters ``layer 1/weights``, ``layer 1/bias`` and so on.

    Parameters
    ----------
    folder : str or path
        One for each run; a file is added to it by each fit.

    Raises
    ------
    ImportError
        Without the package tensorboard.

    Examples
    --------
    >>> import chainrule as cr
    >>> X, y = cr.data.sine(50)
    >>> net = cr.Network([1, 8, 1], activation="tanh", seed=0)
    >>> history = net.fit(X, y, epochs=5, callbacks=[cr.TensorBoard("runs/first")], verbose=0)
    """

    def __init__(self, folder: str | PathLike[str]) -> None:
        self.folder = fspath(folder)
        self.destination = Path(folder)
        self._writer: Any = None
        try:
            from tensorboard.compat.proto.event_pb2 import Event
            from tensorboard.plugins.histogram.summary_v2 import histogram_pb
            from tensorboard.plugins.scalar.summary_v2 import scalar_pb
            from tensorboard.summary.writer.event_file_writer import EventFileWriter
        except ImportError as error:
            raise ImportError('TensorBoard needs its package: pip install "chainrule[tensorboard]"') from error
        self._event, self._histogram, self._scalar, self._new_writer = Event, histogram_pb, scalar_pb, EventFileWriter

    def on_train_begin(self, network: Model) -> None:
        self._writer = self._new_writer(self.folder)

    def on_epoch_end(self, network: Model, epoch: int, metrics: Mapping[str, float]) -> bool | None:
        for name, value in metrics.items():
            self._write(self._scalar(name, value), network.epochs)
        for number, layer in enumerate(network.stack, start=1):
            for name, values in layer.parameter_arrays().items():
                self._write(self._histogram(f"layer {number}/{name}", values), network.epochs)
        self._writer.flush()
        return None

    def on_train_end(self, network: Model) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def _write(self, summary: Any, step: int) -> None:
        self._writer.add_event(self._event(wall_time=time.time(), step=step, summary=summary))
