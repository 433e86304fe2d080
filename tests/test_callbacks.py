"""Keras callbacks: when they are called, what they see, and what they change."""

import logging

import keras
import pytest
from conftest import make, needs_kernels
from numpy.testing import assert_allclose, assert_array_equal

# Keras's callbacks read the rate with np.array(variable), and TensorFlow's variables do not know the copy argument of
# NumPy 2. Remove once they do: TensorFlow 2.21 does not.
READS_THE_RATE = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")


@READS_THE_RATE
def test_the_rate_of_a_scheduler_counts_from_its_epoch(X, y):
    schedule = keras.callbacks.LearningRateScheduler(lambda epoch, rate: 1e-30 if epoch >= 2 else rate)
    regressor = make("GRURegressor", epochs=4, callbacks=[schedule]).fit(X, y)
    assert_allclose(regressor.predict(X), make("GRURegressor", epochs=2).fit(X, y).predict(X), atol=1e-6)
    losses = regressor.history_["loss"]
    assert losses[0] != losses[1] != losses[2]


@READS_THE_RATE
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


@READS_THE_RATE
def test_a_callback_class_takes_routed_arguments(X, y):
    params = {"callbacks": keras.callbacks.ReduceLROnPlateau, "callbacks__monitor": "loss"}
    routed = {"callbacks__factor": 1e-12, "callbacks__patience": 1, "callbacks__min_delta": 1e6}
    regressor = make("GRURegressor", epochs=4, **params, **routed).fit(X, y)
    assert_allclose(regressor.predict(X), make("GRURegressor", epochs=2).fit(X, y).predict(X), atol=1e-6)


@pytest.mark.parametrize("what", ["trainable", "momentum"])
def test_what_programs_do_not_see_is_refused(what, X, y):
    class Change(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            if what == "trainable":
                self.model.layers[-1].trainable = False
            else:
                self.model.optimizer.momentum = 0.5

    with pytest.raises(ValueError, match="A callback of GRURegressor has changed the optimizer, or which layers are"):
        make("GRURegressor", optimizer="sgd", callbacks=[Change()]).fit(X, y)
