"""What callbacks have changed in a network, which those that train it with others tell each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..model import Model
from ..snapshot import Snapshot


@dataclass(frozen=True)
class Changes:
    """What callbacks have changed in a network.

    Attributes
    ----------
    snapshot : Snapshot or None
        The parameters and statistics, if they are other ones now.
    learning : list of dict
        By layer the settings of training that are other ones now.
    seed, rate_factor, restored_epoch
        As `Network` and `History` have them.
    """

    snapshot: Snapshot | None
    learning: list[dict[str, Any]]
    seed: int
    rate_factor: float
    restored_epoch: int

    def give(self, model: Model) -> None:
        """Change another network likewise."""
        model.seed, model.rate_factor, model.history.restored_epoch = self.seed, self.rate_factor, self.restored_epoch
        for leaf, changed in zip(model.leaves, self.learning, strict=True):
            for name, value in changed.items():
                setattr(leaf, name, value)
        if self.snapshot is not None:
            model.go_back(self.snapshot)


class Before:
    """A network as it was before its callbacks were called."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._snapshot = model.snapshot()
        self._learning = [leaf.learning() for leaf in model.leaves]
        self._steps = self._steps_so_far()

    def _steps_so_far(self) -> tuple[object, ...]:
        """Return what differs after any step of training."""
        return self._model.epochs, self._model.core.optimizer_steps, self._model.optimizer

    def changes(self) -> Changes:
        """Return what has changed since; ValueError after training, as the others would lack the steps."""
        if self._steps_so_far() != self._steps:
            raise ValueError(
                "callbacks must not train the network with a communicator, as they are called on the first rank alone; "
                "train it after the fit, on all ranks"
            )
        model, now = self._model, self._model.snapshot()
        learning = [
            {name: value for name, value in leaf.learning().items() if value != before[name]}
            for leaf, before in zip(model.leaves, self._learning, strict=True)
        ]
        changed = None if now == self._snapshot else now
        return Changes(changed, learning, model.seed, model.rate_factor, model.history.restored_epoch)
