"""A grid search whose fits are shared out by Dask or by Ray, and which goes on when a worker of Dask is lost.

python examples/cluster_search.py dask|ray [ADDRESS]

ADDRESS is that of a running cluster, such as tcp://10.0.0.1:8786 for Dask or 10.0.0.1:6379 for Ray; without one, two
workers start on this machine.
"""

import argparse
from contextlib import contextmanager

import joblib
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV, StratifiedKFold

from chainrule.sklearn import MLPClassifier

X, y = load_digits(return_X_y=True)
X = X / 16
FOLDS = list(StratifiedKFold(3).split(X, y))


def search():
    grid = {"hidden_layer_sizes": [(16,), (32,), (64,)], "learning_rate_init": [1e-3, 1e-2]}
    # Early stopping ends each fit by itself; the estimator's seed gives the same scores on every worker.
    model = MLPClassifier(early_stopping=True, max_iter=300, random_state=0)
    return GridSearchCV(model, grid, cv=FOLDS, n_jobs=-1).fit(X, y)


@contextmanager
def on_dask(address=None):
    from distributed import Client, LocalCluster

    cluster = address or LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None)
    arrays = [X, y, *(rows for fold in FOLDS for rows in fold)]
    with Client(cluster) as client:
        # All workers are given the arrays before the first fit, and keep them: those that one worker alone has would be
        # lost with it. They have OMP_NUM_THREADS=1, which is obeyed, so that they do not get in each other's way.
        client.amm.stop()
        with joblib.parallel_config("dask", client=client, scatter=arrays):
            yield client


@contextmanager
def on_ray(address=None):
    import ray
    from ray.util.joblib import register_ray

    # Each of Ray's workers has one processor, and OMP_NUM_THREADS=1 as well.
    if address is None:
        ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    else:
        ray.init(address=address)
    register_ray()
    try:
        with joblib.parallel_config("ray", n_jobs=-1):
            yield ray
    finally:
        ray.shutdown()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("engine", choices=["dask", "ray"])
    parser.add_argument("address", nargs="?", help="of a running cluster; by default two workers on this machine")
    arguments = parser.parse_args()
    with {"dask": on_dask, "ray": on_ray}[arguments.engine](arguments.address):
        found = search()
    print(f"best: accuracy {found.best_score_:.1%} with {found.best_params_}")
