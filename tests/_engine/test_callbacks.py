"""Keras callbacks: when they are called, what they see, and what they change."""

import logging

import keras
import numpy as np
import pytest
from conftest import make, needs_kernels
from numpy.testing import assert_allclose, assert_array_equal

# Keras's callbacks read variables with np.array(variable), and TensorFlow's variables do not know the copy argument of
# NumPy 2. Remove once they do: TensorFlow 2.21 does not.
READS_VARIABLES = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")


@READS_VARIABLES
def test_the_rate_of_a_scheduler_counts_from_its_epoch(X, y):
    schedule = keras.callbacks.LearningRateScheduler(lambda epoch, rate: 1e-30 if epoch >= 2 else rate)
    regressor = make("GRURegressor", epochs=4, callbacks=[schedule]).fit(X, y)
    assert_allclose(regressor.predict(X), make("GRURegressor", epochs=2).fit(X, y).predict(X), atol=1e-6)
    losses = regressor.history_["loss"]
    assert losses[0] != losses[1] != losses[2]


@READS_VARIABLES
def test_a_rate_that_falls_on_a_plateau(X, y):
    reduce = keras.callbacks.ReduceLROnPlateau(monitor="loss", factor=1e-12, patience=1, min_delta=1e6, min_lr=0)
    regressor = make("GRURegressor", epochs=4, callbacks=[reduce]).fit(X, y)
    # The first epoch is the best; the rate falls after the second.
    assert_allclose(regressor.predict(X), make("GRURegressor", epochs=2).fit(X, y).predict(X), atol=1e-6)


class Recorder(keras.callbacks.Callback):
    """Notes what it is called for."""

    def __init__(self):
        super().__init__()
        self.events = []

    def on_train_begin(self, logs=None):
        self.events.append("train begins")

    def on_epoch_begin(self, epoch, logs=None):
        self.events.append(f"epoch {epoch} begins")

    def on_epoch_end(self, epoch, logs=None):
        self.events.append(f"epoch {epoch} ends with {sorted(logs)}")

    def on_train_end(self, logs=None):
        self.events.append("train ends")


def test_callbacks_are_called_in_keras_order(X, y):
    recorder = Recorder()
    make("GRURegressor", epochs=2, validation_split=0.25, callbacks=[recorder]).fit(X, y)
    logs = "['loss', 'val_loss']"
    assert recorder.events == [
        "train begins",
        "epoch 0 begins",
        f"epoch 0 ends with {logs}",
        "epoch 1 begins",
        f"epoch 1 ends with {logs}",
        "train ends",
    ]


def test_callbacks_see_the_weights_of_the_epoch(X, y):
    seen = []
    watch = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: seen.append(watch.model.get_weights()),
    )
    make("GRURegressor", callbacks=[watch]).fit(X, y)
    for epoch, weights in enumerate(seen):
        expected = make("GRURegressor", epochs=epoch + 1).fit(X, y).model_.get_weights()
        for value, wanted in zip(weights, expected, strict=True):
            assert_array_equal(value, wanted)
    assert len(seen) == 3


def test_a_callback_that_watches_changes_nothing(X, y):
    regressor = make("GRURegressor", callbacks=[Recorder()], validation_split=0.25).fit(X, y)
    expected = make("GRURegressor", validation_split=0.25).fit(X, y)
    assert_array_equal(regressor.predict(X), expected.predict(X))
    assert regressor.history_ == expected.history_


