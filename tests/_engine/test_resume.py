"""Fits that are cut off and go on from what a `Checkpoint` has saved."""

import os
import pickle
import re
from functools import partial
from pathlib import Path

import keras
import numpy as np
import pytest
from children import run
from conftest import OLD_TENSORFLOW, make, needs_kernels
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

import skrnn._engine.training
from skrnn import Checkpoint
from skrnn._engine.fit_digest import digest
from skrnn._engine.saved_fit import SavedFit

EXAMPLES = Path(__file__).parents[2] / "examples"

# Keras's callbacks read the rate with np.array(variable), and TensorFlow's variables do not know the copy argument of
# NumPy 2. Remove once they do: TensorFlow 2.21 does not.
READS_THE_RATE = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")


class Recorder(keras.callbacks.Callback):
    """Keeps the epochs that it was called for."""

    def __init__(self):
        super().__init__()
        self.epochs = []

    def on_epoch_end(self, epoch, logs=None):
        self.epochs.append(epoch)


@pytest.fixture
def cut_off(monkeypatch):
    """Let a call end, as by Ctrl-C, when it has saved so many times."""

    def cut(call, n_saves=1):
        write = SavedFit.write
        calls = []

        def write_and_interrupt(file, content):
            write(file, content)
            calls.append(file)
            if len(calls) == n_saves:
                raise KeyboardInterrupt("after a save")

        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt, match="after a save"):
            patch.setattr(SavedFit, "write", write_and_interrupt)
            call()

    return cut


def trained_state(estimator):
    """Everything that a further epoch would depend on."""
    return [*estimator._state.weights, *estimator._state.optimizer]


def assert_equal_fits(estimator, expected):
    assert estimator.history_ == expected.history_
    assert estimator.n_iter_ == expected.n_iter_
    assert estimator.best_epoch_ == expected.best_epoch_
    for value, wanted in zip(trained_state(estimator), trained_state(expected), strict=True):
        assert_array_equal(value, wanted)


def saves(folder):
    return sorted(Path(folder).iterdir())


# ---------------------------------------------------------------------- going on


@pytest.mark.slow
@READS_THE_RATE
@pytest.mark.parametrize("engine", ["native", pytest.param("keras", marks=pytest.mark.slow)])
def test_a_fit_that_goes_on_is_that_of_an_uninterrupted_run(engine, X, y, tmp_path, cut_off, monkeypatch):
    if engine == "keras":
        monkeypatch.setenv("SKRNN_ENGINE", "keras")

    def regressor(*callbacks):
        # The rate falls three times, twice before the fit is cut off.
        falls = keras.callbacks.ReduceLROnPlateau(monitor="loss", patience=1, min_delta=0.15, factor=0.5)
        return make(
            "GRURegressor",
            epochs=9,
            dropout=0.3,
            recurrent_dropout=0.2,
            early_stopping=True,
            patience=8,
            metrics=["mae"],
            optimizer__learning_rate=0.1,
            callbacks=[falls, Recorder(), *callbacks],
        )

    expected = regressor().fit(X, y)
    rates = expected.history_["learning_rate"]
    assert rates[0] > rates[5] > rates[8]
    cut_off(lambda: regressor(Checkpoint(tmp_path, every=2)).fit(X, y), n_saves=3)
    assert len(saves(tmp_path)) == 1
    resumed = regressor(Checkpoint(tmp_path, every=2)).fit(X, y)
    assert_equal_fits(resumed, expected)
    assert resumed.callbacks[1].epochs == expected.callbacks[1].epochs == list(range(9))
    assert saves(tmp_path) == []


def test_only_the_epochs_after_the_last_save_are_trained(X, labels, tmp_path, cut_off, capsys):
    def classifier():
        return make("GRUClassifier", epochs=20, callbacks=[Checkpoint(tmp_path, every=3)], verbose=1)

    cut_off(lambda: classifier().fit(X, labels), n_saves=4)
    capsys.readouterr()
    resumed = classifier().fit(X, labels)
    shown = [line.split()[1] for line in capsys.readouterr().out.splitlines()]
    assert shown == ["14/20", "16/20", "18/20", "20/20"]
    assert_equal_fits(resumed, make("GRUClassifier", epochs=20).fit(X, labels))


