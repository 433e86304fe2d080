"""Keras's own callbacks: which of them native fits can call, and that both engines give them the same."""

import json
import logging
import re

import keras
import numpy as np
import pytest
import tensorflow as tf
from conftest import make, needs_kernels
from keras.src.callbacks import remote_monitor
from numpy.testing import assert_allclose

from skrnn._engine.callbacks import _BATCH_HOOKS, _VALIDATION_BATCH_HOOKS, RULES, callback_reason

# Keras converts its variables so while it saves them. Remove once Variable.__array__ takes `copy` (missing in 3.15).
CONVERTS_VARIABLES = pytest.mark.filterwarnings(
    "ignore:__array__ implementation doesn't accept a copy:DeprecationWarning"
)

BOTH_ENGINES = pytest.mark.parametrize("engine", ["native", pytest.param("keras", marks=pytest.mark.slow)])
CLASSES = [
    cls for cls in vars(keras.callbacks).values() if isinstance(cls, type) and issubclass(cls, keras.callbacks.Callback)
]


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_every_class_of_keras_is_in_the_table_or_has_no_hooks_for_batches(cls):
    def owner(hook):
        return next(base for base in cls.__mro__ if hook in vars(base))

    owners = {owner(hook) for hook in (*_BATCH_HOOKS, *_VALIDATION_BATCH_HOOKS)}
    assert {owner.__name__ for owner in owners} - {"Callback"} <= RULES.keys()


def quiet_list(*callbacks):
    return keras.callbacks.CallbackList(list(callbacks))


class BatchEnds(keras.callbacks.ModelCheckpoint):
    def on_train_batch_end(self, batch, logs=None):
        pass


class Called:
    def __call__(self, *args, **kwargs):
        pass


# Makers of a callback, and why only Keras's own loop can call it.
FAST = {
    "checkpoint": lambda folder: keras.callbacks.ModelCheckpoint(f"{folder}/a.keras"),
    "backup": lambda folder: keras.callbacks.BackupAndRestore(f"{folder}/backup"),
    "board": lambda folder: keras.callbacks.TensorBoard(folder),
    "progress": lambda folder: keras.callbacks.ProgbarLogger(),
    "nan": lambda folder: keras.callbacks.TerminateOnNaN(),
    "average": lambda folder: keras.callbacks.SwapEMAWeights(),
    "lambda": lambda folder: keras.callbacks.LambdaCallback(on_epoch_end=Called(), on_train_end=Called()),
    "list": lambda folder: quiet_list(keras.callbacks.TerminateOnNaN(), keras.callbacks.History()),
}
SLOW = {
    "checkpoint": (
        lambda folder: keras.callbacks.ModelCheckpoint(f"{folder}/a.keras", save_freq=2),
        "ModelCheckpoint saves between batches",
    ),
    "backup": (
        lambda folder: keras.callbacks.BackupAndRestore(folder, save_freq=2),
        "BackupAndRestore saves between batches",
    ),
    "board": (
        lambda folder: keras.callbacks.TensorBoard(folder, update_freq="batch"),
        "TensorBoard logs between batches",
    ),
    "profile": (
        lambda folder: keras.callbacks.TensorBoard(folder, profile_batch=(2, 3)),
        "TensorBoard profiles batches",
    ),
    "subclass": (lambda folder: BatchEnds(f"{folder}/a.keras"), "BatchEnds is called for every batch"),
    "lambda": (
        lambda folder: keras.callbacks.LambdaCallback(on_train_batch_end=Called()),  # no function
        "LambdaCallback is called for every batch",
    ),
    "batch": (
        lambda folder: keras.callbacks.LambdaCallback(on_batch_begin=Called()),
        "LambdaCallback is called for every batch",
    ),
    "list": (lambda folder: quiet_list(BatchEnds(f"{folder}/a.keras")), "BatchEnds is called for every batch"),
}


@pytest.mark.parametrize("case", FAST)
def test_native_fits_call_what_looks_at_epochs(case, tmp_path):
    callback = FAST[case](tmp_path)
    assert callback_reason([keras.callbacks.Callback(), callback], validates=True) is None


@pytest.mark.parametrize("case", SLOW)
def test_native_fits_do_not_call_what_looks_at_batches(case, tmp_path):
    maker, reason = SLOW[case]
    assert callback_reason([keras.callbacks.Callback(), maker(tmp_path)], validates=False) == reason


def test_hooks_for_batches_of_validation_count_where_there_is_validation():
    callback = keras.callbacks.LambdaCallback(on_test_batch_end=Called())
    assert callback_reason([callback], validates=False) is None
    assert callback_reason([callback], validates=True) == "LambdaCallback is called for every batch"


# ---------------------------------------------------------------------- both engines, one fit of all callbacks each


