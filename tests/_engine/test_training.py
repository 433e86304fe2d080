"""Training: validation, early stopping, history, failure and progress."""

import io
import re
import sys

import keras
import numpy as np
import pytest
from conftest import N_SAMPLES, make
from numpy.testing import assert_array_equal
from sklearn.model_selection import ShuffleSplit, StratifiedKFold, TimeSeriesSplit

from skrnn._engine.progress import ProgressLine
from skrnn.exceptions import UnscaledTargetWarning

# Learns fast, and soon too much: validation loss falls and rises again.
OVERFITTING = {"optimizer__learning_rate": 0.05, "epochs": 60}


@pytest.fixture
def noise(y):
    """A target whose validation loss soon rises."""
    return y + np.random.default_rng(2).normal(scale=2, size=y.shape)


# ---------------------------------------------------------------------- validation


@pytest.mark.parametrize("validation_split", [0.25, 0.3])
def test_a_fraction_holds_out_the_last_rows(validation_split, X, y):
    n_train = int(np.floor(N_SAMPLES * (1 - validation_split)))
    expected = make("GRURegressor").fit(X[:n_train], y[:n_train], X_val=X[n_train:], y_val=y[n_train:])
    regressor = make("GRURegressor", validation_split=validation_split).fit(X, y)
    assert regressor.history_ == expected.history_
    assert_array_equal(regressor.predict(X), expected.predict(X))


def test_validation_loss_is_that_of_the_predictions(X, y):
    regressor = make("GRURegressor", validation_split=0.25).fit(X, y)
    held_out = slice(30, None)
    loss = np.mean((regressor.predict(X[held_out]) - y[held_out]) ** 2)
    assert regressor.history_["val_loss"][-1] == pytest.approx(loss, rel=1e-5)
    assert set(regressor.history_) == {"loss", "val_loss"}


def test_validation_loss_is_weighted(X, y):
    weights = np.linspace(0.5, 3, 10)
    regressor = make("GRURegressor").fit(X[:30], y[:30], X_val=X[30:], y_val=y[30:], sample_weight_val=weights)
    loss = np.average((regressor.predict(X[30:]) - y[30:]) ** 2, weights=weights)
    assert regressor.history_["val_loss"][-1] == pytest.approx(loss, rel=1e-5)
    weights = np.linspace(0.5, 3, N_SAMPLES)
    regressor = make("GRURegressor", validation_split=0.25).fit(X, y, sample_weight=weights)
    loss = np.average((regressor.predict(X[30:]) - y[30:]) ** 2, weights=weights[30:])
    assert regressor.history_["val_loss"][-1] == pytest.approx(loss, rel=1e-5)


def test_validation_changes_nothing_of_training(X, y):
    alone = make("GRURegressor").fit(X, y)
    watched = make("GRURegressor").fit(X, y, X_val=X[:10], y_val=y[:10])
    assert_array_equal(watched.predict(X), alone.predict(X))
    assert watched.history_["loss"] == alone.history_["loss"]


def test_validation_data_override_validation_split(X, y):
    regressor = make("GRURegressor", validation_split=0.25).fit(X, y, X_val=X[:10], y_val=y[:10])
    assert_array_equal(regressor.predict(X), make("GRURegressor").fit(X, y).predict(X))


def test_validation_data_may_be_longer(X, y):
    longer = np.concatenate([X, X[:, :2]], axis=1)
    regressor = make("GRURegressor").fit(X, y, X_val=longer, y_val=y)
    loss = np.mean((regressor.predict(longer) - y) ** 2)
    assert regressor.history_["val_loss"][-1] == pytest.approx(loss, rel=1e-5)


def test_validation_data_may_have_padded_steps(X, X_masked, y):
    regressor = make("GRURegressor").fit(X, y, X_val=X_masked, y_val=y)
    loss = np.mean((regressor.predict(X_masked) - y) ** 2)
    assert regressor.history_["val_loss"][-1] == pytest.approx(loss, rel=1e-5)


@pytest.mark.parametrize("splitter", [TimeSeriesSplit(3), ShuffleSplit(1, test_size=10, random_state=3)], ids=str)
def test_the_first_split_of_a_splitter(splitter, X, y):
    train, test = next(iter(splitter.split(X, y)))
    expected = make("GRURegressor").fit(X[train], y[train], X_val=X[test], y_val=y[test])
    regressor = make("GRURegressor", validation_split=splitter).fit(X, y)
    assert regressor.history_ == expected.history_
    assert_array_equal(regressor.predict(X), expected.predict(X))


def test_a_splitter_sees_the_labels(X, labels):
    splitter = StratifiedKFold(4)
    train, test = next(iter(splitter.split(X, labels)))
    expected = make("GRUClassifier").fit(X[train], labels[train], X_val=X[test], y_val=labels[test])
    classifier = make("GRUClassifier", validation_split=splitter).fit(X, labels)
    assert classifier.history_ == expected.history_


