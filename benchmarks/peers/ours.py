"""chainrule itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numpy.typing import NDArray

import chainrule as cr

from ..workload import Model, SkipError, Training, Workload
from . import Parameters, Peer, thread_counts


class Ours(Model):
    """A network of chainrule; each epoch continues with the optimiser's state."""

    def __init__(self, workload: Workload, parameters: Parameters | None = None) -> None:
        self.network = workload.initial()
        self.predict = self.network.predict

    def load(self, training: Training, X: Any, y: NDArray[Any]) -> None:
        """Keep the data and the arguments of `fit`."""
        try:
            self.network.predict(X[:1])
        except (TypeError, ValueError) as error:
            raise SkipError(str(error)) from error
        self.X, self.y = X, y
        self.options: dict[str, Any] = {
            "batch_size": training.batch_size,
            "optimizer": training.optimizer,
            "loss": training.loss,
            "verbose": 0,
        }

    def epoch(self) -> None:
        """Fit for one epoch."""
        self.network.fit(self.X, self.y, epochs=1, **self.options)

    def stepper(self) -> Callable[[Any], Any]:
        """Return the step function of a new stream."""
        return self.network.stepper().step


VARIANTS = {[*thread_counts()][-1]: Ours}
PEER = Peer("chainrule", {"chainrule": cr.__version__}, VARIANTS, VARIANTS, VARIANTS)  # type: ignore[arg-type]