def test_one_estimator_goes_on_after_an_interrupt_and_then_trains_anew(X, y, tmp_path, cut_off, caplog):
    regressor = make("GRURegressor", callbacks=Checkpoint(tmp_path, every=1)).fit(X, -y)
    expected = make("GRURegressor").fit(X, y)
    cut_off(lambda: regressor.fit(X, y), n_saves=2)
    assert_equal_fits(regressor, make("GRURegressor").fit(X, -y))
    with caplog.at_level("INFO", logger="skrnn"):
        assert_equal_fits(regressor.fit(X, y), expected)
        assert len(re.findall("Resuming from epoch 2 of .*GRURegressor-.*checkpoint", caplog.text)) == 1
        assert_equal_fits(regressor.fit(X, y), expected)
    assert caplog.text.count("Resuming") == 1


def test_a_warm_start_goes_on_too(X, y, tmp_path, cut_off):
    def fitted():
        return make("GRURegressor", warm_start=True).fit(X, y).set_params(callbacks=[Checkpoint(tmp_path, every=2)])

    expected = make("GRURegressor", warm_start=True).fit(X, y).fit(X, y)
    cut_off(lambda: fitted().fit(X, y))
    resumed = fitted().fit(X, y)
    assert_equal_fits(resumed, expected)
    assert resumed.n_iter_ == 6


def test_training_goes_on_to_a_stop_by_patience(X, y, tmp_path, cut_off):
    params = {"early_stopping": True, "min_delta": 1e6, "patience": 5, "epochs": 50}
    expected = make("GRURegressor", **params).fit(X, y)
    cut_off(lambda: make("GRURegressor", callbacks=[Checkpoint(tmp_path, every=4)], **params).fit(X, y))
    resumed = make("GRURegressor", callbacks=[Checkpoint(tmp_path, every=4)], **params).fit(X, y)
    assert resumed.n_iter_ == 6
    assert_equal_fits(resumed, expected)


def test_a_partial_fit_saves_nothing(X, y, tmp_path, monkeypatch):
    monkeypatch.setattr(SavedFit, "write", lambda file, content: pytest.fail("saved"))
    regressor = make("GRURegressor", callbacks=[Checkpoint(tmp_path, every=1, keep=True)])
    assert_equal_fits(regressor.partial_fit(X, y), make("GRURegressor").partial_fit(X, y))


# ---------------------------------------------------------------------- one folder, many fits


def test_a_search_goes_on_where_it_was_killed(X, y, tmp_path, cut_off, caplog):
    def search(**options):
        checkpoint = Checkpoint(tmp_path, every=2, keep=True)
        network = make("GRURegressor", callbacks=[checkpoint], **options)
        return GridSearchCV(network, {"optimizer__learning_rate": [0.001, 0.01]}, cv=2, error_score="raise")

    expected = GridSearchCV(make("GRURegressor"), {"optimizer__learning_rate": [0.001, 0.01]}, cv=2).fit(X, y)
    cut_off(lambda: search().fit(X, y), n_saves=5)  # two a fit: the third fit is in its third epoch
    assert len(saves(tmp_path)) == 3
    with caplog.at_level("INFO", logger="skrnn"):
        resumed = search(verbose=0).fit(X, y)
    assert re.findall(r"from epoch (\d)", caplog.text) == ["3", "3", "2"]
    for name in ("split0_test_score", "split1_test_score"):
        assert_array_equal(resumed.cv_results_[name], expected.cv_results_[name])
    assert_equal_fits(resumed.best_estimator_, expected.best_estimator_)
    assert len(saves(tmp_path)) == 5  # four, and the one on all data


@needs_kernels
def test_a_fit_goes_on_with_the_code_that_began_it(X, y, tmp_path, cut_off, monkeypatch):
    def regressor(dropout=0.3):
        callbacks = [Checkpoint(tmp_path, every=1)]
        return make("GRURegressor", dropout=dropout, recurrent_dropout=dropout, callbacks=callbacks)

    files, expected = [], make("GRURegressor", dropout=0.3, recurrent_dropout=0.3).fit(X, y)
    for changes in ("nothing", "engine", "kernels"):
        with monkeypatch.context() as patch:
            if changes == "engine":
                patch.setenv("SKRNN_ENGINE", "keras")
            elif changes == "kernels":
                patch.setattr(skrnn._engine.training, "kernel_hash", lambda: "of other kernels")
            cut_off(lambda: regressor().fit(X, y))
        files.append(set(saves(tmp_path)))
    assert list(map(len, files)) == [1, 2, 3]
    [first] = files[0]
    assert_equal_fits(regressor().fit(X, y), expected)
    assert set(saves(tmp_path)) == files[2] - {first}