def fit(engine, X, y, monkeypatch, caplog, **params):
    """Fit by native kernels or Keras's loop, and see that it was that one."""
    caplog.clear()
    with monkeypatch.context() as patch, caplog.at_level(logging.DEBUG, logger="skrnn"):
        if engine == "keras":
            patch.setenv("SKRNN_ENGINE", "keras")
        fitted = make("GRURegressor", batch_size=16, validation_split=0.25, **params).fit(X, y)
    assert ("trains through keras.Model.fit" in caplog.text) == (engine == "keras")
    return fitted


def scalars(folder):
    """What TensorBoard shows: name -> values by step."""
    found = {}
    for file in sorted(folder.rglob("events.*")):
        for event in tf.compat.v1.train.summary_iterator(str(file)):
            for value in event.summary.value:
                if value.metadata.plugin_data.plugin_name == "scalars":
                    name = f"{file.parent.name}/{value.tag}"
                    found.setdefault(name, []).append(float(tf.make_ndarray(value.tensor)))
    return found


def weights_in(file):
    """Weights in a file of weights alone, of a network of the shape of the fits here."""
    network = make("GRURegressor", epochs=1).fit(np.zeros((4, 5, 3)), np.arange(4.0)).model_
    network.load_weights(file)
    return network.get_weights()


class Requests:
    """Stands in for the library of that name."""

    class exceptions:
        RequestException = ConnectionError

    def __init__(self):
        self.sent = []

    def post(self, url, data, headers):
        self.sent.append(json.loads(data["data"]))


@pytest.mark.slow
@needs_kernels
@CONVERTS_VARIABLES
def test_both_engines_give_callbacks_the_same(X, y, tmp_path, monkeypatch, caplog, capsys):
    events, sent, histories, fits = {}, {}, {}, {}
    for engine in ("native", "keras"):
        folder, requests, order = tmp_path / engine, Requests(), []
        folder.mkdir()
        monkeypatch.setattr(remote_monitor, "requests", requests)
        history = keras.callbacks.History()

        def note(name, order=order):
            return lambda *args, **kwargs: order.append((name, *sorted(kwargs.get("logs") or {})))

        hooks = ("train_begin", "train_end", "epoch_begin", "epoch_end", "test_begin", "test_end")
        fits[engine] = fit(
            engine,
            X,
            y,
            monkeypatch,
            caplog,
            callbacks=[
                keras.callbacks.ModelCheckpoint(f"{folder}/{{epoch}}.keras"),
                keras.callbacks.ModelCheckpoint(
                    f"{folder}/best.weights.h5", save_weights_only=True, save_best_only=True, monitor="val_loss"
                ),
                keras.callbacks.BackupAndRestore(f"{folder}/backup", delete_checkpoint=False),
                keras.callbacks.CSVLogger(folder / "log.csv"),
                quiet_list(keras.callbacks.TerminateOnNaN(), history),
                keras.callbacks.ProgbarLogger(),
                keras.callbacks.RemoteMonitor(),
                keras.callbacks.LambdaCallback(**{f"on_{name}": note(name) for name in hooks}),
            ],
        )
        events[engine], sent[engine], histories[engine] = order, requests.sent, history.history
    assert capsys.readouterr().out == ""  # of ProgbarLogger, in both

    natively, by_keras = fits["native"], fits["keras"]
    assert_allclose(natively.predict(X), by_keras.predict(X), rtol=0, atol=1e-5)
    assert events["native"] == events["keras"]
    assert [name for name, *_ in events["keras"]].count("test_end") == 3
    ours, theirs = tmp_path / "native", tmp_path / "keras"
    for name in ("1.keras", "2.keras", "3.keras"):
        of_native, of_keras = (keras.saving.load_model(folder / name) for folder in (ours, theirs))
        for value, wanted in zip(of_native.get_weights(), of_keras.get_weights(), strict=True):
            assert_allclose(value, wanted, rtol=0, atol=1e-5)
        assert int(of_native.optimizer.iterations) == int(of_keras.optimizer.iterations) == 2 * int(name[0])
    best = [weights_in(folder / "best.weights.h5") for folder in (ours, theirs)]
    for value, wanted in zip(*best, strict=True):
        assert_allclose(value, wanted, rtol=0, atol=1e-5)
    metadata = [(folder / "backup" / "training_metadata.json").read_text() for folder in (ours, theirs)]
    assert metadata[0] == metadata[1]
    rows = [np.loadtxt(folder / "log.csv", delimiter=",", skiprows=1) for folder in (ours, theirs)]
    assert rows[0].shape == (3, 3)
    assert_allclose(rows[0], rows[1], rtol=1e-4)
    for of_native, of_keras in zip(sent["native"], sent["keras"], strict=True):
        assert of_native == pytest.approx(of_keras, rel=1e-4)
    for name, values in histories["keras"].items():
        assert_allclose(histories["native"][name], values, rtol=1e-4)