def test_a_callback_may_stop_training(X, y):
    class Stop(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.stop_training = epoch == 1

    regressor = make("GRURegressor", epochs=5, callbacks=[Stop()]).fit(X, y)
    assert regressor.n_iter_ == 2
    assert_array_equal(regressor.predict(X), make("GRURegressor", epochs=2).fit(X, y).predict(X))


@pytest.mark.parametrize("engine", ["native", pytest.param("keras", marks=pytest.mark.slow)])
@pytest.mark.parametrize("hook", ["epoch_begin", "epoch_end"])
def test_training_stops_after_the_epoch_in_which_a_callback_stops_it(hook, engine, X, y, use_engine):
    """As in Keras, also before its first batch: the epoch has its validation, its end and its entry in the history."""
    use_engine(engine)
    events = []

    def stop(model, epoch):
        model.stop_training = epoch == 1

    watch = at_hooks(**{name: lambda model, epoch: events.append(epoch) for name in ("epoch_begin", "epoch_end")})
    fitted = make("GRURegressor", epochs=5, validation_split=0.25, callbacks=[at_hooks(**{hook: stop}), watch])
    fitted.fit(X, y)
    assert events == [0, 0, 1, 1]
    assert fitted.n_iter_ == len(fitted.history_["loss"]) == len(fitted.history_["val_loss"]) == 2


@needs_kernels
def test_a_callback_for_every_batch_goes_through_keras(X, y, caplog):
    class Batches(keras.callbacks.Callback):
        losses: list = []  # noqa: RUF012  (shared by all copies on purpose)

        def on_train_batch_end(self, batch, logs=None):
            self.losses.append(logs["loss"])

    with caplog.at_level(logging.DEBUG, logger="skrnn"):
        regressor = make("GRURegressor", callbacks=[Batches()]).fit(X, y)
    assert "trains through keras.Model.fit: Batches is called for every batch" in caplog.text
    assert len(Batches.losses) == 2 * 3  # two batches an epoch
    assert_allclose(regressor.predict(X), make("GRURegressor").fit(X, y).predict(X), atol=1e-5)


@READS_VARIABLES
def test_a_callback_class_takes_routed_arguments(X, y):
    params = {"callbacks": keras.callbacks.ReduceLROnPlateau, "callbacks__monitor": "loss"}
    routed = {"callbacks__factor": 1e-12, "callbacks__patience": 1, "callbacks__min_delta": 1e6}
    regressor = make("GRURegressor", epochs=4, **params, **routed).fit(X, y)
    assert_allclose(regressor.predict(X), make("GRURegressor", epochs=2).fit(X, y).predict(X), atol=1e-6)


@needs_kernels
@pytest.mark.parametrize("hook", ["on_train_begin", "on_epoch_begin"])
@pytest.mark.parametrize("what", ["trainable", "momentum"])
def test_what_kernels_do_not_see_is_refused(what, hook, X, y):
    def change(*args, **kwargs):
        if what == "trainable":
            callback.model.layers[-1].trainable = False
        else:
            callback.model.optimizer.momentum = 0.5

    callback = keras.callbacks.LambdaCallback(**{hook: change})
    message = r"A callback of GRURegressor has changed the optimizer, or which layers are .*SKRNN_ENGINE=keras"
    with pytest.raises(ValueError, match=message):
        make("GRURegressor", optimizer="sgd", callbacks=[callback]).fit(X, y)


# ---------------------------------------------------------------------- the same of both engines

BOTH_ENGINES = pytest.mark.parametrize("engine", ["native", pytest.param("keras", marks=pytest.mark.slow)])
STILL = {"optimizer": "sgd", "optimizer__learning_rate": 1e-30}  # weights stay what they are


def at_hooks(**functions):
    """A callback with functions of the model and the epoch."""

    def called(function):
        return lambda epoch=None, logs=None: function(callback.model, epoch)

    callback = keras.callbacks.LambdaCallback(**{f"on_{hook}": called(f) for hook, f in functions.items()})
    if "test_begin" in functions:  # which LambdaCallback does not take
        callback.on_test_begin = lambda logs=None: functions["test_begin"](callback.model, None)
        callback.on_test_end = lambda logs=None: functions["test_end"](callback.model, None)
    return callback


@BOTH_ENGINES
def test_the_model_is_that_of_the_fit_at_every_hook(engine, X, y, use_engine):
    seen = []

    def note(hook):
        def look(model, epoch):
            seen.append((hook, [v.numpy() for v in (*model.weights, *model.optimizer.variables)]))

        return look

    hooks = ["train_begin", *["epoch_begin", "test_begin", "test_end", "epoch_end"] * 2, "train_end"]
    data = {"X_val": X[:8], "y_val": y[:8]}
    states = [make("GRURegressor", **STILL, epochs=1).fit(X, y).model_.get_weights()]
    for epochs in (1, 2):
        fitted = make("GRURegressor", epochs=epochs).fit(X, y)
        states.append([*fitted.model_.get_weights(), *fitted._state.optimizer])
    use_engine(engine)
    watch = at_hooks(**{hook: note(hook) for hook in hooks})
    make("GRURegressor", epochs=2, callbacks=[watch]).fit(X, y, **data)
    assert [hook for hook, _ in seen] == hooks
    of_hooks = [0, 0, 1, 1, 1, 1, 2, 2, 2, 2]  # epochs done
    n_weights = len(states[0])
    for epochs, (hook, values) in zip(of_hooks, seen, strict=True):
        for value, expected in zip(values, states[epochs], strict=epochs > 0):
            assert_allclose(value, expected, atol=1e-5, err_msg=hook)
        assert int(values[n_weights]) == 2 * epochs  # two batches an epoch


@BOTH_ENGINES
def test_a_weight_that_is_changed_before_an_epoch_counts_in_it(engine, X, y, use_engine):
    use_engine(engine)

    def zero(model, epoch):
        if epoch == 1:
            kernel, bias = model.get_layer("output").weights
            kernel.assign(0 * kernel)
            bias.assign([3.0])

    regressor = make("GRURegressor", callbacks=[at_hooks(epoch_begin=zero)], **STILL).fit(X, y)
    assert_array_equal(regressor.predict(X), np.full(len(X), 3.0))
    assert_allclose(regressor.history_["loss"][1:], [np.mean((y - 3) ** 2)] * 2, rtol=1e-6)
    assert abs(regressor.history_["loss"][0] - regressor.history_["loss"][1]) > 1


@BOTH_ENGINES
def test_weights_may_be_changed_when_training_ends(engine, X, y, use_engine):
    use_engine(engine)

    def set_bias(model, epoch):
        model.get_layer("output").weights[1].assign([5.0])

    changed = make("GRURegressor", callbacks=[at_hooks(train_end=set_bias)], **STILL).fit(X, y)
    assert changed.model_.get_layer("output").get_weights()[1] == [5.0]
    assert_allclose(changed.predict(X), make("GRURegressor", **STILL).fit(X, y).predict(X) + 5, atol=1e-6)


@BOTH_ENGINES
def test_what_the_optimizer_keeps_may_be_reset(engine, X, y, use_engine):
    def forget(model, epoch):
        for variable in model.optimizer.variables[2:]:  # after the iterations and the rate
            variable.assign(0 * variable)

    params = {"optimizer": "sgd", "optimizer__learning_rate": 0.1, "batch_size": None}
    plain = make("GRURegressor", **params).fit(X, y).predict(X)
    use_engine(engine)
    params["optimizer__momentum"] = 0.9
    assert np.abs(make("GRURegressor", **params).fit(X, y).predict(X) - plain).max() > 1e-3
    # Without the velocity of the epoch before, an epoch of one batch is a step of plain descent.
    forgetful = make("GRURegressor", callbacks=[at_hooks(epoch_begin=forget)], **params).fit(X, y)
    assert_allclose(forgetful.predict(X), plain, atol=1e-6)


@READS_VARIABLES
@BOTH_ENGINES
def test_what_callbacks_add_to_the_logs_is_in_the_history(engine, X, y, use_engine):
    use_engine(engine)

    class Add(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            logs["twice"] = 2 * logs["loss"]

    halve = keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate / 2)
    seen = []
    last = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(dict(logs)))
    params = {"validation_split": 0.25, "metrics": ["mae"], "optimizer__learning_rate": 0.008}
    history = make("GRURegressor", callbacks=[halve, Add(), last], **params).fit(X, y).history_
    assert list(history) == ["loss", "mae", "val_loss", "val_mae", "learning_rate", "twice"]
    assert_allclose(history["learning_rate"], [0.004, 0.002, 0.001])
    assert history["twice"] == [2 * loss for loss in history["loss"]]
    assert {name: [logs[name] for logs in seen] for name in history} == history