def test_a_fraction_holds_out_the_last_rows_of_each_class(X, labels):
    order = np.argsort(labels, kind="stable")  # sorted by class: the last rows are of one class
    X, labels = X[order], labels[order]
    of_class = [np.flatnonzero(labels == c) for c in np.unique(labels)]
    test = np.concatenate([rows[int(np.floor(len(rows) * 0.75)) :] for rows in of_class])
    train = np.setdiff1d(np.arange(N_SAMPLES), test)
    expected = make("GRUClassifier").fit(X[train], labels[train], X_val=X[test], y_val=labels[test])
    classifier = make("GRUClassifier", validation_split=0.25).fit(X, labels)
    assert classifier.history_ == expected.history_
    assert set(labels[test]) == set(labels)


def test_a_class_that_only_validation_holds_is_refused(X, labels):
    order = np.argsort(labels, kind="stable")
    with pytest.raises(ValueError, match=r"classes that the training data lack: \['up'\].*StratifiedKFold"):
        make("GRUClassifier", validation_split=TimeSeriesSplit(2)).fit(X[order], labels[order])


# ---------------------------------------------------------------------- early stopping


@pytest.mark.parametrize("patience", [2, 5])
def test_early_stopping_restores_the_best_epoch(patience, X, noise):
    params = {**OVERFITTING, "validation_split": 0.25}
    regressor = make("GRURegressor", early_stopping=True, patience=patience, **params).fit(X, noise)
    losses = regressor.history_["val_loss"]
    assert regressor.best_epoch_ == np.argmin(losses)
    assert regressor.n_iter_ == regressor.best_epoch_ + 1 + patience < 60
    assert len(losses) == len(regressor.history_["loss"]) == regressor.n_iter_
    shorter = make("GRURegressor", **{**params, "epochs": regressor.best_epoch_ + 1}).fit(X, noise)
    assert_array_equal(regressor.predict(X), shorter.predict(X))
    assert shorter.history_["val_loss"] == losses[: regressor.best_epoch_ + 1]


def test_the_best_epoch_is_restored_where_epochs_run_out(X, noise):
    params = {**OVERFITTING, "validation_split": 0.25}
    regressor = make("GRURegressor", early_stopping=True, patience=1000, **params).fit(X, noise)
    assert regressor.n_iter_ == 60
    assert regressor.best_epoch_ == np.argmin(regressor.history_["val_loss"]) < 59
    shorter = make("GRURegressor", **{**params, "epochs": regressor.best_epoch_ + 1}).fit(X, noise)
    assert_array_equal(regressor.predict(X), shorter.predict(X))


def test_min_delta_is_what_an_improvement_must_exceed(X, y):
    regressor = make("GRURegressor", early_stopping=True, patience=2, min_delta=1e6, epochs=60).fit(X, y)
    assert regressor.best_epoch_ == 0
    assert regressor.n_iter_ == 3


def test_early_stopping_holds_out_a_tenth(X, y):
    default = make("GRURegressor", early_stopping=True).fit(X, y)
    tenth = make("GRURegressor", early_stopping=True, validation_split=0.1).fit(X, y)
    assert default.history_ == tenth.history_
    assert "val_loss" in default.history_
    assert set(make("GRURegressor").fit(X, y).history_) == {"loss"}


def test_early_stopping_watches_validation_data(X, noise):
    params = {**OVERFITTING, "early_stopping": True, "patience": 3, "validation_split": 0.0}
    regressor = make("GRURegressor", **params).fit(X[:30], noise[:30], X_val=X[30:], y_val=noise[30:])
    expected = make("GRURegressor", **{**params, "validation_split": 0.25}).fit(X, noise)
    assert regressor.history_ == expected.history_
    assert_array_equal(regressor.predict(X), expected.predict(X))


def test_early_stopping_of_a_classifier(X, labels):
    rng = np.random.default_rng(0)
    params = {**OVERFITTING, "early_stopping": True, "patience": 3, "validation_split": 0.25}
    classifier = make("GRUClassifier", **params).fit(X, rng.permutation(labels))
    assert classifier.best_epoch_ == np.argmin(classifier.history_["val_loss"])
    assert classifier.n_iter_ == classifier.best_epoch_ + 4 < 60


def test_without_early_stopping_the_last_epoch_counts(X, noise):
    regressor = make("GRURegressor", **{**OVERFITTING, "validation_split": 0.25}).fit(X, noise)
    assert regressor.n_iter_ == 60
    assert regressor.best_epoch_ == 59


# ---------------------------------------------------------------------- metrics and history


def test_history_has_a_value_of_every_metric_for_every_epoch(X, y):
    regressor = make("GRURegressor", metrics=["mae"], validation_split=0.25).fit(X, y)
    assert set(regressor.history_) == {"loss", "mae", "val_loss", "val_mae"}
    assert all(len(values) == 3 for values in regressor.history_.values())
    assert all(type(value) is float for values in regressor.history_.values() for value in values)
    error = np.abs(regressor.predict(X[30:]) - y[30:]).mean()
    assert regressor.history_["val_mae"][-1] == pytest.approx(error, rel=1e-5)


