"""Tiny data that the tests share."""

import os
from importlib.metadata import version

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"  # before TensorFlow is imported: its C++ parts log to standard error

import numpy as np
import pytest
from sklearn.utils.fixes import parse_version

import skrnn

# Known of 2.17, and not of 2.21: some results differ in their last bits from process to process, and from row to row.
OLD_TENSORFLOW = parse_version(version("tensorflow")) < parse_version("2.18")

N_SAMPLES, N_TIMESTEPS, N_FEATURES = 40, 5, 3

# Parameters of every estimator unless a test is about one of them.
SMALL = {"units": 6, "epochs": 3, "random_state": 0}

REGRESSORS = ("GRURegressor", "LSTMRegressor", "RecurrentRegressor")
CLASSIFIERS = ("GRUClassifier", "LSTMClassifier", "RecurrentClassifier")

# Every cell, as a regressor and as a classifier.
REGRESSOR_CELLS = [("GRURegressor", {}), ("LSTMRegressor", {}), ("RecurrentRegressor", {"cell": "rnn"})]
CLASSIFIER_CELLS = [("GRUClassifier", {}), ("LSTMClassifier", {}), ("RecurrentClassifier", {"cell": "rnn"})]


# SKRNN_ENGINE=keras pytest ... runs the tests of the estimators through Keras's own loop; these are of the kernels.
needs_kernels = pytest.mark.skipif(
    os.environ.get("SKRNN_ENGINE") == "keras", reason="Is about native kernels; SKRNN_ENGINE=keras runs none."
)


def pytest_collection_modifyitems(items):
    """Give tests marked slow more time than the others, whose limit is in pyproject.toml."""
    for item in items:
        if item.get_closest_marker("slow") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(900))


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


def with_absent_steps(X):
    """A copy of sequences, two of them with absent head or tail steps."""
    X = X.copy()
    X[1, :2] = np.nan
    X[4, -3:] = np.nan
    return X


@pytest.fixture
def X():
    """Multivariate sequences: (n_samples, n_timesteps, n_features)."""
    return np.random.default_rng(0).normal(size=(N_SAMPLES, N_TIMESTEPS, N_FEATURES))


@pytest.fixture
def X_masked(X):
    """The same, some steps absent."""
    return with_absent_steps(X)


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