@BOTH_ENGINES
def test_early_stopping_of_keras_restores_the_best_weights(engine, X, y, use_engine):
    def spoil(model, epoch):
        if epoch >= 2:
            model.get_layer("output").weights[1].assign([100.0])

    best = make("GRURegressor", epochs=2).fit(X, y)
    use_engine(engine)
    stop = keras.callbacks.EarlyStopping(monitor="loss", patience=2, restore_best_weights=True)
    params = {"epochs": 9, "optimizer__learning_rate": 0.001}
    stopped = make("GRURegressor", callbacks=[at_hooks(epoch_begin=spoil), stop], **params).fit(X, y)
    assert stopped.n_iter_ == 4
    assert_allclose(stopped.predict(X), best.predict(X), atol=1e-5)


@READS_VARIABLES
@BOTH_ENGINES
def test_what_keras_writes_of_each_epoch(engine, X, y, tmp_path, use_engine):
    expected = [make("GRURegressor", epochs=epochs).fit(X, y) for epochs in (1, 2, 3)]
    use_engine(engine)
    save = keras.callbacks.ModelCheckpoint(f"{tmp_path}/{{epoch}}.weights.h5", save_weights_only=True)
    write = keras.callbacks.CSVLogger(tmp_path / "log.csv")
    make("GRURegressor", callbacks=[save, write]).fit(X, y)
    network = expected[0].model_
    for epoch, fitted in enumerate(expected, start=1):
        network.load_weights(tmp_path / f"{epoch}.weights.h5")
        assert_allclose(np.asarray(network.predict_on_batch(X))[:, 0], fitted.predict(X), atol=1e-5)
    rows = np.loadtxt(tmp_path / "log.csv", delimiter=",", skiprows=1, usecols=(0, 1))
    assert_allclose(rows, np.column_stack([range(3), expected[-1].history_["loss"]]), rtol=1e-5)
