"""What scikit-learn does at the end of an epoch."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import _exact
from ..model import Model
from ..training.callbacks import Callback
from .held_out import HeldOut

# With the rate divided by five each time, "adaptive" stops here.
_LOWEST_ADAPTIVE_RATE = 1e-6


class Watch(Callback):
    """Follows scikit-learn's rules at the end of an epoch: loss curve, score, learning rate, and when to stop."""

    def __init__(
        self,
        estimator: Any,
        samples: int,
        batch_size: int,
        constant: float,
        held: HeldOut | None,
    ) -> None:
        self.estimator = estimator
        self.samples = samples
        self.steps = -(-samples // batch_size)
        # Over an epoch scikit-learn adds up the penalty of each step, over its batch's samples.
        self.penalties = self.steps * batch_size / samples
        self.constant = constant
        self.held = held
        self.penalty = estimator.network_.core.penalty()
        self.best = estimator.network_.snapshot()
        self.stopped = False

    def on_epoch_end(self, network: Model, epoch: int, metrics: dict[str, float]) -> bool | None:
        estimator = self.estimator
        estimator.t_ += self.samples
        estimator._iteration_ends(estimator._reported(metrics["loss"]) + self.constant + self._penalty())
        improved = self._loss_improved() if self.held is None else self._score_improved(self.held, network, metrics)
        estimator._no_improvement_count = 0 if improved else estimator._no_improvement_count + 1
        if estimator.solver == "sgd" and estimator.learning_rate == "invscaling":
            network.rate_factor = float(_exact.exp(np.asarray(-estimator.power_t * _exact.log(estimator.t_ + 1))))
        if estimator._no_improvement_count > estimator.n_iter_no_change:
            self.stopped = self._stops(network)
        return self.stopped

    def _penalty(self) -> float:
        """Return the mean penalty of the steps, from the weights before the first and after the last."""
        before, self.penalty = self.penalty, self.estimator.network_.core.penalty()
        mean: float = self.penalties * (before + (self.penalty - before) * (self.steps - 1) / (2 * self.steps))
        return mean

    def _loss_improved(self) -> bool:
        estimator = self.estimator
        improved: bool = estimator.loss_ <= estimator.best_loss_ - estimator.tol
        estimator.best_loss_ = min(estimator.best_loss_, estimator.loss_)
        return improved

    def _score_improved(self, held: HeldOut, network: Model, metrics: dict[str, float]) -> bool:
        estimator = self.estimator
        score = held.score(estimator, metrics)
        estimator.validation_scores_.append(score)
        if estimator.verbose:
            print(f"Validation score: {score:f}")
        improved: bool = score >= estimator.best_validation_score_ + estimator.tol
        if score > estimator.best_validation_score_:
            estimator.best_validation_score_ = score
            self.best = network.snapshot()
        return improved

    def _stops(self, network: Model) -> bool:
        estimator = self.estimator
        rate = estimator.learning_rate_init * network.rate_factor
        adapts = estimator.solver == "sgd" and estimator.learning_rate == "adaptive" and rate > _LOWEST_ADAPTIVE_RATE
        if adapts:
            network.rate_factor /= 5
            estimator._no_improvement_count = 0
        if estimator.verbose:
            what = "Training loss" if self.held is None else "Validation score"
            then = f"Setting learning rate to {rate / 5:f}" if adapts else "Stopping."
            print(
                f"{what} did not improve more than tol={estimator.tol:f} for {estimator.n_iter_no_change} consecutive "
                f"epochs. {then}"
            )
        return not adapts