def test_metrics_are_weighted(X, y):
    weights = np.linspace(0.5, 3, 10)
    regressor = make("GRURegressor", metrics=["mae"]).fit(X, y, X_val=X[30:], y_val=y[30:], sample_weight_val=weights)
    error = np.average(np.abs(regressor.predict(X[30:]) - y[30:]), weights=weights)
    assert regressor.history_["val_mae"][-1] == pytest.approx(error, rel=1e-5)


@pytest.mark.parametrize("kind", ["binary", "multiclass"])
def test_accuracy_is_that_of_the_labels(kind, X, labels, binary_labels):
    target = binary_labels if kind == "binary" else labels
    classifier = make("GRUClassifier", metrics=["accuracy"], optimizer__learning_rate=0.02, epochs=20)
    classifier.fit(X, target, X_val=X[30:], y_val=target[30:])
    assert classifier.history_["val_accuracy"][-1] == pytest.approx(classifier.score(X[30:], target[30:]))


# ---------------------------------------------------------------------- failure and progress


def test_a_diverging_loss_names_the_epoch(X, y):
    regressor = make("GRURegressor", optimizer="sgd", optimizer__learning_rate=1e30, epochs=20)
    with pytest.raises(
        ValueError, match=r"loss of GRURegressor became (nan|inf) in epoch \d+: .*optimizer__clipnorm.*learning_rate"
    ):
        regressor.fit(X, y)
    assert not hasattr(regressor, "history_")


@pytest.mark.parametrize("warm_start", [False, True])
def test_a_failed_fit_leaves_the_estimator_as_it_was(warm_start, X, y):
    regressor = make("GRURegressor", warm_start=warm_start).fit(X, y)
    before, history, predictions = dict(vars(regressor)), dict(regressor.history_), regressor.predict(X)
    optimizer = {"optimizer__learning_rate": 1e30, "epochs": 20}
    regressor.set_params(**optimizer)
    with pytest.warns(UnscaledTargetWarning), pytest.raises(ValueError, match="diverges"):
        regressor.fit(X, y * 1e18)
    with pytest.raises(ValueError, match=r"NaN|is expecting 3 features"):
        regressor.fit(X[..., :2], np.full_like(y, np.nan))
    assert_array_equal(regressor.predict(X), predictions)
    assert regressor.history_ == history
    assert vars(regressor) == {**before, **optimizer}


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_an_interrupted_fit_leaves_the_estimator_as_it_was(error, X, y):
    def interrupt(epoch, logs):
        if epoch == 2:
            raise error

    fresh = make("GRURegressor", callbacks=[keras.callbacks.LambdaCallback(on_epoch_end=interrupt)], epochs=2)
    regressor = fresh.fit(X, y)
    predictions = regressor.predict(X)
    with pytest.raises(error):
        regressor.set_params(epochs=5).fit(X, y)
    assert_array_equal(regressor.predict(X), predictions)
    assert regressor.n_iter_ == 2


def test_progress_is_printed_where_asked_for(X, y, capsys):
    make("GRURegressor", epochs=20, validation_split=0.25, verbose=1).fit(X, y)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[1] for line in lines] == [f"{2 * k}/20" for k in range(1, 11)]
    assert all("loss" in line and "val_loss" in line and "left" in line for line in lines)
    make("GRURegressor", epochs=20, verbose=0).fit(X, y)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == ""


class Screen(io.StringIO):
    """A terminal."""

    def isatty(self):
        return True


def test_progress_line_is_rewritten_in_a_terminal(monkeypatch):
    monkeypatch.setattr(sys, "stdout", screen := Screen())
    line = ProgressLine(n_epochs=3, verbose=1)
    for epoch in (1, 2, 3):
        line.update(epoch, {"loss": 0.5})
    line.close()
    *_, last = screen.getvalue().split("\r")
    assert re.fullmatch(r"Epoch 3/3  loss 0\.5  \S+ ms/epoch  0 s left *\n", last)
    assert screen.getvalue().count("\n") == 1


def test_time_of_the_first_epoch_is_not_that_of_others(monkeypatch, capsys):
    times = iter([0.0, 10.0, 10.5, 11.0])
    monkeypatch.setattr("skrnn._engine.progress.time.perf_counter", lambda: next(times))
    line = ProgressLine(n_epochs=10, verbose=1)
    for epoch in (1, 2, 3):
        line.update(epoch, {"loss": 0.5})
    lines = capsys.readouterr().out.splitlines()
    assert [text.partition("  loss 0.5  ")[2] for text in lines] == [
        "1e+04 ms/epoch  90 s left",
        "500 ms/epoch  4 s left",
        "500 ms/epoch  4 s left",
    ]


def test_progress_line_is_rewritten_in_a_notebook(monkeypatch):
    # A notebook's stream is no terminal; ipykernel, which has it, is not among the dependencies.
    stream = type("OutStream", (io.StringIO,), {"__module__": "ipykernel.iostream"})()
    monkeypatch.setattr(sys, "stdout", stream)
    line = ProgressLine(n_epochs=1, verbose=1)
    line.update(1, {"loss": 0.5})
    line.close()
    assert stream.getvalue().startswith("\rEpoch 1/1  loss 0.5")
