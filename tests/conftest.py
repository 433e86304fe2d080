"""What all tests share: tiny data, kernels compiled before the workers start, and a report of the memory they took."""

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from importlib.util import find_spec

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"  # before TensorFlow is imported: its C++ parts log to standard error

import numpy as np
import pytest
from children import run_code
from sklearn.utils.fixes import parse_version

import skrnn

# Known of 2.17, and not of 2.21: some results differ in their last bits from process to process, and from row to row.
OLD_TENSORFLOW = parse_version(version("tensorflow")) < parse_version("2.18")

N_SAMPLES, N_TIMESTEPS, N_FEATURES = 40, 5, 3

# Parameters of every estimator unless a test is about one of them.
SMALL = {"units": 6, "epochs": 3, "random_state": 0}

# Parameters of a SequenceForecaster whose estimator sees the values as they are.
RAW = {"target_transformer": None, "window_scaling": None, "covariate_transformer": None, "padding": None}

REGRESSORS = ("GRURegressor", "LSTMRegressor", "RecurrentRegressor")
CLASSIFIERS = ("GRUClassifier", "LSTMClassifier", "RecurrentClassifier")

# Every cell, as a regressor and as a classifier.
REGRESSOR_CELLS = [("GRURegressor", {}), ("LSTMRegressor", {}), ("RecurrentRegressor", {"cell": "rnn"})]
CLASSIFIER_CELLS = [("GRUClassifier", {}), ("LSTMClassifier", {}), ("RecurrentClassifier", {"cell": "rnn"})]


# SKRNN_ENGINE=keras pytest ... runs the tests of the estimators through Keras's own loop; these are of the kernels.
needs_kernels = pytest.mark.skipif(
    os.environ.get("SKRNN_ENGINE") == "keras", reason="Is about native kernels; SKRNN_ENGINE=keras runs none."
)


COMPILE = """
import sys
from skrnn._engine.native.library import LIBRARIES

LIBRARIES[sys.argv[1]].compile_all()
"""


def pytest_configure(config):
    """Collect no doctests of the modules that import torch if it is not installed, since it is optional."""
    if find_spec("torch") is None:
        config.option.ignore = [*(config.option.ignore or []), "skrnn/_engine/torch"]


def pytest_sessionstart(session):
    """Compile kernels that are not yet compiled, before pytest-xdist starts workers that would wait for each other."""
    if session.config.getoption("numprocesses", None) and os.environ.get("SKRNN_ENGINE") != "keras":
        with ThreadPoolExecutor() as pool:  # of threads that wait for one process per dtype
            list(pool.map(lambda dtype: run_code(COMPILE, dtype), ["float32", "float64"]))


def pytest_collection_modifyitems(items):
    """Give tests marked slow more time than the others, whose limit is in pyproject.toml."""
    for item in items:
        if item.get_closest_marker("slow") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(900))


PEAKS = pytest.StashKey[dict]()  # peak memory in MB of each process that has run tests, by its name


def pytest_sessionfinish(session):
    """Note the peak memory of a process that has run tests: a worker sends it, a run without workers keeps it."""
    peak = peak_memory()
    if hasattr(session.config, "workerinput"):
        session.config.workeroutput["peak"] = peak
    elif not session.config.getoption("numprocesses", None):
        session.config.stash[PEAKS] = {"this process": peak}


@pytest.hookimpl(optionalhook=True)  # of pytest-xdist
def pytest_testnodedown(node):
    """Keep what a worker has sent; one that was killed has sent nothing."""
    peak = getattr(node, "workeroutput", {}).get("peak")
    node.config.stash.setdefault(PEAKS, {})[node.gateway.id] = peak


def pytest_terminal_summary(terminalreporter, config):
    """Print the peak memory of every process."""
    peaks = config.stash.get(PEAKS, {})
    known = [f"{name} {peak:,.0f} MB" for name, peak in sorted(peaks.items()) if peak is not None]
    if known:
        terminalreporter.write_line(f"peak memory: {', '.join(known)}")


def peak_memory():
    """Return the peak of the resident memory of this process in MB, or None where the platform does not tell."""
    if sys.platform != "linux":
        return None
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def make(name, **params):
    """A small estimator by name."""
    return getattr(skrnn, name)(**{**SMALL, **params})


def make_cell(cell, **params):
    """A small estimator for an entry of `REGRESSOR_CELLS` or `CLASSIFIER_CELLS`."""
    name, fixed = cell
    return make(name, **fixed, **params)


def cell_id(cell):
    """What a test is called after an entry of `REGRESSOR_CELLS` or `CLASSIFIER_CELLS`."""
    name, fixed = cell
    return "-".join([name, *fixed.values()])


def data(n_samples=N_SAMPLES):
    """Random sequences and a number per sequence, for child processes and fixtures of a module as well."""
    X = np.random.default_rng(0).normal(size=(n_samples, N_TIMESTEPS, 2))
    return X, X[:, -1, 0] - X[:, -2, 1]


def weights_of(estimator):
    """Trained weights of an estimator, as one vector."""
    return np.concatenate([np.ravel(w) for w in estimator._state.weights])


def with_padded_steps(X):
    """A copy of sequences, two of them with leading or trailing padding."""
    X = X.copy()
    X[1, :2] = np.nan
    X[4, -3:] = np.nan
    return X


def legend_of(ax):
    """Texts of the legend of axes."""
    return [text.get_text() for text in ax.get_legend().get_texts()]


@pytest.fixture
def close_figures():
    """Close the figures of a test."""
    import matplotlib.pyplot as plt  # tests of other modules need none

    yield
    plt.close("all")


@pytest.fixture
def X():
    """Multivariate sequences: (n_samples, n_timesteps, n_features)."""
    return np.random.default_rng(0).normal(size=(N_SAMPLES, N_TIMESTEPS, N_FEATURES))


@pytest.fixture
def X_masked(X):
    """The same, some time steps padded."""
    return with_padded_steps(X)


@pytest.fixture
def y(X):
    """One number per sequence: (n_samples,)."""
    return X[:, -1, 0] - X[:, -2, 1]


@pytest.fixture
def y_steps(X):
    """One number per time step: (n_samples, n_timesteps)."""
    return np.cumsum(X[..., 0], axis=1) / 2


@pytest.fixture
def labels(X):
    """One of three classes per sequence: (n_samples,)."""
    return np.array(["down", "flat", "up"])[np.digitize(X[:, -1, 0], [-0.4, 0.4])]


@pytest.fixture
def binary_labels(X):
    """One of two classes per sequence: (n_samples,)."""
    return np.where(X[:, -1, 0] > 0, "up", "down")


@pytest.fixture
def use_engine(monkeypatch):
    """Train through Keras's own loop where a test says so."""

    def use(engine):
        if engine == "keras":
            monkeypatch.setenv("SKRNN_ENGINE", "keras")

    return use
