"""A search by Optuna that several processes share, and that goes on after one of them is killed.

python examples/search.py [FOLDER] [--trials N] [--epochs N]

Start it several times with one folder: all take trials from the same study, which SQLite keeps. Each trial has a
checkpoint. A trial whose process was killed is taken up by the next one that looks, from its last epoch, and ends with
the bytes that it would have had.
"""

import argparse
import tempfile
import warnings
from pathlib import Path

import optuna
from optuna.storages import RDBStorage, RetryHeartbeatStaleTrialCallback
from optuna.trial import TrialState

import chainrule as cr

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("folder", nargs="?", help="where study and checkpoints are kept; by default a new one")
parser.add_argument("--trials", type=int, default=12, help="trials of all processes together")
parser.add_argument("--epochs", type=int, default=8)
options = parser.parse_args()

folder = Path(options.folder or tempfile.mkdtemp())
data = cr.data.mnist_sample()
X, y, X_val, y_val = data.X_train[:1500], data.y_train[:1500], data.X_train[1500:], data.y_train[1500:]


def objective(trial):
    units, depth = trial.suggest_int("units", 8, 128, log=True), trial.suggest_int("depth", 1, 2)
    rate = trial.suggest_float("rate", 1e-4, 1e-1, log=True)
    # A trial that is tried again has the number of the one that it stands for.
    number = RetryHeartbeatStaleTrialCallback.retried_trial_number(study.trials[trial.number])
    checkpoint = folder / f"trial-{trial.number if number is None else number}.safetensors"
    resume = checkpoint.exists()
    hidden = [cr.Dense(units, "relu") for _ in range(depth)]
    layers = [cr.Input(*X.shape[1:], scale=1 / 255), *hidden, cr.Dense(10, "softmax")]
    net = cr.load(checkpoint) if resume else cr.Network(layers, seed=0)
    history = net.fit(
        X, y, validation_data=(X_val, y_val), epochs=options.epochs, optimizer=cr.Adam(rate), verbose=0,
        checkpoint=checkpoint, resume=resume, callbacks=cr.optuna.PruningCallback(trial, "val_accuracy"),
    )  # fmt: skip
    return history["val_accuracy"][-1]


def is_done(study, trial=None):
    done = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED))
    if len(done) >= options.trials:
        study.stop()


optuna.logging.set_verbosity(optuna.logging.WARNING)
warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)  # heartbeats are one
storage = RDBStorage(
    f"sqlite:///{folder / 'study.db'}",
    engine_kwargs={"connect_args": {"timeout": 60}},
    heartbeat_interval=1,
    grace_period=15,
    heartbeat_stale_trial_callback=RetryHeartbeatStaleTrialCallback(inherit_intermediate_values=True),
)
study = optuna.create_study(
    study_name="digits",
    storage=storage,
    load_if_exists=True,
    direction="maximize",
    sampler=optuna.samplers.RandomSampler(0),
    pruner=optuna.pruners.MedianPruner(n_startup_trials=3, n_warmup_steps=2),
)
study.optimize(objective, n_trials=options.trials, callbacks=[is_done])
states = [trial.state.name for trial in study.trials]
print(f"{states.count('COMPLETE')} trials ended, {states.count('PRUNED')} were pruned, {states.count('FAIL')} failed")
print(f"best: accuracy {study.best_value:.1%} with {study.best_params}")
