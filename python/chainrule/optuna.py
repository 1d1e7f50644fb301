"""Searches by Optuna (extra `optuna`): trials that do worse than the others end early."""

from __future__ import annotations

from typing import Any

from .training.callbacks import Callback, monitored

__all__ = ["PruningCallback"]


class PruningCallback(Callback):
    """Reports a metric to a trial of Optuna after each epoch, and ends the trial if its study's pruner says so.

    Parameters
    ----------
    trial : optuna.trial.Trial
    monitor : str, optional
        Name of the metric; by default "val_loss" where there is one, else "loss". The direction of the study says
        whether it shall be small.

    Raises
    ------
    ImportError
        Without Optuna (`pip install "chainrule[optuna]"`).
    optuna.TrialPruned
        From `fit`, after an epoch in which the trial is to end; the study counts it as pruned. The network has the
        weights of that epoch.
    ValueError
        From `fit`, for a metric that it does not have.

    Examples
    --------
    >>> import numpy as np, optuna, chainrule as cr
    >>> optuna.logging.set_verbosity(optuna.logging.ERROR)
    >>> X = np.random.default_rng(0).standard_normal((200, 2))
    >>> y = X[:, 0] * X[:, 1]
    >>> def objective(trial):
    ...     rate = trial.suggest_float("rate", 1e-5, 1e-1, log=True)
    ...     net = cr.Network([2, 16, 1], seed=0)
    ...     history = net.fit(X, y, epochs=10, optimizer=cr.Adam(rate), validation_split=0.2, verbose=0,
    ...         callbacks=cr.optuna.PruningCallback(trial))
    ...     return history["val_loss"][-1]
    >>> study = optuna.create_study(sampler=optuna.samplers.RandomSampler(0), pruner=optuna.pruners.MedianPruner(2))
    >>> study.optimize(objective, n_trials=8)
    >>> sorted({trial.state.name for trial in study.trials})
    ['COMPLETE', 'PRUNED']
    """

    def __init__(self, trial: Any, monitor: str | None = None) -> None:
        try:
            from optuna import TrialPruned
        except ImportError as error:
            raise ImportError('PruningCallback needs Optuna: pip install "chainrule[optuna]"') from error
        if not all(callable(getattr(trial, name, None)) for name in ("report", "should_prune")):
            raise TypeError(f"trial must be a trial of Optuna, got {trial!r}")
        self.trial = trial
        self.monitor = monitor
        self._pruned = TrialPruned

    def settings(self) -> dict[str, Any]:
        """Return the metric, which a resumed fit must report as well."""
        return {"monitor": self.monitor}

    def on_epoch_end(self, network: Any, epoch: int, metrics: dict[str, float]) -> None:
        """Report the metric of an epoch."""
        name = monitored(self.monitor, metrics)
        self.trial.report(metrics[name], epoch)
        if self.trial.should_prune():
            raise self._pruned(f"{name} is {metrics[name]:.4g} after epoch {epoch}")
