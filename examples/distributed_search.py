"""A search on a Dask cluster
==========================

A grid search on a Dask cluster: on worker processes of this machine, or on the machines of a running cluster.

    pip install "skrnn[dask]"
    python examples/distributed_search.py
    python examples/distributed_search.py --scheduler tcp://192.0.2.1:8786

scikit-learn runs the fits of a search with joblib, and joblib runs them on Dask. Results are equal to those of one
process, bit for bit. If a worker fails, its fits are repeated by another one.
"""

import argparse
import contextlib
import itertools

import joblib
import numpy as np
import pandas as pd
from sklearn.compose import TransformedTargetRegressor
from sklearn.model_selection import GridSearchCV, TimeSeriesSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skrnn import RecurrentRegressor, SequenceWindower, make_supervised
from skrnn.datasets import load_sunspots

HELD_OUT = 40  # years


@contextlib.contextmanager
def connected(scheduler, n_workers):
    """Yield a client of the scheduler at the given address or, if None, of a new cluster on this machine."""
    from distributed import Client, LocalCluster

    with contextlib.ExitStack() as stack:
        if scheduler is None:
            # One fit at a time per process; the cluster is not accessible from other machines.
            scheduler = stack.enter_context(
                LocalCluster(
                    n_workers=n_workers, threads_per_worker=1, host="127.0.0.1", dashboard_address="127.0.0.1:0"
                )
            )
        yield stack.enter_context(Client(scheduler))


def make_search(units, epochs, folds):
    """Return a search over cells and units, for predictions of next year's sunspot number."""
    network = RecurrentRegressor(epochs=epochs, optimizer__learning_rate=0.01, random_state=0)
    pipeline = make_pipeline(StandardScaler(), SequenceWindower(window=24, context="assume"), network)
    return GridSearchCV(
        TransformedTargetRegressor(pipeline, transformer=StandardScaler()),
        {"regressor__recurrentregressor__cell": ["gru", "lstm"], "regressor__recurrentregressor__units": units},
        cv=folds,
        scoring="neg_root_mean_squared_error",
    )


def main(arguments=None):
    parser = argparse.ArgumentParser(description="A search on a Dask cluster")
    parser.add_argument("--scheduler", help="address of a running scheduler; by default, a cluster on this machine")
    parser.add_argument("--workers", type=int, default=2, help="worker processes of a cluster on this machine")
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--units", type=int, nargs="+", default=[8, 16])
    options = parser.parse_args(arguments)

    X, y, _ = make_supervised(load_sunspots(), "sunspots")
    X, y = X.to_numpy(), y.to_numpy()
    past, target = X[:-HELD_OUT], y[:-HELD_OUT]
    search = make_search(options.units, options.epochs, folds=list(TimeSeriesSplit(4).split(past)))
    with connected(options.scheduler, options.workers) as client:
        print(f"{len(client.scheduler_info(n_workers=-1)['workers'])} workers")
        # Send the data and the folds to all workers. joblib sends large arrays that are not listed here to one worker
        # only, and the search fails if that worker does.
        with joblib.parallel_config("dask", scatter=[past, target, *itertools.chain.from_iterable(search.cv)]):
            search.fit(past, target)

    results = pd.DataFrame(search.cv_results_["params"]).rename(columns=lambda name: name.split("__")[-1])
    results["RMSE"] = -search.cv_results_["mean_test_score"]
    results["fit time (s)"] = search.cv_results_["mean_fit_time"]
    print(results.sort_values("RMSE").to_string(index=False, justify="left", float_format="%.1f"))
    errors = search.predict(X[-HELD_OUT:]) - y[-HELD_OUT:]
    print(f"Last {HELD_OUT} years, held out: RMSE {np.sqrt(np.mean(errors**2)):.1f}")


if __name__ == "__main__":
    main()