@pytest.mark.slow
@needs_kernels
@CONVERTS_VARIABLES
def test_both_engines_show_the_same_in_tensorboard(X, y, tmp_path, monkeypatch, caplog):
    pytest.importorskip("tensorboard", reason="TensorFlow writes summaries with the package tensorboard.")
    for engine in ("native", "keras"):
        board = keras.callbacks.TensorBoard(tmp_path / engine, histogram_freq=1)
        fit(engine, X, y, monkeypatch, caplog, callbacks=[board])
    shown, expected = scalars(tmp_path / "native"), scalars(tmp_path / "keras")
    assert shown.keys() == expected.keys() >= {"train/epoch_loss", "train/epoch_learning_rate", "validation/epoch_loss"}
    for name, values in expected.items():
        assert len(values) == 3
        assert_allclose(shown[name], values, rtol=1e-4, err_msg=name)


@pytest.mark.slow
@needs_kernels
@CONVERTS_VARIABLES
def test_a_backup_is_restored_in_both_engines(X, y, tmp_path, monkeypatch, caplog):
    def interrupt(epoch, logs):
        if epoch == 2:
            raise KeyboardInterrupt("by hand")

    unbroken = make("GRURegressor", epochs=5, batch_size=16, validation_split=0.25).fit(X, y)
    for engine in ("native", "keras"):

        def backup(engine=engine):
            return keras.callbacks.BackupAndRestore(tmp_path / engine)

        stop = keras.callbacks.LambdaCallback(on_epoch_begin=interrupt)
        with pytest.raises(KeyboardInterrupt, match="by hand"):
            fit(engine, X, y, monkeypatch, caplog, epochs=5, callbacks=[backup(), stop])
        resumed = fit(engine, X, y, monkeypatch, caplog, epochs=5, callbacks=[backup()])
        assert resumed.n_iter_ == 3
        assert_allclose(resumed.history_["loss"], unbroken.history_["loss"][2:], rtol=1e-4)
        assert_allclose(resumed.predict(X), unbroken.predict(X), rtol=0, atol=1e-5)
        assert not (tmp_path / engine).exists()


# ---------------------------------------------------------------------- losses of NaN


@needs_kernels
@BOTH_ENGINES
def test_terminating_on_nan_is_an_error_as_without_it(engine, X, y, monkeypatch, caplog, capsys):
    stops = []
    note = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: stops.append(note.model.stop_training))
    params = {"optimizer__learning_rate": 1e30, "epochs": 9}
    with pytest.raises(ValueError, match=r"The loss of GRURegressor became (nan|inf) in epoch [12]:") as raised:
        fit(engine, X, y, monkeypatch, caplog, callbacks=[keras.callbacks.TerminateOnNaN(), note], **params)
    assert re.fullmatch(r"Batch [01]: Invalid loss, terminating training\n", capsys.readouterr().out)
    assert stops[-1] and not any(stops[:-1])
    with pytest.raises(ValueError, match=r"The loss of GRURegressor") as without:
        fit(engine, X, y, monkeypatch, caplog, **params)
    assert str(raised.value)[:40] == str(without.value)[:40]


@needs_kernels
@BOTH_ENGINES
def test_terminating_on_nan_may_raise_its_own_error(engine, X, y, monkeypatch, caplog):
    try:
        callback = keras.callbacks.TerminateOnNaN(raise_error=True)
    except TypeError:
        pytest.skip("TerminateOnNaN of this version of Keras has no argument raise_error.")
    with pytest.raises(RuntimeError, match=r"NaN or Inf loss encountered at batch [01]"):
        fit(engine, X, y, monkeypatch, caplog, callbacks=[callback], optimizer__learning_rate=1e30)


# ---------------------------------------------------------------------- averages of weights


@pytest.mark.slow
def test_averaged_weights_train_through_keras(X, y, caplog):
    optimizer = keras.optimizers.Adam(0.01, use_ema=True)
    average = keras.callbacks.SwapEMAWeights(swap_on_epoch=True)
    with caplog.at_level(logging.DEBUG, logger="skrnn"):
        averaged = make("GRURegressor", optimizer=optimizer, callbacks=[average]).fit(X, y)
    assert "trains through keras.Model.fit" in caplog.text
    plain = make("GRURegressor", optimizer=keras.optimizers.Adam(0.01)).fit(X, y)
    assert np.abs(averaged.predict(X) - plain.predict(X)).max() > 1e-3


@needs_kernels
@BOTH_ENGINES
def test_an_optimizer_without_averages_cannot_swap_them(engine, X, y, monkeypatch, caplog):
    with pytest.raises(ValueError, match="SwapEMAWeights must be used when"):
        fit(engine, X, y, monkeypatch, caplog, callbacks=[keras.callbacks.SwapEMAWeights()])