CHANGES = {
    "verbose": ({"verbose": 1}, False),
    "epochs": ({"epochs": 2}, True),
    "seed": ({"random_state": 1}, True),
    "rate": ({"optimizer__learning_rate": 0.1}, True),
    "optimizer": ({"optimizer": keras.optimizers.Adam()}, True),
    "shuffle": ({"shuffle": False}, True),
    "validation": ({"validation_split": 0.25}, True),
}


@pytest.mark.parametrize("change", CHANGES)
def test_fits_with_other_parameters_have_other_files(change, X, y, tmp_path):
    params, differ = CHANGES[change]
    for changes in ({}, params):
        make("GRURegressor", **{"callbacks": [Checkpoint(tmp_path, keep=True)], **changes}).fit(X, y)
    assert len(saves(tmp_path)) == 1 + differ


def test_fits_on_other_data_have_other_files(X, y, tmp_path):
    regressor = make("GRURegressor", callbacks=[Checkpoint(tmp_path, keep=True)])
    weights = np.ones(len(X))
    n_files = []
    for data in (
        (X, y),
        (X.copy(), y.copy(), weights),
        (X, -y),
        (X[::-1], y[::-1]),
        (X, y, weights * 2),  # only the ratios of weights count
        (X, y, np.linspace(1, 2, len(X))),
        (X[1:], y[1:]),
    ):
        regressor.fit(*data)
        n_files.append(len(saves(tmp_path)))
    assert n_files == [1, 1, 2, 3, 3, 4, 5]


def scaled(factor):
    return lambda values: values * factor


def test_functions_and_objects_are_told_apart_by_what_they_do():
    parts = [
        lambda y, z: y - z,
        lambda y, z: z - y,
        lambda y, z: y - 2 * z,
        scaled(2),
        scaled(3),
        partial(max, 2),
        partial(max, 3),
        keras.losses.Huber(0.5),
        keras.losses.Huber(0.7),
        keras.metrics.MeanAbsoluteError(),
        keras.metrics.MeanSquaredError(),
        keras.optimizers.SGD(0.5),
        keras.optimizers.SGD(keras.optimizers.schedules.ExponentialDecay(0.5, 10, 0.9)),
        keras.layers.GRU,
        len,
        np.arange(3),
        np.arange(3.0),
        [["a"], "b"],
        ["a", ["b"]],
        "1",
        1,
        None,
    ]
    digests = [digest(part) for part in parts]
    assert len(set(digests)) == len(parts)
    again = [digest(part) for part in (scaled(2), keras.losses.Huber(0.5), keras.metrics.MeanAbsoluteError())]
    assert again == [digests[3], digests[7], digests[9]]
    assert digest({"a": 1, "b": {2, 3}}) == digest({"b": {3, 2}, "a": 1})


# ---------------------------------------------------------------------- files


@pytest.mark.parametrize("damage", ["cut short", "empty", "altered", "other"])
def test_a_damaged_file_is_refused(damage, X, y, tmp_path, cut_off):
    regressor = make("GRURegressor", callbacks=[Checkpoint(tmp_path, every=2)])
    cut_off(lambda: regressor.fit(X, y))
    [file] = saves(tmp_path)
    data = file.read_bytes()
    at = len(data) // 2
    damaged = {
        "cut short": data[:-1],
        "empty": b"",
        "altered": data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :],
        "other": pickle.dumps(regressor),
    }
    file.write_bytes(damaged[damage])
    message = (
        f"checkpoint {file} is cut short or has been altered, {len(damaged[damage])} bytes long. Delete it to start"
    )
    with pytest.raises(ValueError, match=re.escape(message)):
        regressor.fit(X, y)
    assert file.read_bytes() == damaged[damage]
    file.unlink()
    assert_equal_fits(regressor.fit(X, y), make("GRURegressor").fit(X, y))


