"""Whole fits by native kernels against Keras's own loop: equal weights, optimizer variables and histories.

Without dropout, whose random numbers differ. The other loop is ``keras.Model.fit`` on stock layers.
"""

import logging

import numpy as np
import pytest
from conftest import make, needs_kernels, with_padded_steps
from numpy.testing import assert_allclose

from skrnn._engine.optimizer_arguments import OPTIMIZERS

pytestmark = needs_kernels

TOLERANCES = {"float64": 1e-9, "float32": 1e-4}  # of the largest weight
EPOCHS = 5


@pytest.fixture
def fit_by(monkeypatch, caplog):
    """Call a function under an engine; see that it was that engine which trained."""

    def call(engine, function):
        monkeypatch.setenv("SKRNN_ENGINE", engine)
        caplog.clear()
        with caplog.at_level(logging.DEBUG, logger="skrnn"):
            result = function()
        assert ("trains through keras.Model.fit" in caplog.text) == (engine == "keras")
        return result

    return call


def assert_equal_training(estimator, expected, tolerance):
    """Compare all that a further epoch would depend on, and what was recorded."""
    state, wanted = estimator._state, expected._state
    assert state.optimizer_name == wanted.optimizer_name
    largest = max(np.abs(weight).max() for weight in wanted.weights if weight.dtype.kind == "f")
    for weight, other in zip(state.weights, wanted.weights, strict=True):
        assert weight.dtype == other.dtype
        if weight.dtype.kind == "f":  # not the states of random generators, which nothing has drawn from
            assert_allclose(weight, other, rtol=0, atol=tolerance * largest)
    for variable, other in zip(state.optimizer, wanted.optimizer, strict=True):
        assert variable.dtype == other.dtype
        assert_allclose(variable, other, rtol=0, atol=10 * tolerance * np.abs(other).max())
    assert estimator.history_.keys() == expected.history_.keys()
    for name, values in expected.history_.items():
        # Keras measures in float32, whatever the dtype of the network.
        assert_allclose(estimator.history_[name], values, rtol=max(tolerance, 1e-5), atol=1e-6, err_msg=name)
    assert (estimator.n_iter_, estimator.best_epoch_) == (expected.n_iter_, expected.best_epoch_)


# ---------------------------------------------------------------------- data


def sequences():
    return np.random.default_rng(0).normal(size=(40, 5, 3))


def padded():
    return with_padded_steps(sequences())


def ragged():
    """A list of sequences of one to nine steps."""
    rng = np.random.default_rng(1)
    return [rng.normal(size=(n, 3)) for n in rng.integers(1, 10, size=40)]


def tokens():
    """Token ids, some padded at their end; a batch holds each many times."""
    ids = np.random.default_rng(2).integers(1, 9, size=(40, 6))
    ids[::3, 4:] = 0
    return ids


def different_tokens():
    """Token ids that no sequence holds twice.

    Of a token that a batch holds twice, Keras on TensorFlow adds the squares of both gradients where an optimizer needs
    the square of their sum, because it keeps gradients of embeddings sparse. Other backends do not (Keras 3.15).
    """
    ids = np.stack([np.random.default_rng(seed).permutation(8)[:6] + 1 for seed in range(20)])
    ids[::3, 4:] = 0
    return ids


def series(X):
    """One number per sequence, below and above zero."""
    sums = np.array([np.nansum(np.asarray(x, float)) for x in X])
    return (sums - np.median(sums)) / 5


def two_outputs(X):
    return np.stack([series(X), -(series(X) ** 2)], axis=1)


def steps(X):
    """One number per time step; where X is a list, a list."""
    if isinstance(X, list):
        return [np.cumsum(x[:, 0]) / 2 for x in X]
    return np.cumsum(np.nan_to_num(X[..., 0]), axis=1) / 2


def two_classes(X):
    return np.where(series(X) > 0, "up", "down")


def three_classes(X):
    return np.digitize(series(X), [-0.4, 0.4])


def several_labels(X):
    return np.stack([series(X) > 0, series(X) < 0.5], axis=1).astype(int)


def two_classes_of_steps(X):
    return (steps(X) > 0).astype(int)


def three_classes_of_steps(X):
    return np.digitize(steps(X), [-0.3, 0.3])


BIG = {"optimizer__learning_rate": 0.05}
VALIDATION = {"validation_split": 0.25, "early_stopping": True, "patience": 2}

WEIGHTED_CLASSES = {0: 1, 1: 3, 2: 2}

