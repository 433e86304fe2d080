"""How often Keras's loop returns to Python: callbacks for batches, and several training steps per call on a GPU."""

import keras
import numpy as np
import pytest
from conftest import data, with_padded_steps
from numpy.testing import assert_allclose

from skrnn import GRURegressor
from skrnn._engine import keras_loop
from skrnn._engine.callbacks import callback_list_of_loop

IS_OLD = keras.__version__.startswith("3.6.")  # evaluates no data whose number of batches is not a multiple


class Unconvertible:
    """Value of a log that cannot be converted, as a device would have to be waited for."""

    def __float__(self):
        raise AssertionError("The log of a batch was converted.")


@pytest.mark.parametrize("phase", ["train", "test"])
def test_logs_of_batches_are_left_alone_unless_a_callback_takes_them(phase):
    taken = []

    class Epochs(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            pass

    def on_batch_end(self, batch, logs=None):
        taken.append((batch, logs))

    Batches = type("Batches", (keras.callbacks.Callback,), {f"on_{phase}_batch_end": on_batch_end})
    without = callback_list_of_loop([Epochs()], keras.Sequential(), n_batches=2, epochs=1)
    getattr(without, f"on_{phase}_batch_begin")(0, {"loss": Unconvertible()})
    getattr(without, f"on_{phase}_batch_end")(0, {"loss": Unconvertible()})
    given = callback_list_of_loop([Epochs(), Batches()], keras.Sequential(), n_batches=2, epochs=1)
    getattr(given, f"on_{phase}_batch_end")(1, {"loss": np.float32(0.5)})
    assert taken == [(1, {"loss": 0.5})]


@pytest.fixture
def steps_per_call(monkeypatch):
    """Steps per call that Keras's loop is compiled with, in a process that takes the CPU for a GPU."""
    monkeypatch.setenv("SKRNN_ENGINE", "keras")
    monkeypatch.setattr(keras_loop, "has_gpu", lambda: True)
    compiled, compile_loss = [], keras_loop._compile_weighted_loss

    def recorded(*arguments):
        compiled.append(arguments[-1])
        return compile_loss(*arguments)

    monkeypatch.setattr(keras_loop, "_compile_weighted_loss", recorded)
    return compiled


def fitted(X, y, **params):
    params = {"units": 4, "epochs": 3, "batch_size": 8, "metrics": ["mae"], "random_state": 0} | params
    return GRURegressor(**params).fit(X[:48], y[:48], X_val=X[48:], y_val=y[48:])


@pytest.mark.parametrize("padded", [pytest.param(False, marks=pytest.mark.slow), True])
def test_several_steps_per_call_train_as_single_steps(steps_per_call, monkeypatch, padded):
    X, y = data(68)
    if padded:
        X = with_padded_steps(X)
    several = fitted(X, y)
    monkeypatch.setattr(keras_loop, "has_gpu", lambda: False)
    single = fitted(X, y)
    assert steps_per_call == [1 if IS_OLD else 6, 1]  # 6 batches
    for name, values in single.history_.items():
        assert_allclose(several.history_[name], values, rtol=1e-6, err_msg=name)
    assert_allclose(several.predict(X), single.predict(X), rtol=0, atol=1e-6)


@pytest.mark.slow
def test_steps_per_call_divide_an_epoch(steps_per_call):
    X, y = data(68)
    for batch_size in (1, 2, 7):  # 48, 24 and 7 batches
        fitted(X, y, batch_size=batch_size, epochs=1)
    assert steps_per_call == ([1, 1, 1] if IS_OLD else [16, 12, 7])


def test_callbacks_for_batches_are_called_after_each_step(steps_per_call):
    X, y = data(68)
    batches = []
    callback = keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: batches.append(batch))
    fitted(X, y, epochs=2, callbacks=[callback])
    assert steps_per_call == [1] and batches == [*range(6), *range(6)]