def test_a_save_that_fails_leaves_the_one_before(X, y, tmp_path, cut_off, monkeypatch):
    regressor = make("GRURegressor", callbacks=[Checkpoint(tmp_path, every=1)])
    cut_off(lambda: regressor.fit(X, y))
    [file] = saves(tmp_path)
    before = file.read_bytes()
    with monkeypatch.context() as patch:

        def full(descriptor):
            raise OSError(28, "No space left on device")

        patch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space left"):
            regressor.fit(X, y)
    assert saves(tmp_path) == [file]
    assert file.read_bytes() == before
    assert_equal_fits(regressor.fit(X, y), make("GRURegressor").fit(X, y))


def test_the_end_of_a_fit_removes_what_a_kill_left(X, y, tmp_path, cut_off):
    regressor = make("GRURegressor", callbacks=[Checkpoint(tmp_path / "made" / "by fit", every=1)])
    cut_off(lambda: regressor.fit(X, y))
    [file] = saves(tmp_path / "made" / "by fit")
    file.with_name(f"{file.name}.12-34.part").write_bytes(b"half of a sa")
    other = file.with_name("notes.txt")
    other.write_text("kept", encoding="utf-8")
    regressor.fit(X, y)
    assert saves(file.parent) == [other]


# ---------------------------------------------------------------------- the callback itself


def test_wrong_uses_are_refused(X, y, tmp_path):
    with pytest.raises(ValueError, match=r"The 'every' parameter of Checkpoint must be an int in the range \[1, inf\)"):
        Checkpoint(tmp_path, every=0)
    with pytest.raises(
        TypeError, match=r"got the class Checkpoint as a callback. Pass an instance: Checkpoint\(folder"
    ):
        make("GRURegressor", callbacks=[Checkpoint]).fit(X, y)
    with pytest.raises(ValueError, match="got 2 callbacks that are a Checkpoint"):
        make("GRURegressor", callbacks=[Checkpoint(tmp_path), [Checkpoint(tmp_path)]]).fit(X, y)
    for random_state in (None, np.random.RandomState(0)):
        with pytest.raises(
            ValueError, match=r"with a known seed\. Set random_state to an int\. Got (None|Rand.*) instead"
        ):
            make("GRURegressor", callbacks={"save": Checkpoint(tmp_path)}, random_state=random_state).fit(X, y)
    with pytest.raises(FileExistsError):
        (tmp_path / "file").touch()
        make("GRURegressor", callbacks=[Checkpoint(tmp_path / "file")]).fit(X, y)


@needs_kernels
def test_other_callbacks_stand_beside_it_in_any_arrangement(X, y, tmp_path):
    expected = make("GRURegressor").fit(X, y)
    checkpoint = Checkpoint(tmp_path, every=1)
    for arrange in (
        lambda recorder: {"save": checkpoint, "record": recorder},
        lambda recorder: [[checkpoint], recorder],
        lambda recorder: (recorder, checkpoint),
    ):
        recorder = Recorder()
        assert_equal_fits(make("GRURegressor", callbacks=arrange(recorder)).fit(X, y), expected)
        assert recorder.epochs == [0, 1, 2]


def test_it_is_cloned_shown_and_pickled(X, y, tmp_path):
    regressor = make("GRURegressor", callbacks=[Checkpoint("runs", every=5)])
    assert "callbacks=[Checkpoint('runs', every=5, keep=False)]" in repr(clone(regressor))
    regressor = make("GRURegressor", callbacks=[Checkpoint(tmp_path, keep=True)]).fit(X, y)
    loaded = pickle.loads(pickle.dumps(regressor))
    assert_array_equal(loaded.predict(X), regressor.predict(X))
    assert loaded.callbacks[0].keep


# ---------------------------------------------------------------------- a kill


@pytest.mark.slow
def test_a_killed_process_is_resumed_in_another(tmp_path):
    result = run(EXAMPLES / "resume.py", "--epochs", "40", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    before, uninterrupted = result.stdout.split("Uninterrupted fit:\n")
    killed, resumed = before.split("Resumed fit:\n")
    assert "Killed after epoch 25; exit status -9." in killed
    assert re.findall(r"^epoch (\d+):", resumed, flags=re.MULTILINE) == [str(epoch) for epoch in range(21, 41)]
    lines = [line for line in resumed.splitlines() if line.startswith("epoch")]
    assert lines == [line for line in uninterrupted.splitlines() if line.startswith("epoch")][20:]
    assert "Checkpoints after the fit: 0." in resumed
    assert "Equal weights, bit for bit: True" in uninterrupted
    assert f"Equal losses in 40 epochs: {True if not OLD_TENSORFLOW else ''}" in uninterrupted