# Estimator, sequences, targets, parameters, whether samples have weights.
CASES = {
    "gru": ("GRURegressor", sequences, series, {}, False),
    "lstm-lists": ("LSTMRegressor", ragged, series, {"batch_size": 7}, False),
    "rnn": ("RecurrentRegressor", padded, series, {"cell": "rnn", **BIG}, True),
    "gru-stacked-bidirectional": ("GRURegressor", padded, series, {"units": (6, 9), "bidirectional": True}, False),
    "lstm-stacked": ("LSTMRegressor", padded, series, {"units": (9, 4, 3), **BIG}, False),
    "rnn-bidirectional-lists": ("RecurrentRegressor", ragged, series, {"cell": "rnn", "bidirectional": True}, True),
    "gru-steps": ("GRURegressor", padded, steps, {"return_sequences": True, **BIG}, True),
    "gru-steps-lists": ("GRURegressor", ragged, steps, {"return_sequences": True, "units": (5, 4)}, False),
    "lstm-steps-bidirectional": (
        "LSTMRegressor",
        padded,
        steps,
        {"return_sequences": True, "bidirectional": True, "units": (6, 4)},
        False,
    ),
    "dense": ("GRURegressor", sequences, two_outputs, {"dense_units": (10, 5), **BIG}, False),
    "tokens": (
        "GRURegressor",
        tokens,
        series,
        {"embedding_dim": 5, "n_tokens": 12, "optimizer": "sgd", "optimizer__momentum": 0.9, **BIG},
        True,
    ),
    "tokens-one-by-one": (
        "LSTMClassifier",
        different_tokens,
        two_classes,
        {"embedding_dim": 9, "units": (4, 3), "bidirectional": True, "batch_size": 1, "optimizer__clipnorm": 0.05},
        False,
    ),
    "binary": ("GRUClassifier", sequences, two_classes, {**BIG}, True),
    "multiclass": (
        "LSTMClassifier",
        padded,
        three_classes,
        {"class_weight": WEIGHTED_CLASSES, "dense_units": 4},
        True,
    ),
    "multilabel": ("GRUClassifier", sequences, several_labels, {"metrics": ["binary_accuracy"]}, False),
    "binary-steps": ("GRUClassifier", sequences, two_classes_of_steps, {"return_sequences": True, **BIG}, False),
    "multiclass-steps": ("GRUClassifier", padded, three_classes_of_steps, {"return_sequences": True}, True),
    "early-stopping": ("GRURegressor", sequences, series, {**VALIDATION, "metrics": ["mae"], **BIG}, True),
    "early-stopping-classes": ("GRUClassifier", sequences, three_classes, {**VALIDATION, "metrics": ["accuracy"]}, 0),
    "huber": ("GRURegressor", sequences, series, {"loss": "huber", "loss__delta": 0.5, "shuffle": False}, True),
    "one-batch": ("LSTMRegressor", padded, series, {"batch_size": None, "loss": "log_cosh"}, False),
    "batches-of-shards": ("GRURegressor", sequences, series, {"batch_size": 40, "units": 200}, False),
    "clipvalue": ("GRURegressor", sequences, series, {"optimizer": "sgd", "optimizer__clipvalue": 0.01}, False),
    "clipnorm-momentum": (
        "GRURegressor",
        sequences,
        series,
        {"optimizer": "sgd", "optimizer__clipnorm": 0.1, "optimizer__momentum": 0.9, "optimizer__nesterov": True},
        True,
    ),
    "global-clipnorm-decay": (
        "LSTMRegressor",
        padded,
        series,
        {"optimizer": "adamw", "optimizer__global_clipnorm": 0.2, "optimizer__weight_decay": 0.05, **BIG},
        False,
    ),
    "amsgrad": ("GRURegressor", padded, series, {"optimizer__amsgrad": True, **BIG}, False),
    "rmsprop-centered": (
        "GRURegressor",
        sequences,
        series,
        {"optimizer": "rmsprop", "optimizer__centered": True, "optimizer__momentum": 0.5, "optimizer__clipvalue": 0.05},
        False,
    ),
}
IN_THE_SHORT_RUN = [("lstm-lists", "float64"), ("rnn", "float32")]


def case_parameters():
    return [
        pytest.param(case, dtype, marks=[] if (case, dtype) in IN_THE_SHORT_RUN else pytest.mark.slow)
        for case in CASES
        for dtype in TOLERANCES
    ]


@pytest.mark.parametrize(("case", "dtype"), case_parameters())
def test_fits_are_those_of_keras(case, dtype, fit_by):
    name, data, target, params, weighted = CASES[case]
    X = data()
    y, weights = target(X), np.linspace(0.5, 3, len(X)) if weighted else None

    def fit():
        estimator = make(name, **{"epochs": EPOCHS, "dtype": dtype, **params})
        return estimator.fit(X, y, sample_weight=weights).partial_fit(X, y, sample_weight=weights)

    assert_equal_training(fit_by("native", fit), fit_by("keras", fit), TOLERANCES[dtype])


# ---------------------------------------------------------------------- from one engine to the other

OF_OPTIMIZERS = {
    "Ftrl": {"optimizer__initial_accumulator_value": 0.1, "optimizer__learning_rate": 0.1},
    "Adadelta": {"optimizer__learning_rate": 1.0},
    "SGD": {"optimizer__momentum": 0.9},
}


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_training_goes_on_in_the_other_engine_and_back(optimizer, X, y, fit_by):
    params = {"optimizer": optimizer.lower(), "optimizer__learning_rate": 0.01, **OF_OPTIMIZERS.get(optimizer, {})}

    def trained(*engines):
        network = make("RecurrentRegressor", cell="rnn", warm_start=True, dtype="float64", **params)
        calls = [lambda: network.fit(X, y), lambda: network.partial_fit(X, -y), lambda: network.fit(X[::-1], y)]
        for engine, call in zip(engines, calls, strict=True):
            fit_by(engine, call)
        return network

    mixed = trained("native", "keras", "native")
    assert mixed.n_iter_ == 7
    for other in (trained("native", "native", "native"), trained("keras", "keras", "keras")):
        assert_equal_training(mixed, other, TOLERANCES["float64"])
